//! Keys stay in the memory of this process.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

use super::Lack;

/// No core dump, no debugger, no swap. Gives each of them that cannot be had.
pub(super) fn protect() -> Vec<Lack> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let core = setrlimit(Resource::Core, none)
        .map_err(|error| Lack::Failed(format!("core dumps may hold keys: {error}")));
    let dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| {
        Lack::Failed(format!("other programs of this user can read the daemon's memory: {error}"))
    });
    [core, dumpable, lock()].into_iter().filter_map(Result::err).collect()
}

/// Locks all memory, once it is used. Only where nothing bounds that: a daemon that meets the bound
/// later could have no more memory at all.
fn lock() -> Result<(), Lack> {
    let found = getrlimit(Resource::Memlock);
    if setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None }).is_ok() {
        return lock_all()
            .map_err(|error| Lack::Failed(format!("keys can be swapped out: {error}")));
    }
    // With CAP_IPC_LOCK the kernel ignores the bound, and only with it a bound of zero locks
    // anything. The set of capabilities does not tell: in a user namespace it has one that does not
    // count here.
    let nothing = Rlimit { current: Some(0), maximum: found.maximum };
    let locked = setrlimit(Resource::Memlock, nothing).and_then(|()| lock_all());
    let _ = setrlimit(Resource::Memlock, found);
    locked.map_err(|_| {
        Lack::Offered(
            "keys can be swapped out, because this user may lock a bounded part of memory only \
             (LimitMEMLOCK=infinity lifts that)"
                .to_owned(),
        )
    })
}

fn lock_all() -> rustix::io::Result<()> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
}
