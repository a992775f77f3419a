// Covers: src/session
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::session_records(input));
