//! The overlay daemon.

fn main() -> std::process::ExitCode {
    muses::cli::programs::cloak()
}
