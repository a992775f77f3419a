// Covers: src/cloak src/link src/wire
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::raw_frames(input));
