//! Who has no keys can drop and delay, and nothing else: what it repeats, reflects, cuts, bends or
//! invents changes nothing but counters, and a crowd of strangers takes no place from a friend
//! (catalogue rows CR-02, CR-03, CR-04, CR-08, CR-10, HS-02, HS-12, HS-16, RS-04, RS-12).

use std::time::Duration;

use muses::base::fingerprint::Fingerprint;
use muses::base::ids::Name;
use muses::base::limits::{FRAME_HEADER, HANDSHAKES_MAX, HEAD_ROOM, ROUTE_LEN, TUNNELS_MAX};
use muses::fuzzing::pair::{A, B, Pair, Side};
use muses::wire::frame::{self, Kind};
use muses::wire::packet::{ConType, Header, PSessId, SessId};
use muses::wire::route;

const MS: Duration = Duration::from_millis(1);
/// Packet memory of one half-open handshake: its answer.
const HALF_OPEN_BYTES: usize = 4096;

/// All that decides what a side does next.
fn state(side: &Side) -> (u64, usize, usize) {
    let mut print = Fingerprint::default();
    side.peers.fold(&mut print);
    (print.value(), side.events.len(), side.pool.used())
}

fn kind_of(frame: &[u8]) -> ConType {
    Header::parse(&frame[FRAME_HEADER + ROUTE_LEN..HEAD_ROOM]).expect("a packet").kind
}

/// A pair that has talked through an outage, and is at rest.
fn experienced() -> (Pair, u64) {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    pair.say(A, key, &[7; 50_000]);
    pair.flow(MS * 200);
    pair.say(B, key, b"lost");
    pair.wire[A].clear();
    pair.wait(Duration::from_secs(5));
    pair.flow(Duration::from_secs(5));
    assert!(!pair.is_out(A) && !pair.is_out(B));
    (pair, key)
}

/// The pair goes on where it was.
fn goes_on(pair: &mut Pair, key: u64) {
    let before = pair.sides[B].heard[&key].len();
    pair.say(A, key, b"goes on");
    pair.flow(Duration::from_secs(1));
    assert_eq!(&pair.sides[B].heard[&key][before..], b"goes on");
}

/// CR-04, RS-01, HS-02, HS-08: everything again, in the order it came and in the other.
#[test]
fn what_is_repeated_changes_nothing() {
    let (mut pair, key) = experienced();
    let before = [A, B].map(|side| state(&pair.sides[side]));
    for side in [A, B] {
        let said = pair.archive[side].clone();
        for frame in said.iter().chain(said.iter().rev()) {
            pair.deliver(side, frame);
        }
    }
    pair.flow(Duration::from_secs(5));
    assert_eq!([A, B].map(|side| state(&pair.sides[side])), before);
    for name in ["replayed", "stale-re-hello", "received-again"] {
        let count = pair.count(A, name) + pair.count(B, name);
        assert!(count > 0, "{name} was never counted");
    }
    goes_on(&mut pair, key);
}

/// CR-02, HS-03: every packet back to who made it, as it is and with the Names changed over.
#[test]
fn what_is_reflected_changes_nothing() {
    let (mut pair, key) = experienced();
    let before = [A, B].map(|side| state(&pair.sides[side]));
    for side in [A, B] {
        for frame in pair.archive[1 - side].clone() {
            pair.deliver(side, &frame);
            if matches!(kind_of(&frame), ConType::Hello | ConType::HelloBack | ConType::Finished) {
                continue;
            }
            let mut turned = frame.clone();
            let (source, own) = (pair.peer_of(side), pair.sides[side].name);
            route::emit(&mut turned[FRAME_HEADER..], &source, &own, 9);
            pair.deliver(side, &turned);
        }
    }
    assert_eq!([A, B].map(|side| state(&pair.sides[side])), before);
    assert!(pair.count(A, "reflected") > 0 && pair.count(B, "reflected") > 0);
    goes_on(&mut pair, key);
}

/// CR-03, CR-10: each sealed packet with every bit of its headers and its ICV flipped, and cut at
/// every length; nothing is answered.
#[test]
fn what_is_bent_or_cut_changes_nothing() {
    let (mut pair, key) = experienced();
    pair.say(A, key, b"bent on the way");
    let frame = pair.wire[B].pop_front().expect("a packet");
    pair.wire[B].clear();
    let before = (state(&pair.sides[B]), pair.archive[A].len());
    let sealed = FRAME_HEADER + ROUTE_LEN;
    for bit in sealed * 8..frame.len() * 8 {
        let mut bent = frame.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        // What says of itself that it is not sealed is looked at elsewhere.
        let is_sealed = Header::parse(&bent[sealed..])
            .is_ok_and(|h| h.kind as u8 >= ConType::FinishedBack as u8 && h.kind as u8 <= 31);
        if is_sealed {
            pair.deliver(B, &bent);
            assert_eq!((state(&pair.sides[B]), pair.archive[A].len()), before, "bit {bit}");
        }
    }
    for length in HEAD_ROOM..frame.len() {
        pair.deliver(B, &frame[..length]);
        assert_eq!((state(&pair.sides[B]), pair.archive[A].len()), before, "{length} bytes");
    }
    assert!(pair.count(B, "forged") > 100);
    // Short of its headers it is not even a packet.
    for length in FRAME_HEADER..HEAD_ROOM {
        pair.deliver(B, &frame[..length]);
    }
    assert_eq!(state(&pair.sides[B]), before.0);
    pair.deliver(B, &frame);
    assert!(pair.sides[B].heard[&key].ends_with(b"bent on the way"));
}

/// RS-04, RS-12, CR-08: a flood of inventions in a peer's Name, of every type.
#[test]
fn what_is_invented_changes_nothing() {
    let (mut pair, key) = experienced();
    let tunnel = pair.sides[B].peers.tunnel(&pair.peer_of(B)).expect("a tunnel").id();
    let before = state(&pair.sides[B]);
    let sealed = ConType::ALL.into_iter().filter(|kind| {
        (ConType::FinishedBack as u8..=ConType::Reset as u8).contains(&(*kind as u8))
    });
    for kind in sealed {
        for number in 0..200 {
            let header =
                Header { kind, suite: 1, last: true, epoch: number % 3, seq: 99, session: tunnel };
            let frame = invented(&pair.peer_of(B), &pair.sides[B].name, &header, number as u8);
            pair.deliver(B, &frame);
        }
    }
    assert_eq!(state(&pair.sides[B]), before);
    goes_on(&mut pair, key);
}

fn invented(source: &Name, destination: &Name, header: &Header, fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; HEAD_ROOM + 64];
    let total = bytes.len();
    frame::emit(&mut bytes, Kind::Packet, total);
    route::emit(&mut bytes[FRAME_HEADER..], source, destination, 9);
    header.emit(&mut bytes[FRAME_HEADER + ROUTE_LEN..HEAD_ROOM]);
    bytes
}

/// The Name of a stranger.
fn stranger(number: u32) -> Name {
    let mut name = [0xa5; 32];
    name[..4].copy_from_slice(&number.to_be_bytes());
    Name::from_bytes(name)
}

/// A stranger's Hello: the suites, no secret, and an ephemeral key that may be one.
fn hello_of(source: &Name, destination: &Name, number: u32) -> Vec<u8> {
    let opener = PSessId { port: 0, serial: u64::from(number) };
    let session = SessId { opener, answerer: PSessId::default() };
    let kind = ConType::Hello;
    let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
    let mut bytes = invented(source, destination, &header, 0);
    bytes.truncate(HEAD_ROOM);
    bytes.push(0);
    bytes.extend(std::array::from_fn::<u8, 32, _>(|at| (at as u32 * 7 + number) as u8 | 1));
    bytes.extend([3, 1, 2, 3]);
    bytes
}

/// HS-12, HS-16: strangers' Hellos hold a bounded memory, and a friend's handshake goes through
/// in the middle of them.
#[test]
fn a_flood_of_strangers_keeps_no_friend_out() {
    let mut pair = Pair::default();
    let own = pair.sides[B].name;
    let mut flood = 0..;
    let mut hellos = |pair: &mut Pair, count: usize| {
        for number in flood.by_ref().take(count) {
            pair.deliver(B, &hello_of(&stranger(number), &own, number));
            pair.wire[A].clear();
        }
    };
    for _ in 0..100 {
        hellos(&mut pair, 100);
        pair.wait(MS * 100);
    }
    let used = pair.sides[B].pool.used();
    assert!(used <= HANDSHAKES_MAX * HALF_OPEN_BYTES, "{used} bytes are held for strangers");
    assert!(pair.count(B, "retry-sent") > 9000);
    pair.ask(A, 1);
    for _ in 0..5 {
        // Each of the friend's packets with a hundred of theirs before it.
        let friends = std::mem::take(&mut pair.wire);
        hellos(&mut pair, 100);
        pair.now = pair.now + MS;
        for (to, frames) in friends.into_iter().enumerate() {
            frames.iter().for_each(|frame| pair.deliver(to, frame));
        }
    }
    let key = pair.started(A, 1).expect("the friend's session starts");
    goes_on(&mut pair, key);
}

/// HS-12, DO-05: packets of tunnels that never were, from ever new Names, take no place for good:
/// afterwards a session to somebody new starts as ever.
#[test]
fn names_that_were_only_spoken_of_are_forgotten() {
    let mut pair = Pair::default();
    let own = pair.sides[B].name;
    let kind = ConType::Ack;
    for number in 0..4 * TUNNELS_MAX as u32 {
        let session = SessId::default();
        let header = Header { kind, suite: 1, last: false, epoch: 0, seq: 0, session };
        pair.deliver(B, &invented(&stranger(number), &own, &header, 1));
        pair.wire[A].clear();
        pair.wait(MS * 60);
        pair.wire[A].clear();
        let known = pair.sides[B].peers.iter().count();
        assert!(known <= 256, "{known} Names are kept for a stranger's word");
    }
    pair.wait(Duration::from_secs(10));
    pair.wire[A].clear();
    assert_eq!(pair.sides[B].peers.iter().count(), 0);
    let key = pair.open(B, 1);
    pair.say(B, key, b"hello");
    pair.flow(MS * 100);
    assert_eq!(pair.sides[A].heard[&key], b"hello");
}
