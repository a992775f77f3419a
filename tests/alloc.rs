//! In steady state no packet costs an allocation: not at the ends, not in a relay.

// The library forbids unsafe code; a counting allocator is no part of it.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use muses::crypto::suite::Suite;

#[path = "../benches/support/chain.rs"]
mod chain;
use chain::Chain;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what this thread asks of the allocator, so that tests do not see each other.
struct Counting;

fn count() {
    // At the thread's end the counter may be gone; nobody looks at it then.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A question and its answer, over and over: acknowledgements wait for company, timers ring.
fn dialogue(chain: &mut Chain, questions: usize, len: usize) {
    for _ in 0..questions {
        chain.transfer(1, len);
        chain.pass(Duration::from_millis(10));
        chain.round();
    }
}

/// Allocations once everything has been as full as it gets: a start with an open window fills
/// more than the first one, which had to open it.
fn allocations(suite: Suite, len: usize, work: fn(&mut Chain, usize, usize)) -> u64 {
    let mut chain = Chain::new(suite, 1);
    // The start's lookups end, and the records that it changed are stored again.
    chain.pass(Duration::from_secs(5));
    (0..2).for_each(|_| work(&mut chain, 10_000, len));
    let before = ALLOCATIONS.get();
    work(&mut chain, 10_000, len);
    ALLOCATIONS.get() - before
}

#[test]
fn ten_thousand_packets_each_way_allocate_nothing() {
    let mut found = Vec::new();
    for suite in Suite::ALL {
        for len in [1, 1000, 16_384] {
            found.push((suite, len, allocations(suite, len, Chain::transfer)));
        }
    }
    assert!(found.iter().all(|(_, _, count)| *count == 0), "{found:?}");
}

#[test]
fn ten_thousand_questions_and_answers_allocate_nothing() {
    let mut chain = Chain::new(Suite::default(), 1);
    dialogue(&mut chain, 10_000, 64);
    // Ten seconds each: the pulse of the trees' roots, every half a minute, may cost something.
    let mut tenths = (0..3).map(|_| {
        let before = ALLOCATIONS.get();
        dialogue(&mut chain, 1_000, 64);
        ALLOCATIONS.get() - before
    });
    assert!(tenths.any(|count| count == 0));
}

#[test]
fn the_counter_counts() {
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}
