//! FA-12, DO-10: ten thousand suspended sessions hold little memory and ask for no time of their
//! own: a tunnel has one timer, however many sessions are in it.

// The library forbids unsafe code; a counting allocator is no part of it.
#![allow(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the figure is what is wanted")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muses::fuzzing::pair::{A, B, Pair};

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts the bytes that are in use.
struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const TUNNELS: usize = 3;
const SESSIONS: u16 = 3400;
const SESSION_MAX: usize = 8 << 10;

/// Opens the sessions of one tunnel; the bytes that both ends hold for all of them.
fn open(pair: &mut Pair) -> usize {
    // To look each time whether one of thousands can be read would be most of the test.
    pair.sides.iter_mut().for_each(|side| side.reads = false);
    pair.open(A, 1);
    let forget = |pair: &mut Pair| {
        pair.archive = Default::default();
        for side in &mut pair.sides {
            (side.events, side.heard) = Default::default();
        }
    };
    forget(pair);
    let before = LIVE.load(Ordering::Relaxed);
    for port in 2..=SESSIONS {
        pair.ask(A, port);
        if port % 100 == 0 {
            pair.flow(Duration::from_millis(50));
        }
    }
    pair.flow(Duration::from_secs(1));
    forget(pair);
    LIVE.load(Ordering::Relaxed) - before
}

/// A minute in which nothing arrives: how often the clock had to ring.
fn minute_without_network(pair: &mut Pair) -> usize {
    let end = pair.now + Duration::from_secs(60);
    let mut rings = 0;
    loop {
        let due = pair.sides.iter().filter_map(|side| side.peers.next_timeout()).min();
        let Some(due) = due.filter(|due| due.at <= end) else { break };
        pair.now = pair.now.max(due.at);
        rings += 1;
        for side in &mut pair.sides {
            side.peers.tick(pair.now);
            while side.peers.poll_packet().is_some() {}
        }
        assert!(rings < 100_000, "timers ring for ever");
    }
    pair.now = end;
    rings
}

#[test]
fn ten_thousand_suspended_sessions_hold_little_and_ask_for_nothing() {
    let mut pairs: Vec<Pair> = (0..TUNNELS).map(|_| Pair::default()).collect();
    let held: usize = pairs.iter_mut().map(open).sum();
    let sessions = TUNNELS * usize::from(SESSIONS);
    let each = held / sessions / 2;
    let mut rings = 0;
    for pair in &mut pairs {
        let key = pair.open(A, SESSIONS + 1);
        pair.say(A, key, b"into the outage");
        pair.wire = Default::default();
        rings += minute_without_network(pair);
        assert!(pair.is_out(A), "something waits");
        pair.flow(Duration::from_secs(10));
        assert!(!pair.is_out(A) && !pair.is_out(B), "it is over");
    }
    println!("{sessions} sessions: {each} bytes at each end, {rings} timers a minute");
    assert!(each < SESSION_MAX, "{each} bytes a session");
    assert!(rings < TUNNELS * 60 * 10, "{rings} timers a minute");
}
