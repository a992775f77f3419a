//! Next hops that greedy routing decided, for as long as it would decide the same again.
//!
//! To find the closest neighbour, [`super::greedy`] compares every one of them, which costs more
//! than all else that is done for a packet where there are hundreds. Packets of one flow have the
//! same destination places and progress, so the next hop is cached until a place, a link's cost or
//! a neighbour changes.

use std::collections::BTreeMap;

use super::greedy::Progress;
use crate::base::ids::Name;
use crate::base::limits::{NEXT_HOPS_CACHED, PLACES_LEN};

/// The destination's places as they stand in the header, and how far the packet has come.
type Key = ([u8; PLACES_LEN], Progress);
/// The next hop, and how far the packet has come there; `None` if no neighbour is closer.
pub type Answer = Option<(Name, Progress)>;

/// The cache.
#[derive(Debug, Default)]
pub struct NextHopCache {
    known: BTreeMap<Key, Answer>,
    /// [`Forest::changes`](super::forest::Forest::changes) when they were decided.
    changes: u64,
}

impl NextHopCache {
    /// The next hop for a key; `decide` finds it where it is not cached.
    pub fn get_or_decide(
        &mut self,
        key: Key,
        changes: u64,
        decide: impl FnOnce() -> Answer,
    ) -> Answer {
        // All go at once: to tell which is the oldest would cost each packet a write.
        if self.changes != changes || self.known.len() >= NEXT_HOPS_CACHED {
            self.known.clear();
            self.changes = changes;
        }
        *self.known.entry(key).or_insert_with(decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: u8) -> Key {
        ([fill; PLACES_LEN], Progress::default())
    }

    fn answer(fill: u8) -> Answer {
        Some((Name::from_bytes([fill; 32]), Progress::default()))
    }

    #[test]
    fn an_answer_is_kept_until_something_changes() {
        let mut next_hops = NextHopCache::default();
        assert_eq!(next_hops.get_or_decide(key(1), 7, || answer(1)), answer(1));
        assert_eq!(next_hops.get_or_decide(key(2), 7, || None), None);
        assert_eq!(next_hops.get_or_decide(key(1), 7, || unreachable!("it is known")), answer(1));
        assert_eq!(next_hops.get_or_decide(key(2), 7, || unreachable!("it is known")), None);
        let further = Progress { watermark: 3, ..Progress::default() };
        assert_eq!(next_hops.get_or_decide((key(1).0, further), 7, || answer(3)), answer(3));
        assert_eq!(next_hops.get_or_decide(key(1), 8, || answer(4)), answer(4));
    }

    #[test]
    fn as_many_questions_as_anybody_asks_take_no_more_room() {
        let mut next_hops = NextHopCache::default();
        for watermark in 0..3 * NEXT_HOPS_CACHED as u32 {
            let progress = Progress { watermark, ..Progress::default() };
            next_hops.get_or_decide((key(1).0, progress), 0, || answer(1));
            assert!(next_hops.known.len() <= NEXT_HOPS_CACHED);
        }
    }
}
