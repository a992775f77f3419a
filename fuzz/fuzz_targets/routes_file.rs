// Covers: src/overlay/routes.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::routes_file(input));
