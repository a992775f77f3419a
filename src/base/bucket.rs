//! A token bucket: how often something costly may be asked for.

use std::time::Duration;

use super::clock::Time;

/// So many at once, and one more every so often.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    every: Duration,
    burst: u32,
    /// When it was, or will be, empty of debts: each use moves it by `every`.
    clear: Time,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(every: Duration, burst: u32) -> Self {
        Self { every, burst, clear: Time::ZERO }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: Time) -> bool {
        let clear = self.clear.max(now);
        let is_full = clear.since(now) >= self.every * self.burst;
        if !is_full {
            self.clear = clear + self.every;
        }
        !is_full
    }

    /// Whether it is full again: as good as a new one.
    #[must_use]
    pub fn is_clear(&self, now: Time) -> bool {
        self.clear <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_one_each_time() {
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::new(second, 3);
        let now = Time::ZERO + second;
        let passed = (0..10).filter(|_| bucket.take(now)).count();
        assert_eq!(passed, 3);
        assert!(bucket.take(now + second) && !bucket.take(now + second));
    }
}
