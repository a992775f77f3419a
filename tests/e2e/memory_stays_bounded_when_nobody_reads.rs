//! Services that do not read: what is in flight stays within the budget on both sides, the sender
//! feels it, and nothing is lost when they read after all.

use std::io::Read;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::{Plan, say};
use super::process::wait_for;
use super::sockets::{accept, dial, service, spawn};

const SESSIONS: usize = 60;
/// Bytes of each session: all together many times the budget.
const SIZE: usize = 3 << 20;
const BUDGET: u64 = 16 << 20;
/// What a daemon needs besides packet memory; measured, with room.
const CONSTANT: u64 = 48 << 20;

#[test]
fn memory_stays_bounded_when_nobody_reads() {
    let (listener, port) = service();
    let bound = ["--memory", "16M"];
    let mut cluster = Plan::default().service(port, port).alice(&bound).bob(&bound).start();
    let at = cluster.alice.forward(&format!("bob:{port}"));
    let reads = Arc::new(AtomicBool::new(false));
    let mut work = Vec::new();
    for _ in 0..SESSIONS {
        let mut near = dial(at);
        let mut far = accept(&listener);
        let reads = Arc::clone(&reads);
        work.push(spawn(move || {
            Pattern::new(1).write(&mut near, SIZE)?;
            near.shutdown(Shutdown::Write)
        }));
        work.push(spawn(move || {
            wait_for("the word to read", || reads.load(Ordering::Relaxed).then_some(()));
            Pattern::new(1).expect(&mut far, SIZE)?;
            assert_eq!(far.read(&mut [0])?, 0);
            Ok(())
        }));
    }
    // Full, then cut as well: what waits must survive both.
    thread::sleep(Duration::from_secs(2));
    cluster.cut_by_kill(Duration::from_secs(1));
    for daemon in [&cluster.alice, &cluster.bob] {
        let used = daemon.status().memory_used;
        let (now, peak) = daemon.process.memory();
        let [used_text, now, peak_text] = [used, now, peak].map(|bytes| bytes >> 20);
        say(&format!("nobody reads: packets {used_text}, resident {now}, peak {peak_text} MiB"));
        assert!(used <= BUDGET, "{used}");
        assert!(peak <= BUDGET + CONSTANT, "{peak}");
    }
    reads.store(true, Ordering::Relaxed);
    for work in work {
        work.join().expect("no panic").expect("every byte once and in order");
    }
}
