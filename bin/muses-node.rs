//! The daemon of a device.

fn main() -> std::process::ExitCode {
    muses::cli::programs::node()
}
