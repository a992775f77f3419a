//! An attack while it lasts: when to stop, and what it has cost the attacker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Shared by an attack's threads and who measures it.
#[derive(Debug, Default)]
pub(crate) struct Control {
    is_over: AtomicBool,
    is_in_place: AtomicBool,
    bytes: AtomicU64,
    micros: AtomicU64,
}

impl Control {
    /// The attack is to end.
    pub(crate) fn stop(&self) {
        self.is_over.store(true, Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// All that had to be there first is there: the attack counts from now on.
    pub(crate) fn set_in_place(&self) {
        self.is_in_place.store(true, Relaxed);
    }

    /// Waits for that, so long at most.
    pub(crate) fn await_place(&self, most: Duration) {
        let since = Instant::now();
        while !self.is_in_place.load(Relaxed) && since.elapsed() < most {
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Bytes that the attacker has sent.
    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Bytes and seconds of CPU so far.
    pub(crate) fn cost(&self) -> (u64, f64) {
        (self.bytes.load(Relaxed), self.micros.load(Relaxed) as f64 / 1e6)
    }

    /// Does something in this thread and counts its CPU time.
    pub(crate) fn charged<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = cpu_micros();
        let result = act();
        self.micros.fetch_add(cpu_micros() - before, Relaxed);
        result
    }

    /// Sleeps for so long, or until the attack ends. An attack that waits is in place.
    pub(crate) fn sleep(&self, time: Duration) {
        self.set_in_place();
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.is_over() {
                return;
            }
            thread::sleep(left.min(Duration::from_millis(20)));
        }
    }

    /// Does something so many times a second until the attack ends, or it says that it cannot.
    pub(crate) fn every(&self, per_second: u32, mut act: impl FnMut() -> bool) {
        self.set_in_place();
        let since = Instant::now();
        let mut done = 0_u32;
        while !self.is_over() {
            let due = since.elapsed().as_secs_f64() * f64::from(per_second);
            // What the machine was too busy for is not made up in one burst.
            done = done.max((due - f64::from(per_second) / 10.0).max(0.0) as u32);
            while f64::from(done) < due && !self.is_over() {
                if !act() {
                    return;
                }
                done += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn cpu_micros() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let micros = time.tv_sec * 1_000_000 + time.tv_nsec / 1000;
    u64::try_from(micros).expect("not before its beginning")
}
