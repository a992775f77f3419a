// Covers: src/link
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::link_stream(input));
