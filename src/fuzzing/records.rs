//! Two devices and a network that does what the input says: every byte once and in order, nothing
//! moved by what is bent, and all of it flowing again once the network behaves (CR-03, CR-04,
//! RL-01, RS-01, RS-08).

use std::collections::BTreeSet;
use std::time::Duration;

use super::pair::{Pair, Side};
use super::script::Script;
use crate::base::fingerprint::Fingerprint;
use crate::base::limits::{FRAME_HEADER, FRAME_MAX, HEAD_ROOM, ICV_MAX, ROUTE_LEN};
use crate::crypto::suite::Suite;
use crate::session::peers::Happening;
use crate::session::tunnel::{Bounds, Event};
use crate::wire::packet::{ConType, Header};

/// Sessions one input may open, and bytes it may have said.
const SESSIONS_MAX: u16 = 16;
const SAID_MAX: usize = 1 << 19;
/// Packet memory a side may hold when all is delivered.
const REST_MAX: usize = 1 << 20;

/// A run by the input.
pub fn session_records(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let suite = Suite::ALL[script.below(Suite::ALL.len())];
    let mut bounds = Bounds::default();
    let form = script.byte();
    if form & 1 != 0 {
        bounds.wear.packets = 16;
    }
    if form & 2 != 0 {
        bounds.window = crate::base::limits::WINDOW_MIN;
    }
    let mut run = Run::new(Pair::new(&[suite], bounds));
    while !script.is_over() {
        run.step(&mut script);
        run.check();
    }
    run.finish();
}

struct Session {
    /// What each side has been given to say.
    said: [Vec<u8>; 2],
    /// How much of it was heard and found right.
    checked: [usize; 2],
    key: Option<u64>,
    opener: usize,
    port: u16,
    is_reset: bool,
}

impl Session {
    fn new(opener: usize, port: u16) -> Self {
        let (said, checked) = Default::default();
        Self { said, checked, key: None, opener, port, is_reset: false }
    }
}

struct Run {
    pair: Pair,
    sessions: Vec<Session>,
    said: usize,
    /// Ways that were closed.
    finished: BTreeSet<(usize, u64)>,
    /// Nothing forged was believed: with real MACs always, in a fuzzer's build until something
    /// is bent.
    is_honest: bool,
}

impl Run {
    fn new(mut pair: Pair) -> Self {
        let port = 1;
        let key = Some(pair.open(0, port));
        let first = Session { key, ..Session::new(0, port) };
        Self { pair, sessions: vec![first], said: 0, finished: BTreeSet::new(), is_honest: true }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let code = script.byte();
        let side = usize::from(code >> 4 & 1);
        match code & 0x0f {
            0 => self.open(side),
            1 => self.say(side, script),
            2 | 3 => {
                for _ in 0..=script.byte() {
                    let Some(frame) = self.pair.wire[side].pop_front() else { break };
                    self.pair.deliver(side, &frame);
                }
            }
            4 => drop(self.pair.wire[side].pop_front()),
            5 => self.pair.wire[side].clear(),
            6 => {
                let twice = self.pair.wire[side].front().cloned();
                self.pair.wire[side].extend(twice);
            }
            7 => {
                let late = self.pair.wire[side].pop_front();
                self.pair.wire[side].extend(late);
            }
            8 => self.bend(side, script),
            9 => self.replay(side, script),
            10 => self.pair.wait(Duration::from_millis(u64::from(script.byte()))),
            11 => self.pair.wait(Duration::from_secs(u64::from(script.byte()))),
            12 => {
                let (up, now) = (script.byte() & 1 != 0, self.pair.now);
                self.pair.sides[side].peers.set_uplink(up, now);
                self.pair.collect();
            }
            13 => {
                let now = self.pair.now;
                self.pair.sides[side].peers.path_changed(now);
                self.pair.collect();
            }
            14 => self.end(side, script),
            _ => {
                self.pair.sides[side].reads = script.byte() & 1 != 0;
                self.pair.collect();
            }
        }
        self.learn_keys();
    }

    fn open(&mut self, opener: usize) {
        let port = self.sessions.len() as u16 + 1;
        if port <= SESSIONS_MAX {
            self.pair.ask(opener, port);
            self.sessions.push(Session::new(opener, port));
        }
    }

    fn learn_keys(&mut self) {
        for session in self.sessions.iter_mut().filter(|session| session.key.is_none()) {
            session.key = self.pair.started(session.opener, session.port);
        }
    }

    fn session(&mut self, script: &mut Script<'_>) -> &mut Session {
        let at = script.below(self.sessions.len());
        &mut self.sessions[at]
    }

    fn say(&mut self, side: usize, script: &mut Script<'_>) {
        let start = self.said;
        let at = script.below(self.sessions.len());
        let session = &mut self.sessions[at];
        let Some(key) = session.key.filter(|_| !session.is_reset) else { return };
        let count = script.short().min(SAID_MAX.saturating_sub(start));
        let bytes: Vec<u8> = (start..start + count).map(|at| (at * 31 % 251) as u8).collect();
        if self.finished.contains(&(side, key)) {
            return;
        }
        session.said[side].extend(&bytes);
        self.said += count;
        self.pair.say(side, key, &bytes);
    }

    /// Half-close, or the end of both ways at once.
    fn end(&mut self, side: usize, script: &mut Script<'_>) {
        let how = script.byte();
        let session = self.session(script);
        let Some(key) = session.key else { return };
        if !how.is_multiple_of(4) {
            self.finished.insert((side, key));
            self.pair.sides[side].to_finish.insert(key);
        } else {
            session.is_reset = true;
            let (peer, now) = (self.pair.peer_of(side), self.pair.now);
            let reason = crate::wire::reason::Reason::ByApplication;
            self.pair.sides[side].peers.with(&peer, |tunnel| tunnel.reset(key, reason, now));
        }
        self.pair.collect();
    }

    /// Delivers a bent copy of what is under way: flipped, cut, lengthened or turned back.
    fn bend(&mut self, side: usize, script: &mut Script<'_>) {
        let how = script.byte();
        let place = script.short();
        let Some(mut frame) = self.pair.wire[side].front().cloned() else { return };
        let mut to = side;
        // What a relay may change (hops, the congestion mark) is not under the MAC.
        let sealed = FRAME_HEADER + ROUTE_LEN;
        match how % 4 {
            0 => {
                let at = sealed + place % (frame.len() - sealed);
                frame[at] ^= 1 << (how >> 2 & 7);
            }
            1 => frame.truncate(FRAME_HEADER + place % (frame.len() - FRAME_HEADER)),
            2 => frame.resize((frame.len() + 1 + place).min(FRAME_MAX), how),
            _ => to = 1 - side,
        }
        self.deliver_forged(to, &frame);
    }

    fn deliver_forged(&mut self, to: usize, frame: &[u8]) {
        // What is due now would leave with or without the forgery.
        let now = self.pair.now;
        self.pair.sides[to].peers.tick(now);
        self.pair.collect();
        let before = state(&self.pair.sides[to]);
        let (seen, under_way) = (self.pair.sides[to].events.len(), self.pair.archive[1 - to].len());
        let header = frame.get(FRAME_HEADER + ROUTE_LEN..).unwrap_or_default();
        let is_sealed = Header::parse(header).is_ok_and(|header| !is_open(header.kind));
        let has_tunnel = self.pair.sides[to].peers.tunnel(&self.pair.peer_of(to)).is_some();
        let forged = self.pair.count(to, "forged");
        self.pair.deliver(to, frame);
        if cfg!(fuzzing) {
            // FR-07: no MAC stops the fuzzer, only a packet too short to have one.
            let is_short = frame.len() < HEAD_ROOM + ICV_MAX;
            assert!(is_short || self.pair.count(to, "forged") <= forged, "the MAC is in the way");
            self.is_honest = false;
        } else if is_sealed && has_tunnel {
            assert_eq!(state(&self.pair.sides[to]), before, "a forgery moves nothing");
            assert_eq!(self.pair.sides[to].events.len(), seen, "a forgery tells nothing");
            assert_eq!(self.pair.archive[1 - to].len(), under_way, "a forgery is not answered");
        }
    }

    fn replay(&mut self, side: usize, script: &mut Script<'_>) {
        let place = script.short();
        let count = self.pair.archive[side].len();
        if count > 0 {
            let frame = self.pair.archive[side][place % count].clone();
            self.pair.deliver(side, &frame);
        }
    }

    /// What was heard is a beginning of what was said.
    fn check(&mut self) {
        if !self.is_honest {
            return;
        }
        for session in &mut self.sessions {
            let Some(key) = session.key else { continue };
            for side in [0, 1] {
                let Some(heard) = self.pair.sides[1 - side].heard.get(&key) else { continue };
                let news = session.checked[side]..heard.len();
                let said = session.said[side].get(news.clone());
                assert!(said == Some(&heard[news]), "bytes out of order");
                session.checked[side] = heard.len();
            }
        }
    }

    /// The network behaves from now on: all that was said arrives.
    fn finish(mut self) {
        let now = self.pair.now;
        for side in &mut self.pair.sides {
            side.reads = true;
            side.peers.set_uplink(true, now);
            side.peers.path_changed(now);
        }
        self.pair.flow(Duration::from_secs(60));
        self.check();
        if !self.is_honest {
            return;
        }
        let lost = self.lost();
        for session in self.sessions.iter().filter(|session| !session.is_reset) {
            let Some(key) = session.key else { panic!("a session never started") };
            if lost.contains(&key) {
                continue;
            }
            for side in [0, 1] {
                let heard = self.pair.sides[1 - side].heard.get(&key);
                assert_eq!(
                    heard.map_or(0, Vec::len),
                    session.said[side].len(),
                    "bytes are missing"
                );
            }
        }
        for side in &self.pair.sides {
            assert!(side.pool.used() <= REST_MAX, "{} bytes are held", side.pool.used());
        }
    }

    /// Sessions that a new handshake ended, with a reset to their applications.
    fn lost(&self) -> BTreeSet<u64> {
        let events = self.pair.sides.iter().flat_map(|side| &side.events);
        events
            .filter_map(|event| match event {
                Happening::Tunnel(Event::Reset(key, _)) => Some(*key),
                _ => None,
            })
            .collect()
    }
}

/// Whether packets of this type are not sealed, or speak in a handshake.
fn is_open(kind: ConType) -> bool {
    matches!(
        kind,
        ConType::Hello
            | ConType::HelloBack
            | ConType::Finished
            | ConType::Unreachable
            | ConType::Refused
            | ConType::Retry
    )
}

fn state(side: &Side) -> (Fingerprint, Option<crate::base::machine::Deadline>) {
    let mut print = Fingerprint::default();
    side.peers.fold(&mut print);
    (print, side.peers.next_timeout())
}
