//! Alice's device, a relay and Bob's device joined in memory: real cores, no sockets.
//!
//! What is measured here is the cores alone. The driver obeys the Machine's laws and reuses its
//! own memory, so that what an allocation counter sees is the cores'.

use std::collections::VecDeque;
use std::time::Duration;

use muses::base::clock::Time;
use muses::base::ids::Endpoint;
use muses::base::limits::{MEMORY_DEFAULT, PAYLOAD_MAX, TREES_DEFAULT};
use muses::base::links::LinkId;
use muses::base::machine::{Action, Input, Machine, Port, Slices};
use muses::cloak::config::LISTEN;
use muses::cloak::{Cloak, CloakConfig, Remembered};
use muses::crypto::identity::Identity;
use muses::crypto::suite::Suite;
use muses::device::{Device, DeviceConfig};
use muses::node::config::{Forward, NodeConfig, Offer};
use muses::overlay::hyperbolic::Settings;
use muses::overlay::routes::Routes;

/// The first forward's port.
const FORWARD: Port = Port(0x1000);
const SERVICE: u16 = 80;
/// Payloads that an application writes at once.
const BURST: usize = 8;
/// Time that passes in a round.
const ROUND: Duration = Duration::from_micros(50);

/// A stream's end: whose, and under what name.
type End = (usize, LinkId);

/// Places of the machines.
const ALICE: usize = 0;
const RELAY: usize = 1;
const BOB: usize = 2;

/// The three, and sessions between applications of Alice's and a service of Bob's.
pub(crate) struct Chain {
    machines: [Box<dyn Machine>; 3],
    /// Streams between machines.
    pipes: Vec<(End, End)>,
    /// The application's link and the service's, of each session.
    pub(crate) sessions: Vec<(LinkId, LinkId)>,
    services: VecDeque<LinkId>,
    /// Bytes each session has still to write, kept for its memory.
    unsent: Vec<[usize; 2]>,
    now: Time,
    /// What machines said since the last look.
    calls: VecDeque<(usize, Action)>,
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

fn cloak(seed: u8, listen: bool) -> CloakConfig {
    CloakConfig {
        identity: [seed; 32],
        listen: listen.then(|| endpoint("127.0.0.1:1")),
        local: None,
        control: None,
        peers: if listen { Vec::new() } else { vec![endpoint("127.0.0.1:1")] },
        overlay: Some(Settings {
            trees: TREES_DEFAULT,
            roots: Vec::new(),
            born: 1,
            ..Settings::default()
        }),
        routes: Routes::default(),
        leaf: !listen,
        remembered: Remembered::default(),
        memory: MEMORY_DEFAULT,
        descriptors: muses::base::limits::DESCRIPTORS_DEFAULT,
    }
}

fn device(seed: u8, node: NodeConfig) -> Box<dyn Machine> {
    // The embedded CLOAK node goes by the device's own Name, as in the daemon.
    let cloak = Some(CloakConfig { identity: node.identity, ..cloak(seed, false) });
    Box::new(Device::new(DeviceConfig { node, cloak, seed: [seed; 32] }, Time::ZERO))
}

impl Chain {
    /// A chain with so many open sessions.
    pub(crate) fn new(suite: Suite, sessions: usize) -> Self {
        let name = |seed: u8| Identity::from_seed([seed; 32]).name();
        let peer = name(3);
        let listen = endpoint("127.0.0.1:2");
        let alice = NodeConfig {
            suite,
            forwards: vec![Forward { listen, peer, port: SERVICE }],
            ..NodeConfig::new([1; 32])
        };
        let target = endpoint("127.0.0.1:3");
        let bob = NodeConfig {
            suite,
            offers: vec![Offer { port: SERVICE, target, allow: Vec::new() }],
            allow: vec![name(1)],
            ..NodeConfig::new([3; 32])
        };
        let relay = Box::new(Cloak::new(cloak(2, true), [2; 32], Time::ZERO));
        let mut chain = Self {
            machines: [device(1, alice), relay, device(3, bob)],
            pipes: Vec::new(),
            sessions: Vec::new(),
            services: VecDeque::new(),
            unsent: Vec::new(),
            now: Time::ZERO,
            calls: VecDeque::new(),
        };
        for at in [RELAY, ALICE, BOB] {
            chain.machines[at].handle(Input::Start, chain.now);
            chain.drain(at);
        }
        chain.rounds(1000);
        (0..sessions).for_each(|_| chain.open());
        chain
    }

    fn open(&mut self) {
        let from = endpoint("127.0.0.1:4");
        let application = self.machines[ALICE].accept(FORWARD, from, self.now).expect("accepted");
        self.drain(ALICE);
        self.rounds(100);
        let service = self.services.pop_front().expect("the session is open");
        self.sessions.push((application, service));
    }

    fn rounds(&mut self, count: usize) {
        (0..count).for_each(|_| self.round());
    }

    /// Writes for an application or a service; how much was taken.
    pub(crate) fn write(&mut self, at: usize, link: LinkId, bytes: &[u8]) -> usize {
        let space = self.machines[at].recv_space(link);
        let count = space.len().min(bytes.len());
        if count > 0 {
            space[..count].copy_from_slice(&bytes[..count]);
            self.machines[at].recv_commit(link, count, self.now);
            self.drain(at);
        }
        count
    }

    /// Reads all there is for an application or a service; how much it was.
    pub(crate) fn read(&mut self, at: usize, link: LinkId) -> usize {
        let mut slices = Slices::default();
        self.machines[at].send_slices(link, &mut slices);
        let count = slices.iter().map(|slice| slice.len()).sum();
        if count > 0 {
            self.machines[at].send_commit(link, count, self.now);
            self.drain(at);
        }
        count
    }

    /// Lets time pass in which nothing happens.
    #[allow(dead_code, reason = "some users of this file never rest")]
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Lets time pass, and moves what the machines have for each other.
    pub(crate) fn round(&mut self) {
        self.now = self.now + ROUND;
        for at in [ALICE, RELAY, BOB] {
            if self.machines[at].next_timeout().is_some_and(|due| due.at <= self.now) {
                self.machines[at].handle(Input::Timeout, self.now);
                self.drain(at);
            }
        }
        while let Some((at, action)) = self.calls.pop_front() {
            self.obey(at, action);
        }
        for pipe in 0..self.pipes.len() {
            let (one, other) = self.pipes[pipe];
            self.carry(one, other);
            self.carry(other, one);
        }
    }

    /// Moves `packets` payloads of `len` bytes each way in every session.
    pub(crate) fn transfer(&mut self, packets: usize, len: usize) {
        let bytes = [7; PAYLOAD_MAX];
        let total = packets * len * self.sessions.len();
        let mut unsent = std::mem::take(&mut self.unsent);
        unsent.clear();
        unsent.resize(self.sessions.len(), [packets * len; 2]);
        let (mut unread, mut rounds) = ([total; 2], 0);
        while unread != [0; 2] {
            // As many as fit: the window, the queues and acknowledgements set the pace.
            for (session, left) in unsent.iter_mut().enumerate() {
                let (application, service) = self.sessions[session];
                for (side, at, link) in [(0, ALICE, application), (1, BOB, service)] {
                    for _ in 0..BURST {
                        let wanted = len.min(left[side]);
                        let taken = self.write(at, link, &bytes[..wanted]);
                        left[side] -= taken;
                        if taken < wanted || wanted == 0 {
                            break;
                        }
                    }
                }
                unread[0] -= self.read(BOB, service);
                unread[1] -= self.read(ALICE, application);
            }
            self.round();
            rounds += 1;
            assert!(rounds < 100_000, "stuck with {unread:?} unread");
        }
        self.unsent = unsent;
    }

    fn obey(&mut self, at: usize, action: Action) {
        let Action::Connect(link, to) = action else { return };
        if to == endpoint("127.0.0.1:3") {
            self.services.push_back(link);
        } else {
            let far = self.machines[RELAY].accept(LISTEN, to, self.now).expect("accepted");
            self.pipes.push(((at, link), (RELAY, far)));
            self.drain(RELAY);
        }
        self.machines[at].handle(Input::Connected(link), self.now);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        while let Some(action) = self.machines[at].poll() {
            if matches!(action, Action::Connect(..)) {
                self.calls.push_back((at, action));
            }
        }
    }

    /// Moves what one end has to write to the other.
    fn carry(&mut self, from: End, to: End) {
        let [alice, relay, bob] = &mut self.machines;
        let (source, sink) = match (from.0, to.0) {
            (ALICE, _) => (alice, relay),
            (BOB, _) => (bob, relay),
            (_, ALICE) => (relay, alice),
            _ => (relay, bob),
        };
        let mut slices = Slices::default();
        source.send_slices(from.1, &mut slices);
        let mut moved = 0;
        for mut rest in slices.iter().map(|slice| &slice[..]) {
            while !rest.is_empty() {
                let space = sink.recv_space(to.1);
                let count = space.len().min(rest.len());
                if count == 0 {
                    break;
                }
                space[..count].copy_from_slice(&rest[..count]);
                sink.recv_commit(to.1, count, self.now);
                rest = &rest[count..];
                moved += count;
            }
        }
        if moved > 0 {
            source.send_commit(from.1, moved, self.now);
            self.drain(from.0);
            self.drain(to.0);
        }
    }
}
