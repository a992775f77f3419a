#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::tree_messages(input));
