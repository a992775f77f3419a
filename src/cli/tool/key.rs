//! `muses key`.

use std::path::PathBuf;

use super::super::failure::Failure;
use super::super::programs::{print, state_of};

/// Prints this device's Name.
pub(super) fn run(state: Option<PathBuf>) -> Result<(), Failure> {
    let state = state_of(state.as_deref(), "muses")?;
    let identity = state.identity().map_err(Failure::run)?;
    print(&format!("{}\n", identity.name()))
}
