//! A node that was told of a neighbour once finds the overlay by itself from then on.

use std::fs;
use std::io::Write;

use super::bytes::Pattern;
use super::cluster::Plan;
use super::process::wait_for;
use super::sockets::{dial, echo_service};

const SIZE: usize = 64 << 10;

#[test]
fn a_node_finds_its_neighbours_again() {
    let port = echo_service();
    let mut cluster = Plan::default().service(port, port).start();
    let kept = cluster.alice.state.join("overlay.json");
    let peer = cluster.r1.neighbours();
    // Kept while it runs, not only at its end.
    wait_for("a kept neighbour", || fs::read_to_string(&kept).ok()?.contains(&peer).then_some(()));
    cluster.alice.process.kill();
    cluster.alice.process.remove("--peer");
    cluster.alice.start();
    cluster.settle();
    let mut stream = dial(cluster.alice.forward(&format!("bob:{port}")));
    stream.write_all(&Pattern::take(1, SIZE)).expect("the session is open");
    Pattern::new(1).expect(&mut stream, SIZE).expect("it comes back");

    // A file that somebody broke is put aside; the next one is whole again.
    assert!(cluster.alice.process.terminate().success());
    fs::write(&kept, "{").expect("ours");
    let given = ["--peer".to_owned(), peer.clone()];
    cluster.alice.process.add(given);
    cluster.alice.start();
    cluster.alice.process.says("overlay.json is damaged");
    wait_for("a kept neighbour", || fs::read_to_string(&kept).ok()?.contains(&peer).then_some(()));
    assert!(kept.with_extension("json.broken").is_file());
}
