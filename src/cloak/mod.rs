//! The core of a CLOAK node: links to neighbours and local MUSeS nodes, and packets between them.
//!
//! [`Cloak`] composes parts that do not know it: [`switch`] has the links and what they forward,
//! [`dial`] says when a peer is dialled, `referrals` whom a full parent names, [`desk`] serves the
//! person's tool, [`memory`] holds what the next start should find again. It keeps no state of any
//! flow: kill it, start it, and what its neighbours kept or sent again goes on.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod admission;
pub mod attachments;
pub mod carrier;
mod clients;
pub mod config;
pub mod desk;
pub mod detours;
pub mod dial;
pub mod double;
pub mod flooded_lookup;
pub mod guide;
pub mod hint;
pub mod introductions;
pub mod kept;
pub mod memory;
pub mod post;
mod referrals;
pub mod report;
pub mod roster;
pub mod switch;
mod trees;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::base::buffer::Pool;
use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{GOODBYE_MAX, PEERS_REMEMBERED, STRANGERS_MAX};
use crate::base::links::{LinkId, Links};
use crate::base::machine::{self, Action, Cause, Deadline, Input, Machine, Port, Slices};
use crate::base::source::Source;
use crate::control::map::Map;
use crate::control::status::{Listener, Overlay};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::overlay::forest::verified::Verified;
use crate::overlay::hyperbolic::Hyperbolic;
use crate::overlay::{Hop, Routing};

use admission::{Admission, Decision};
use carrier::Origin;
use config::{CONTROL, LISTEN, LOCAL, PIPE, purpose};
use desk::Desk;
use dial::{Dialler, Health};
use kept::Awaited;
use memory::Memory;
use post::Post;
use referrals::Referrals;
use roster::Roster;
use switch::{Notice, Switch};

pub use config::CloakConfig;
pub use memory::Remembered;

/// What a link is to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An attempt at dialling this peer, or the link it became.
    Dialled(usize),
    /// Somebody whom a full parent named.
    Referred,
    /// A neighbour or client that came.
    Called,
    /// The person's tool.
    Control,
}

/// A CLOAK node.
#[derive(Debug)]
pub struct Cloak {
    config: CloakConfig,
    switch: Switch,
    links: Links<Kind>,
    admission: Admission,
    diallers: Vec<Dialler>,
    referrals: Referrals,
    desk: Desk,
    memory: Memory,
    rng: Rng,
    pool: Pool,
    actions: VecDeque<Action>,
    listening: BTreeMap<Port, Endpoint>,
    started: Time,
    stopping: Option<Time>,
    is_over: bool,
}

impl Cloak {
    /// A node that waits for [`Input::Start`]; `seed` is the source of all its randomness.
    #[must_use]
    pub fn new(mut config: CloakConfig, seed: [u8; 32], now: Time) -> Self {
        let identity = Rc::new(Identity::from_seed(config.identity));
        let mut rng = Rng::new(seed);
        let pool = Pool::new(config.memory);
        let routing = Routing::Static { routes: config.routes.clone(), is_leaf: config.leaf };
        let remembered = std::mem::take(&mut config.remembered);
        // A routes file has its peers in it, and who has peers needs no others.
        if config.peers.is_empty() && config.overlay.is_some() {
            config.peers.extend(remembered.peers.iter().take(PEERS_REMEMBERED).cloned());
        }
        let overlay = config.overlay.as_ref().map(|settings| {
            let numbers = remembered.numbers.iter().map(|(name, number)| (*name, *number));
            let numbers = (remembered.own, numbers);
            Box::new(Hyperbolic::new(&identity, settings, numbers, rng.child(), now))
        });
        let lessons = overlay.as_ref().map_or(0, |overlay| overlay.dht.lessons());
        let post = Post::new(pool.clone(), overlay);
        let roster = Roster::new(identity.name(), &config.peers, routing, now);
        let switch = Switch::new(identity, roster, post, rng.child(), pool.clone());
        Self {
            switch,
            links: Links::default(),
            admission: Admission::new(STRANGERS_MAX.min(config.descriptors / 4)),
            diallers: config.peers.iter().cloned().map(Dialler::new).collect(),
            referrals: Referrals::default(),
            desk: Desk::default(),
            memory: Memory::new(remembered.peers, remembered.own, lessons),
            rng,
            pool,
            actions: VecDeque::new(),
            listening: BTreeMap::new(),
            started: now,
            stopping: None,
            is_over: false,
            config,
        }
    }

    /// The Name of this node.
    #[must_use]
    pub fn name(&self) -> Name {
        *self.switch.roster.own()
    }

    /// The overlay at this node; absent where packets go by a routes file alone.
    #[must_use]
    pub fn hyperbolic(&self) -> Option<&Hyperbolic> {
        self.switch.post.overlay.as_deref()
    }

    /// Has this node share a memory of good signatures with others of its process.
    pub fn share(&mut self, verified: &Verified) {
        if let Some(overlay) = &mut self.switch.post.overlay {
            overlay.forest.share(verified);
        }
    }

    /// Trees, neighbours, clients, records and what was passed on.
    #[must_use]
    pub fn status(&self, now: Time) -> Overlay {
        report::overlay(&self.switch, &self.diallers, self.started, now)
    }

    /// The places of one tree that are known here; an error is one line for a person.
    pub fn map(&self, tree: u8) -> Result<Map, String> {
        report::map(&self.switch, tree)
    }

    /// What was dropped, refused or noticed, by name.
    pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let mut counters = self.switch.post.counters.clone();
        if let Some(overlay) = &self.switch.post.overlay {
            counters.merge(&overlay.counters());
        }
        counters.iter().collect::<Vec<_>>().into_iter()
    }

    /// Bytes of packet memory in use.
    #[must_use]
    pub fn memory_used(&self) -> usize {
        self.pool.used()
    }

    /// Sockets that listen, with the ports the system gave.
    pub fn listeners(&self) -> impl Iterator<Item = Listener> {
        self.listening.iter().map(|(port, at)| Listener {
            purpose: purpose(*port).into(),
            at: at.to_string(),
            to: String::new(),
        })
    }

    /// Packet memory: bytes in use, and allowed.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        (self.pool.used(), self.pool.budget())
    }

    fn listen_failed(&mut self, port: Port, why: &str) {
        let at = self.config.listeners().find(|(listener, _)| *listener == port);
        let at = at.map(|(_, at)| at.to_string()).unwrap_or_default();
        let mend = match port {
            LISTEN => "--listen",
            LOCAL => "--local",
            _ => "--state",
        };
        let what = purpose(port);
        let text = format!("cannot listen on {at} for {what}: {why}; choose another with {mend}");
        self.actions.push_back(Action::Exit(Some(text)));
        self.is_over = true;
    }

    fn connected(&mut self, id: LinkId, now: Time) {
        let mut others = Vec::new();
        let (origin, at) = match self.links.get(id) {
            Some(Kind::Dialled(peer)) => {
                let Some(dialler) = self.diallers.get_mut(*peer) else { return };
                others = dialler.connected(id);
                (Origin::Dialled(*peer), dialler.endpoint.clone())
            }
            Some(Kind::Referred) => {
                let Some(other) = self.referrals.expected(id) else { return };
                (Origin::Referred(other.name), Endpoint::Tcp(other.at))
            }
            Some(Kind::Called | Kind::Control) | None => return,
        };
        self.switch.open(id, origin, &at, now);
        self.abort(others, now);
    }

    /// The stream under a link is gone; with `last` this end lets it go.
    fn lost(&mut self, id: LinkId, last: Option<Action>, why: &str, now: Time) {
        match self.links.get(id) {
            Some(Kind::Control) => {
                self.links.remove(id);
                self.desk.close(id);
                self.actions.extend(last);
            }
            Some(Kind::Dialled(_) | Kind::Referred)
                if self.switch.post.carriers.get(id).is_none() =>
            {
                self.actions.extend(last);
                self.gone(id, why.to_owned(), false, now);
            }
            Some(Kind::Dialled(_) | Kind::Referred | Kind::Called) => {
                self.switch.end(id, last, why, false, now)
            }
            None => (),
        }
    }

    fn gone(&mut self, id: LinkId, why: String, is_self: bool, now: Time) {
        match self.links.remove(id) {
            Some(Kind::Dialled(peer)) => {
                if let Some(dialler) = self.diallers.get_mut(peer) {
                    dialler.ended(id, why, is_self, now);
                }
            }
            Some(Kind::Referred) => self.referrals.ended(id),
            Some(Kind::Called | Kind::Control) | None => (),
        }
    }

    fn abort(&mut self, attempts: Vec<LinkId>, now: Time) {
        for id in attempts {
            self.lost(id, Some(Action::Abort(id)), "", now);
        }
    }

    /// What was tried in vain may work now; what seems well may be cut.
    fn path_changed(&mut self, now: Time) {
        self.switch.suspect(now);
        self.diallers.iter_mut().for_each(|dialler| dialler.kick(now));
        self.dial(now);
    }

    fn tick(&mut self, now: Time) {
        self.switch.tick(now);
        while let Some(id) = self.desk.idle(now) {
            self.lost(id, Some(Action::Abort(id)), "", now);
        }
        let overlay = self.switch.post.overlay.as_deref();
        let is_kin = |name: &Name| overlay.is_some_and(|overlay| overlay.forest.is_kin(name));
        let useless = self.referrals.tick(is_kin, now);
        self.abort(useless, now);
        self.dial(now);
    }

    fn health(&self, dialler: &Dialler) -> Health {
        self.switch.health(dialler.name.as_ref())
    }

    fn dial(&mut self, now: Time) {
        if self.stopping.is_some() {
            return;
        }
        for at in 0..self.diallers.len() {
            let Some(dialler) = self.diallers.get_mut(at) else { continue };
            let health = self.switch.health(dialler.name.as_ref());
            if health == Health::Doubtful && self.switch.is_awaited(dialler.name.as_ref()) {
                dialler.want(now);
            }
            let step = dialler.tick(health, &mut self.rng, now);
            if step.dial {
                let id = self.links.insert(Kind::Dialled(at));
                dialler.started(id, now);
                self.actions.push_back(Action::Connect(id, dialler.endpoint.clone()));
            }
            self.abort(step.give_up, now);
        }
        while let Some(other) = self.referrals.next(now) {
            let id = self.links.insert(Kind::Referred);
            self.actions.push_back(Action::Connect(id, Endpoint::Tcp(other.at)));
            self.referrals.dialled(id, other, now);
        }
    }

    /// Says which peers are waited for.
    fn want(&mut self, awaited: Awaited, now: Time) {
        let is_anyone = self.config.leaf || awaited == Awaited::Anyone;
        let is_known = |name: &Name| self.diallers.iter().any(|d| d.name.as_ref() == Some(name));
        let wanted: Vec<bool> = self
            .diallers
            .iter()
            .enumerate()
            .map(|(at, dialler)| match awaited {
                _ if is_anyone => true,
                Awaited::Hop(Hop::Peer(peer)) => at == peer,
                Awaited::Hop(Hop::Neighbour(name)) if is_known(&name) => dialler.name == Some(name),
                Awaited::Hop(Hop::Neighbour(_)) => dialler.name.is_none(),
                Awaited::Client(_) | Awaited::Record(_) | Awaited::Anyone => false,
            })
            .collect();
        let waited_for = self.diallers.iter_mut().zip(wanted).filter(|(_, wanted)| *wanted);
        waited_for.for_each(|(dialler, _)| dialler.want(now));
    }

    /// Passes on what the parts have to say to each other and to the driver.
    fn settle(&mut self, now: Time) {
        let mut is_stirred = false;
        while let Some(notice) = self.switch.poll() {
            is_stirred = true;
            match notice {
                Notice::Found(id, name) => match self.links.get(id) {
                    Some(Kind::Dialled(peer)) => {
                        let Some(dialler) = self.diallers.get_mut(*peer) else { continue };
                        let others = dialler.proved(id, name);
                        self.memory.met(&dialler.endpoint);
                        self.abort(others, now);
                    }
                    _ => self.referrals.proved(id),
                },
                Notice::Named(others) => self.referrals.named(others),
                Notice::Gone { link, why, is_self } => self.gone(link, why, is_self, now),
            }
        }
        self.switch.settle(now);
        self.remember(now);
        while let Some(awaited) = self.switch.post.wanted.pop_front() {
            is_stirred = true;
            self.want(awaited, now);
        }
        if is_stirred {
            self.dial(now);
        }
        while let Some(action) = self.switch.post.carriers.poll() {
            self.actions.push_back(action);
        }
        self.finish(now);
    }

    fn stop(&mut self, now: Time) {
        if self.stopping.is_none() {
            self.stopping = Some(now);
            self.keep(now);
            let ports = std::mem::take(&mut self.listening);
            self.actions.extend(ports.into_keys().map(Action::Unlisten));
            let attempts = self.diallers.iter_mut().flat_map(Dialler::take_attempts).collect();
            self.abort(attempts, now);
        }
    }

    /// Has what was learnt of the overlay kept for the next start, in its time.
    fn remember(&mut self, now: Time) {
        let Some(overlay) = &self.switch.post.overlay else { return };
        self.memory.look(overlay.dht.lessons(), overlay.forest.number(), now);
        if self.memory.is_due(now) {
            self.keep(now);
        }
    }

    fn keep(&mut self, now: Time) {
        let Some(overlay) = &self.switch.post.overlay else { return };
        let text = self.memory.keep(|| overlay.dht.remembered(), now);
        self.actions.extend(text.map(|text| Action::Keep(machine::Memory::Overlay, text)));
    }

    /// Once all is written, or time is up, closes everything and ends.
    fn finish(&mut self, now: Time) {
        let Some(since) = self.stopping.filter(|_| !self.is_over) else { return };
        let mut open = self.switch.post.carriers.iter();
        let is_busy = open.any(|(_, c)| c.link.is_up() && c.link.has_output())
            || self.links.iter().any(|(id, _)| self.desk.has_output(id));
        if is_busy && now < since + GOODBYE_MAX {
            return;
        }
        self.actions.extend(self.links.iter().map(|(id, _)| Action::Close(id)));
        self.actions.push_back(Action::Exit(None));
        self.is_over = true;
    }

    /// Whether there is room for one more link at this listener; another may go for it (DO-01).
    fn make_room(&mut self, on: Port, from: &Endpoint, now: Time) -> bool {
        let decision = match on {
            LISTEN => {
                let strangers = self.switch.strangers();
                self.admission.decide(Source::of(from), &strangers, now)
            }
            LOCAL => self.switch.decide_on_client(),
            CONTROL if !self.desk.has_room() => Decision::Refuse("refused-controls-full"),
            _ => Decision::Accept,
        };
        match decision {
            Decision::Accept => return true,
            Decision::Refuse(what) => self.switch.post.counters.add(what),
            Decision::Replace(id) => {
                self.switch.post.counters.add("closed-for-newer");
                self.lost(id, Some(Action::Abort(id)), "its place was needed", now);
                self.settle(now);
            }
        }
        matches!(decision, Decision::Replace(_))
    }
}

impl Machine for Cloak {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        if self.is_over {
            return;
        }
        match input {
            Input::Start => {
                let listen = self.config.listeners();
                self.actions.extend(listen.map(|(port, at)| Action::Listen(port, at.clone())));
                self.dial(now);
            }
            Input::Listening(port, at) => {
                if let (LISTEN, Endpoint::Tcp(address)) = (port, &at) {
                    self.switch.listens = Some(address.port());
                }
                self.listening.insert(port, at);
            }
            Input::ListenFailed(port, why) => self.listen_failed(port, why),
            Input::Connected(id) => self.connected(id, now),
            Input::Eof(id) => {
                self.lost(id, Some(Action::Close(id)), "the far end closed the link", now);
            }
            Input::Closed(id, cause) => {
                if let (Cause::Offline, Some(Kind::Dialled(peer))) = (cause, self.links.get(id))
                    && let Some(dialler) = self.diallers.get_mut(*peer)
                {
                    dialler.offline(now);
                }
                self.lost(id, None, dial::cause_text(cause), now);
            }
            Input::Timeout => self.tick(now),
            Input::PathChanged => self.path_changed(now),
            Input::Stop => self.stop(now),
        }
        self.settle(now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        if self.stopping.is_some() || self.is_over || !self.make_room(on, &from, now) {
            return None;
        }
        if on == CONTROL {
            let id = self.links.insert(Kind::Control);
            self.desk.open(id, now);
            return Some(id);
        }
        let origin = match on {
            LISTEN => Origin::Called,
            LOCAL | PIPE => Origin::Client,
            _ => return None,
        };
        let id = self.links.insert(Kind::Called);
        self.switch.open(id, origin, &from, now);
        self.settle(now);
        Some(id)
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        if self.is_over {
            return None;
        }
        let stop = self.stopping.map(|at| Deadline { at: at + GOODBYE_MAX, why: "stop" });
        let dials = self.diallers.iter().filter(|_| stop.is_none());
        let dial = dials.filter_map(|dialler| dialler.next_timeout(self.health(dialler))).min();
        let links = earliest(self.switch.next_timeout(), self.desk.next_timeout());
        let named = self.referrals.next_timeout();
        let later = earliest(named, self.memory.next_timeout());
        earliest(earliest(stop, dial), earliest(links, later))
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        if self.links.get(link) == Some(&Kind::Control) {
            return self.desk.recv_space(link);
        }
        match self.switch.post.carriers.get_mut(link) {
            Some(carrier) => carrier.link.recv_space(),
            None => &mut [],
        }
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        if self.links.get(link) == Some(&Kind::Control) {
            self.desk.recv_commit(link, count);
            self.serve(link, now);
        } else {
            self.switch.recv_commit(link, count, now);
        }
        self.settle(now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        if let Some(carrier) = self.switch.post.carriers.get(link) {
            carrier.link.send_slices(into);
        } else {
            self.desk.send_slices(link, into);
        }
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        if count == 0 {
            return;
        }
        if self.links.get(link) != Some(&Kind::Control) {
            self.switch.post.carriers.send_commit(link, count, now);
        } else if self.desk.send_commit(link, count) {
            self.lost(link, Some(Action::Close(link)), "", now);
        } else if !self.desk.has_output(link) {
            self.actions.push_back(Action::Resume(link));
            self.serve(link, now);
        }
        self.settle(now);
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut digest = Fingerprint::default();
        self.switch.fold(&mut digest);
        for dialler in &self.diallers {
            dialler.fold(&mut digest);
        }
        self.referrals.fold(&mut digest);
        for (id, _) in self.links.iter() {
            digest.fold(id.raw());
        }
        self.memory.fold(&mut digest);
        digest.fold(self.pool.used() as u64);
        digest.fold(u64::from(self.stopping.is_some()));
        digest
    }
}

#[cfg(test)]
mod tests;
