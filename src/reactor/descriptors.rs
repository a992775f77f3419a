//! The bound on this process' descriptors, and the part of it that callers never get.
//!
//! A connection that came over TCP may take a descriptor as long as so many are left for the
//! control socket, for dialling and for the resolver: a process that is full of callers can still
//! be asked how it is, and still reaches its neighbours.

use std::os::fd::{AsFd, AsRawFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept back: a quarter, and at most this many.
const KEPT_BACK: u64 = 64;

/// Raises the soft bound to the hard one. Gives the bound that holds then.
pub fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A bound that cannot be raised holds.
    let holds = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| limit.maximum);
    holds.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

/// What callers may have of them.
#[derive(Debug)]
pub(super) struct Descriptors {
    /// Descriptors with this number or a higher one are kept back.
    first_kept: Option<u64>,
}

impl Descriptors {
    /// By the bound as it is now.
    pub(super) fn new() -> Self {
        let most = getrlimit(Resource::Nofile).current;
        Self { first_kept: most.map(|most| most - (most / 4).min(KEPT_BACK)) }
    }

    /// Whether a caller may have the next one: the system gives the lowest number that is free.
    pub(super) fn has_room(&self, any: impl AsFd) -> bool {
        let Some(first_kept) = self.first_kept else { return true };
        let lowest = rustix::io::fcntl_dupfd_cloexec(any, 0);
        lowest.is_ok_and(|fd| u64::try_from(fd.as_raw_fd()).is_ok_and(|fd| fd < first_kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // DO-02.
    #[test]
    fn a_part_of_the_descriptors_is_not_for_callers() {
        let file = std::fs::File::open("/dev/null").expect("a descriptor");
        let number = u64::try_from(file.as_raw_fd()).expect("a number");
        let kept = |first_kept| Descriptors { first_kept };
        assert!(kept(None).has_room(&file));
        assert!(kept(Some(number + 10_000)).has_room(&file));
        assert!(!kept(Some(0)).has_room(&file));
        let Some(most) = getrlimit(Resource::Nofile).current else { return };
        assert_eq!(Descriptors::new().first_kept, Some(most - (most / 4).min(KEPT_BACK)));
    }
}
