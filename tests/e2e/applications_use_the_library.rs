//! The paper's API: connect, listen, accept; and the two examples that show it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use muses::api;
use muses::wire::reason::Reason;

use super::bytes::Pattern;
use super::cluster::{NODE, Plan, say};
use super::process::{Process, wait_for};
use super::sockets::spawn;

const SIZE: usize = 24 << 20;

#[test]
fn applications_connect_listen_and_accept_through_a_cut() {
    let mut cluster = Plan::default().start();
    let (near, far) = (cluster.alice.state.clone(), cluster.bob.state.clone());
    let mut listener = api::listen(Some(&far), 77, &["alice"]).expect("a free port");
    let taken = api::listen(Some(&far), 77, &["alice"]).expect_err("taken").to_string();
    assert!(taken.contains("77"), "{taken}");
    let name = cluster.alice.name.clone();
    let server = spawn(move || {
        let (stream, peer) = listener.accept().expect("a session");
        assert_eq!(peer.name.to_string(), name);
        Pattern::new(3).expect(&mut &stream, SIZE).expect("every byte");
        assert_eq!((&stream).read(&mut [0]).expect("an end"), 0);
        Pattern::new(4).write(&mut &stream, SIZE).expect("open");
    });
    let stream = api::connect(Some(&near), "bob", 77).expect("accepted");
    let up = stream.try_clone().expect("a socket");
    let writer = spawn(move || {
        Pattern::new(3).write(&mut &up, SIZE).expect("open");
        up.shutdown(Shutdown::Write).expect("open");
    });
    wait_for("a flow", || {
        let sessions = &cluster.alice.status().tunnels[0].sessions;
        sessions.iter().any(|session| session.sent > 1 << 20).then_some(())
    });
    cluster.cut_by_kill(Duration::from_secs(1));
    Pattern::new(4).expect(&mut &stream, SIZE).expect("every byte");
    assert_eq!((&stream).read(&mut [0]).expect("an end"), 0);
    writer.join().expect("every byte left");
    server.join().expect("every byte came");

    let refused = api::connect(Some(&near), "bob", 78).expect_err("nobody serves it");
    // Alice stands on a service's list only, and its listener is gone: she learns nothing.
    assert!(matches!(refused.reason(), Some(Reason::NotAllowed | Reason::NoService)), "{refused}");
    assert!(matches!(api::connect(Some(&near), "carol", 1), Err(api::Error::Refused { .. })));
    let nowhere = cluster.path("nowhere");
    assert!(matches!(api::connect(Some(&nowhere), "bob", 1), Err(api::Error::NoDaemon(_))));
}

fn example(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(NODE).parent()?.join("examples").join(name);
    path.exists().then_some(path)
}

#[test]
fn the_examples_do_what_they_say() {
    let (Some(server), Some(client)) = (example("echo_server"), example("echo_client")) else {
        return say("SKIPPED: the examples are not built: 'cargo build --examples' does it");
    };
    let mut cluster = Plan::default().start();
    let log = cluster.path("echo.log");
    let state = cluster.bob.state.display().to_string();
    let mut server = Process::new(server, [&state, "alice"], log);
    server.start();
    let mut client = wait_for("the server", || {
        let mut command = Command::new(&client);
        command.arg("bob").arg(&cluster.alice.state).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("just built");
        // It ends by itself as long as nobody serves the port.
        std::thread::sleep(Duration::from_millis(300));
        child.try_wait().expect("ours").is_none().then_some(child)
    });
    let mut stdin = client.stdin.take().expect("piped");
    let mut lines = BufReader::new(client.stdout.take().expect("piped")).lines();
    let mut line = || lines.next().expect("a line").expect("text");
    stdin.write_all(b"before\n").expect("open");
    assert_eq!(line(), "before");
    cluster.r2.process.kill();
    stdin.write_all(b"during\n").expect("open");
    cluster.suspended();
    cluster.r2.start();
    assert_eq!(line(), "during");
    drop(stdin);
    assert!(client.wait().expect("ours").success());
    server.says("from ");
}
