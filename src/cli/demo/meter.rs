//! Bytes by time, as the receiver saw them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::clock::Stopwatch;

/// Bytes at a time.
pub(super) type Arrival = (Duration, usize);

/// Collects arrivals.
#[derive(Debug)]
pub(super) struct Meter {
    clock: Stopwatch,
    total: AtomicU64,
    arrivals: Mutex<Vec<Arrival>>,
}

impl Meter {
    /// Time counts from now.
    pub(super) fn start() -> Self {
        let arrivals = Mutex::new(Vec::new());
        Self { clock: Stopwatch::start(), total: AtomicU64::new(0), arrivals }
    }

    /// So many bytes arrived.
    pub(super) fn add(&self, count: usize) {
        let now = self.now();
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((now, count));
        self.total.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Bytes so far.
    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// The first arrival at or after an instant.
    pub(super) fn first_since(&self, at: Duration) -> Option<Duration> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let first = arrivals.partition_point(|arrival| arrival.0 < at);
        arrivals.get(first).map(|arrival| arrival.0)
    }

    /// All arrivals, in order.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_found_by_time() {
        let meter = Meter::start();
        assert_eq!(meter.first_since(Duration::ZERO), None);
        meter.add(3);
        meter.add(4);
        assert_eq!((meter.total(), meter.arrivals().len()), (7, 2));
        assert_eq!(meter.first_since(Duration::ZERO), Some(meter.arrivals()[0].0));
        assert_eq!(meter.first_since(meter.now()), None);
    }
}
