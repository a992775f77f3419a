// Covers: src/overlay/dht src/wire/errand.rs src/wire/sought.rs src/wire/places.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::dht_messages(input));
