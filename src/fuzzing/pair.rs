//! Two devices back to back in virtual time, the network between them in the caller's hands.
//!
//! What one side's tunnels want sent stands in [`Pair::wire`] until somebody delivers it, drops
//! it, bends it or repeats it. The applications of each side say what they are given to say and
//! remember what they hear, so that any run can be held against "every byte once and in order".

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::PAYLOAD_MAX;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::crypto::suite::Suite;
use crate::session::envelope;
use crate::session::peers::{Happening, Peers, Policy};
use crate::session::tunnel::{Bounds, Event};

/// Time a packet takes from one side to the other.
pub const DELAY: Duration = Duration::from_millis(1);
/// Steps of one [`Pair::flow`]: more means that the two sides keep each other busy for nothing.
const STEPS_MAX: usize = 100_000;
/// Packet memory of a side, in bytes.
const MEMORY: usize = 64 << 20;

/// The first side, which mostly dials.
pub const A: usize = 0;
/// The second side.
pub const B: usize = 1;

/// One device: its tunnels, and what its applications say and hear.
pub struct Side {
    /// Who it is.
    pub name: Name,
    /// Its tunnels.
    pub peers: Peers,
    /// Its packet memory.
    pub pool: Pool,
    /// All that happened.
    pub events: Vec<Happening>,
    /// What was heard, by session.
    pub heard: BTreeMap<u64, Vec<u8>>,
    /// Bytes still to be said, by session.
    pub to_say: BTreeMap<u64, VecDeque<u8>>,
    /// Sessions that end once all is said.
    pub to_finish: BTreeSet<u64>,
    /// Whether the applications read.
    pub reads: bool,
}

impl Side {
    /// A device with the identity of this seed.
    #[must_use]
    pub fn new(seed: u8, allowed: &[Name], suites: &[Suite], bounds: Bounds) -> Self {
        let identity = Rc::new(Identity::from_seed([seed; 32]));
        let (pool, mut rng) = (Pool::new(MEMORY), Rng::new([seed ^ 0x55; 32]));
        let policy = Policy {
            identity: Rc::clone(&identity),
            boot: rng.array(),
            suites: suites.to_vec(),
            secrets: BTreeMap::new(),
            allowed: allowed.iter().copied().collect(),
            notify: BTreeSet::new(),
            bounds,
        };
        let mut peers = Peers::new(policy, pool.clone(), rng);
        peers.set_uplink(true, Time::ZERO);
        Self {
            name: identity.name(),
            peers,
            pool,
            events: Vec::new(),
            heard: BTreeMap::new(),
            to_say: BTreeMap::new(),
            to_finish: BTreeSet::new(),
            reads: true,
        }
    }

    /// Whether this happened in a tunnel.
    #[must_use]
    pub fn saw(&self, event: Event) -> bool {
        self.events.contains(&Happening::Tunnel(event))
    }

    /// Takes in a whole packet frame.
    pub fn receive(&mut self, frame: &[u8], now: Time) {
        let mut buffer = self.pool.take(frame.len());
        buffer.extend(frame);
        self.peers.receive(buffer, now);
    }

    /// What the applications do: accept, take what is there, say what they have.
    pub fn work(&mut self, peer: &Name, now: Time) {
        while let Some((_, happening)) = self.peers.poll_happening() {
            if let Happening::Tunnel(Event::Incoming(key, _)) = happening {
                self.peers.with(peer, |tunnel| tunnel.accept(key, now));
                self.heard.entry(key).or_default();
            }
            if let Happening::Started(_, key) = happening {
                self.heard.entry(key).or_default();
            }
            self.events.push(happening);
        }
        if self.reads {
            self.read(peer, now);
        }
        let keys: Vec<u64> = self.to_say.keys().copied().collect();
        for key in keys {
            self.say(peer, key, now);
        }
        let done = |key: &u64| self.to_say.get(key).is_none_or(VecDeque::is_empty);
        let finished: Vec<u64> = self.to_finish.iter().copied().filter(done).collect();
        for key in finished {
            self.to_finish.remove(&key);
            self.peers.with(peer, |tunnel| tunnel.finish(key, now));
        }
    }

    fn read(&mut self, peer: &Name, now: Time) {
        for (key, heard) in &mut self.heard {
            let Some(tunnel) = self.peers.tunnel(peer) else { return };
            let before = heard.len();
            tunnel.ready(*key).for_each(|bytes| heard.extend_from_slice(bytes));
            let count = heard.len() - before;
            if count > 0 {
                self.peers.with(peer, |tunnel| tunnel.consume(*key, count, now));
            }
        }
    }

    fn say(&mut self, peer: &Name, key: u64, now: Time) {
        while let Some(bytes) = self.to_say.get_mut(&key).filter(|bytes| !bytes.is_empty()) {
            let room = self.peers.with(peer, |tunnel| tunnel.room(key, now));
            let Some(Ok(room)) = room else { return };
            let count = room.min(bytes.len()).min(PAYLOAD_MAX);
            let mut payload = envelope::blank(&self.pool, count);
            let said: Vec<u8> = bytes.drain(..count).collect();
            payload.extend(&said);
            self.peers.with(peer, |tunnel| tunnel.send(key, payload, now));
        }
    }
}

/// The two devices and what is under way between them.
pub struct Pair {
    /// The time.
    pub now: Time,
    /// The devices.
    pub sides: [Side; 2],
    /// Packets under way to each side, oldest first.
    pub wire: [VecDeque<Vec<u8>>; 2],
    /// Everything that was ever under way to each side.
    pub archive: [Vec<Vec<u8>>; 2],
}

impl Default for Pair {
    fn default() -> Self {
        Self::new(&Suite::ALL, Bounds::default())
    }
}

impl Pair {
    /// Two devices that have not met and allow each other.
    #[must_use]
    pub fn new(suites: &[Suite], bounds: Bounds) -> Self {
        let name_of_b = Identity::from_seed([2; 32]).name();
        let a = Side::new(1, &[name_of_b], suites, bounds);
        let b = Side::new(2, &[a.name], suites, bounds);
        Self {
            now: Time::ZERO,
            sides: [a, b],
            wire: Default::default(),
            archive: Default::default(),
        }
    }

    /// The other side's Name.
    #[must_use]
    pub fn peer_of(&self, side: usize) -> Name {
        self.sides[1 - side].name
    }

    /// Lets the applications work, and puts what the sides want sent on the wire.
    pub fn collect(&mut self) {
        for from in [A, B] {
            let peer = self.peer_of(from);
            self.sides[from].work(&peer, self.now);
            while let Some(packet) = self.sides[from].peers.poll_packet() {
                self.archive[1 - from].push(packet.to_vec());
                self.wire[1 - from].push_back(packet.to_vec());
            }
        }
    }

    /// Gives a packet to a side.
    pub fn deliver(&mut self, to: usize, frame: &[u8]) {
        self.sides[to].receive(frame, self.now);
        self.collect();
    }

    /// Lets time pass in which nothing is delivered but the clock rings where it must.
    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..STEPS_MAX {
            self.collect();
            let due = self.due().filter(|due| *due <= end);
            let Some(due) = due else {
                self.now = end;
                return;
            };
            self.tick(due);
        }
        panic!("timers ring for ever");
    }

    /// Lets time pass with a network that does its best.
    pub fn flow(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..STEPS_MAX {
            self.collect();
            if self.wire.iter().all(VecDeque::is_empty) {
                let due = self.due().filter(|due| *due <= end);
                let Some(due) = due else {
                    self.now = end;
                    return;
                };
                self.tick(due);
                continue;
            }
            let under_way = std::mem::take(&mut self.wire);
            self.now = self.now + DELAY;
            for (to, frames) in under_way.into_iter().enumerate() {
                frames.iter().for_each(|frame| self.deliver(to, frame));
            }
            let now = self.now;
            self.tick(now);
        }
        panic!("the two sides keep each other busy for ever");
    }

    fn due(&self) -> Option<Time> {
        let due = |side: &Side| side.peers.next_timeout().map(|deadline| deadline.at);
        self.sides.iter().filter_map(due).min()
    }

    fn tick(&mut self, at: Time) {
        self.now = self.now.max(at);
        let now = self.now;
        self.sides.iter_mut().for_each(|side| side.peers.tick(now));
    }

    /// Asks for a session from a port that tells it from all others.
    pub fn ask(&mut self, from: usize, port: u16) {
        let peer = self.peer_of(from);
        self.sides[from].peers.open(peer, u64::from(port), port, 22, self.now);
        self.collect();
    }

    /// Opens a session over a network that works, and gives its key.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn open(&mut self, from: usize, port: u16) -> u64 {
        self.ask(from, port);
        self.flow(Duration::from_millis(50));
        self.started(from, port).expect("the session starts")
    }

    /// The key of the session asked for from this port.
    #[must_use]
    pub fn started(&self, from: usize, port: u16) -> Option<u64> {
        self.sides[from].events.iter().rev().find_map(|event| match event {
            Happening::Started(ticket, key) if *ticket == u64::from(port) => Some(*key),
            _ => None,
        })
    }

    /// Gives an application something to say.
    pub fn say(&mut self, from: usize, key: u64, bytes: &[u8]) {
        self.sides[from].to_say.entry(key).or_default().extend(bytes);
        self.collect();
    }

    /// A count of what a side dropped or noticed.
    #[must_use]
    pub fn count(&self, side: usize, name: &str) -> u64 {
        self.sides[side].peers.counters().get(name)
    }

    /// Whether a side's tunnel is suspended.
    #[must_use]
    pub fn is_out(&self, side: usize) -> bool {
        let tunnel = self.sides[side].peers.tunnel(&self.peer_of(side));
        tunnel.is_some_and(|tunnel| tunnel.outage().0.is_some())
    }
}
