//! FA-09: SIGTERM during a transfer, an outage or a save ends a daemon in a second or two, and what
//! it keeps on the disk is whole.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::cluster::{Daemon, Plan, say};
use super::sockets::{accept, dial, service, spawn, until_reset};

/// A goodbye may take a second.
const END_MAX: Duration = Duration::from_secs(5);

fn stop(daemon: &mut Daemon, when: &str) {
    let since = Instant::now();
    let status = daemon.process.terminate();
    say(&format!("SIGTERM during {when}: ended after {:?}", since.elapsed()));
    assert!(status.success() && since.elapsed() < END_MAX, "{when}: {status}");
}

#[test]
fn a_daemon_stops_in_any_moment() {
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let forward = format!("bob:{port}");
    let mut near = dial(cluster.alice.forward(&forward));
    let far = accept(&listener);
    let writer = spawn(move || {
        let block = vec![7; 64 << 10];
        while near.write_all(&block).is_ok() {}
    });
    let reader = spawn(move || until_reset(&far).len());
    super::process::wait_for("a transfer", || {
        let tunnels = cluster.bob.status().tunnels;
        tunnels
            .iter()
            .flat_map(|tunnel| &tunnel.sessions)
            .any(|one| one.received > 1 << 20)
            .then_some(())
    });
    stop(&mut cluster.bob, "a transfer");
    writer.join().expect("the application hears of it");
    reader.join().expect("so does the service");

    cluster.bob.start();
    cluster.settle();
    let mut near = dial(cluster.alice.forward(&forward));
    let mut far = accept(&listener);
    // Alice knows that the session is open before the path goes.
    far.write_all(b"open").expect("open");
    near.read_exact(&mut [0; 4]).expect("open");
    cluster.r2.process.signal(Signal::STOP);
    (&near).write_all(b"into an outage").expect("open");
    cluster.suspended();
    stop(&mut cluster.alice, "an outage");
    until_reset(&near);
    cluster.r2.process.signal(Signal::CONT);
    cluster.alice.start();
    cluster.settle();
    drop(far);

    // What it learnt a second ago is being kept now, or was: either is whole.
    for _ in 0..3 {
        stop(&mut cluster.alice, "a save");
        cluster.alice.start();
    }
    let said = cluster.alice.process.said();
    assert!(!said.contains("is not used"), "{said}");
}
