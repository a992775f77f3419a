// Covers: src/node src/session src/device.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::node_inputs(input));
