//! What an unauthenticated word, or a relay that lets only some packets pass, can do to a tunnel.

use super::crossing::open_packet;
use super::*;
use crate::wire::packet::SessId;

impl World {
    fn unreachable(&mut self, at: usize) {
        let (own, about) = (self.sides[at].name, self.sides[1 - at].name);
        let hint =
            open_packet((own, own), ConType::Unreachable, SessId::default(), about.as_bytes());
        self.post(at, hint, Duration::ZERO);
    }
}

/// Bytes that arrive in eight seconds of bulk over a path of 100 ms.
fn bulk(hints: bool) -> usize {
    let mut world = World::with(Bounds { window: 512 << 10, ..Bounds::default() });
    let key = world.open(A);
    world.delay = MS * 50;
    let chunk = pattern(1 << 20);
    for step in 0..200 {
        if hints && step > 0 && step % 25 == 0 {
            world.unreachable(A);
        }
        if world.sides[A].to_send.get(&key).is_none_or(|bytes| bytes.len() < chunk.len()) {
            world.say(A, key, &chunk);
        }
        world.run(MS * 40);
        world.carried.clear();
    }
    let suspended = |e: &Happening| matches!(e, Happening::Tunnel(Event::Suspended(_)));
    assert!(!world.sides[A].events.iter().any(suspended));
    world.sides[B].heard[&key].len()
}

/// RS-04: a forged Unreachable a second costs no more than a question a second.
#[test]
fn forged_hints_cost_less_than_a_fifth_of_the_throughput() {
    let (with, without) = (bulk(true), bulk(false));
    assert!(with * 10 >= without * 8, "{with} of {without} bytes");
}

/// A hint that is true is found to be so within a round trip, long before silence would tell.
#[test]
fn a_true_hint_suspends_after_a_round_trip() {
    let mut world = World::new();
    let key = world.open(A);
    world.delay = MS * 50;
    for _ in 0..20 {
        world.say(A, key, &pattern(100));
        world.run(MS * 150);
    }
    world.cut = true;
    world.say(A, key, &pattern(1000));
    world.run(MS * 10);
    world.unreachable(A);
    world.run(MS * 90);
    assert!(!world.outage(A), "the peer has not had the time to answer");
    world.run(MS * 200);
    assert!(world.outage(A));
    world.cut = false;
    world.run(Duration::from_secs(1));
    assert!(!world.outage(A));
}

/// A relay lets only Re-Hellos pass, so that no resume delivers anything: what was sealed a
/// thousand resumes ago still arrives once it lets the rest pass.
#[test]
fn what_was_sealed_is_delivered_after_any_number_of_resumes() {
    let mut world = World::new();
    let key = world.open(A);
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
        let passes = matches!(header.kind, ConType::ReHello | ConType::ReHelloBack);
        passes.then(|| frame.to_vec())
    }));
    let (there, back) = (pattern(300_000), pattern(200_000));
    world.say(A, key, &there);
    world.say(B, key, &back);
    for _ in 0..1000 {
        world.run(Duration::from_secs(1));
        world.carried.clear();
    }
    assert_eq!((world.epoch(A), world.epoch(B)), (1023, 1023));
    assert!(world.count(A, "epoch-kept") > 0 && world.count(B, "epoch-kept") > 0);
    let peer = world.sides[B].name;
    let tunnel = world.sides[A].peers.tunnel(&peer).expect("a tunnel");
    let (session, _) = tunnel.session_status(key).expect("a session");
    let (resumed, kept) = (tunnel.status().resumed, session.unacknowledged);
    assert!(resumed > 500 && kept > 0, "what hangs is seen: {resumed} resumes, {kept} bytes");
    world.tamper = None;
    world.run(Duration::from_secs(5));
    assert!(world.sides[B].heard[&key] == there && world.sides[A].heard[&key] == back);
    // All is settled, and the next resume steps again.
    world.cut = true;
    world.say(A, key, b"more");
    world.run(Duration::from_secs(5));
    world.cut = false;
    world.run(Duration::from_secs(5));
    assert_eq!((world.epoch(A), world.epoch(B)), (1024, 1024));
    assert!(world.sides[B].heard[&key].ends_with(b"more"));
}
