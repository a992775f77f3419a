// Covers: src/session/handshake.rs src/session/peers src/crypto/noise.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::handshake(input));
