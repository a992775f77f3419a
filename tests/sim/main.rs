//! The simulator: real cores over a faulty network in virtual time.
//!
//! `MUSES_SEED=n` runs one life, `MUSES_SEED=` with a commit's 40 digits as many as without it but
//! others; `MUSES_SEEDS=n` says how many; `MUSES_TRACE=1` tells what happens.

mod app;
mod chance;
mod drive;
mod faults;
mod greet;
mod net;
mod oracle;
mod process;
mod scenarios;
mod swarm;
mod town;
mod watch;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 1000;
const THREADS: usize = 2;
/// One seed in so many is run twice.
const TWICE: u64 = 16;

/// The seeds to run.
fn seeds() -> Vec<u64> {
    let count = std::env::var("MUSES_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SEEDS);
    let Ok(text) = std::env::var("MUSES_SEED") else { return (0..count).collect() };
    if text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        let first = u64::from_str_radix(&text[..15], 16).expect("hex digits");
        return (first..first + count).collect();
    }
    vec![text.parse().expect("MUSES_SEED is a number or a commit of 40 digits")]
}

/// Runs one seed; what went wrong, if something did.
fn run(seed: u64) -> Option<String> {
    let live = || catch_unwind(AssertUnwindSafe(|| swarm::live(seed)));
    let Ok(life) = live() else { return Some("a panic, see above".to_owned()) };
    if life.failure.is_some() || !seed.is_multiple_of(TWICE) {
        return life.failure;
    }
    let again = live().map(|again| again.fingerprint);
    (again.ok() != Some(life.fingerprint)).then(|| "two runs differ".to_owned())
}

#[test]
#[expect(clippy::print_stderr, reason = "a failing seed is told at once, on one line")]
fn every_seed_keeps_every_promise() {
    let (seeds, next) = (seeds(), AtomicU64::new(0));
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed) as usize;
                    let Some(seed) = seeds.get(at) else { return };
                    if let Some(why) = run(*seed) {
                        eprintln!("MUSES_SEED={seed} cargo test --test sim  # {why}");
                        failures.lock().expect("no thread panics").push(*seed);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panics");
    assert!(failures.is_empty(), "{} of {} seeds fail: {failures:?}", failures.len(), seeds.len());
}
