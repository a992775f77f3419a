//! Two devices back to back: packets cross a path with delay, loss, repetition and outages, in
//! virtual time.

mod catalogue;
mod crossing;
mod hints;
mod slow;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;

use super::envelope;
use super::peers::{Happening, Peers, Policy};
use super::tunnel::{Bounds, Event, Held};
use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, PAYLOAD_MAX, PERSISTENT_LEN};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::wire::packet::{ConType, Header};
use crate::wire::reason::Reason;

const MS: Duration = Duration::from_millis(1);

/// One device: its tunnels, and what its applications saw.
struct Side {
    name: Name,
    peers: Peers,
    pool: Pool,
    events: Vec<Happening>,
    heard: BTreeMap<u64, Vec<u8>>,
    /// Bytes still to be sent, by session.
    to_send: BTreeMap<u64, Vec<u8>>,
    finish: BTreeSet<u64>,
    reads: bool,
}

impl Side {
    fn new(seed: u8, allowed: &[Name], secrets: &[(Name, u8)], bounds: Bounds) -> Self {
        let identity = Rc::new(Identity::from_seed([seed; 32]));
        let pool = Pool::new(64 << 20);
        let mut rng = Rng::new([seed ^ 0x55; 32]);
        let policy = Policy {
            identity: Rc::clone(&identity),
            boot: rng.array(),
            suites: Suite::ALL.to_vec(),
            secrets: secrets
                .iter()
                .map(|(name, byte)| (*name, Secret::from_bytes([*byte; 32])))
                .collect(),
            allowed: allowed.iter().copied().collect(),
            notify: BTreeSet::new(),
            bounds,
        };
        Self {
            name: identity.name(),
            peers: Peers::new(policy, pool.clone(), rng),
            pool,
            events: Vec::new(),
            heard: BTreeMap::new(),
            to_send: BTreeMap::new(),
            finish: BTreeSet::new(),
            reads: true,
        }
    }

    fn saw(&self, event: Event) -> bool {
        self.events.contains(&Happening::Tunnel(event))
    }
}

/// A frame on its way: when it arrives, its place among those of one instant, where, what.
type Flight = Reverse<(Time, u64, usize, Vec<u8>)>;
type Tamper = Box<dyn FnMut(&[u8]) -> Option<Vec<u8>>>;

struct World {
    now: Time,
    sides: [Side; 2],
    wire: BinaryHeap<Flight>,
    order: u64,
    delay: Duration,
    cut: bool,
    /// One packet in so many is lost or comes twice; zero: none.
    loss: u64,
    chance: Rng,
    tamper: Option<Tamper>,
    carried: Vec<Vec<u8>>,
}

const A: usize = 0;
const B: usize = 1;

fn name_of(seed: u8) -> Name {
    Identity::from_seed([seed; 32]).name()
}

impl World {
    fn new() -> Self {
        Self::with(Bounds::default())
    }

    fn with(bounds: Bounds) -> Self {
        let a = Side::new(1, &[], &[], bounds);
        let b = Side::new(2, &[name_of(1)], &[], bounds);
        Self::of([a, b])
    }

    fn of(mut sides: [Side; 2]) -> Self {
        sides.iter_mut().for_each(|side| side.peers.set_uplink(true, Time::ZERO));
        Self {
            now: Time::ZERO,
            sides,
            wire: BinaryHeap::new(),
            order: 0,
            delay: MS,
            cut: false,
            loss: 0,
            chance: Rng::new([9; 32]),
            tamper: None,
            carried: Vec::new(),
        }
    }

    fn post(&mut self, to: usize, frame: Vec<u8>, delay: Duration) {
        self.order += 1;
        self.wire.push(Reverse((self.now + delay, self.order, to, frame)));
    }

    fn collect(&mut self) {
        for from in [A, B] {
            self.work(from);
            while let Some(packet) = self.sides[from].peers.poll_packet() {
                let mut frame = packet.to_vec();
                if let Some(tamper) = &mut self.tamper {
                    let Some(bent) = tamper(&frame) else { continue };
                    frame = bent;
                }
                self.carried.push(frame.clone());
                if self.cut || (self.loss > 0 && self.chance.below(self.loss) == 0) {
                    continue;
                }
                if self.loss > 0 && self.chance.below(self.loss) == 0 {
                    let late = self.delay + Duration::from_nanos(self.chance.below(20_000_000));
                    self.post(1 - from, frame.clone(), late);
                }
                self.post(1 - from, frame, self.delay);
            }
        }
    }

    /// What the applications of one side do: take what is there, send what they have.
    fn work(&mut self, at: usize) {
        let (now, peer) = (self.now, self.sides[1 - at].name);
        let side = &mut self.sides[at];
        while let Some((_, happening)) = side.peers.poll_happening() {
            if let Happening::Tunnel(Event::Incoming(key, _)) = happening {
                side.peers.with(&peer, |tunnel| tunnel.accept(key, now));
                side.heard.insert(key, Vec::new());
            }
            side.events.push(happening);
        }
        if side.reads {
            let keys: Vec<u64> = side.heard.keys().copied().collect();
            for key in keys {
                let ready: Vec<u8> = side
                    .peers
                    .tunnel(&peer)
                    .into_iter()
                    .flat_map(|tunnel| tunnel.ready(key))
                    .flat_map(|bytes| bytes.iter().copied())
                    .collect();
                if !ready.is_empty() {
                    side.peers.with(&peer, |tunnel| tunnel.consume(key, ready.len(), now));
                    side.heard.entry(key).or_default().extend(ready);
                }
            }
        }
        let keys: Vec<u64> = side.to_send.keys().copied().collect();
        for key in keys {
            while let Some(bytes) = side.to_send.get_mut(&key).filter(|bytes| !bytes.is_empty()) {
                let Some(Ok(room)) = side.peers.with(&peer, |tunnel| tunnel.room(key, now)) else {
                    break;
                };
                let count = room.min(bytes.len()).min(PAYLOAD_MAX);
                let mut payload = envelope::blank(&side.pool, count);
                payload.extend(&bytes[..count]);
                bytes.drain(..count);
                side.peers.with(&peer, |tunnel| tunnel.send(key, payload, now));
            }
            let done = side.to_send.get(&key).is_some_and(Vec::is_empty);
            if done && side.finish.remove(&key) {
                side.peers.with(&peer, |tunnel| tunnel.finish(key, now));
            }
        }
    }

    /// Lets so much time pass.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.collect();
            let arrival = self.wire.peek().map(|Reverse((at, ..))| *at);
            let timers = self.sides.iter().filter_map(|side| side.peers.next_timeout());
            let next = timers.map(|deadline| deadline.at).chain(arrival).min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            if arrival == Some(at) {
                let Some(Reverse((_, _, to, frame))) = self.wire.pop() else { continue };
                let mut buffer: Buffer = self.sides[to].pool.take(frame.len());
                buffer.extend(&frame);
                self.sides[to].peers.receive(buffer, self.now);
            } else {
                let now = self.now;
                self.sides.iter_mut().for_each(|side| side.peers.tick(now));
            }
        }
        self.now = end;
        self.collect();
    }

    /// Opens a session from one side and gives its key, which another tunnel may have had before.
    fn open(&mut self, from: usize) -> u64 {
        let peer = self.sides[1 - from].name;
        let before = self.started(from).count();
        self.sides[from].peers.open(peer, 7, 40_000, 22, self.now);
        self.run(MS * 50);
        let key = self.started(from).nth(before).expect("the session starts");
        self.sides[from].heard.insert(key, Vec::new());
        key
    }

    /// The sessions that started, the first one first.
    fn started(&self, from: usize) -> impl Iterator<Item = u64> {
        self.sides[from].events.iter().filter_map(|event| match event {
            Happening::Started(7, key) => Some(*key),
            _ => None,
        })
    }

    fn say(&mut self, from: usize, key: u64, bytes: &[u8]) {
        self.sides[from].to_send.entry(key).or_default().extend(bytes);
        self.collect();
    }

    fn count(&self, at: usize, name: &str) -> u64 {
        self.sides[at].peers.counters().get(name)
    }

    fn outage(&self, at: usize) -> bool {
        let peer = self.sides[1 - at].name;
        self.sides[at].peers.tunnel(&peer).is_some_and(|tunnel| tunnel.outage().0.is_some())
    }

    fn epoch(&self, at: usize) -> u32 {
        let peer = self.sides[1 - at].name;
        self.sides[at].peers.tunnel(&peer).map_or(0, |tunnel| tunnel.status().epoch)
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_session_opens_carries_both_ways_and_closes() {
    let mut world = World::new();
    let key = world.open(A);
    assert!(world.sides[A].saw(Event::Accepted(key)) && world.sides[A].saw(Event::Up));
    let (there, back) = (pattern(3_000_000), pattern(70_000));
    world.sides[A].finish.insert(key);
    world.say(A, key, &there);
    world.say(B, key, &back);
    world.run(Duration::from_secs(5));
    assert!(world.sides[B].heard[&key] == there && world.sides[A].heard[&key] == back);
    assert!(world.sides[B].saw(Event::Finished(key)));
    // Half-close: the other direction still carries.
    world.sides[B].finish.insert(key);
    world.say(B, key, b"and more");
    world.run(MS * 100);
    assert!(world.sides[A].heard[&key].ends_with(b"and more"));
    for side in [A, B] {
        assert!(world.sides[side].saw(Event::Closed(key)), "side {side}");
        assert_eq!(world.sides[side].pool.used(), 0, "side {side} holds nothing");
    }
}

/// The peer's node is done with a session when this node has all of it, which may be long before
/// this application has read it.
#[test]
fn an_application_reads_to_the_end_what_the_peer_has_forgotten() {
    let mut world = World::new();
    let key = world.open(A);
    let bytes = pattern(100_000);
    world.sides[A].reads = false;
    world.sides[A].finish.insert(key);
    world.say(A, key, b"all of it, please");
    world.run(MS * 100);
    world.sides[B].finish.insert(key);
    world.say(B, key, &bytes);
    world.run(MS * 100);
    assert!(world.sides[B].saw(Event::Closed(key)));
    // Anything that makes this side speak of the session again hears that it is gone.
    let (now, peer) = (world.now, world.sides[B].name);
    world.sides[A].peers.with(&peer, |tunnel| tunnel.consume(key, 70_000, now));
    world.cut = true;
    world.sides[A].peers.with(&peer, |tunnel| tunnel.hint_unreachable(now));
    world.run(MS * 500);
    world.cut = false;
    world.sides[A].peers.path_changed(world.now);
    world.run(Duration::from_secs(5));
    assert!(!world.sides[A].saw(Event::Closed(key)), "30,000 bytes are unread");
    world.sides[A].reads = true;
    world.run(MS * 100);
    assert!(world.sides[A].heard[&key] == bytes[70_000..]);
    assert!(world.sides[A].saw(Event::Closed(key)));
}

/// RL-01: loss, repetition and disorder.
#[test]
fn a_bad_path_costs_time_and_nothing_else() {
    let mut world = World::new();
    world.loss = 7;
    let key = world.open(A);
    let bytes = pattern(2_000_000);
    world.say(A, key, &bytes);
    world.run(Duration::from_secs(120));
    assert_eq!(world.sides[B].heard[&key].len(), bytes.len());
    assert!(world.sides[B].heard[&key] == bytes);
}

/// RS-09: outages from a tenth of a second to a month, each in the middle of a stream.
#[test]
fn an_outage_of_any_length_ends_where_it_began() {
    let mut world = World::new();
    let key = world.open(A);
    let mut sent = Vec::new();
    for away in [100, 3_000, 60_000, 3_600_000, 30 * 24 * 3_600_000_u64] {
        let bytes = pattern(5_000_000);
        world.say(A, key, &bytes);
        sent.extend(bytes);
        world.run(MS);
        world.cut = true;
        world.run(Duration::from_millis(away));
        assert_eq!(world.outage(A), away > 1_000, "away for {away} ms");
        world.cut = false;
        let heard = world.sides[B].heard[&key].len();
        world.run(MS * 1200);
        assert!(world.sides[B].heard[&key].len() > heard, "away for {away} ms");
        world.run(Duration::from_secs(5));
        assert!(world.sides[B].heard[&key] == sent, "away for {away} ms");
        assert!(!world.outage(A) && !world.outage(B));
    }
    assert_eq!(world.epoch(A), world.epoch(B));
    assert!(world.epoch(A) >= 4);
}

/// Silence: an idle tunnel sends nothing; an outage with nothing waiting sends a few and stops.
#[test]
fn an_idle_tunnel_is_silent() {
    let mut world = World::new();
    world.open(A);
    world.run(Duration::from_secs(10));
    let before = world.carried.len();
    world.run(Duration::from_secs(3600));
    assert_eq!(world.carried.len(), before);
    for side in &mut world.sides {
        side.peers.set_uplink(false, world.now);
    }
    world.run(Duration::from_secs(3600));
    assert_eq!(world.carried.len(), before, "with no uplink nothing is sent at all");
}

/// The initiator's data outlives its Finished: the handshake goes on, and nothing is ended.
#[test]
fn a_lost_finished_costs_time_and_no_session() {
    let mut world = World::new();
    let mut lost = 0;
    world.tamper = Some(Box::new(move |frame: &[u8]| {
        let kind = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).map(|header| header.kind);
        lost += u32::from(kind == Ok(ConType::Finished));
        (kind != Ok(ConType::Finished) || lost > 1).then(|| frame.to_vec())
    }));
    let peer = world.sides[B].name;
    world.sides[A].peers.open(peer, 7, 40_000, 22, world.now);
    world.run(Duration::from_secs(1));
    let key = world.started(A).last().expect("the session starts");
    world.say(A, key, b"early");
    world.run(Duration::from_secs(3));
    assert_eq!(world.sides[B].heard.get(&key).map(Vec::as_slice), Some(&b"early"[..]));
    assert!(world.count(B, "unfinished-tunnel") > 0 && world.count(B, "unknown-tunnel") == 0);
}

/// The simulator's seed 12183: an idle tunnel is not suspended when the way into the overlay goes,
/// and what is begun in it then goes on when the way is back.
#[test]
fn a_session_begun_without_a_way_goes_on_with_it() {
    let mut world = World::new();
    let first = world.open(A);
    let peer = world.sides[B].name;
    let now = world.now;
    world.sides[A].peers.with(&peer, |tunnel| tunnel.reset(first, Reason::ByApplication, now));
    world.run(Duration::from_secs(1));
    world.sides[A].peers.set_uplink(false, world.now);
    assert!(!world.outage(A), "nothing waits");
    let key = world.open(A);
    let now = world.now;
    let room = world.sides[A].peers.with(&peer, |tunnel| tunnel.room(key, now));
    assert_eq!(room, Some(Err(Held::Outage)));
    world.sides[A].events.clear();
    world.sides[A].peers.set_uplink(true, world.now);
    world.run(MS * 100);
    assert!(world.sides[A].saw(Event::Room) && world.sides[A].saw(Event::Accepted(key)));
}

/// RS-08: both lose and regain their way at once: one resume, the same epoch on both.
#[test]
fn crossed_re_hellos_make_one_epoch() {
    let mut world = World::new();
    let key = world.open(A);
    for _ in 0..20 {
        for side in &mut world.sides {
            side.peers.set_uplink(false, world.now);
        }
        world.run(MS * 10);
        for side in &mut world.sides {
            side.peers.set_uplink(true, world.now);
        }
        world.run(MS * 700);
        assert_eq!(world.epoch(A), world.epoch(B));
    }
    world.say(A, key, b"still there");
    world.run(MS * 100);
    assert_eq!(world.sides[B].heard[&key], b"still there");
}

/// A's answers are lost while B, which has nothing to send, asks a few times and falls silent: A
/// has stepped and B has not. When A speaks again B must not stay deaf.
#[test]
fn a_lost_answer_to_an_idle_side_is_asked_for_again() {
    let mut world = World::new();
    let key = world.open(A);
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let kind = frame[HEAD_ROOM - 31];
        let of_a = frame[75 - 32..75] == *name_of(1).as_bytes();
        (kind == ConType::ReHello as u8 || !of_a).then(|| frame.to_vec())
    }));
    let now = world.now;
    world.sides[B].peers.set_uplink(false, now);
    world.sides[B].peers.set_uplink(true, now);
    world.run(Duration::from_secs(30));
    world.tamper = None;
    assert_eq!((world.epoch(A), world.epoch(B)), (1, 0));
    world.say(A, key, b"are you there?");
    world.run(Duration::from_secs(5));
    assert_eq!(world.sides[B].heard[&key], b"are you there?");
    assert_eq!(world.epoch(A), world.epoch(B));
}

/// RS-01, CR-04, HS-02, HS-08: everything ever sent, sent again, changes nothing but counters.
#[test]
fn a_replay_of_all_that_was_ever_said_changes_nothing() {
    let mut world = World::new();
    let key = world.open(A);
    world.say(A, key, &pattern(1_000_000));
    world.run(MS * 2);
    world.cut = true;
    world.run(Duration::from_secs(5));
    world.cut = false;
    world.run(Duration::from_secs(2));
    let (epoch, heard) = (world.epoch(B), world.sides[B].heard.clone());
    let events = [world.sides[A].events.len(), world.sides[B].events.len()];
    for frame in std::mem::take(&mut world.carried) {
        for to in [A, B] {
            world.post(to, frame.clone(), MS);
        }
    }
    world.run(Duration::from_secs(5));
    assert_eq!((world.epoch(A), world.epoch(B)), (epoch, epoch));
    assert_eq!(world.sides[B].heard, heard);
    assert_eq!([world.sides[A].events.len(), world.sides[B].events.len()], events);
    assert!(world.count(A, "reflected") > 0 && world.count(B, "stale-re-hello") > 0);
    world.say(A, key, b"goes on");
    world.run(MS * 100);
    assert!(world.sides[B].heard[&key].ends_with(b"goes on"));
}

/// CR-03: a bit flipped anywhere in any packet.
#[test]
fn bent_packets_are_dropped_and_sent_again() {
    let mut world = World::new();
    let key = world.open(A);
    let mut place = 0;
    world.tamper = Some(Box::new(move |frame: &[u8]| {
        place += 1;
        let mut bent = frame.to_vec();
        if place % 3 == 0 {
            let at = HEAD_ROOM - 32 + place * 7 % (frame.len() + 32 - HEAD_ROOM);
            bent[at] ^= 1 << (place % 8);
        }
        Some(bent)
    }));
    let bytes = pattern(500_000);
    world.say(A, key, &bytes);
    world.run(Duration::from_secs(120));
    world.tamper = None;
    world.run(Duration::from_secs(10));
    assert!(world.sides[B].heard[&key] == bytes);
    assert!(world.count(B, "forged") > 0);
}

#[test]
fn a_frame_cut_off_within_any_of_its_headers_is_dropped() {
    let mut world = World::new();
    world.open(A);
    let hello = world.carried[0].clone();
    for len in 0..HEAD_ROOM {
        let frame = world.sides[B].pool.copy(&hello[..len]);
        world.sides[B].peers.receive(frame, world.now);
    }
    assert_eq!(world.count(B, "malformed"), HEAD_ROOM as u64);
}

/// A slow reader holds up its sender and nobody else; memory stays within the window.
#[test]
fn who_does_not_read_stops_its_own_session_only() {
    let mut world = World::new();
    let key = world.open(A);
    let other = world.open(A);
    world.sides[B].reads = false;
    world.say(A, key, &pattern(8_000_000));
    world.run(Duration::from_secs(3));
    assert!(world.sides[B].pool.used() < 4 << 20);
    assert!(!world.outage(A), "a reader that does not read is no outage");
    world.sides[B].reads = true;
    world.say(A, other, b"small");
    world.run(MS * 100);
    assert_eq!(world.sides[B].heard[&other], b"small");
    world.run(Duration::from_secs(30));
    assert_eq!(world.sides[B].heard[&key].len(), 8_000_000);
}

#[test]
fn refusals_and_resets_arrive_after_the_outage() {
    let mut world = World::new();
    let key = world.open(A);
    let peer = world.sides[A].name;
    world.cut = true;
    let now = world.now;
    world.sides[B].peers.with(&peer, |tunnel| tunnel.reset(key, Reason::ByApplication, now));
    world.run(Duration::from_secs(60));
    assert!(!world.sides[A].saw(Event::Reset(key, Reason::ByApplication)));
    world.cut = false;
    world.run(Duration::from_secs(2));
    assert!(world.sides[A].saw(Event::Reset(key, Reason::ByApplication)));
    assert!(world.sides[B].saw(Event::Closed(key)));
}

/// A restarted peer says so by a handshake with another boot number; only that ends sessions, and
/// nobody has to send anything to learn it.
#[test]
fn a_restarted_peer_ends_the_sessions_and_new_ones_work() {
    let mut world = World::new();
    let key = world.open(A);
    world.say(A, key, b"before");
    world.run(MS * 100);
    world.cut = true;
    world.run(Duration::from_secs(2));
    let mut reborn = Side::new(2, &[name_of(1)], &[], Bounds::default());
    reborn.peers = Peers::new(
        Policy {
            identity: Rc::new(Identity::from_seed([2; 32])),
            boot: [0xbb; 16],
            suites: vec![Suite::default()],
            secrets: BTreeMap::new(),
            allowed: [name_of(1)].into(),
            notify: [name_of(1)].into(),
            bounds: Bounds::default(),
        },
        reborn.pool.clone(),
        Rng::new([77; 32]),
    );
    reborn.peers.set_uplink(true, world.now);
    world.sides[B] = reborn;
    world.cut = false;
    world.run(Duration::from_secs(2));
    assert!(world.sides[A].saw(Event::Reset(key, Reason::Restarted)));
    let new = world.open(A);
    world.say(A, new, b"after");
    world.run(MS * 100);
    assert_eq!(world.sides[B].heard[&new], b"after");
}

/// HS-01, LO-06: who is on no list gets an authenticated no.
#[test]
fn a_stranger_is_refused() {
    let bounds = Bounds::default();
    let sides = [Side::new(1, &[], &[], bounds), Side::new(2, &[], &[], bounds)];
    let mut world = World::of(sides);
    world.sides[A].peers.open(name_of(2), 7, 1, 22, world.now);
    world.run(Duration::from_secs(1));
    let ended = Happening::Tunnel(Event::Ended(Reason::NotAllowed));
    assert!(world.sides[A].events.contains(&ended));
    world.run(Duration::from_secs(10));
    for (side, other) in [(A, name_of(2)), (B, name_of(1))] {
        assert!(world.sides[side].peers.tunnel(&other).is_none(), "no tunnel is left by it");
    }
    assert!(world.sides[B].events.contains(&Happening::Stranger));
}

/// A node with another secret can prove nothing, so this ends no waiting: both sides are told
/// why, and who waits goes on once the secrets are the same.
#[test]
fn a_wrong_secret_is_told_on_both_sides_and_ends_no_waiting() {
    let bounds = Bounds::default();
    for (of_b, reason) in
        [(&[(name_of(1), 6)][..], Reason::SecretDiffers), (&[][..], Reason::SecretMissing)]
    {
        let a = Side::new(1, &[], &[(name_of(2), 5)], bounds);
        let b = Side::new(2, &[name_of(1)], of_b, bounds);
        let mut world = World::of([a, b]);
        world.sides[A].peers.open(name_of(2), 7, 1, 22, world.now);
        world.run(Duration::from_secs(30));
        for side in &world.sides {
            let told = side.events.iter().filter(|e| matches!(e, Happening::Trouble(_)));
            let told: Vec<_> = told.collect();
            assert_eq!(told, [&Happening::Trouble(reason)], "once a minute");
        }
        let trouble = world.sides[A].peers.iter().find_map(|view| view.trouble);
        assert_eq!(trouble, Some(reason), "it stands in the status");
        let failed = |e: &Happening| matches!(e, Happening::Failed(..));
        assert!(!world.sides[A].events.iter().any(failed), "{reason}");
        world.sides[B] = Side::new(2, &[name_of(1)], &[(name_of(1), 5)], bounds);
        world.sides[B].peers.set_uplink(true, world.now);
        world.run(Duration::from_secs(2));
        assert!(world.sides[A].saw(Event::Up), "{reason}");
    }
}

/// HS-09: both begin at once; one tunnel is left, and it works both ways.
#[test]
fn simultaneous_handshakes_settle_on_one_tunnel() {
    for delay in [0, 1, 7, 100] {
        let bounds = Bounds::default();
        let a = Side::new(1, &[name_of(2)], &[], bounds);
        let b = Side::new(2, &[name_of(1)], &[], bounds);
        let mut world = World::of([a, b]);
        world.delay = Duration::from_millis(delay);
        world.sides[A].peers.open(name_of(2), 1, 1, 22, world.now);
        world.sides[B].peers.open(name_of(1), 2, 1, 23, world.now);
        world.run(Duration::from_secs(3));
        let ids = [0, 1].map(|at| {
            let peer = world.sides[1 - at].name;
            world.sides[at].peers.tunnel(&peer).expect("a tunnel").id()
        });
        assert_eq!(ids[0], ids[1], "delay {delay}");
        let accepted = |side: &Side| {
            side.events.iter().any(|e| matches!(e, Happening::Tunnel(Event::Accepted(_))))
        };
        assert!(accepted(&world.sides[A]) && accepted(&world.sides[B]), "delay {delay}");
    }
}

/// HS-09, the simulator's seed 3097: the lower Name answers, hears nothing of the Finished, and
/// begins too. Both sides' sessions live, whichever handshake goes on.
#[test]
fn a_handshake_begun_before_the_others_finished_came_ends_no_session() {
    for away in [1, 4, 30] {
        let bounds = Bounds::default();
        let mut sides = [1, 2].map(|of| Side::new(of, &[name_of(3 - of)], &[], bounds));
        sides.sort_by_key(|side| Reverse(side.name));
        let names = [B, A].map(|of| sides[of].name);
        let mut world = World::of(sides);
        let mut is_first_hello = true;
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
            let passes = header.kind == ConType::HelloBack
                || header.kind == ConType::Hello && std::mem::take(&mut is_first_hello);
            passes.then(|| frame.to_vec())
        }));
        world.sides[A].peers.open(names[A], 1, 1, 22, world.now);
        world.run(MS * 100);
        world.sides[B].peers.open(names[B], 2, 1, 23, world.now);
        world.run(Duration::from_secs(away));
        // The lower one's Hello is the first to come through.
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
            (header.kind != ConType::Finished).then(|| frame.to_vec())
        }));
        world.run(Duration::from_secs(1));
        world.tamper = None;
        world.run(Duration::from_secs(2));
        let accepted = |e: &Happening| matches!(e, Happening::Tunnel(Event::Accepted(_)));
        let reset = |e: &Happening| matches!(e, Happening::Tunnel(Event::Reset(..)));
        for side in &world.sides {
            assert!(side.events.iter().any(accepted), "after {away} s");
            assert!(!side.events.iter().any(reset), "after {away} s");
        }
    }
}

/// The peer answered and was restarted before the Finished came: it says that it cannot take it.
#[test]
fn a_finished_that_nobody_knows_is_answered_so() {
    let bounds = Bounds::default();
    let mut world = World::new();
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
        (header.kind != ConType::Finished).then(|| frame.to_vec())
    }));
    world.sides[A].peers.open(name_of(2), 1, 1, 22, world.now);
    world.run(MS * 100);
    world.sides[B] = Side::new(2, &[name_of(1)], &[], bounds);
    world.sides[B].peers.set_uplink(true, world.now);
    world.tamper = None;
    world.run(Duration::from_secs(1));
    assert!(world.count(B, "unknown-handshake") > 0);
    let tunnels = [(A, name_of(2)), (B, name_of(1))]
        .map(|(at, peer)| world.sides[at].peers.tunnel(&peer).map(|tunnel| tunnel.id()));
    assert!(tunnels[0].is_some() && tunnels[0] == tunnels[1]);
}

/// CR-05: worn keys step the epoch while the stream flows on.
#[test]
fn worn_keys_are_changed_under_way() {
    let mut bounds = Bounds::default();
    bounds.wear.packets = 16;
    let mut world = World::with(bounds);
    let key = world.open(A);
    let bytes = pattern(4_000_000);
    world.say(A, key, &bytes);
    world.run(Duration::from_secs(10));
    assert!(world.sides[B].heard[&key] == bytes);
    assert!(world.epoch(A) >= 3 && world.epoch(A) == world.epoch(B), "{}", world.epoch(A));
    assert!(
        !world.sides[A].events.iter().any(|e| matches!(e, Happening::Tunnel(Event::Suspended(_))))
    );
}

#[test]
fn sealed_packets_carry_every_type_once_it_has_happened() {
    let mut world = World::new();
    let key = world.open(A);
    world.say(A, key, &pattern(1_000_000));
    world.run(MS * 2);
    world.cut = true;
    world.run(Duration::from_secs(2));
    world.cut = false;
    world.run(Duration::from_secs(1));
    let kinds: BTreeSet<u8> = world.carried.iter().map(|frame| frame[HEAD_ROOM - 31]).collect();
    for kind in [ConType::Hello, ConType::HelloBack, ConType::Finished, ConType::FinishedBack]
        .into_iter()
        .chain([ConType::ReHello, ConType::ReHelloBack, ConType::Ack, ConType::Open])
    {
        assert!(kinds.contains(&(kind as u8)), "{kind:?}");
    }
}

#[test]
fn retention_gives_up_after_its_time_and_says_so() {
    let bounds = Bounds { retain: Some(Duration::from_secs(60)), ..Bounds::default() };
    let mut world = World::with(bounds);
    let key = world.open(A);
    world.say(A, key, &pattern(1000));
    world.cut = true;
    world.say(A, key, &pattern(1000));
    world.run(Duration::from_secs(55));
    assert!(!world.sides[A].saw(Event::Reset(key, Reason::Expired)));
    world.run(Duration::from_secs(10));
    assert!(world.sides[A].saw(Event::Reset(key, Reason::Expired)));
}

#[test]
fn a_goodbye_ends_the_peers_sessions_at_once() {
    let mut world = World::new();
    let key = world.open(A);
    world.sides[B].peers.say_goodbye();
    world.run(MS * 10);
    assert!(world.sides[A].saw(Event::Reset(key, Reason::Stopped)));
}
