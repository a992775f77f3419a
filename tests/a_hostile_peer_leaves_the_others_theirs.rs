//! A device with two peers, one of which is allowed and hostile, and seals whatever it likes: the
//! other one's session goes on at its pace, and packet memory stays within its budget (catalogue
//! rows RL-03 to RL-06, RL-13, RS-02, DO-03, DO-05, DO-06).

use std::collections::BTreeMap;
use std::time::Duration;

use muses::base::clock::Time;
use muses::base::ids::Name;
use muses::base::limits::{FRAME_HEADER, PAYLOAD_MAX, SESSIONS_PER_TUNNEL_MAX};
use muses::crypto::identity::Identity;
use muses::crypto::suite::Suite;
use muses::fuzzing::pair::Side;
use muses::session::envelope;
use muses::session::peers::Happening;
use muses::session::tunnel::{Bounds, Event, Tunnel};
use muses::wire::ack::{Ack, Entry, emit_entry};
use muses::wire::cursor::Writer;
use muses::wire::packet::{ConType, PSessId};
use muses::wire::route::Route;

const MS: Duration = Duration::from_millis(1);
/// The device, the friend and the hostile peer.
const DEVICE: usize = 0;
const FRIEND: usize = 1;
const FOE: usize = 2;
/// Milliseconds that are compared.
const STEPS: u64 = 400;
/// Bytes the friend's application has to say each millisecond, at most.
const SUPPLY: usize = 64 << 10;

/// Three devices a millisecond apart; no device's packets wait for another's.
struct Trio {
    now: Time,
    sides: [Side; 3],
    under_way: Vec<(usize, Vec<u8>)>,
    /// What the device's applications hear, by peer and session, and of whom they read.
    heard: BTreeMap<(Name, u64), u64>,
    resets: u64,
    friends_key: u64,
    foes_key: u64,
    peak: usize,
    /// Whether anything reaches the hostile peer.
    foe_listens: bool,
}

impl Trio {
    fn new() -> Self {
        let names = [2, 1, 3].map(|seed| Identity::from_seed([seed; 32]).name());
        let [device, friend, foe] = names;
        let bounds = Bounds { window: 512 << 10, ..Bounds::default() };
        let side = |seed, allowed: &[Name]| Side::new(seed, allowed, &Suite::ALL, bounds);
        let sides = [side(2, &[friend, foe]), side(1, &[device]), side(3, &[device])];
        let mut trio = Self {
            now: Time::ZERO,
            sides,
            under_way: Vec::new(),
            heard: BTreeMap::new(),
            resets: 0,
            friends_key: 0,
            foes_key: 0,
            peak: 0,
            foe_listens: true,
        };
        for from in [FRIEND, FOE] {
            trio.sides[from].peers.open(device, 1, 40_000, 22, trio.now);
        }
        (0..100).for_each(|_| trio.step());
        let key = |trio: &Self, of: usize| {
            let started = trio.sides[of].events.iter().find_map(|event| match event {
                Happening::Started(1, key) => Some(*key),
                _ => None,
            });
            started.expect("a session")
        };
        (trio.friends_key, trio.foes_key) = (key(&trio, FRIEND), key(&trio, FOE));
        trio
    }

    fn name(&self, of: usize) -> Name {
        self.sides[of].name
    }

    /// The device's applications accept all, and read what is the friend's.
    fn serve(&mut self) {
        let (now, friend) = (self.now, self.name(FRIEND));
        let device = &mut self.sides[DEVICE];
        while let Some((peer, happening)) = device.peers.poll_happening() {
            match happening {
                Happening::Tunnel(Event::Incoming(key, _)) => {
                    device.peers.with(&peer, |tunnel| tunnel.accept(key, now));
                    self.heard.insert((peer, key), 0);
                }
                Happening::Tunnel(Event::Reset(..) | Event::Ended(_)) if peer == friend => {
                    self.resets += 1;
                }
                _ => {}
            }
        }
        for ((peer, key), heard) in self.heard.iter_mut().filter(|((of, _), _)| *of == friend) {
            let count = device.peers.tunnel(peer).map_or(0, |tunnel| tunnel.ready_bytes(*key));
            if count > 0 {
                let count_now = usize::try_from(count).expect("in memory");
                device.peers.with(peer, |tunnel| tunnel.consume(*key, count_now, now));
                *heard += count;
            }
        }
    }

    fn step(&mut self) {
        self.now = self.now + MS;
        let (now, device) = (self.now, self.name(DEVICE));
        for (to, frame) in std::mem::take(&mut self.under_way) {
            if to != FOE || self.foe_listens {
                self.sides[to].receive(&frame, now);
            }
        }
        self.peak = self.peak.max(self.sides[DEVICE].pool.used());
        self.sides.iter_mut().for_each(|side| side.peers.tick(now));
        self.serve();
        for of in [FRIEND, FOE] {
            self.sides[of].work(&device, now);
        }
        self.collect();
    }

    fn collect(&mut self) {
        for from in [DEVICE, FRIEND, FOE] {
            while let Some(packet) = self.sides[from].peers.poll_packet() {
                let route = Route::new_checked(&packet[FRAME_HEADER..]).expect("a route");
                let destination = route.destination();
                let to = self.sides.iter().position(|side| side.name == destination);
                self.under_way.push((to.expect("one of three"), packet.to_vec()));
            }
        }
    }

    fn lie(&mut self, act: impl FnOnce(&mut Tunnel)) {
        let device = self.name(DEVICE);
        self.sides[FOE].peers.with(&device, act);
        self.collect();
    }

    /// Bytes of the friend that arrive while this is done each millisecond.
    fn friends_bytes(&mut self, mut act: impl FnMut(&mut Self, u64)) -> u64 {
        let (key, friend) = (self.friends_key, self.name(FRIEND));
        let before = self.heard[&(friend, key)];
        for step in 0..STEPS {
            let to_say = self.sides[FRIEND].to_say.entry(key).or_default();
            to_say.resize(SUPPLY, 7);
            act(self, step);
            self.step();
        }
        self.heard[&(friend, key)] - before
    }
}

/// What an honest pair gets with this going on beside it, against what it gets alone.
fn held_against_quiet(word: &str, act: impl FnMut(&mut Trio, u64)) -> Trio {
    let quiet = Trio::new().friends_bytes(|_, _| {});
    let mut trio = Trio::new();
    let loud = trio.friends_bytes(act);
    assert!(loud * 10 >= quiet * 8, "{word}: {loud} of {quiet} bytes");
    assert_eq!(trio.resets, 0, "{word}");
    let (peak, budget) = (trio.peak, trio.sides[DEVICE].pool.budget());
    assert!(peak <= budget, "{word}: {peak} of {budget} bytes of memory");
    trio
}

fn claim(key: u64, cumulative: u64) -> Vec<u8> {
    let mut body = vec![0; 100];
    let mut writer = Writer::new(&mut body);
    Ack { settled: true, received: 9, marked: 9 }.emit(&mut writer);
    let session = PSessId::from_u64(key);
    emit_entry(&Entry { session, cumulative, credit: u64::MAX, ..Entry::default() }, &mut writer);
    let len = writer.len();
    body.truncate(len);
    body
}

#[test]
fn false_acknowledgements_cost_the_others_nothing() {
    let trio = held_against_quiet("false claims", |trio, step| {
        let body = claim(trio.foes_key, 1000 + step);
        (0..50).for_each(|_| trio.lie(|tunnel| tunnel.lie(ConType::Ack, &body)));
    });
    let counted = trio.sides[DEVICE].peers.counters().get("impossible-claim");
    assert!(counted > 10_000, "{counted}");
}

#[test]
fn wild_re_hellos_cost_the_others_nothing() {
    held_against_quiet("Re-Hellos", |trio, step| {
        let body = claim(trio.foes_key, 1);
        for at in 0..10 {
            let nonce = (at % 2 == 0).then_some([step as u8; 32]);
            trio.lie(|tunnel| tunnel.lie_in_re_hello(ConType::ReHello, nonce, &body));
        }
    });
}

#[test]
fn a_hundred_thousand_openings_cost_the_others_nothing() {
    let mut serial = 0;
    let trio = held_against_quiet("openings", |trio, _| {
        for _ in 0..250 {
            serial += 2;
            let opener = PSessId { port: 1, serial };
            trio.lie(|tunnel| {
                let session = tunnel.session_id(opener.to_u64());
                tunnel.lie_in_session(session, ConType::Open, 0, &[]);
            });
        }
    });
    let foe = trio.name(FOE);
    let open = trio.heard.keys().filter(|(peer, _)| *peer == foe).count();
    assert_eq!(open, SESSIONS_PER_TUNNEL_MAX);
    assert!(trio.sides[DEVICE].peers.counters().get("too-many-sessions") > 90_000);
}

/// Data within the credit of very many sessions whose applications do not read, and beyond it.
#[test]
fn data_that_nobody_reads_costs_the_others_nothing() {
    let mut number = 0;
    let body = [7; PAYLOAD_MAX];
    held_against_quiet("data", |trio, _| {
        for _ in 0..16 {
            let opener = PSessId { port: 1, serial: 2 + 2 * (number / 9) };
            let seq = number % 9;
            number += 1;
            trio.lie(|tunnel| {
                let session = tunnel.session_id(opener.to_u64());
                let kind = if seq == 0 { ConType::Open } else { ConType::Data };
                let body = if seq == 0 { &[][..] } else { &body[..] };
                tunnel.lie_in_session(session, kind, seq, body);
            });
        }
    });
}

/// RL-06, RL-13: the hostile peer takes nothing of what the device's applications say to it.
#[test]
fn a_peer_that_never_reads_costs_the_others_nothing() {
    let trio = held_against_quiet("silence", |trio, _| {
        trio.foe_listens = false;
        let (now, foe, key) = (trio.now, trio.name(FOE), trio.foes_key);
        let device = &mut trio.sides[DEVICE];
        while let Some(Ok(room)) = device.peers.with(&foe, |tunnel| tunnel.room(key, now)) {
            let mut payload = envelope::blank(&device.pool, room);
            payload.extend(&[7; PAYLOAD_MAX][..room]);
            device.peers.with(&foe, |tunnel| tunnel.send(key, payload, now));
        }
    });
    assert!(trio.peak <= 4 << 20, "{} bytes", trio.peak);
}
