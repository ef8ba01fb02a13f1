//! See `server-mock/src/fuzzing/drains.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server_mock::fuzzing::drains(data));
