//! Keys stay in the memory of this process.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};
use rustix::thread::{CapabilitySet, capabilities};

/// No core dump, no debugger, no swap. Gives a line for each of them that cannot be had.
pub(super) fn protect() -> Vec<String> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let core = setrlimit(Resource::Core, none)
        .map_err(|error| format!("core dumps may hold keys: {error}"));
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| {
        format!("other programs of this user can read the daemon's memory: {error}")
    });
    [core, dumpable, lock()].into_iter().filter_map(Result::err).collect()
}

/// Locks all memory, once it is used. Only where nothing bounds that: a daemon that meets the bound
/// later could have no more memory at all.
fn lock() -> Result<(), String> {
    let limit = getrlimit(Resource::Memlock);
    if let Some(bound) = limit.maximum
        && !capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::IPC_LOCK))
    {
        return Err(format!(
            "keys can be swapped out, because this user may lock only {} KiB of memory \
             (LimitMEMLOCK=infinity lifts that)",
            bound >> 10
        ));
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Memlock, raised)
        .and_then(|()| {
            mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        })
        .map_err(|error| format!("keys can be swapped out: {error}"))
}
