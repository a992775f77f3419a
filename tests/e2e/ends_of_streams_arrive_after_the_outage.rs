//! Whatever an end does while the network is away, the other hears exactly, and after the bytes
//! that went before.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::{Cluster, Plan, say};
use super::sockets::{accept, dial, reset, rest, service, socks, until_reset};

const SIZE: usize = 150_000;

/// Both ends of a session.
struct Pair {
    near: TcpStream,
    far: TcpStream,
}

impl Pair {
    fn forward(cluster: &Cluster, listener: &TcpListener, to: &str) -> Self {
        let near = dial(cluster.alice.forward(to));
        Self { near, far: accept(listener) }
    }

    fn socks(cluster: &Cluster, listener: &TcpListener, port: u16) -> Self {
        let near = socks(cluster.alice.socks(), "bob.muses", port).expect("accepted");
        Self { near, far: accept(listener) }
    }

    /// Proves that bytes flow both ways.
    fn talk(&mut self) {
        for (from, to) in [(&self.near, &self.far), (&self.far, &self.near)] {
            let (mut from, mut to) = (from, to);
            from.write_all(b"ping").expect("open");
            let mut got = [0; 4];
            to.read_exact(&mut got).expect("open");
            assert_eq!(&got, b"ping");
        }
    }
}

fn send(mut stream: &TcpStream, seed: u64) {
    stream.write_all(&Pattern::take(seed, SIZE)).expect("a suspended session takes this much");
}

fn receive(mut stream: &TcpStream, seed: u64) {
    Pattern::new(seed).expect(&mut stream, SIZE).expect("every byte");
}

fn everything(make: impl Fn(&Cluster) -> Pair, cluster: &mut Cluster, way: &str) {
    let mut pairs: Vec<Pair> = (0..8).map(|_| make(cluster)).collect();
    pairs.iter_mut().for_each(Pair::talk);
    let Ok([mut quiet, near_half, far_half, both, near_reset, far_reset, closed, early]) =
        <[Pair; 8]>::try_from(pairs)
    else {
        panic!("eight were made")
    };
    // One direction ended before: the other must live through the outage.
    early.near.shutdown(Shutdown::Write).expect("open");
    assert_eq!(rest(&early.far), b"");

    cluster.r1.process.kill();
    send(&near_half.near, 1);
    near_half.near.shutdown(Shutdown::Write).expect("open");
    send(&far_half.far, 2);
    far_half.far.shutdown(Shutdown::Write).expect("open");
    send(&both.near, 3);
    send(&both.far, 4);
    both.near.shutdown(Shutdown::Write).expect("open");
    both.far.shutdown(Shutdown::Write).expect("open");
    reset(near_reset.near);
    reset(far_reset.far);
    // The far service is gone for good, after its last words.
    send(&closed.far, 5);
    drop(closed.far);
    cluster.suspended();
    std::thread::sleep(Duration::from_secs(1));
    send(&early.far, 6);
    cluster.r1.start();

    receive(&near_half.far, 1);
    assert_eq!(rest(&near_half.far), b"");
    send(&near_half.far, 7);
    drop(near_half.far);
    receive(&near_half.near, 7);
    assert_eq!(rest(&near_half.near), b"");

    receive(&far_half.near, 2);
    assert_eq!(rest(&far_half.near), b"");
    send(&far_half.near, 8);
    drop(far_half.near);
    receive(&far_half.far, 8);
    assert_eq!(rest(&far_half.far), b"");

    receive(&both.far, 3);
    receive(&both.near, 4);
    assert_eq!((rest(&both.far), rest(&both.near)), (vec![], vec![]));

    until_reset(&near_reset.far);
    until_reset(&far_reset.near);

    receive(&closed.near, 5);
    assert_eq!(rest(&closed.near), b"");
    // Nobody is there to read: what is sent now is answered by a reset, as TCP would.
    let mut near = &closed.near;
    let broken = (0..2000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        near.write_all(&[0; 100]).is_err()
    });
    assert!(broken, "{way}: a service that is gone takes bytes for ever");

    receive(&early.near, 6);
    drop(early.far);
    assert_eq!(rest(&early.near), b"");
    quiet.talk();
}

#[test]
fn ends_of_streams_arrive_after_the_outage() {
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let to = format!("bob:{port}");
    everything(|cluster| Pair::forward(cluster, &listener, &to), &mut cluster, "-L");
    everything(|cluster| Pair::socks(cluster, &listener, port), &mut cluster, "SOCKS");
    // Nothing is left behind on either side.
    super::process::wait_for("the sessions' ends", || {
        let left = [&cluster.alice, &cluster.bob].map(|daemon| {
            let status = daemon.status();
            status.tunnels.iter().map(|tunnel| tunnel.sessions.len()).sum::<usize>()
        });
        (left == [0, 0]).then_some(())
    });
    say(&format!("ends of streams: Alice counted {:?}", cluster.alice.status().counters));
}
