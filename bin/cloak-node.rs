//! The overlay daemon.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    muses::cli::programs::cloak()
}
