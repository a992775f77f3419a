//! `muses kill` and `muses reconnect`.

use std::path::PathBuf;

use crate::api;

use super::super::failure::{Failure, Wrong};

/// Ends a session on both sides.
pub(super) fn kill(state: Option<PathBuf>, session: &str) -> Result<(), Failure> {
    let number = session.parse().map_err(|_| {
        let what = format!("'{session}' is not the number of a session");
        Wrong::new(what, "'muses sessions' lists them")
    })?;
    api::kill(state.as_deref(), number).map_err(Failure::run)
}

/// Tries everything again now.
pub(super) fn reconnect(state: Option<PathBuf>) -> Result<(), Failure> {
    api::reconnect(state.as_deref()).map_err(Failure::run)
}
