//! DO-02, row 13: a daemon without a descriptor left goes on with what it has, can be asked how it
//! is, reaches its neighbours, and takes callers again when some have gone.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::{CLOAK, Daemon, NODE, add, free_port, has_links, say};
use super::process::wait_for;
use super::sockets::socks;

const FULL_FOR: Duration = Duration::from_secs(2);

#[test]
fn a_daemon_without_descriptors_is_asked_dials_and_recovers() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Daemon::new(dir.path(), "node", NODE);
    let mut relay = Daemon::new(dir.path(), "relay", CLOAK);
    let at = format!("127.0.0.1:{}", free_port());
    add(&mut relay, &["--local", "none", "--listen", &at]);
    add(&mut node, &["--socks", "127.0.0.1:0", "--peer", &at]);
    node.process.under("sh", &["-c", "ulimit -n 32 && exec \"$0\" \"$@\""]);
    node.start();
    let socks_at = node.socks();

    let callers: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(socks_at).expect("the kernel's queue")).collect();
    node.process.says("cannot accept connections for now");
    let (before, since) = (node.process.spent(), Instant::now());
    thread::sleep(FULL_FOR);
    let spent = node.process.spent() - before;
    let share = spent.as_secs_f64() / since.elapsed().as_secs_f64();
    assert!(share < 0.2, "it spins: {share:.2} of a processor");
    // The part that callers never get: the control socket answers, and a neighbour is dialled.
    assert!(node.process.descriptors() <= Some(28), "{:?}", node.process.descriptors());
    relay.start();
    wait_for("a link", || has_links(&node).then_some(()));

    drop(callers);
    let since = Instant::now();
    // Served again: a host that is no Name is refused with a reason.
    wait_for("a caller that is served", || socks(socks_at, "example.org", 80).err());
    let lines = node.process.said().matches("cannot accept").count();
    say(&format!(
        "32 descriptors: {:.1} % of a processor while full, served {:?} after, {lines} lines",
        share * 100.0,
        since.elapsed()
    ));
    assert!(lines <= 12, "{lines} lines");
}
