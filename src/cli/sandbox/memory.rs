//! Keys stay in the memory of this process.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

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
    let unbound = Rlimit { current: None, maximum: None };
    if setrlimit(Resource::Memlock, unbound).is_err() {
        return Err(
            "keys can be swapped out, because this user may lock a bounded part of memory only \
             (LimitMEMLOCK=infinity lifts that)"
                .to_owned(),
        );
    }
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .map_err(|error| format!("keys can be swapped out: {error}"))
}
