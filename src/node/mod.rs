//! The MUSeS core: local applications on one side, tunnels in the middle, the overlay on the other.
//!
//! [`Node`] is the [`Machine`] that composes LCM (`local`, `offers`), the tunnels
//! (`session::peers`) and the `uplink`. It only passes things between them: what the network
//! brings is in `happenings`, what applications ask for in `requests`, and what people are
//! told in `report`.

pub mod config;
mod happenings;
mod local;
mod offers;
mod report;
mod requests;
mod uplink;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{GOODBYE_MAX, HEAD_ROOM, ICV_MAX, LINKS_MAX, PAYLOAD_MAX};
use crate::base::links::{LinkId, Links};
use crate::base::machine::{Action, Cause, Deadline, Input, Machine, Port, Slices};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::link::Link;
use crate::session::envelope;
use crate::session::peers::{Peers, Policy};
use crate::session::tunnel::{Bounds, Held, Wear};
use crate::wire::reason::Reason;

use config::NodeConfig;
use local::{Local, Locals, Side, Stage};
use offers::{Offers, Target};
use uplink::{News, Uplink};

/// The control socket's port; others follow.
const CONTROL: Port = Port(0);
const SOCKS: Port = Port(1);
/// The first forward's port; forwards are numbered from here.
const FORWARDS: u32 = 0x1000;
/// Tag of the uplink's ids among the node's links.
const UPLINK_TAG: u8 = 1;
/// Payloads up to this length are moved to a buffer of their size, so that a keystroke kept for
/// long does not hold the room of a bulk packet.
const SMALL: usize = 4096 - HEAD_ROOM - ICV_MAX;
/// What one read takes while an application says what it wants.
const SCRATCH: usize = 1024;
/// Sixteenths of the memory budget above which applications are not read …
const MEMORY_FULL: usize = 12;
/// … until it is below this again.
const MEMORY_FREE: usize = 10;

/// A MUSeS node.
pub struct Node {
    name: Name,
    config: NodeConfig,
    pool: Pool,
    rng: Rng,
    peers: Peers,
    uplink: Uplink,
    uplink_id: Option<LinkId>,
    /// The uplink that the driver knows to have output.
    flushing: Option<LinkId>,
    uplink_ids: Links<()>,
    locals: Locals,
    offers: Offers,
    /// Sockets that listen, as the driver opened them.
    listening: BTreeMap<Port, Endpoint>,
    /// Sessions announced to a serving application and not yet taken, by number.
    announced: BTreeMap<u64, (LinkId, Name, u64)>,
    numbers: u64,
    /// Links that wait for room, in turn, and why.
    paused: VecDeque<LinkId>,
    /// Requests that are due, oldest first.
    requests: VecDeque<(Time, LinkId)>,
    /// Where the next read of an application lands.
    filling: Option<Buffer>,
    scratch: Box<[u8]>,
    status_wanted: VecDeque<LinkId>,
    reconnect: bool,
    stopping: Option<Time>,
    is_over: bool,
    started: Time,
    /// The last instant heard of: lending memory needs none of its own.
    latest: Time,
    /// Applications were held back by memory or by the uplink's queue.
    is_held: bool,
    actions: VecDeque<Action>,
    counters: Counters,
}

impl Node {
    /// A node; every random byte comes from `seed`.
    #[must_use]
    pub fn new(config: NodeConfig, seed: [u8; 32], now: Time) -> Self {
        let identity = Rc::new(Identity::from_seed(config.identity));
        let (name, pool, mut rng) = (identity.name(), Pool::new(config.memory), Rng::new(seed));
        let mut offers = Offers::new(config.allow.iter().copied());
        let mut allowed: BTreeSet<Name> = config.allow.iter().copied().collect();
        for offer in &config.offers {
            let target = Target::Dial(offer.target.clone());
            offers.add(offer.port, target, offer.allow.iter().copied());
            allowed.extend(&offer.allow);
        }
        let retain = config.retain_ms.map(Duration::from_millis);
        let suites = Suite::ALL.iter().filter(|suite| **suite != config.suite);
        let policy = Policy {
            identity: Rc::clone(&identity),
            boot: rng.array(),
            suites: [config.suite].into_iter().chain(suites.copied()).collect(),
            secrets: config
                .secrets
                .iter()
                .map(|(name, secret)| (*name, Secret::from_bytes(*secret)))
                .collect(),
            allowed,
            notify: config.acquaintances(),
            bounds: Bounds { window: config.window, retain, wear: Wear::default() },
        };
        Self {
            name,
            peers: Peers::new(policy, pool.clone(), rng.child()),
            uplink: Uplink::new(identity, config.cloak.clone(), pool.clone()),
            uplink_id: None,
            flushing: None,
            uplink_ids: Links::tagged(UPLINK_TAG),
            config,
            pool,
            rng,
            locals: Locals::default(),
            offers,
            listening: BTreeMap::new(),
            announced: BTreeMap::new(),
            numbers: 0,
            paused: VecDeque::new(),
            requests: VecDeque::new(),
            filling: None,
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            status_wanted: VecDeque::new(),
            reconnect: false,
            stopping: None,
            is_over: false,
            started: now,
            latest: now,
            is_held: false,
            actions: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// The device's Name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Packet memory: bytes in use, and allowed.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        (self.pool.used(), self.pool.budget())
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn start(&mut self) {
        let control = self.config.control.clone().map(|at| (CONTROL, at));
        let socks = self.config.socks.clone().map(|at| (SOCKS, at));
        let forwards = (FORWARDS..).zip(self.config.forwards.iter());
        let forwards = forwards.map(|(port, forward)| (Port(port), forward.listen.clone()));
        for (port, at) in control.into_iter().chain(socks).chain(forwards) {
            self.actions.push_back(Action::Listen(port, at));
        }
    }

    // ---- The uplink ---------------------------------------------------------------------------

    /// The pipe to an embedded CLOAK node is open; its end on this side.
    pub fn attach_pipe(&mut self, now: Time) -> LinkId {
        let link = self.uplink_ids.insert(());
        self.uplink_id = Some(link);
        self.uplink.connected(&mut self.rng, now);
        self.actions.push_back(Action::Flush(link));
        self.settle(now);
        link
    }

    fn dial_uplink(&mut self, now: Time) {
        if self.uplink.is_overdue(now) {
            self.drop_uplink("no answer", now);
        }
        if let Some(endpoint) = self.uplink.dial(now) {
            let link = self.uplink_ids.insert(());
            self.uplink_id = Some(link);
            self.actions.push_back(Action::Connect(link, endpoint));
        }
    }

    fn drop_uplink(&mut self, why: &str, now: Time) {
        if let Some(link) = self.uplink_id.take() {
            self.uplink_ids.remove(link);
            self.actions.push_back(Action::Abort(link));
        }
        self.lose_uplink(why, now);
    }

    fn lose_uplink(&mut self, why: &str, now: Time) {
        let is_wanted = self.peers.iter().next().is_some();
        if self.uplink.lost(why.to_owned(), is_wanted, now) {
            log::warn!("the way into the overlay is lost: {why}");
            self.peers.set_uplink(false, now);
        }
    }

    fn is_uplink(&self, link: LinkId) -> bool {
        self.uplink_id == Some(link)
    }

    /// Passes on what the parts have for each other until none has anything.
    fn settle(&mut self, now: Time) {
        loop {
            while let Some(news) = self.uplink.poll(now) {
                match news {
                    News::Up => {
                        log::info!("the way into the overlay is open");
                        self.peers.set_uplink(true, now);
                    }
                    News::Down => {
                        let why = self.uplink.why();
                        self.drop_uplink(&why, now);
                    }
                    News::Packet(frame) => self.peers.receive(frame, now),
                }
            }
            while let Some(packet) = self.peers.poll_packet() {
                self.uplink.send(packet, now);
            }
            let Some((peer, happening)) = self.peers.poll_happening() else { break };
            self.on_happening(peer, happening, now);
        }
        if self.is_held && self.pool.has_room(MEMORY_FREE) && !self.uplink.is_crowded() {
            self.is_held = false;
            self.resume_paused(now);
        }
        self.flush_uplink();
    }

    /// Tells the driver when the uplink has something to write, whoever gave it: a packet, an
    /// answer to what was just received, or time.
    fn flush_uplink(&mut self) {
        let has_output = self.uplink.link().is_some_and(Link::has_output);
        let flushing = self.uplink_id.filter(|_| has_output);
        if let Some(link) = flushing.filter(|_| flushing != self.flushing) {
            self.actions.push_back(Action::Flush(link));
        }
        self.flushing = flushing;
    }

    // ---- Local links --------------------------------------------------------------------------

    fn on_connected(&mut self, link: LinkId, now: Time) {
        if self.is_uplink(link) {
            self.uplink.connected(&mut self.rng, now);
            self.actions.push_back(Action::Flush(link));
            return;
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        local.stage = Stage::Stream;
        let Some((peer, key)) = local.session else { return };
        self.peers.with(&peer, |tunnel| tunnel.accept(key, now));
        self.actions.push_back(Action::Flush(link));
        self.actions.push_back(Action::Resume(link));
        self.try_shut(link);
    }

    fn on_eof(&mut self, link: LinkId, now: Time) {
        if self.is_uplink(link) {
            return self.drop_uplink("the CLOAK daemon closed the connection", now);
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        local.has_ended = true;
        match (&local.stage, local.side, local.session) {
            (Stage::Stream, _, Some(_))
            | (Stage::Waiting(..) | Stage::Opening, Side::Forward(_), _) => {
                self.send_early(link, now);
            }
            _ => self.close_local(link, now),
        }
    }

    fn on_closed(&mut self, link: LinkId, cause: Cause, now: Time) {
        if self.is_uplink(link) {
            self.uplink_id = None;
            self.uplink_ids.remove(link);
            return self.lose_uplink(words(cause), now);
        }
        let Some(local) = self.locals.remove(link) else { return };
        self.leave(link, &local, cause, now);
    }

    /// The node closes a local link that has nothing more to say.
    fn close_local(&mut self, link: LinkId, now: Time) {
        if let Some(local) = self.locals.remove(link) {
            self.actions.push_back(Action::Close(link));
            self.leave(link, &local, Cause::Reset, now);
        }
    }

    /// What follows from the end of a local link for its session.
    fn leave(&mut self, link: LinkId, local: &Local, cause: Cause, now: Time) {
        match (&local.stage, local.session) {
            (Stage::Waiting(peer, ticket), _) => self.peers.withdraw(peer, *ticket),
            (Stage::Serving, _) => self.withdraw_offers(link, now),
            (Stage::Dialling, Some((peer, key))) => {
                let reason = refusal(cause);
                self.peers.with(&peer, |tunnel| tunnel.refuse(key, reason, now));
            }
            (_, Some((peer, key))) => {
                self.peers.with(&peer, |tunnel| tunnel.reset(key, Reason::ByApplication, now));
            }
            _ => {}
        }
    }

    /// Passes the peer's end of stream on, once the application has all that came before it.
    fn try_shut(&mut self, link: LinkId) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let Some((peer, key)) = local.session else { return };
        let is_due = local.is_finished && !local.is_shut && local.words.is_empty();
        if is_due && matches!(local.stage, Stage::Stream) {
            let waiting = self.peers.tunnel(&peer).map_or(0, |tunnel| tunnel.ready_bytes(key));
            if waiting == 0 {
                local.is_shut = true;
                self.actions.push_back(Action::Shutdown(link));
            }
        }
    }

    /// Sends what came behind the request, then the end of stream if that came too.
    fn send_early(&mut self, link: LinkId, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let Some((peer, key)) = local.session else { return };
        while !local.early.is_empty() {
            let room = self.peers.with(&peer, |tunnel| tunnel.room(key, now));
            let Some(Ok(room)) = room else {
                return self.pause(link);
            };
            let count = local.early.len().min(room).min(SMALL);
            let mut payload = envelope::blank(&self.pool, count);
            payload.extend(&local.early[..count]);
            local.early.drain(..count);
            self.peers.with(&peer, |tunnel| tunnel.send(key, payload, now));
        }
        if local.has_ended {
            self.peers.with(&peer, |tunnel| tunnel.finish(key, now));
        }
    }

    fn stream_space(&mut self, link: LinkId, peer: Name, key: u64) -> &mut [u8] {
        let now = self.latest;
        let is_crowded = self.uplink.is_crowded() || !self.pool.has_room(MEMORY_FULL);
        let room = self.peers.with(&peer, |tunnel| tunnel.room(key, now));
        match room {
            Some(Ok(room)) if !is_crowded => {
                let pool = &self.pool;
                let filling =
                    self.filling.get_or_insert_with(|| envelope::blank(pool, PAYLOAD_MAX));
                &mut filling.spare()[..room]
            }
            // A session that waits for its peer is resumed by name; the others in turn.
            Some(Err(Held::Credit | Held::Log | Held::Closed)) => &mut [],
            held => {
                self.is_held |= held.is_some_and(|room| room.is_ok());
                self.pause(link);
                &mut []
            }
        }
    }

    fn stream_commit(&mut self, peer: Name, key: u64, count: usize, now: Time) {
        let Some(mut payload) = self.filling.take() else { return };
        payload.grow(count);
        if count <= SMALL {
            let mut small = envelope::blank(&self.pool, count);
            small.extend(&payload);
            payload.truncate(0);
            self.filling = Some(payload);
            payload = small;
        }
        self.peers.with(&peer, |tunnel| tunnel.send(key, payload, now));
    }

    /// Puts a link in turn for room.
    fn pause(&mut self, link: LinkId) {
        let Some(local) = self.locals.get_mut(link) else { return };
        if !std::mem::replace(&mut local.is_paused, true) {
            self.paused.push_back(link);
        }
    }

    /// Lets everything that waits for room try again.
    fn resume_paused(&mut self, now: Time) {
        for _ in 0..self.paused.len() {
            let Some(link) = self.paused.pop_front() else { return };
            let Some(local) = self.locals.get_mut(link) else { continue };
            local.is_paused = false;
            if !local.early.is_empty() {
                self.send_early(link, now);
            }
            self.actions.push_back(Action::Resume(link));
        }
    }

    // ---- Time ---------------------------------------------------------------------------------

    fn tick(&mut self, now: Time) {
        if self.stopping.is_some_and(|until| until <= now) {
            self.exit(None);
        }
        while let Some((due, link)) = self.requests.front().copied() {
            let owes = self.locals.get(link).is_some_and(Local::owes_request);
            if owes && due > now {
                break;
            }
            self.requests.pop_front();
            if owes {
                self.counters.add("request-timed-out");
                self.close_local(link, now);
            }
        }
        self.uplink.tick(now);
        self.dial_uplink(now);
        self.peers.tick(now);
    }

    fn stop(&mut self, now: Time) {
        if self.stopping.is_none() {
            self.stopping = Some(now + GOODBYE_MAX);
            self.peers.say_goodbye();
            self.break_off();
            self.settle(now);
            if self.uplink.link().is_none_or(|link| !link.has_output()) {
                self.exit(None);
            }
        }
    }

    /// A stream that this node cuts short must not look as if it had come to its end.
    fn break_off(&mut self) {
        let cut = self.locals.iter().filter(|(_, local)| local.session.is_some());
        let cut: Vec<LinkId> = cut.map(|(link, _)| link).collect();
        for link in cut {
            self.locals.remove(link);
            self.actions.push_back(Action::Abort(link));
        }
    }

    fn exit(&mut self, why: Option<String>) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.actions.push_back(Action::Exit(why));
        }
    }
}

/// What a failed link is called in a sentence.
fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Reset => "the connection was reset",
        Cause::Refused => "the connection was refused",
        Cause::Unreachable => "the host is unreachable",
        Cause::TimedOut => "no answer",
        Cause::NoSuchHost => "the host name has no address",
        Cause::Denied => "the system does not allow it",
    }
}

/// Why a service could not be reached, for the peer.
fn refusal(cause: Cause) -> Reason {
    match cause {
        Cause::Reset | Cause::Refused => Reason::Refused,
        Cause::Unreachable | Cause::Denied => Reason::Unreachable,
        Cause::TimedOut => Reason::TimedOut,
        Cause::NoSuchHost => Reason::NoSuchHost,
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        self.latest = now;
        match input {
            Input::Start => {
                self.start();
                self.tick(now);
            }
            Input::Listening(port, at) => {
                self.listening.insert(port, at);
            }
            Input::ListenFailed(port, why) => {
                let text = self.listen_failure(port, why);
                self.exit(Some(text));
            }
            Input::Connected(link) => self.on_connected(link, now),
            Input::Eof(link) => self.on_eof(link, now),
            Input::Closed(link, cause) => self.on_closed(link, cause, now),
            Input::Timeout => self.tick(now),
            Input::PathChanged => {
                self.uplink.hurry(now);
                self.dial_uplink(now);
                self.peers.path_changed(now);
            }
            Input::Stop => self.stop(now),
        }
        self.settle(now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        self.latest = now;
        if self.locals.len() >= LINKS_MAX || self.stopping.is_some() {
            self.counters.add("too-many-links");
            return None;
        }
        let link = self.accept_local(on, &from, now)?;
        self.settle(now);
        Some(link)
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        let request = self.requests.front().map(|(at, _)| Deadline { at: *at, why: "a request" });
        let stopping = self.stopping.filter(|_| !self.is_over);
        let stop = stopping.map(|at| Deadline { at, why: "goodbye" });
        let next = earliest(self.uplink.next_timeout(), self.peers.next_timeout());
        earliest(next, earliest(request, stop))
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        if self.is_uplink(link) {
            return self.uplink.link_mut().map_or(&mut [], |link| link.recv_space());
        }
        let Some(local) = self.locals.get(link) else { return &mut [] };
        match (&local.stage, local.session) {
            (Stage::Request(_), _) if local.words.is_empty() => self.locals.line_space(link),
            (Stage::Socks(_) | Stage::Draining | Stage::Serving, _) => &mut self.scratch,
            (Stage::Waiting(..), _) => {
                let room = SCRATCH.saturating_sub(local.early.len());
                &mut self.scratch[..room]
            }
            (Stage::Opening | Stage::Stream, Some((peer, key))) if local.early.is_empty() => {
                self.stream_space(link, peer, key)
            }
            _ => &mut [],
        }
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        self.latest = now;
        if self.is_uplink(link) {
            if let Some(link) = self.uplink.link_mut() {
                link.recv_commit(count, now);
            }
            return self.settle(now);
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        match (&mut local.stage, local.session) {
            (Stage::Request(lines), _) => {
                lines.recv_commit(count);
                self.on_request(link, now);
            }
            (Stage::Socks(_), _) => self.on_socks(link, count, now),
            (Stage::Waiting(..), _) => local.early.extend_from_slice(&self.scratch[..count]),
            (Stage::Opening | Stage::Stream, Some((peer, key))) => {
                self.stream_commit(peer, key, count, now);
            }
            _ => {}
        }
        self.settle(now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        if self.is_uplink(link) {
            if let Some(link) = self.uplink.link() {
                link.send_slices(into);
            }
            return;
        }
        let Some(local) = self.locals.get(link) else { return };
        into.push(&local.words);
        let Some((peer, key)) = local.session.filter(|_| matches!(local.stage, Stage::Stream))
        else {
            return;
        };
        let Some(tunnel) = self.peers.tunnel(&peer) else { return };
        for bytes in tunnel.ready(key) {
            if !into.push(bytes) {
                break;
            }
        }
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        self.latest = now;
        if self.is_uplink(link) {
            if let Some(link) = self.uplink.link_mut() {
                link.send_commit(count);
            }
            let is_done = self.uplink.link().is_none_or(|link| !link.has_output());
            if self.stopping.is_some() && is_done {
                self.exit(None);
            }
            return self.settle(now);
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        let own = count.min(local.words.len());
        local.words.drain(..own);
        if own > 0 && local.words.is_empty() && matches!(local.stage, Stage::Request(_)) {
            self.actions.push_back(Action::Resume(link));
        }
        if let Some((peer, key)) = local.session.filter(|_| count > own) {
            self.peers.with(&peer, |tunnel| tunnel.consume(key, count - own, now));
        }
        self.try_shut(link);
        self.settle(now);
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.fold_bytes(self.name.as_bytes());
        print.fold(self.numbers);
        print.fold(self.locals.len() as u64 | (self.paused.len() as u64) << 32);
        print.fold(u64::from(self.uplink.is_up()));
        self.peers.fold(&mut print);
        print
    }
}
