//! `muses send` and `muses recv`: through a cut, and never half a file.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::bytes::{digest, file};
use super::cluster::{Cluster, Plan, say};
use super::process::{patiently, wait_for};
use super::programs::{Run, run};

const SIZE: usize = 96 << 20;

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Waits until so much of a file has gone.
fn under_way(cluster: &Cluster) {
    wait_for("a transfer", || {
        let status = cluster.alice.status();
        let mut sessions = status.tunnels.iter().flat_map(|tunnel| &tunnel.sessions);
        sessions.any(|session| session.sent > SIZE as u64 / 8).then_some(())
    });
}

#[test]
fn files_arrive_whole_or_not_at_all() {
    let mut cluster = Plan::default().start();
    let (source, inbox) = (cluster.path("photo"), cluster.path("inbox"));
    fs::create_dir(&inbox).expect("a fresh directory");
    let wanted = file(&source, 9, SIZE);
    let source = source.to_string_lossy().into_owned();
    let mut recv = cluster.bob.tool(&["recv", "--allow", "alice", "--dir"]);
    let recv = Run::start(recv.arg(&inbox).stdin(Stdio::null()));

    // Nobody may be listening yet; the tool says so and ends.
    let send = || cluster.alice.tool(&["send", &source, "bob"]);
    let first = wait_for("a receiver", || {
        let mut sender = Run::start(send().stdin(Stdio::null()));
        let flows = patiently(Duration::from_secs(20), || {
            if !sender.runs() {
                return Some(false);
            }
            let status = cluster.alice.status();
            let mut sessions = status.tunnels.iter().flat_map(|tunnel| &tunnel.sessions);
            sessions.any(|session| session.sent > SIZE as u64 / 8).then_some(true)
        });
        (flows == Some(true)).then_some(sender)
    });
    // A sender that dies in the middle leaves nothing behind.
    first.kill();
    wait_for("the draft's end", || names(&inbox).is_empty().then_some(()));

    let sender = Run::start(send().stdin(Stdio::null()));
    under_way(&cluster);
    assert!(names(&inbox).iter().all(|name| name != "photo"), "half a file has its name");
    cluster.cut_by_kill(Duration::from_secs(2));
    let outcome = sender.succeed();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    assert!(said.contains(&wanted), "{said}");
    assert_eq!(names(&inbox), ["photo"]);
    assert_eq!(digest(&inbox.join("photo")), wanted);
    say(&format!("sent {} MiB through a cut of 2 s in {:?}", SIZE >> 20, outcome.took));

    let again = run(&mut cluster.alice.tool(&["send", &source, "bob.muses"]));
    assert!(again.status.success(), "{}", again.stderr);
    assert_eq!(names(&inbox), ["photo", "photo (1)"]);
    recv.kill();
}
