//! The only clock: boot time for the core, monotonic time beside it to notice sleep.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::base::clock::Time;

/// Boot time that runs ahead of monotonic time by more than this was spent asleep.
const SLEEP_MIN: Duration = Duration::from_secs(2);

/// Both clocks at about one instant, in nanoseconds of their own.
#[derive(Clone, Copy, Debug)]
struct Reading {
    boot: u64,
    monotonic: u64,
}

fn nanos(at: Timespec) -> u64 {
    let seconds = u64::try_from(at.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(at.tv_nsec).unwrap_or(0))
}

impl Reading {
    fn take() -> Self {
        let boot = nanos(clock_gettime(ClockId::Boottime));
        Self { boot, monotonic: nanos(clock_gettime(ClockId::Monotonic)) }
    }

    /// Time the machine has slept since it was switched on.
    const fn asleep(self) -> u64 {
        self.boot.saturating_sub(self.monotonic)
    }
}

/// Time since the start that never goes back, and whether the machine slept meanwhile.
#[derive(Debug)]
pub(super) struct Clock {
    start: u64,
    last: Time,
    asleep: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self::since(Reading::take())
    }

    const fn since(reading: Reading) -> Self {
        Self { start: reading.boot, last: Time::ZERO, asleep: reading.asleep() }
    }

    /// Now, and whether the machine slept since the reading before.
    pub(super) fn read(&mut self) -> (Time, bool) {
        self.advance(Reading::take())
    }

    fn advance(&mut self, reading: Reading) -> (Time, bool) {
        let now = Time::from_nanos(reading.boot.saturating_sub(self.start));
        self.last = self.last.max(now);
        let grown = reading.asleep().saturating_sub(self.asleep);
        self.asleep = reading.asleep();
        (self.last, Duration::from_nanos(grown) > SLEEP_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn sleep_counts_as_time_and_is_noticed_once() {
        let mut clock = Clock::since(Reading { boot: 100 * SECOND, monotonic: 40 * SECOND });
        let at = |boot, monotonic| Reading { boot: boot * SECOND, monotonic: monotonic * SECOND };
        assert_eq!(clock.advance(at(101, 41)), (Time::from_nanos(SECOND), false));
        assert_eq!(clock.advance(at(3_702, 42)), (Time::from_nanos(3_602 * SECOND), true));
        assert_eq!(clock.advance(at(3_703, 43)), (Time::from_nanos(3_603 * SECOND), false));
    }

    #[test]
    fn time_never_goes_back() {
        let mut clock = Clock::since(Reading { boot: SECOND, monotonic: SECOND });
        let (later, _) = clock.advance(Reading { boot: 3 * SECOND, monotonic: 3 * SECOND });
        let (again, slept) = clock.advance(Reading { boot: 2 * SECOND, monotonic: 2 * SECOND });
        assert_eq!((again, slept), (later, false));
        let mut real = Clock::start();
        assert!(real.read() <= real.read());
    }
}
