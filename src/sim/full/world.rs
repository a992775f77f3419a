//! Real CLOAK cores over streams in virtual time.
//!
//! A [`World`] drives its nodes as a reactor does: it reads for them, writes for them, dials for
//! them and wakes them. Equal seeds give equal lives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::agenda::Agenda;
use super::stream::{End, Piece, Stream};
use super::tally::Tally;
use super::visitor::{Receipt, Visitor};
use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Input, Machine};
use crate::cloak::config::PIPE;
use crate::cloak::{Cloak, CloakConfig, Remembered};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::overlay::forest::verified::Verified;
use crate::overlay::hyperbolic::{Hyperbolic, Settings};
use crate::overlay::routes::Routes;
use crate::sim::dice::dice;
use crate::sim::graph::Node;
use crate::wire::packet::ConType;

/// The wall clock at the beginning, in milliseconds.
const BORN: u64 = 1_700_000_000_000;
/// Where every node listens.
const PORT: u16 = 7001;
/// Bytes of packet memory of one node.
const MEMORY: usize = 64 << 20;
/// Good signatures that the nodes remember together: to find out is most of the time it takes.
const VERIFIED: usize = 1 << 20;

/// How the nodes of a world are made, and how far they are from each other.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Trees of the overlay.
    pub trees: u8,
    /// Nodes that go before all others as roots.
    pub roots: Vec<Node>,
    /// A piece travels this long at least …
    pub nearest: Duration,
    /// … and this long at most, always the same between two nodes.
    pub farthest: Duration,
    /// This share of all pieces is lost, and sent again late.
    pub loss: f64,
    /// Whether each node has a client with a record of its own.
    pub has_visitors: bool,
    /// Where all that is random comes from.
    pub seed: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            trees: 3,
            roots: Vec::new(),
            nearest: Duration::from_millis(5),
            farthest: Duration::from_millis(50),
            loss: 0.0,
            has_visitors: false,
            seed: 7,
        }
    }
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Its process is killed; the kernel closes its links.
    Killed,
    /// Its power or its network is gone; nobody is told.
    Silent,
}

#[derive(Debug)]
pub(super) enum Event {
    Wake(Node, u32),
    Arrive(u64, usize),
    /// A call reaches this address; who called, over how long a way.
    Call(End, Endpoint),
    /// The caller hears the answer: the stream, or that nobody listens.
    Answer(End, Option<u64>),
}

/// What a link of a node is joined to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plug {
    Calling,
    Stream(u64, usize),
    Visitor,
}

pub(super) struct Resident {
    identity: Rc<Identity>,
    peers: Vec<Node>,
    pub(super) core: Option<Cloak>,
    pub(super) life: u32,
    pub(super) plugs: BTreeMap<LinkId, Plug>,
    wake: Option<Time>,
    pub(super) visitor: Option<(LinkId, Visitor)>,
}

/// The nodes and what joins them.
pub struct World {
    /// The instant.
    pub now: Time,
    /// What nodes have said to nodes so far.
    pub tally: Tally,
    /// What became of questions, and when.
    pub receipts: Vec<(Receipt, Time)>,
    pub(super) plan: Plan,
    pub(super) residents: Vec<Resident>,
    pub(super) streams: BTreeMap<u64, Stream>,
    /// Streams opened so far: each has a number of its own.
    pub(super) opened: u64,
    pub(super) agenda: Agenda<Event>,
    /// The side of the divide on which each node stands, and since when.
    pub(super) divide: Option<(Vec<bool>, Time)>,
    /// Nodes that swallow what they should pass on.
    pub(super) holes: BTreeSet<Node>,
    /// Links that said they have something to write.
    pub(super) to_flush: VecDeque<LinkId>,
    pub(super) rng: Rng,
    verified: Verified,
}

pub(super) fn address(node: Node) -> Endpoint {
    Endpoint::Tcp(SocketAddr::from((Ipv4Addr::from(0x0a00_0000 | node), PORT)))
}

pub(super) fn node_at(endpoint: &Endpoint) -> Option<Node> {
    match endpoint {
        Endpoint::Tcp(SocketAddr::V4(at)) => Some(u32::from(*at.ip()) & 0x00ff_ffff),
        _ => None,
    }
}

impl World {
    /// A world in which nobody lives yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            now: Time::ZERO,
            tally: Tally::default(),
            receipts: Vec::new(),
            rng: dice(plan.seed, "world"),
            verified: Verified::new(VERIFIED),
            plan,
            residents: Vec::new(),
            streams: BTreeMap::new(),
            opened: 0,
            agenda: Agenda::default(),
            divide: None,
            holes: BTreeSet::new(),
            to_flush: VecDeque::new(),
        }
    }

    /// Gives a place to a node that will dial these others; it does not live yet.
    pub fn settle(&mut self, peers: &[Node]) -> Node {
        let node = self.residents.len() as Node;
        self.residents.push(Resident {
            identity: Rc::new(Identity::from_seed(self.identity_seed(node))),
            peers: peers.to_vec(),
            core: None,
            life: 0,
            plugs: BTreeMap::new(),
            wake: None,
            visitor: None,
        });
        node
    }

    fn identity_seed(&self, node: Node) -> [u8; 32] {
        dice(self.plan.seed, &format!("identity {node}")).array()
    }

    /// How many nodes have a place.
    #[must_use]
    pub fn nodes(&self) -> Node {
        self.residents.len() as Node
    }

    /// The Name of a node, and of its client.
    #[must_use]
    pub fn name(&self, node: Node) -> Name {
        self.residents[node as usize].identity.name()
    }

    /// Whether a node lives.
    #[must_use]
    pub fn is_alive(&self, node: Node) -> bool {
        self.residents[node as usize].core.is_some()
    }

    /// The core of a node that lives.
    #[must_use]
    pub fn core(&self, node: Node) -> Option<&Cloak> {
        self.residents[node as usize].core.as_ref()
    }

    /// The overlay at a node that lives.
    #[must_use]
    pub fn overlay(&self, node: Node) -> Option<&Hyperbolic> {
        self.core(node)?.hyperbolic()
    }

    /// Whether packets can be sent from a node, or to it.
    #[must_use]
    pub fn is_attached(&self, node: Node) -> bool {
        let visitor = &self.residents[node as usize].visitor;
        self.is_alive(node) && visitor.as_ref().is_some_and(|(_, visitor)| visitor.is_attached())
    }

    /// Pairs of living nodes between which a stream is open and carries.
    pub fn links(&self) -> impl Iterator<Item = (Node, Node)> + '_ {
        let is_open =
            |stream: &&Stream| !stream.is_silent && stream.ends.iter().all(|end| self.is_open(end));
        let pairs = self.streams.values().filter(is_open).map(|s| (s.ends[0].node, s.ends[1].node));
        pairs.filter(|(a, b)| !self.is_divided(*a, *b))
    }

    /// Starts a node.
    pub fn start(&mut self, node: Node) {
        let born = BORN + self.now.as_nanos() / 1_000_000;
        let roots = self.plan.roots.iter().map(|root| self.name(*root)).collect();
        let resident = &self.residents[node as usize];
        let config = CloakConfig {
            identity: self.identity_seed(node),
            listen: Some(address(node)),
            local: None,
            control: None,
            peers: resident.peers.iter().map(|peer| address(*peer)).collect(),
            overlay: Some(Settings { trees: self.plan.trees, roots, born, ..Settings::default() }),
            routes: Routes::default(),
            leaf: false,
            remembered: Remembered::default(),
            memory: MEMORY,
            descriptors: crate::base::limits::DESCRIPTORS_DEFAULT,
        };
        let seed = self.rng.array();
        let resident = &mut self.residents[node as usize];
        resident.life += 1;
        let mut core = Cloak::new(config, seed, self.now);
        core.share(&self.verified);
        resident.core = Some(core);
        self.tell(node, Input::Start);
        if self.plan.has_visitors {
            self.attach(node, born);
        }
    }

    fn attach(&mut self, node: Node, born: u64) {
        let resident = &mut self.residents[node as usize];
        let visitor = Visitor::new(&resident.identity, born, &mut self.rng, self.now);
        let from = Endpoint::Unix("client".into());
        let Some(core) = &mut resident.core else { return };
        let Some(link) = core.accept(PIPE, from, self.now) else { return };
        resident.plugs.insert(link, Plug::Visitor);
        resident.visitor = Some((link, visitor));
        self.follow_up(node);
    }

    /// Asks a node to end in order.
    pub fn stop(&mut self, node: Node) {
        self.tell(node, Input::Stop);
    }

    /// Ends a node.
    pub fn kill(&mut self, node: Node, death: Death) {
        let resident = &mut self.residents[node as usize];
        resident.core = None;
        resident.visitor = None;
        resident.wake = None;
        for plug in std::mem::take(&mut resident.plugs).into_values() {
            let Plug::Stream(id, end) = plug else { continue };
            match death {
                Death::Killed => self.send(id, end, Piece::Reset),
                Death::Silent => {
                    if let Some(stream) = self.streams.get_mut(&id) {
                        stream.is_silent = true;
                    }
                }
            }
        }
    }

    /// A node does all that is right from now on, but passes no packet on.
    pub fn swallow(&mut self, node: Node) {
        self.holes.insert(node);
    }

    /// A question with this number, from client to client.
    pub fn ask(&mut self, from: Node, to: Node, number: u64) {
        let name = self.name(to);
        if let Some((_, visitor)) = &mut self.residents[from as usize].visitor {
            visitor.send(&name, ConType::Probe, number, self.now);
            self.follow_up(from);
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some((at, event)) = self.agenda.next(until) {
            self.now = at;
            match event {
                Event::Wake(node, life) => self.wake(node, life),
                Event::Arrive(stream, end) => self.arrive(stream, end),
                Event::Call(caller, at) => self.call(caller, &at),
                Event::Answer(caller, stream) => self.answer(caller, stream),
            }
        }
        self.now = until;
    }

    /// Whether an end is still somebody's.
    pub(super) fn is_open(&self, end: &End) -> bool {
        let resident = &self.residents[end.node as usize];
        let is_present = resident.core.is_some() && resident.life == end.life;
        is_present && resident.plugs.contains_key(&end.link)
    }

    fn wake(&mut self, node: Node, life: u32) {
        let resident = &mut self.residents[node as usize];
        if resident.life == life && resident.wake.is_some_and(|at| at <= self.now) {
            resident.wake = None;
            self.tell(node, Input::Timeout);
        }
    }

    pub(super) fn tell(&mut self, node: Node, input: Input<'_>) {
        if let Some(core) = &mut self.residents[node as usize].core {
            core.handle(input, self.now);
            self.follow_up(node);
        }
    }

    /// Does what a node wants after each thing that happened to it.
    pub(super) fn follow_up(&mut self, node: Node) {
        loop {
            self.act(node);
            if let Some(link) = self.to_flush.pop_front() {
                self.flush(node, link);
            } else if !self.serve_visitor(node) {
                break;
            }
        }
        let resident = &mut self.residents[node as usize];
        let Some(due) = resident.core.as_ref().and_then(Machine::next_timeout) else { return };
        if resident.wake.is_none_or(|at| due.at < at) {
            let at = due.at.max(self.now);
            resident.wake = Some(at);
            self.agenda.plan(at, Event::Wake(node, resident.life));
        }
    }

    pub(super) fn act(&mut self, node: Node) {
        while let Some(action) = self.residents[node as usize].core.as_mut().and_then(Machine::poll)
        {
            match action {
                Action::Connect(link, at) => self.dial(node, link, at),
                Action::Flush(link) => self.to_flush.push_back(link),
                Action::Resume(link) => self.resume(node, link),
                Action::Close(link) => {
                    self.flush(node, link);
                    self.unplug(node, link, Piece::Fin);
                }
                Action::Abort(link) => self.unplug(node, link, Piece::Reset),
                Action::Exit(_) => self.kill(node, Death::Killed),
                Action::Listen(..) | Action::Unlisten(_) => {}
                Action::Shutdown(_) | Action::Keep(..) => {}
            }
        }
    }

    fn unplug(&mut self, node: Node, link: LinkId, last: Piece) {
        let resident = &mut self.residents[node as usize];
        match resident.plugs.remove(&link) {
            Some(Plug::Stream(id, end)) => self.send(id, end, last),
            Some(Plug::Visitor) => resident.visitor = None,
            Some(Plug::Calling) | None => {}
        }
    }

    fn resume(&mut self, node: Node, link: LinkId) {
        let Some(Plug::Stream(id, end)) = self.residents[node as usize].plugs.get(&link) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(id) else { return };
        if std::mem::take(&mut stream.ways[1 - end].is_stalled) {
            self.agenda.plan(self.now, Event::Arrive(*id, 1 - end));
        }
    }
}
