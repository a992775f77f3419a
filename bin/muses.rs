//! The person's tool.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    muses::cli::tool::main()
}
