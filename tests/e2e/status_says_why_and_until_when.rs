//! `muses status` during an outage: what waits, since when, why, and what will end it.

use std::io::Write;
use std::time::Duration;

use muses::control::status::Status;

use super::cluster::{Plan, say};
use super::programs::run;
use super::sockets::{accept, dial, service, until_reset};

#[test]
fn status_says_why_and_until_when() {
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let mut near = dial(cluster.alice.forward(&format!("bob:{port}")));
    let far = accept(&listener);
    let text = |words: &[&str], cluster: &super::cluster::Cluster| {
        let outcome = run(&mut cluster.alice.tool(words));
        assert!(outcome.status.success(), "{}", outcome.stderr);
        String::from_utf8(outcome.stdout).expect("text")
    };
    let well = text(&["status"], &cluster);
    assert!(well.contains("tunnel to bob") && well.contains("flowing for"), "{well}");

    cluster.r1.process.kill();
    near.write_all(b"anybody?").expect("the local socket never closes");
    cluster.suspended();
    std::thread::sleep(Duration::from_secs(2));
    let ill = text(&["status"], &cluster);
    say(&format!("--- muses status in an outage\n{ill}---"));
    let tunnel = ill.lines().find(|line| line.starts_with("tunnel to bob")).expect("its line");
    assert!(tunnel.contains("suspended for ") && tunnel.contains("; until "), "{tunnel}");
    // What its own embedded overlay node tells it is no forgery.
    assert!(ill.contains("unreachable-told") && !ill.contains("reflected"), "{ill}");
    let listed = text(&["sessions"], &cluster);
    assert!(listed.contains("suspended") && listed.contains("until "), "{listed}");

    let json = text(&["status", "--json"], &cluster);
    let status: Status = serde_json::from_str(&json).expect("what it says is what we read");
    let tunnel = &status.tunnels[0];
    assert_eq!((tunnel.wait.state.as_str(), tunnel.alias.as_str()), ("suspended", "bob"));
    assert!(tunnel.wait.since_ms >= 1500, "{:?}", tunnel.wait);
    assert!(!tunnel.wait.why.is_empty() && !tunnel.wait.until.is_empty(), "{:?}", tunnel.wait);
    let session = &tunnel.sessions[0];
    assert_eq!((session.wait.state.as_str(), session.port), ("suspended", port));
    assert!(!session.wait.why.is_empty() && !session.wait.until.is_empty(), "{:?}", session.wait);
    assert!(session.unacknowledged >= 8, "{session:?}");
    let neighbour = &status.overlay.expect("embedded").neighbours[0];
    assert_ne!(neighbour.wait.state, "up");
    assert!(!neighbour.last_error.is_empty(), "{neighbour:?}");

    // A person may lose patience: that ends it here at once, and there after the outage.
    text(&["kill", &session.session.to_string()], &cluster);
    until_reset(&near);
    cluster.r1.start();
    until_reset(&far);
}
