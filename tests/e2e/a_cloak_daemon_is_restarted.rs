//! `muses-node --cloak`: the overlay daemon beside it is killed and started again under a
//! session, which does not notice.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use super::bytes::Pattern;
use super::cluster::{Plan, say};
use super::sockets::{dial, echo_service, spawn};

const SIZE: usize = 64 << 20;
const AWAY: Duration = Duration::from_secs(2);

#[test]
fn a_cloak_daemon_is_restarted_under_a_session() {
    let port = echo_service();
    let mut cluster = Plan::default().service(port, port).daemon().start();
    let stream = dial(cluster.alice.forward(&format!("bob:{port}")));
    let mut up = stream.try_clone().expect("a socket");
    let writer = spawn(move || {
        Pattern::new(1).write(&mut up, SIZE)?;
        up.shutdown(Shutdown::Write)
    });
    let (mut pattern, mut down) = (Pattern::new(1), &stream);
    pattern.expect(&mut down, SIZE / 4).expect("the first quarter");
    let own = cluster.cloak.as_mut().expect("planned");
    own.process.kill();
    thread::sleep(AWAY);
    let since = Instant::now();
    own.start();
    let started = since.elapsed();
    // What was in flight is in sockets; what lies a whole session's bound behind it is not.
    pattern.expect(&mut down, SIZE / 2).expect("the middle");
    say(&format!(
        "cloak-node restarted: up after {started:?}, 32 MiB more after {:?}",
        since.elapsed()
    ));
    pattern.expect(&mut down, SIZE / 4).expect("the rest");
    writer.join().expect("no panic").expect("every byte was taken");
    assert!(cluster.alice.status().tunnels[0].epoch >= 1);
}
