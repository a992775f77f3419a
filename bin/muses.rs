//! The person's tool.

fn main() -> std::process::ExitCode {
    muses::cli::tool::main()
}
