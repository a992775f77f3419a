//! The peers of a device: who may come, whom it dials, and the tunnel with each.
//!
//! Packets in, packets and happenings out. A node that holds a tunnel never begins a handshake
//! with that peer; so a finished handshake that the *peer* began proves that it has no state left,
//! and only that ends the old tunnel's sessions (DESIGN section 5, "Resume").

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    FRAME_HEADER, HANDSHAKE_MAX, HANDSHAKES_MAX, HINT_EVERY, OUTAGE_MAX, ROUTE_LEN, TUNNELS_MAX,
};
use crate::base::machine::Deadline;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::wire::packet::{ConType, Header, SessId};
use crate::wire::reason::Reason;
use crate::wire::route::Route;

use super::bucket::Bucket;
use super::envelope::{self, Ends};
use super::flow::{Flow, Outage};
use super::handshake::{Established, HandshakeError, Initiator, Own, Responder};
use super::tunnel::{Bounds, Event, Tunnel};

/// Failures of a handshake after which the applications that wait for it are told.
const FAILURES_MAX: u32 = 3;
/// Hellos of a handshake nobody waits for (it only tells a peer that we have lost its tunnel).
const UNWANTED_TRIES: u32 = 8;
/// Half-open handshakes of one Name.
const HALF_OPEN_PER_NAME: usize = 2;

/// What happens with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// In its tunnel.
    Tunnel(Event),
    /// The session asked for with this ticket exists under this key.
    Started(u64, u64),
    /// It cannot, for this reason.
    Failed(u64, Reason),
    /// The handshake does not go on; a person should hear of it.
    Trouble(Reason),
    /// A Name that is on no list wanted a tunnel.
    Stranger,
}

/// What a device is and allows.
pub struct Policy {
    /// Who it is.
    pub identity: Rc<Identity>,
    /// Number of this run of the daemon.
    pub boot: [u8; 16],
    /// Suites, the preferred one first.
    pub suites: Vec<Suite>,
    /// Pre-shared secrets by peer.
    pub secrets: BTreeMap<Name, Secret>,
    /// Who may make a tunnel.
    pub allowed: BTreeSet<Name>,
    /// What each tunnel may use.
    pub bounds: Bounds,
}

struct Pending {
    ticket: u64,
    port: u16,
    service: u16,
}

#[derive(Default)]
struct Peer {
    dial: Option<(Box<Initiator>, Flow, u32)>,
    tunnel: Option<(Tunnel, Time)>,
    pending: VecDeque<Pending>,
    /// The peer's run in which the tunnel was made.
    boot: [u8; 16],
    dialled: bool,
    failures: u32,
    trouble: Option<Reason>,
    hinted: Option<Time>,
    called_back: Option<Time>,
}

/// The peers.
pub struct Peers {
    policy: Policy,
    pool: Pool,
    rng: Rng,
    peers: BTreeMap<Name, Peer>,
    half_open: VecDeque<Box<Responder>>,
    strangers: Bucket,
    uplink: bool,
    out: VecDeque<Buffer>,
    happenings: VecDeque<(Name, Happening)>,
    counters: Counters,
}

impl Peers {
    /// No peers yet, and no way into the overlay.
    #[must_use]
    pub fn new(policy: Policy, pool: Pool, rng: Rng) -> Self {
        Self {
            policy,
            pool,
            rng,
            peers: BTreeMap::new(),
            half_open: VecDeque::new(),
            strangers: Bucket::new(Duration::from_millis(50), 20),
            uplink: false,
            out: VecDeque::new(),
            happenings: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    fn ends(&self, peer: Name) -> Ends {
        Ends { source: self.policy.identity.name(), destination: peer }
    }

    /// Allows a Name to make a tunnel.
    pub fn allow(&mut self, peer: Name) {
        self.policy.allowed.insert(peer);
    }

    // ---- What applications want -------------------------------------------------------------

    /// Wants a session with a peer's service. [`Happening::Started`] or [`Happening::Failed`] with
    /// this ticket follows, as late as the peer's return if need be.
    pub fn open(&mut self, peer: Name, ticket: u64, port: u16, service: u16, now: Time) {
        if peer == self.policy.identity.name() {
            self.happenings.push_back((peer, Happening::Failed(ticket, Reason::NoService)));
            return;
        }
        if !self.peers.contains_key(&peer) && self.peers.len() >= TUNNELS_MAX {
            self.happenings.push_back((peer, Happening::Failed(ticket, Reason::Full)));
            return;
        }
        let entry = self.peers.entry(peer).or_default();
        entry.dialled = true;
        entry.pending.push_back(Pending { ticket, port, service });
        if entry.tunnel.is_some() {
            self.start_pending(peer, now);
        } else {
            self.dial(peer, now);
        }
    }

    /// The application that waits with this ticket is gone.
    pub fn withdraw(&mut self, peer: &Name, ticket: u64) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.pending.retain(|pending| pending.ticket != ticket);
        }
    }

    /// Does something with a peer's tunnel, if there is one.
    pub fn with<R>(&mut self, peer: &Name, act: impl FnOnce(&mut Tunnel) -> R) -> Option<R> {
        let (tunnel, _) = self.peers.get_mut(peer)?.tunnel.as_mut()?;
        let result = act(tunnel);
        self.drain(*peer);
        Some(result)
    }

    /// A peer's tunnel, to look at.
    #[must_use]
    pub fn tunnel(&self, peer: &Name) -> Option<&Tunnel> {
        self.peers.get(peer)?.tunnel.as_ref().map(|(tunnel, _)| tunnel)
    }

    /// All peers, and what keeps a handshake from going on.
    pub fn iter(&self) -> impl Iterator<Item = View<'_>> {
        self.peers.iter().map(|(name, peer)| View {
            name: *name,
            tunnel: peer.tunnel.as_ref().map(|(tunnel, _)| tunnel),
            dial: peer.dial.as_ref().map(|(_, flow, _)| (flow.since(), flow.next_try())),
            trouble: peer.trouble,
        })
    }

    // ---- The way into the overlay -----------------------------------------------------------

    /// The way into the overlay came or went.
    pub fn set_uplink(&mut self, up: bool, now: Time) {
        self.uplink = up;
        self.each(|tunnel| tunnel.set_uplink(up, now));
        for peer in self.peers.values_mut() {
            if let Some((_, flow, _)) = &mut peer.dial {
                flow.set_uplink(up, now);
            }
        }
        self.tick(now);
    }

    /// Something happened that could help.
    pub fn path_changed(&mut self, now: Time) {
        self.each(|tunnel| tunnel.path_changed(now));
        for peer in self.peers.values_mut() {
            if let Some((_, flow, _)) = &mut peer.dial {
                flow.hurry(now);
            }
        }
        self.tick(now);
    }

    /// Says goodbye to all peers.
    pub fn say_goodbye(&mut self) {
        self.each(Tunnel::say_goodbye);
    }

    fn each(&mut self, mut act: impl FnMut(&mut Tunnel)) {
        let names: Vec<Name> = self.peers.keys().copied().collect();
        for name in names {
            self.with(&name, &mut act);
        }
    }

    // ---- Packets in -------------------------------------------------------------------------

    /// Takes in a whole packet frame.
    pub fn receive(&mut self, mut frame: Buffer, now: Time) {
        let Ok(route) = Route::new_checked(&frame[FRAME_HEADER..]) else {
            return self.counters.add("malformed");
        };
        let (source, marked) = (route.source(), route.is_marked());
        // HS-03, CR-02: what this node made comes back to it.
        if source == self.policy.identity.name() {
            return self.counters.add("reflected");
        }
        if route.destination() != self.policy.identity.name() {
            return self.counters.add("wrong-addressee");
        }
        let Ok(header) = Header::parse(&frame[FRAME_HEADER + ROUTE_LEN..]) else {
            return self.counters.add("malformed");
        };
        envelope::strip(&mut frame);
        match header.kind {
            ConType::Hello => self.on_hello(source, &header, &frame, now),
            ConType::HelloBack => self.on_hello_back(source, &header, &frame, now),
            ConType::Finished => self.on_finished(source, &header, &frame, now),
            ConType::Unreachable => self.on_unreachable(&frame, now),
            ConType::Refused => self.on_refused(source, &frame, now),
            _ => self.on_sealed(source, &header, frame, marked, now),
        }
    }

    fn on_sealed(&mut self, peer: Name, header: &Header, body: Buffer, marked: bool, now: Time) {
        let entry = self.peers.get_mut(&peer).and_then(|entry| entry.tunnel.as_mut());
        match entry {
            Some((tunnel, _)) if belongs(header, tunnel.id()) => {
                tunnel.receive(header, body, marked, now);
                self.drain(peer);
            }
            Some(_) => self.counters.add("another-tunnel"),
            None => {
                self.counters.add("unknown-tunnel");
                self.call_back(peer, now);
            }
        }
    }

    /// A peer speaks in a tunnel this node does not have: a handshake tells it so, provably.
    fn call_back(&mut self, peer: Name, now: Time) {
        let is_known = self.is_known(&peer);
        if !is_known && (self.peers.len() >= TUNNELS_MAX || !self.strangers.take(now)) {
            return self.counters.add("too-many-strangers");
        }
        let entry = self.peers.entry(peer).or_default();
        let recent = entry.called_back.is_some_and(|last| now.since(last) < HINT_EVERY);
        if !recent {
            entry.called_back = Some(now);
            self.dial(peer, now);
        }
    }

    fn on_unreachable(&mut self, body: &[u8], now: Time) {
        let Ok(about) = body.try_into().map(Name::from_bytes) else {
            return self.counters.add("malformed");
        };
        self.with(&about, |tunnel| tunnel.hint_unreachable(now));
        if let Some(entry) = self.peers.get_mut(&about).filter(|entry| entry.dial.is_some()) {
            entry.trouble = Some(Reason::Unreachable);
        }
    }

    fn on_refused(&mut self, peer: Name, body: &[u8], now: Time) {
        let Ok(reason) = Reason::parse(body) else { return self.counters.add("malformed") };
        self.counters.add("refusal-heard");
        self.trouble(peer, reason, now);
    }

    fn is_known(&self, peer: &Name) -> bool {
        let entry = self.peers.get(peer);
        self.policy.allowed.contains(peer)
            || entry.is_some_and(|entry| entry.dialled || entry.tunnel.is_some())
    }

    // ---- The handshake ----------------------------------------------------------------------

    fn dial(&mut self, peer: Name, now: Time) {
        let ends = self.ends(peer);
        let policy = &self.policy;
        let own = own(policy, &self.pool);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.dial.is_some() || entry.tunnel.is_some() {
            return;
        }
        match Initiator::new(&own, ends, policy.secrets.get(&peer), &mut self.rng) {
            Ok(initiator) => {
                let mut flow = Flow::new(now);
                flow.suspend(Outage::Silence, now);
                flow.set_uplink(self.uplink, now);
                entry.dial = Some((Box::new(initiator), flow, 0));
                self.tick(now);
            }
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    fn on_hello(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own_name = self.policy.identity.name();
        let known_half = |half: &&Box<Responder>| half.peer() == peer && half.answers(header);
        if let Some(half) = self.half_open.iter().find(known_half) {
            return self.out.push_back(half.answer());
        }
        if let Some(entry) = self.peers.get(&peer) {
            let established = entry.tunnel.as_ref().map(|(tunnel, _)| tunnel.id().opener);
            if established == Some(header.session.opener) {
                return self.counters.add("hello-again");
            }
            // HS-09: both began; the lower Name's handshake is the one that goes on.
            if entry.dial.is_some() && own_name < peer {
                return self.counters.add("crossed-hello");
            }
        }
        if !self.is_known(&peer) && !self.strangers.take(now) {
            return self.counters.add("too-many-strangers");
        }
        let ends = self.ends(peer);
        let own = own(&self.policy, &self.pool);
        let secret = self.policy.secrets.get(&peer);
        match Responder::new(&own, ends, (header, body), secret, (&mut self.rng, now)) {
            Ok(half) => {
                self.out.push_back(half.answer());
                self.keep_half_open(Box::new(half), now);
            }
            Err(HandshakeError::Refused(reason)) => {
                self.trouble(peer, reason, now);
                self.hint_refused(peer, header.session, reason);
            }
            Err(_) => self.counters.add("bad-hello"),
        }
    }

    /// HS-16: bounded; of one Name the newest stay, of all the oldest stranger goes first. A known
    /// Name's handshake waits as long as the network does.
    fn keep_half_open(&mut self, half: Box<Responder>, now: Time) {
        let peer = half.peer();
        let mut same = self.half_open.iter().filter(|other| other.peer() == peer).count();
        self.half_open.push_back(half);
        let half_open = std::mem::take(&mut self.half_open);
        for other in half_open {
            let crowded = other.peer() == peer && same >= HALF_OPEN_PER_NAME;
            let stale = now.since(other.began()) > HANDSHAKE_MAX && !self.is_known(&other.peer());
            same -= usize::from(crowded);
            if !crowded && !stale {
                self.half_open.push_back(other);
            }
        }
        while self.half_open.len() > HANDSHAKES_MAX {
            let stranger = self.half_open.iter().position(|other| !self.is_known(&other.peer()));
            self.half_open.remove(stranger.unwrap_or(0));
        }
    }

    fn on_hello_back(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own = own(&self.policy, &self.pool);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let answered = entry.dial.as_ref().is_some_and(|(dial, _, _)| dial.is_answered_by(header));
        let Some((initiator, flow, tries)) = entry.dial.take_if(|_| answered) else {
            return self.counters.add("hello-unasked");
        };
        match initiator.finish(&own, header, body, now) {
            Ok((established, finished)) => self.establish(peer, established, Some(finished), now),
            Err((Some(initiator), _)) => {
                entry.dial = Some((initiator, flow, tries));
                self.counters.add("bad-hello");
                // Without a pre-shared secret this is a forgery; with one, most likely another.
                if self.policy.secrets.contains_key(&peer) {
                    self.trouble(peer, Reason::SecretDiffers, now);
                    self.hint_refused(peer, header.session, Reason::SecretDiffers);
                }
            }
            Err((None, HandshakeError::Refused(reason))) => self.give_up(peer, reason),
            Err((None, _)) => {
                self.counters.add("bad-hello");
                self.dial(peer, now);
            }
        }
    }

    fn on_finished(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own_is_lower = self.policy.identity.name() < peer;
        let entry = self.peers.get(&peer);
        if let Some((tunnel, since)) = entry.and_then(|entry| entry.tunnel.as_ref()) {
            if tunnel.id() == header.session {
                self.with(&peer, Tunnel::confirm);
                return;
            }
            // HS-09 again: both finished before they heard of each other.
            if tunnel.is_unconfirmed() && own_is_lower && now.since(*since) < OUTAGE_MAX {
                return self.counters.add("crossed-hello");
            }
        }
        let mine = |half: &Box<Responder>| half.peer() == peer && half.is_finished_by(header);
        let Some(at) = self.half_open.iter().position(mine) else {
            self.counters.add("unknown-handshake");
            return self.call_back(peer, now);
        };
        let Some(half) = self.half_open.remove(at) else { return };
        match half.finish(body, now) {
            Ok(established) if self.is_known(&peer) => {
                self.establish(peer, established, None, now);
            }
            Ok(established) => self.refuse_stranger(peer, established, now),
            Err((half, _)) => {
                self.counters.add("bad-finished");
                self.half_open.extend(half);
            }
        }
    }

    /// The stranger proved its Name, so it may learn that it is on no list.
    fn refuse_stranger(&mut self, peer: Name, established: Established, now: Time) {
        self.counters.add("stranger-refused");
        self.happenings.push_back((peer, Happening::Stranger));
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[Reason::NotAllowed as u8]);
        let mut keys = established.keys;
        if keys.seal(ConType::FinishedBack, &mut body).is_ok() {
            self.out.push_back(body);
        }
        let unused = self.peers.get(&peer).is_some_and(|e| e.dial.is_none() && e.tunnel.is_none());
        if unused {
            self.peers.remove(&peer);
        }
        let _ = now;
    }

    fn establish(&mut self, peer: Name, made: Established, finished: Option<Buffer>, now: Time) {
        let (bounds, rng) = (self.policy.bounds, self.rng.child());
        let is_initiator = finished.is_some();
        let mut tunnel = Tunnel::new(made.keys, finished, bounds, self.pool.clone(), rng, now);
        if !self.uplink {
            tunnel.set_uplink(false, now);
        }
        if !is_initiator {
            tunnel.confirm();
        }
        if !self.peers.contains_key(&peer) && self.peers.len() >= TUNNELS_MAX {
            self.drop_idle();
        }
        let entry = self.peers.entry(peer).or_default();
        let old = entry.tunnel.replace((tunnel, now));
        let is_restart = std::mem::replace(&mut entry.boot, made.boot) != made.boot;
        (entry.dial, entry.failures, entry.trouble) = (None, 0, None);
        if let Some((mut old, _)) = old {
            self.counters.merge(old.counters());
            old.end(if is_restart { Reason::Restarted } else { Reason::LetGo });
            while let Some(event) = old.poll_event() {
                self.happenings.push_back((peer, Happening::Tunnel(event)));
            }
        }
        if !is_initiator {
            self.happenings.push_back((peer, Happening::Tunnel(Event::Up)));
        }
        self.start_pending(peer, now);
    }

    /// Makes place for a tunnel: one without sessions goes.
    fn drop_idle(&mut self) {
        let idle = self.peers.iter().find(|(_, entry)| {
            entry.pending.is_empty()
                && entry.tunnel.as_ref().is_none_or(|(tunnel, _)| tunnel.sessions() == 0)
        });
        if let Some(name) = idle.map(|(name, _)| *name) {
            self.with(&name, Tunnel::say_goodbye);
            self.peers.remove(&name);
        }
    }

    fn start_pending(&mut self, peer: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let Some((tunnel, _)) = entry.tunnel.as_mut() else { return };
        for pending in entry.pending.drain(..) {
            let happening = match tunnel.open(pending.port, pending.service, now) {
                Ok(key) => Happening::Started(pending.ticket, key),
                Err(reason) => Happening::Failed(pending.ticket, reason),
            };
            self.happenings.push_back((peer, happening));
        }
        self.drain(peer);
    }

    /// The handshake with `peer` met an obstacle. What is heard is not authenticated, so it ends
    /// nothing that exists; an application that waits to begin is told after a few times.
    fn trouble(&mut self, peer: Name, reason: Reason, now: Time) {
        let entry = self.peers.get_mut(&peer);
        let Some(entry) = entry else {
            if self.policy.allowed.contains(&peer) && self.strangers.take(now) {
                self.happenings.push_back((peer, Happening::Trouble(reason)));
            }
            return;
        };
        if entry.hinted.is_none_or(|last| now.since(last) >= HINT_EVERY) {
            entry.hinted = Some(now);
            self.happenings.push_back((peer, Happening::Trouble(reason)));
        }
        if entry.dial.is_some() {
            (entry.trouble, entry.failures) = (Some(reason), entry.failures + 1);
            if entry.failures >= FAILURES_MAX {
                self.give_up(peer, reason);
            }
        }
    }

    fn give_up(&mut self, peer: Name, reason: Reason) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        (entry.dial, entry.failures) = (None, 0);
        for pending in entry.pending.drain(..) {
            self.happenings.push_back((peer, Happening::Failed(pending.ticket, reason)));
        }
    }

    fn hint_refused(&mut self, peer: Name, session: SessId, reason: Reason) {
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[reason as u8]);
        let kind = ConType::Refused;
        let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
        if envelope::close(&mut body, self.ends(peer), &header, None).is_ok() {
            self.out.push_back(body);
        }
    }

    // ---- Time, and what leaves --------------------------------------------------------------

    /// When the peers want [`Peers::tick`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.peers.values().fold(None, |next, peer| {
            let dial = peer.dial.as_ref().and_then(|(_, flow, _)| flow.next_try());
            let dial = dial.map(|at| Deadline { at, why: "hello" });
            let tunnel = peer.tunnel.as_ref().and_then(|(tunnel, _)| tunnel.next_timeout());
            earliest(next, earliest(dial, tunnel))
        })
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        let names: Vec<Name> = self.peers.keys().copied().collect();
        for name in names {
            self.tick_dial(name, now);
            let due = self.tunnel(&name).and_then(Tunnel::next_timeout);
            if due.is_some_and(|deadline| deadline.at <= now) {
                self.with(&name, |tunnel| tunnel.tick(now));
            }
        }
    }

    fn tick_dial(&mut self, name: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&name) else { return };
        let wanted = !entry.pending.is_empty();
        let Some((initiator, flow, tries)) = entry.dial.as_mut() else { return };
        if !flow.is_due(now) {
            return;
        }
        if !wanted && *tries >= UNWANTED_TRIES {
            entry.dial = None;
            return;
        }
        *tries += 1;
        self.out.push_back(initiator.hello());
        flow.tried(true, &mut self.rng, now);
    }

    fn drain(&mut self, peer: Name) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let Some((tunnel, _)) = entry.tunnel.as_mut() else { return };
        while let Some(packet) = tunnel.poll_packet() {
            self.out.push_back(packet);
        }
        let mut ended = false;
        while let Some(event) = tunnel.poll_event() {
            ended |= matches!(event, Event::Ended(_));
            self.happenings.push_back((peer, Happening::Tunnel(event)));
        }
        if ended {
            self.counters.merge(tunnel.counters());
            entry.tunnel = None;
        }
    }

    /// The next packet to leave: a whole link frame.
    pub fn poll_packet(&mut self) -> Option<Buffer> {
        self.out.pop_front()
    }

    /// The next happening.
    pub fn poll_happening(&mut self) -> Option<(Name, Happening)> {
        self.happenings.pop_front()
    }

    /// What was dropped or noticed, over all tunnels.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut all = self.counters.clone();
        for (tunnel, _) in self.peers.values().filter_map(|peer| peer.tunnel.as_ref()) {
            all.merge(tunnel.counters());
        }
        all
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(u64::from(self.uplink) | (self.half_open.len() as u64) << 1);
        for (name, peer) in &self.peers {
            into.fold_bytes(name.as_bytes());
            into.fold(peer.pending.len() as u64 | u64::from(peer.dial.is_some()) << 32);
            if let Some((tunnel, _)) = &peer.tunnel {
                tunnel.fold(into);
            }
        }
    }
}

/// A peer, to look at.
pub struct View<'a> {
    /// Who.
    pub name: Name,
    /// The tunnel, once there is one.
    pub tunnel: Option<&'a Tunnel>,
    /// Since when it is dialled, and when the next Hello leaves.
    pub dial: Option<(Time, Option<Time>)>,
    /// What was heard of the last obstacle.
    pub trouble: Option<Reason>,
}

fn own<'a>(policy: &'a Policy, pool: &'a Pool) -> Own<'a> {
    Own { identity: &policy.identity, boot: policy.boot, suites: &policy.suites, pool }
}

/// Whether a packet is of the tunnel `id`: its own packets carry that very SessID, a session's
/// packets carry the serial of the side that did not open it.
fn belongs(header: &Header, id: SessId) -> bool {
    if !header.kind.is_session() {
        return header.session == id;
    }
    let serial = header.session.answerer.serial;
    serial == id.answerer.serial || serial == id.opener.serial
}
