//! FA-02, FA-03: a relay and a device whose system calls fail now and then, and a device that is
//! stopped for a moment, cost time and nothing else.

use std::fs;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::bytes::Pattern;
use super::cluster::{Daemon, Plan, say};
use super::programs::{are_here, run};
use super::sockets::{accept, dial, echo_service, service, spawn};

/// Calls, what happens to them, and how often.
const INTERRUPTED: &str = "inject=recvfrom,writev,?epoll_wait:error=EINTR:when=3+5";
const BROKEN: [&str; 3] = [
    "inject=recvfrom:error=ECONNRESET:when=400+700",
    "inject=writev:error=EPIPE:when=500+700",
    "inject=accept4:error=ECONNABORTED:when=1+2",
];
const SIZE: usize = 8 << 20;

/// Starts a daemon again with failing calls.
fn restart(daemon: &mut Daemon, log: &str, faults: &[&str]) {
    daemon.process.kill();
    let calls = "trace=recvfrom,writev,accept4,?epoll_wait";
    let mut words = vec!["-D", "-f", "-o", log, "-e", "signal=none", "-e", calls];
    for fault in faults {
        words.extend(["-e", fault]);
    }
    daemon.process.under("strace", &words);
    daemon.start();
}

fn injected(log: &str) -> usize {
    fs::read_to_string(log).unwrap_or_default().matches("(INJECTED)").count()
}

#[test]
fn failing_calls_are_survived() {
    if !are_here("failing_calls_are_survived", &["strace"]) {
        return;
    }
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let logs =
        ["r1.calls", "bob.calls"].map(|word| cluster.path(word).to_string_lossy().into_owned());
    restart(&mut cluster.r1, &logs[0], &BROKEN);
    restart(&mut cluster.bob, &logs[1], &[INTERRUPTED]);
    cluster.settle();
    let mut near = dial(cluster.alice.forward(&format!("bob:{port}")));
    let mut far = accept(&listener);
    let writer = spawn(move || Pattern::new(3).write(&mut near, SIZE).map(|()| near));
    Pattern::new(3).expect(&mut far, SIZE).expect("every byte, once, in order");
    let near = writer.join().expect("no panic").expect("every byte was taken");
    drop(near);
    assert_eq!(far.read(&mut [0]).expect("an end"), 0);
    let counts = [injected(&logs[0]), injected(&logs[1])];
    say(&format!("calls that failed: {} at a relay, {} at Bob", counts[0], counts[1]));
    assert!(counts.iter().all(|count| *count > 5), "{counts:?}");
}

#[test]
fn a_device_that_is_stopped_for_a_moment_goes_on() {
    let cluster = Plan::default().service(5, echo_service()).start();
    let mut near = dial(cluster.alice.forward("bob:5"));
    near.write_all(b"one").expect("open");
    near.read_exact(&mut [0; 3]).expect("an answer");
    cluster.bob.process.signal(Signal::STOP);
    near.write_all(b"two").expect("open");
    thread::sleep(Duration::from_secs(4));
    cluster.bob.process.signal(Signal::CONT);
    let since = Instant::now();
    near.read_exact(&mut [0; 3]).expect("an answer, late");
    say(&format!("answered {:?} after a stop of 4 s", since.elapsed()));
}

#[test]
fn a_daemon_that_is_stopped_is_said_to_be() {
    let cluster = Plan::default().start();
    cluster.bob.process.signal(Signal::STOP);
    let outcome = run(&mut cluster.bob.tool(&["status"]));
    cluster.bob.process.signal(Signal::CONT);
    assert_eq!(outcome.status.code(), Some(1), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("has not answered for 10 s"), "{}", outcome.stderr);
    assert!(run(&mut cluster.bob.tool(&["status"])).status.success());
}
