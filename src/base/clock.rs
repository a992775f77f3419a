//! Time as the cores know it: an integer that the driver hands in.
//!
//! It counts nanoseconds since the driver started and *includes* the time a machine slept
//! (`CLOCK_BOOTTIME`), so that a night with a closed lid is a long outage and not a short one.
//! Being an integer it can be written to a tape and read back without loss.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant, in nanoseconds since the driver's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The driver's start.
    pub const ZERO: Self = Self(0);

    /// The instant `nanos` nanoseconds after the start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates: the far end of time is never reached and never wraps.
    fn add(self, delay: Duration) -> Self {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, delay: Duration) -> Self {
        let nanos = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(nanos))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000)
    }
}

/// The earlier of two optional deadlines.
#[must_use]
pub fn earliest<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_saturates_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Time::ZERO - second, Time::ZERO);
        assert_eq!(Time::from_nanos(u64::MAX) + second, Time::from_nanos(u64::MAX));
        assert_eq!(Time::ZERO.since(Time::ZERO + second), Duration::ZERO);
    }

    #[test]
    fn the_earlier_deadline_wins_and_none_never_does() {
        assert_eq!(earliest(Some(2), Some(1)), Some(1));
        assert_eq!(earliest(None, Some(1)), Some(1));
        assert_eq!(earliest::<u8>(None, None), None);
    }
}
