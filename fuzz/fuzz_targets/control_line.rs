// Covers: src/control/line.rs src/control/request.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::control_line(input));
