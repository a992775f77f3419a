// Covers: src/crypto/identity.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::identity_text(input));
