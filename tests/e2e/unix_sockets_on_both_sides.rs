//! A forward from a Unix socket to a service on a Unix socket, through a cut.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::Plan;
use super::process::PATIENCE;
use super::sockets::spawn;

const SIZE: usize = 16 << 20;

#[test]
fn unix_sockets_on_both_sides() {
    let dir = tempfile::tempdir().expect("a directory");
    let (near_path, far_path) = (dir.path().join("near"), dir.path().join("far"));
    let listener = UnixListener::bind(&far_path).expect("a short path");
    let serve = format!("5=unix:{},allow=alice", far_path.display());
    let forward = format!("unix:{}:bob:5", near_path.display());
    let plan = Plan::default().alice(&["-L", &forward]).bob(&["--serve", &serve]);
    let mut cluster = plan.start();

    let mut near = UnixStream::connect(&near_path).expect("the node listens");
    near.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let (mut far, _) = listener.accept().expect("a connection");
    far.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let mut up = near.try_clone().expect("a socket");
    let writer = spawn(move || {
        Pattern::new(1).write(&mut up, SIZE)?;
        up.shutdown(Shutdown::Write)
    });
    let mut pattern = Pattern::new(1);
    pattern.expect(&mut far, SIZE / 2).expect("the first half");
    cluster.cut_by_kill(Duration::from_secs(1));
    pattern.expect(&mut far, SIZE / 2).expect("the second half");
    assert_eq!(far.read(&mut [0]).expect("an end"), 0);
    writer.join().expect("no panic").expect("every byte was taken");
    far.write_all(b"all of it").expect("the other direction is open");
    drop(far);
    let mut answer = String::new();
    near.read_to_string(&mut answer).expect("an end");
    assert_eq!(answer, "all of it");

    // Ended properly, the node leaves no socket behind that nobody serves.
    assert!(cluster.alice.process.terminate().success());
    assert!(!near_path.exists());
}
