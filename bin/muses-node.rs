//! The daemon of a device.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    muses::cli::programs::node()
}
