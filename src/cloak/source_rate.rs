//! How often each source may have this node do something.
//!
//! A source is what [`Carriers::source_number`](super::carrier::Carriers::source_number) counts as
//! one. What is too much of one source takes nothing from another.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::limits::NEIGHBOURS_MAX;

/// A bucket for each source.
#[derive(Debug)]
pub struct SourceRate {
    new: Bucket,
    buckets: BTreeMap<u64, Bucket>,
}

impl SourceRate {
    /// Each source may do it so many times at once, and once more each time.
    #[must_use]
    pub fn new(every: Duration, burst: u32) -> Self {
        Self { new: Bucket::new(every, burst), buckets: BTreeMap::new() }
    }

    /// Whether this source may do it once more. Where there are too many sources, those that have
    /// all of theirs left are forgotten; one more than fit is refused.
    pub fn take(&mut self, source: u64, now: Time) -> bool {
        if self.buckets.len() >= NEIGHBOURS_MAX && !self.buckets.contains_key(&source) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= NEIGHBOURS_MAX {
                return false;
            }
        }
        self.buckets.entry(source).or_insert(self.new).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(50);

    #[test]
    fn what_is_too_much_of_one_source_takes_nothing_from_another() {
        let mut rate = SourceRate::new(EVERY, 40);
        assert_eq!((0..1000).filter(|_| rate.take(1, Time::ZERO)).count(), 40);
        assert!(rate.take(2, Time::ZERO));
        assert!(rate.take(1, Time::ZERO + EVERY) && !rate.take(1, Time::ZERO + EVERY));
    }

    #[test]
    fn memory_is_bounded_and_sources_at_rest_make_room() {
        let mut rate = SourceRate::new(EVERY, 40);
        let many = 2 * NEIGHBOURS_MAX as u64;
        let taken = (0..many).filter(|source| rate.take(*source, Time::ZERO)).count();
        assert_eq!((taken, rate.buckets.len()), (NEIGHBOURS_MAX, NEIGHBOURS_MAX));
        assert!(rate.take(many, Time::ZERO + EVERY));
        assert_eq!(rate.buckets.len(), 1);
    }
}
