// Covers: src/wire
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::packet_parser(input));
