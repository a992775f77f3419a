//! `muses replay`.

use std::path::Path;

use super::super::failure::Failure;
use super::super::programs::print;
use super::super::run;

/// Runs a tape.
pub(super) fn run(tape: &str) -> Result<(), Failure> {
    let text = run::replay(Path::new(tape))?;
    print(&format!("{}\n", text.trim_end()))
}
