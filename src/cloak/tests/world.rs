//! A tiny world: CLOAK nodes and users joined by in-memory streams under virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN, ROUTE_LEN};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Cause, Input, Machine, Port, Slices};
use crate::cloak::config::{CONTROL, LISTEN, LOCAL, PIPE};
use crate::cloak::{Cloak, CloakConfig, Remembered};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::link::{Event, Link, LinkError};
use crate::overlay::attached::signed;
use crate::overlay::routes::Routes;
use crate::wire::attachment::Attachment;
use crate::wire::frame::{self, Kind};
use crate::wire::link::Role;
use crate::wire::packet::{ConType, Header, SessId};
use crate::wire::route::{self, Route};
use crate::wire::tree::Standing;

/// Where a node listens for neighbours.
pub(super) fn endpoint(node: u8) -> Endpoint {
    Endpoint::Tcp(([10, 0, 0, node], 7001).into())
}

pub(super) fn name(seed: u8) -> Name {
    Identity::from_seed([seed; 32]).name()
}

pub(super) fn config(node: u8, peers: &[u8], routes: &str) -> CloakConfig {
    CloakConfig {
        identity: [node; 32],
        listen: Some(endpoint(node)),
        local: None,
        control: None,
        peers: peers.iter().map(|peer| endpoint(*peer)).collect(),
        overlay: None,
        routes: routes.parse::<Routes>().expect("good routes"),
        leaf: false,
        remembered: Remembered::default(),
        memory: 64 << 20,
        descriptors: crate::base::limits::DESCRIPTORS_DEFAULT,
    }
}

/// A whole packet frame; its last byte is `mark`.
pub(super) fn packet(from: u8, to: u8, kind: ConType, mark: u8) -> Vec<u8> {
    let total = HEAD_ROOM + 1;
    let mut bytes = vec![mark; total];
    frame::emit(&mut bytes, Kind::Packet, total);
    route::emit(&mut bytes[FRAME_HEADER..], &name(from), &name(to), HOPS_MAX);
    let session = SessId::default();
    let header = Header { kind, suite: 1, last: false, epoch: 1, seq: u64::from(mark), session };
    header.emit(&mut bytes[HEAD_ROOM - PERSISTENT_LEN..]);
    bytes
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Node(u8, LinkId),
    User(usize),
}

/// A stream between two ends. One that swallows takes bytes and delivers none.
struct Stream {
    ends: [End; 2],
    /// Bytes on their way to each end, and when they arrive.
    under_way: [VecDeque<(Time, Vec<u8>)>; 2],
    is_swallowing: bool,
    /// The kernel takes no more bytes.
    is_clogged: bool,
    /// The first end, a user, does not read.
    is_unread: bool,
}

/// What speaks to a node without being one.
pub(super) struct User {
    pub(super) link: Option<Link>,
    /// Who it is if it is a client, which signs that it is attached, with this number.
    pub(super) client: Option<(u8, u64)>,
    /// Raw bytes to send, for who has no link.
    pub(super) raw: Vec<u8>,
    pub(super) heard: Vec<u8>,
    pub(super) packets: Vec<Vec<u8>>,
    pub(super) standings: Vec<Standing>,
    /// The last list of attached Names that it heard.
    pub(super) names: Vec<Attachment>,
    pub(super) ignored: Vec<Kind>,
    /// Bodies of the words about records.
    pub(super) words: Vec<(Kind, Vec<u8>)>,
    pub(super) error: Option<LinkError>,
    pub(super) is_closed: bool,
}

impl User {
    /// Last bytes of the packets of a type that arrived.
    pub(super) fn marks(&self, kind: ConType) -> Vec<u8> {
        let is_kind = |packet: &&Vec<u8>| {
            Header::parse(&packet[FRAME_HEADER + ROUTE_LEN..]).is_ok_and(|h| h.kind == kind)
        };
        self.packets.iter().filter(is_kind).filter_map(|packet| packet.last().copied()).collect()
    }

    pub(super) fn last_route(&self) -> Option<Route<&[u8]>> {
        Route::new_checked(&self.packets.last()?[FRAME_HEADER..]).ok()
    }
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) nodes: BTreeMap<u8, Cloak>,
    pub(super) users: Vec<User>,
    pub(super) exits: BTreeMap<u8, Option<String>>,
    pub(super) delay: Duration,
    /// Nodes that neither read, write nor wake: SIGSTOP.
    pub(super) frozen: Vec<u8>,
    /// The address that all further users come from; each has its own where this is none.
    pub(super) source: Option<[u8; 4]>,
    /// Dialling goes unheard.
    pub(super) is_deaf: bool,
    /// Dials since the start.
    pub(super) dials: usize,
    streams: Vec<Stream>,
    /// Ends that lent no space, until they say otherwise; ends that said they have output.
    paused: BTreeSet<End>,
    to_flush: BTreeSet<End>,
    pool: Pool,
    births: u8,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: Time::ZERO,
            nodes: BTreeMap::new(),
            users: Vec::new(),
            exits: BTreeMap::new(),
            delay: Duration::ZERO,
            frozen: Vec::new(),
            source: None,
            is_deaf: false,
            dials: 0,
            streams: Vec::new(),
            paused: BTreeSet::new(),
            to_flush: BTreeSet::new(),
            pool: Pool::new(256 << 20),
            births: 0,
        }
    }

    pub(super) fn start(&mut self, node: u8, config: CloakConfig) {
        self.births += 1;
        let mut cloak = Cloak::new(config, [self.births; 32], self.now);
        cloak.handle(Input::Start, self.now);
        self.nodes.insert(node, cloak);
    }

    /// SIGKILL: the kernel tells the far ends.
    pub(super) fn kill(&mut self, node: u8) {
        self.nodes.remove(&node);
        let is_its = |end: &End| matches!(end, End::Node(n, _) if *n == node);
        let (dead, alive) = std::mem::take(&mut self.streams)
            .into_iter()
            .partition(|stream| stream.ends.iter().any(is_its));
        self.streams = alive;
        for stream in dead {
            let Stream { ends, .. } = stream;
            ends.into_iter().filter(|end| !is_its(end)).for_each(|end| self.tell_closed(end));
        }
    }

    /// All streams of two nodes break, and both hear of it.
    pub(super) fn cut(&mut self, a: u8, b: u8) {
        let is_of = |end: &End, node| matches!(end, End::Node(n, _) if *n == node);
        let (cut, others) = std::mem::take(&mut self.streams).into_iter().partition(|stream| {
            let [x, y] = &stream.ends;
            is_of(x, a) && is_of(y, b) || is_of(x, b) && is_of(y, a)
        });
        self.streams = others;
        let cut: Vec<Stream> = cut;
        cut.into_iter().flat_map(|stream| stream.ends).for_each(|end| self.tell_closed(end));
    }

    /// All streams of two nodes go silent and stay open; new ones are not touched.
    pub(super) fn swallow(&mut self, a: u8, b: u8) {
        let is_of = |end: &End, node| matches!(end, End::Node(n, _) if *n == node);
        for stream in &mut self.streams {
            let [x, y] = &stream.ends;
            if is_of(x, a) && is_of(y, b) || is_of(x, b) && is_of(y, a) {
                stream.is_swallowing = true;
            }
        }
    }

    /// All streams of two nodes take no more bytes, or do again.
    pub(super) fn clog(&mut self, a: u8, b: u8, is_clogged: bool) {
        let is_of = |end: &End, node| matches!(end, End::Node(n, _) if *n == node);
        for stream in &mut self.streams {
            let [x, y] = &stream.ends;
            if is_of(x, a) && is_of(y, b) || is_of(x, b) && is_of(y, a) {
                stream.is_clogged = is_clogged;
            }
        }
    }

    /// A user goes away.
    pub(super) fn hang_up(&mut self, user: usize) {
        self.close(End::User(user));
        self.users[user].is_closed = true;
    }

    /// Streams between two nodes.
    pub(super) fn streams(&self, a: u8, b: u8) -> usize {
        let node = |end: &End| match end {
            End::Node(node, _) => Some(*node),
            End::User(_) => None,
        };
        let is_between = |stream: &&Stream| {
            let ends = [node(&stream.ends[0]), node(&stream.ends[1])];
            ends == [Some(a), Some(b)] || ends == [Some(b), Some(a)]
        };
        self.streams.iter().filter(is_between).count()
    }

    fn connect_user(&mut self, node: u8, on: Port, link: Option<Link>) -> usize {
        let user = self.users.len();
        let (raw, heard, packets, standings, words) = Default::default();
        let (error, names, ignored) = Default::default();
        let client = None;
        self.users.push(User {
            link,
            client,
            raw,
            heard,
            packets,
            standings,
            words,
            names,
            ignored,
            error,
            is_closed: false,
        });
        let cloak = self.nodes.get_mut(&node).expect("a node");
        let [high, low] = (user as u16).to_be_bytes();
        let from = self.source.unwrap_or([198, 51, high, low]);
        let from = Endpoint::Tcp((from, 40_000).into());
        match cloak.accept(on, from, self.now) {
            Some(id) => self.join(End::User(user), End::Node(node, id)),
            None => self.users[user].is_closed = true,
        }
        user
    }

    fn link(&mut self, seed: u8, role: Role) -> Link {
        self.births += 1;
        let identity = Rc::new(Identity::from_seed([seed; 32]));
        let mut rng = Rng::new([self.births ^ 0x80; 32]);
        Link::new(identity, role, None, &mut rng, &self.pool, self.now).calling()
    }

    /// A MUSeS node with this identity attaches.
    pub(super) fn client(&mut self, node: u8, seed: u8, on: Port) -> usize {
        let link = self.link(seed, Role::Client);
        let user = self.connect_user(node, on, Some(link));
        self.users[user].client = Some((seed, 1 + user as u64));
        user
    }

    pub(super) fn local(&mut self, node: u8, seed: u8) -> usize {
        self.client(node, seed, LOCAL)
    }

    pub(super) fn pipe(&mut self, node: u8, seed: u8) -> usize {
        self.client(node, seed, PIPE)
    }

    /// Somebody who plays a neighbour.
    pub(super) fn neighbour(&mut self, node: u8, seed: u8) -> usize {
        let link = self.link(seed, Role::Neighbour);
        self.connect_user(node, LISTEN, Some(link))
    }

    /// The same with a Name of its own for each pair of bytes.
    pub(super) fn impostor(&mut self, node: u8, [low, high]: [u8; 2]) -> usize {
        self.births = self.births.wrapping_add(1);
        let mut seed = [77; 32];
        (seed[0], seed[1]) = (low, high);
        let identity = Rc::new(Identity::from_seed(seed));
        let mut rng = Rng::new([self.births; 32]);
        let link = Link::new(identity, Role::Neighbour, None, &mut rng, &self.pool, self.now);
        self.connect_user(node, LISTEN, Some(link.calling()))
    }

    /// A user's stream takes no more bytes from its node, or does again.
    pub(super) fn clog_user(&mut self, user: usize, is_clogged: bool) {
        for stream in &mut self.streams {
            if stream.ends[0] == End::User(user) {
                stream.is_unread = is_clogged;
            }
        }
    }

    /// The bytes by which an end says that it is alive arrive from a user, whatever its link does.
    pub(super) fn say_alive(&mut self, user: usize) {
        let mut frame = [0; FRAME_HEADER];
        frame::emit(&mut frame, Kind::Pong, FRAME_HEADER);
        let now = self.now;
        let stream = self.streams.iter_mut().find(|stream| stream.ends[0] == End::User(user));
        if let Some(stream) = stream {
            stream.under_way[1].push_back((now, frame.to_vec()));
        }
    }

    /// Somebody who sends bytes.
    pub(super) fn raw(&mut self, node: u8, on: Port, bytes: &[u8]) -> usize {
        let user = self.connect_user(node, on, None);
        self.users[user].raw.extend_from_slice(bytes);
        user
    }

    pub(super) fn control(&mut self, node: u8, line: &str) -> usize {
        self.raw(node, CONTROL, line.as_bytes())
    }

    pub(super) fn send(&mut self, user: usize, frame: &[u8]) {
        let frame = self.pool.copy(frame);
        let link = self.users[user].link.as_mut().expect("a link");
        assert!(link.send(frame, self.now));
    }

    pub(super) fn count(&self, node: u8, what: &str) -> u64 {
        self.nodes[&node].counters().find(|(name, _)| *name == what).map_or(0, |(_, n)| n)
    }

    fn join(&mut self, a: End, b: End) {
        let under_way = Default::default();
        self.streams.push(Stream {
            ends: [a, b],
            under_way,
            is_swallowing: false,
            is_clogged: false,
            is_unread: false,
        });
    }

    fn tell_closed(&mut self, end: End) {
        match end {
            End::Node(node, id) => {
                if let Some(cloak) = self.nodes.get_mut(&node) {
                    cloak.handle(Input::Closed(id, Cause::Reset), self.now);
                }
            }
            End::User(user) => self.users[user].is_closed = true,
        }
    }

    fn close(&mut self, end: End) {
        let at = self.streams.iter().position(|stream| stream.ends.contains(&end));
        let Some(at) = at else { return };
        let Stream { ends: [a, b], under_way: [to_a, to_b], is_swallowing, .. } =
            self.streams.remove(at);
        // Who is behind a silent path does not hear of the end.
        if !is_swallowing {
            let (far, rest) = if a == end { (b, to_b) } else { (a, to_a) };
            for (_, bytes) in rest {
                self.give(far, &bytes);
            }
            self.tell_closed(far);
        }
    }

    fn act(&mut self, node: u8, action: Action) {
        match action {
            Action::Listen(port, at) => self.input(node, Input::Listening(port, at)),
            Action::Connect(id, at) => self.connect(node, id, &at),
            Action::Close(id) | Action::Abort(id) => self.close(End::Node(node, id)),
            Action::Exit(why) => drop(self.exits.insert(node, why)),
            Action::Resume(id) => drop(self.paused.remove(&End::Node(node, id))),
            Action::Flush(id) => drop(self.to_flush.insert(End::Node(node, id))),
            Action::Unlisten(_) | Action::Shutdown(_) | Action::Keep(..) => (),
        }
    }

    pub(super) fn input(&mut self, node: u8, input: Input<'_>) {
        if let Some(cloak) = self.nodes.get_mut(&node) {
            cloak.handle(input, self.now);
        }
    }

    fn connect(&mut self, node: u8, id: LinkId, at: &Endpoint) {
        self.dials += 1;
        if self.is_deaf {
            return;
        }
        let target = self.nodes.keys().copied().find(|other| endpoint(*other) == *at);
        let accepted = target.and_then(|target| {
            let cloak = self.nodes.get_mut(&target)?;
            Some((target, cloak.accept(LISTEN, endpoint(node), self.now)?))
        });
        match accepted {
            Some((target, other)) => {
                self.join(End::Node(node, id), End::Node(target, other));
                self.input(node, Input::Connected(id));
            }
            None => self.input(node, Input::Closed(id, Cause::Refused)),
        }
    }

    /// Takes what an end has to write.
    fn take(&mut self, end: End) -> Vec<u8> {
        let collect = |slices: &Slices<'_>| slices.iter().flat_map(|part| part.to_vec()).collect();
        let mut slices = Slices::default();
        match end {
            End::Node(node, id) => {
                let Some(cloak) = self.nodes.get_mut(&node) else { return Vec::new() };
                if !self.to_flush.contains(&end) {
                    return Vec::new();
                }
                cloak.send_slices(id, &mut slices);
                let bytes: Vec<u8> = collect(&slices);
                if bytes.is_empty() {
                    self.to_flush.remove(&end);
                }
                cloak.send_commit(id, bytes.len(), self.now);
                bytes
            }
            End::User(user) => {
                let user = &mut self.users[user];
                let Some(link) = &mut user.link else { return std::mem::take(&mut user.raw) };
                link.send_slices(&mut slices);
                let bytes: Vec<u8> = collect(&slices);
                link.send_commit(bytes.len(), self.now);
                bytes
            }
        }
    }

    /// Hands an end what arrived; gives back what it did not take.
    fn give(&mut self, end: End, bytes: &[u8]) -> usize {
        let mut given = 0;
        while given < bytes.len() {
            let put = |space: &mut [u8]| {
                let count = space.len().min(bytes.len() - given);
                space[..count].copy_from_slice(&bytes[given..given + count]);
                count
            };
            let count = match end {
                End::Node(node, id) => {
                    let Some(cloak) = self.nodes.get_mut(&node) else { break };
                    let count = put(cloak.recv_space(id));
                    cloak.recv_commit(id, count, self.now);
                    count
                }
                End::User(user) => self.users[user].take(put, &bytes[given..], self.now),
            };
            if count == 0 {
                self.paused.insert(end);
                break;
            }
            given += count;
        }
        given
    }

    /// Moves bytes once; says whether any moved.
    fn carry(&mut self) -> bool {
        let mut has_moved = false;
        let ends: Vec<[End; 2]> = self.streams.iter().map(|stream| stream.ends).collect();
        for pair in ends {
            for (side, end) in pair.into_iter().enumerate() {
                let is_clogged = self
                    .stream_of(pair)
                    .is_none_or(|stream| stream.is_clogged || stream.is_unread && side == 1);
                if self.is_frozen(end) {
                    continue;
                }
                let bytes = if is_clogged { Vec::new() } else { self.take(end) };
                let due = self.now + self.delay;
                if let Some(stream) = self.stream_of(pair)
                    && !bytes.is_empty()
                    && !stream.is_swallowing
                {
                    stream.under_way[1 - side].push_back((due, bytes));
                    has_moved = true;
                }
                has_moved |= self.deliver(pair, side, end);
            }
        }
        has_moved
    }

    fn stream_of(&mut self, pair: [End; 2]) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.ends == pair)
    }

    fn deliver(&mut self, pair: [End; 2], side: usize, end: End) -> bool {
        let (now, paused) = (self.now, self.paused.contains(&end));
        let Some(stream) = self.stream_of(pair) else { return false };
        if stream.is_swallowing {
            stream.under_way[side].clear();
            return false;
        }
        if paused || stream.under_way[side].front().is_none_or(|(due, _)| *due > now) {
            return false;
        }
        let Some((_, bytes)) = stream.under_way[side].pop_front() else { return false };
        let given = self.give(end, &bytes);
        if let Some(stream) = self.stream_of(pair).filter(|_| given < bytes.len()) {
            stream.under_way[side].push_front((now, bytes[given..].to_vec()));
        }
        given > 0
    }

    fn is_frozen(&self, end: End) -> bool {
        matches!(end, End::Node(node, _) if self.frozen.contains(&node))
    }

    /// Lets everything happen that happens now.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "no end of doing at {}", self.now);
            let mut is_quiet = true;
            let awake: Vec<u8> =
                self.nodes.keys().copied().filter(|node| !self.frozen.contains(node)).collect();
            for node in awake {
                while let Some(action) = self.nodes.get_mut(&node).and_then(Machine::poll) {
                    is_quiet = false;
                    self.act(node, action);
                }
                let due = self.nodes.get(&node).and_then(Machine::next_timeout);
                if due.is_some_and(|due| due.at <= self.now) {
                    is_quiet = false;
                    self.input(node, Input::Timeout);
                }
            }
            for user in &mut self.users {
                user.tick(self.now);
            }
            if !self.carry() && is_quiet {
                return;
            }
        }
    }

    /// Lets time pass in one step.
    pub(super) fn skip(&mut self, time: Duration) {
        self.now = self.now + time;
        self.settle();
    }

    /// Lets so many milliseconds pass.
    pub(super) fn run(&mut self, ms: u64) {
        self.settle();
        for _ in 0..ms {
            self.now = self.now + Duration::from_millis(1);
            self.settle();
        }
    }
}

impl User {
    fn take(&mut self, put: impl FnOnce(&mut [u8]) -> usize, bytes: &[u8], now: Time) -> usize {
        let Some(link) = &mut self.link else {
            self.heard.extend_from_slice(bytes);
            return bytes.len();
        };
        let count = put(link.recv_space());
        link.recv_commit(count, now);
        self.pump();
        count
    }

    fn tick(&mut self, now: Time) {
        if let Some(link) = &mut self.link
            && link.next_timeout().is_some_and(|due| due.at <= now)
        {
            link.tick(now);
        }
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(event) = self.link.as_mut().and_then(Link::poll) {
            match event {
                Event::Packet(frame) => self.packets.push(frame.to_vec()),
                Event::Broken(error) => self.error = Some(error),
                Event::Standing(standing) => self.standings.push(standing),
                Event::Proved { name, .. } => {
                    if let (Some((seed, number)), Some(link)) = (self.client, &mut self.link) {
                        link.attach(&signed(seed, name, number));
                    }
                }
                Event::Names(list) => self.names = list,
                Event::Ignored(kind) => self.ignored.push(kind),
                Event::Word(kind, body) => self.words.push((kind, body.to_vec())),
                Event::Attach(_) | Event::Pulse(_) => (),
                Event::Listens(_) | Event::Referral(_) => (),
            }
        }
    }
}
