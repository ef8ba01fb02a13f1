//! What reads bytes that others wrote, and what must hold of it whatever they are: the bodies of the fuzz targets.
//!
//! `cargo xtask fuzz` drives them through libFuzzer, with `--cfg fuzzing`; the unit test below replays the inputs that are kept in
//! `fuzz/corpus`. It is no part of the crate's interface.

mod compression;
mod files;
mod headers;
pub(crate) mod requests;

pub use compression::gzip;
pub use files::{printed_stack, spool_file};
pub use headers::{cookies, session_header, trace_headers};
pub use requests::{answer, split};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_kept_for_the_fuzzers_holds() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, target) in [
            ("answer", super::answer as fn(&[u8])),
            ("cookies", super::cookies),
            ("gzip", super::gzip),
            ("printed_stack", super::printed_stack),
            ("session_header", super::session_header),
            ("split", super::split),
            ("spool_file", super::spool_file),
            ("trace_headers", super::trace_headers),
        ] {
            let mut seeds = 0;
            for seed in fs::read_dir(corpora.join(name)).unwrap() {
                target(&fs::read(seed.unwrap().path()).unwrap());
                seeds += 1;
            }
            assert!(seeds >= 3, "{name} has {seeds} seeds");
        }
    }
}
