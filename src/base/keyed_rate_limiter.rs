//! A token bucket for each of many keys: sources, Names.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::Bucket;
use super::clock::Time;

/// Token buckets of one rate, at most `max`.
#[derive(Debug)]
pub struct KeyedRateLimiter<K> {
    full: Bucket,
    max: usize,
    buckets: BTreeMap<K, Bucket>,
}

impl<K: Ord> KeyedRateLimiter<K> {
    /// Each key has `burst` tokens and gets one more every `every`; `max` keys are told apart.
    #[must_use]
    pub fn new(every: Duration, burst: u32, max: usize) -> Self {
        Self { full: Bucket::new(every, burst), max, buckets: BTreeMap::new() }
    }

    /// Takes a token of this key and returns whether there was one. Where `max` keys are known,
    /// those with a full bucket are forgotten; `None` if there are none and this key is new.
    pub fn take(&mut self, key: K, now: Time) -> Option<bool> {
        if self.buckets.len() >= self.max && !self.buckets.contains_key(&key) {
            self.buckets.retain(|_, bucket| !bucket.is_full(now));
            if self.buckets.len() >= self.max {
                return None;
            }
        }
        Some(self.buckets.entry(key).or_insert(self.full).take(now))
    }

    /// How many keys are told apart now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.buckets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_millis(50);

    #[test]
    fn a_key_above_its_rate_takes_nothing_from_another() {
        let mut limiter = KeyedRateLimiter::new(EVERY, 40, 100);
        let mut take = |key, at| limiter.take(key, at) == Some(true);
        assert_eq!((0..1000).filter(|_| take(1, Time::ZERO)).count(), 40);
        assert!(take(2, Time::ZERO));
        assert!(take(1, Time::ZERO + EVERY) && !take(1, Time::ZERO + EVERY));
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_make_room() {
        let mut limiter = KeyedRateLimiter::new(EVERY, 40, 100);
        let taken = (0..200).filter(|key| limiter.take(*key, Time::ZERO) == Some(true)).count();
        assert_eq!((taken, limiter.count()), (100, 100));
        assert_eq!(limiter.take(200, Time::ZERO), None);
        assert_eq!(limiter.take(200, Time::ZERO + EVERY), Some(true));
        assert_eq!(limiter.count(), 1);
    }
}
