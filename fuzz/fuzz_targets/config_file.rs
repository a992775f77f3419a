// Covers: src/cli/file.rs src/cli/settings.rs src/cli/values.rs
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| muses::fuzzing::config_file(input));
