//! The one place where the daemons are put together: core, reactor, tape.

use std::path::Path;

use super::failure::Failure;
use super::options::{CloakOptions, NodeOptions};
use super::state::{Lock, StateDir};

/// Runs a `muses-node` until it is told to stop.
pub fn node(options: NodeOptions, state: &StateDir, lock: &Lock) -> Result<(), Failure> {
    // ASSEMBLE HERE: state.identity()?, state::seed()?, state.clear_control(lock)?, then
    // Node (+ Cloak), Recorded if options.record, Reactor listening on state.control().
    state.clear_control(lock).map_err(Failure::run)?;
    let identity = state.identity().map_err(Failure::run)?;
    log::info!("this device is {}", identity.name());
    Err(Failure::run(format!("this build has no node core for {:?}", options.way)))
}

/// Runs a `cloak-node` until it is told to stop.
pub fn cloak(options: CloakOptions, state: &StateDir, lock: &Lock) -> Result<(), Failure> {
    // ASSEMBLE HERE.
    state.clear_control(lock).map_err(Failure::run)?;
    let identity = state.identity().map_err(Failure::run)?;
    log::info!("this overlay node is {}", identity.name());
    Err(Failure::run(format!("this build has no overlay core for {:?}", options.listen)))
}

/// Runs a tape through the core that it was recorded from; the text says what came out.
pub fn replay(tape: &Path) -> Result<String, Failure> {
    // ASSEMBLE HERE.
    Err(Failure::run(format!("this build cannot replay {}", tape.display())))
}
