#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::dht_messages(input));
