//! Relays that go by routes files alone carry a session, and carry it on after a cut.

use std::io::Write;
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::Plan;
use super::sockets::{dial, echo_service};

const SIZE: usize = 256 << 10;

#[test]
fn packets_go_by_a_routes_file() {
    let port = echo_service();
    let mut cluster = Plan::default().service(port, port).daemon().static_routes().start();
    let mut stream = dial(cluster.alice.forward(&format!("bob:{port}")));
    for seed in [1, 2] {
        stream.write_all(&Pattern::take(seed, SIZE)).expect("the session is open");
        Pattern::new(seed).expect(&mut stream, SIZE).expect("it comes back");
        cluster.cut_by_kill(Duration::from_millis(300));
    }
}
