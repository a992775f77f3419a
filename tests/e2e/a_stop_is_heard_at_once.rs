//! A node that is asked to end says goodbye: the other side's applications hear of it at once.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use super::cluster::{Plan, say};
use super::sockets::{accept, dial, service, until_reset};

#[test]
fn a_stop_is_heard_at_once() {
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let at = cluster.alice.forward(&format!("bob:{port}"));
    let mut near = [(); 3].map(|()| dial(at));
    let mut far: Vec<_> = near.iter().map(|_| accept(&listener)).collect();
    for (near, far) in near.iter_mut().zip(&mut far) {
        far.write_all(b"hello").expect("open");
        near.read_exact(&mut [0; 5]).expect("open");
    }

    let since = Instant::now();
    let status = cluster.bob.process.terminate();
    let ended = since.elapsed();
    assert!(status.success(), "{status}: {}", cluster.bob.process.said());
    let told: usize = near.iter().map(|stream| until_reset(stream).len()).sum();
    let heard = since.elapsed();
    assert_eq!(told, 0, "all that was said had arrived");
    // The services behind the node that stopped hear of it as well.
    far.iter().for_each(|stream| drop(until_reset(stream)));
    say(&format!(
        "SIGTERM: the node ended after {ended:?}, Alice's applications knew by {heard:?}"
    ));
    assert!(heard < Duration::from_secs(5), "{heard:?}");
    cluster.alice.process.says("the far node was stopped");

    // Nobody waits for Bob any more: Alice is silent.
    super::process::wait_for("an end of the attempts", || {
        let tunnels = cluster.alice.status().tunnels;
        tunnels.iter().all(|tunnel| tunnel.wait.state == "none").then_some(())
    });
    let status = cluster.r1.process.terminate();
    assert!(status.success(), "{status}");
}
