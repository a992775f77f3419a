// Covers: src/tape
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::tape(input));
