//! All four daemons record themselves while a transfer is cut; each tape, run through the core it
//! was recorded from, does the same again.

use std::net::Shutdown;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::{MUSES, Plan, say};
use super::programs::run;
use super::sockets::{dial, echo_service, spawn};

const SIZE: usize = 12 << 20;

fn replay(tape: &Path) -> String {
    let outcome = run(Command::new(MUSES).arg("replay").arg(tape));
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let size = tape.metadata().map_or(0, |found| found.len());
    let name = tape.file_name().expect("a name").to_string_lossy().into_owned();
    say(&format!("{name}, {} KiB, in {:?}: {}", size >> 10, outcome.took, said.trim_end()));
    assert!(outcome.status.success(), "{name}: {said}{}", outcome.stderr);
    assert!(said.contains("identical"), "{name}: {said}");
    said
}

#[test]
fn tapes_replay_identically() {
    let port = echo_service();
    let mut cluster = Plan::default().service(port, port).record().start();
    let stream = dial(cluster.alice.forward(&format!("bob:{port}")));
    let mut up = stream.try_clone().expect("a socket");
    let writer = spawn(move || {
        Pattern::new(1).write(&mut up, SIZE)?;
        up.shutdown(Shutdown::Write)
    });
    let (mut pattern, mut down) = (Pattern::new(1), &stream);
    pattern.expect(&mut down, SIZE / 4).expect("the first quarter");
    // A tape is never written over: the relay's next life gets one of its own.
    let [first, second] = ["r1.tape", "r1-again.tape"].map(|word| cluster.path(word));
    cluster.r1.process.replace(&first.to_string_lossy(), second.clone());
    cluster.cut_by_kill(Duration::from_secs(1));
    pattern.expect(&mut down, SIZE / 4).expect("the second quarter");
    cluster.cut_by_stop(Duration::from_secs(2));
    pattern.expect(&mut down, SIZE / 2).expect("the rest");
    writer.join().expect("no panic").expect("every byte was taken");
    assert!(cluster.alice.tool(&["status"]).output().expect("built by cargo").status.success());
    drop(stream);
    let [alice, bob, r2] = ["alice", "bob", "r2"].map(|word| cluster.path(&format!("{word}.tape")));
    for daemon in cluster.everybody() {
        let status = daemon.process.terminate();
        assert!(status.success(), "{status}");
    }
    for tape in [&alice, &bob, &second, &r2] {
        assert!(replay(tape).trim_end().ends_with("identical"), "a clean end");
    }
    // Killed in the middle: what is there must still be the truth.
    replay(&first);
}
