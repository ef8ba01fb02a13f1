//! See `server-mock/src/fuzzing.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| server_mock::fuzzing::otlp_traces(data));
