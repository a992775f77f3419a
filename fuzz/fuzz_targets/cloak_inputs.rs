// Covers: src/cloak src/link src/overlay
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::cloak_inputs(input));
