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

    /// Whether nothing was taken that has not come back: a bucket like a new one.
    #[must_use]
    pub fn is_full(&self, now: Time) -> bool {
        self.clear <= now
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

    /// Whether [`Bucket::take`] would give one.
    #[must_use]
    pub fn has_some(&self, now: Time) -> bool {
        self.clear.since(now) < self.every * self.burst
    }

    /// When it has some again.
    #[must_use]
    pub fn refilled(&self) -> Time {
        let owed = self.clear.since(Time::ZERO) >= self.every * self.burst;
        let nanos = Duration::from_nanos(u64::from(owed));
        self.clear - self.every * self.burst + nanos
    }

    /// Takes so many, also where it has fewer: it is in debt for as long as the rest takes.
    pub fn charge(&mut self, count: u32, now: Time) {
        self.clear = self.clear.max(now) + self.every * count;
    }

    /// When it is full again: one that is may be forgotten.
    #[must_use]
    pub const fn full(&self) -> Time {
        self.clear
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

    #[test]
    fn a_debt_is_paid_before_anything_is_given() {
        let second = Duration::from_secs(1);
        let mut bucket = Bucket::new(second, 3);
        let now = Time::ZERO + 9 * second;
        bucket.charge(5, now);
        assert!(!bucket.has_some(now) && bucket.full() == now + 5 * second);
        let refilled = bucket.refilled();
        assert!(refilled > now + 2 * second && refilled < now + 3 * second);
        assert!(bucket.has_some(refilled) && bucket.take(refilled));
        assert_eq!(Bucket::new(second, 3).refilled(), Time::ZERO);
    }
}
