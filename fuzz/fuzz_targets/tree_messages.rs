// Covers: src/overlay/forest src/overlay/hyperbolic.rs src/wire/tree.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::tree_messages(input));
