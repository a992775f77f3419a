//! Who is on no list gets nothing but a reason; who holds another secret cannot prove even that it
//! is refused, and waits. Both logs say it.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::cluster::{Plan, say};
use super::process::wait_for;
use super::sockets::{dial, echo_service, until_reset};

#[test]
fn a_stranger_is_refused_with_a_line_in_both_logs() {
    let port = echo_service();
    let nobody = "a".repeat(52);
    let serve = format!("{port}={port},allow={nobody}");
    let forward = format!("0:bob:{port}");
    let cluster = Plan::default().alice(&["-L", &forward]).bob(&["--serve", &serve]).start();
    let since = Instant::now();
    let near = dial(cluster.alice.forward(&format!("bob:{port}")));
    assert!(until_reset(&near).is_empty());
    say(&format!("a stranger was refused after {:?}", since.elapsed()));
    let bob = cluster.bob.process.said();
    cluster.bob.process.says(&format!("--allow {}", cluster.alice.name));
    cluster.alice.process.says("the far node does not allow this Name");
    assert!(!bob.contains("panicked"), "{bob}");
}

/// Whether an application's connection is open and silent, for a second.
fn still_waits(mut near: &TcpStream) -> bool {
    near.set_read_timeout(Some(Duration::from_secs(1))).expect("not zero");
    let answer = near.read(&mut [0]);
    answer.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

#[test]
fn a_wrong_secret_waits_with_a_line_in_both_logs() {
    let dir = tempfile::tempdir().expect("a directory");
    let secret = |word: &str, text: &str| {
        let path = dir.path().join(word);
        fs::write(&path, text).expect("a fresh directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        path.to_string_lossy().into_owned()
    };
    let right = secret("right", "correct horse battery staple");
    let wrong = secret("wrong", "incorrect horse battery staple");
    let port = echo_service();
    let says = |cluster: &super::cluster::Cluster, text: &str| {
        cluster.alice.process.says(text);
        cluster.bob.process.says(text);
        for daemon in [&cluster.alice, &cluster.bob] {
            let said = daemon.process.said();
            assert!(!said.contains("horse"), "a secret in a log:\n{said}");
        }
    };

    let theirs = ["--psk", &format!("bob={right}")];
    let differs = Plan::default().service(port, port).alice(&theirs);
    let cluster = differs.bob(&["--psk", &format!("alice={wrong}")]).start();
    let near = dial(cluster.alice.forward(&format!("bob:{port}")));
    says(&cluster, "pre-shared secrets of the two sides differ");
    assert!(still_waits(&near), "what cannot be authenticated ended it");
    wait_for("the reason in the status", || {
        let status = cluster.alice.status();
        let why = &status.tunnels.first()?.wait.why;
        why.contains("secrets of the two sides differ").then_some(())
    });

    let cluster = Plan::default().service(port, port).alice(&theirs).start();
    let near = dial(cluster.alice.forward(&format!("bob:{port}")));
    says(&cluster, "one side uses a pre-shared secret and the other does not");
    assert!(still_waits(&near), "what cannot be authenticated ended it");

    let both = Plan::default().service(port, port).alice(&theirs);
    let cluster = both.bob(&["--psk", &format!("alice={right}")]).start();
    let mut near = dial(cluster.alice.forward(&format!("bob:{port}")));
    near.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
    near.write_all(b"hello").expect("open");
    let mut answer = [0; 5];
    near.read_exact(&mut answer).expect("the same secret opens");
}
