//! The peers of a device: who may come, whom it dials, and the tunnel with each.
//!
//! Packets in, packets and happenings out. A node whose tunnel is confirmed never begins a
//! handshake with that peer; so a finished handshake that the *peer* began proves that it has no
//! state left, and only that ends the old tunnel's sessions (DESIGN section 5, "Resume").

mod greeting;
mod half_open;
mod limiter;
mod notice;
mod settling;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::rc::Rc;
use std::time::Duration;

use half_open::HalfOpen;
use limiter::HandshakeLimiter;
use notice::Notices;

use super::envelope;
use super::envelope::Ends;
use super::flow::Flow;
use super::handshake::Initiator;
use super::tunnel::{Bounds, Event, Tunnel};
use crate::base::bucket::Bucket;
use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    BEGIN_AGAIN, FRAME_HEADER, HANDSHAKE_MAX, HINT_EVERY, ROUTE_LEN, TUNNELS_MAX,
};
use crate::base::machine::Deadline;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::wire::packet::{ConType, Header, SessId};
use crate::wire::reason::Reason;
use crate::wire::route::Route;

/// Hellos of a handshake nobody waits for (it only tells a peer that we have lost its tunnel).
const UNWANTED_TRIES: u32 = 4;

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
    /// Whom to tell, once at the start, that a former run's tunnels are lost.
    pub notify: BTreeSet<Name>,
    /// What each tunnel may use.
    pub bounds: Bounds,
}

struct Pending {
    ticket: u64,
    port: u16,
    service: u16,
    /// The session that was opened for it in the first proposal, before that is confirmed.
    early: Option<u64>,
}

/// An own handshake that the peer has not answered.
struct Dial {
    initiator: Box<Initiator>,
    flow: Flow,
    tries: u32,
    /// Answers that are looked at: each costs work with public keys, and may be false.
    answers: Bucket,
}

/// The tunnel of an own handshake that the peer has answered and not confirmed.
struct Proposal {
    tunnel: Tunnel,
    /// The peer's run that answered.
    boot: [u8; 16],
    since: Time,
}

#[derive(Default)]
struct Peer {
    dial: Option<Dial>,
    /// The first one, which applications wait in, and the latest.
    proposals: Vec<Proposal>,
    /// The tunnel: confirmed, or made by a handshake of the peer that it has finished.
    tunnel: Option<Tunnel>,
    pending: VecDeque<Pending>,
    /// The peer's run in which the tunnel was made.
    boot: [u8; 16],
    dialled: bool,
    trouble: Option<Reason>,
    called_back: Option<Time>,
    /// When the last tunnel, or the last attempt at one, ended.
    ended: Option<Time>,
}

impl Peer {
    fn is_confirmed(&self) -> bool {
        self.tunnel.as_ref().is_some_and(Tunnel::is_confirmed)
    }

    /// All tunnels that there may be: the one in use, and those that are proposed.
    fn tunnels(&mut self) -> impl Iterator<Item = &mut Tunnel> {
        let proposed = self.proposals.iter_mut().map(|proposal| &mut proposal.tunnel);
        self.tunnel.as_mut().into_iter().chain(proposed)
    }
}

/// The peers.
pub struct Peers {
    policy: Policy,
    pool: Pool,
    rng: Rng,
    peers: BTreeMap<Name, Peer>,
    half_open: HalfOpen,
    limiter: HandshakeLimiter,
    /// Handshakes with strangers that this node begins because of their packets.
    strangers: Bucket,
    notices: Notices,
    /// What a person was last told of a known Name, and when: one line for each, for a minute.
    told: BTreeMap<Name, (Reason, Time)>,
    /// Spaces what is said of strangers, so that they cannot flood the log (DO-11).
    stranger_said: Bucket,
    uplink: bool,
    out: VecDeque<Buffer>,
    happenings: VecDeque<(Name, Happening)>,
    counters: Counters,
}

impl Peers {
    /// No peers yet, and no way into the overlay.
    #[must_use]
    pub fn new(mut policy: Policy, pool: Pool, rng: Rng) -> Self {
        Self {
            notices: Notices::new(std::mem::take(&mut policy.notify)),
            limiter: HandshakeLimiter::new(),
            policy,
            pool,
            rng,
            peers: BTreeMap::new(),
            half_open: HalfOpen::default(),
            strangers: Bucket::new(Duration::from_millis(50), 20),
            told: BTreeMap::new(),
            stranger_said: Bucket::new(HINT_EVERY, 5),
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

    /// Wants a session with a peer's service. [`Happening::Started`] or [`Happening::Failed`] with
    /// this ticket follows, as late as the peer's return if need be.
    pub fn open(&mut self, peer: Name, ticket: u64, port: u16, service: u16, now: Time) {
        if peer == self.policy.identity.name() {
            self.happenings.push_back((peer, Happening::Failed(ticket, Reason::NoService)));
            return;
        }
        if !self.peers.contains_key(&peer) && self.peers.len() >= TUNNELS_MAX {
            self.drop_idle();
        }
        if !self.peers.contains_key(&peer) && self.peers.len() >= TUNNELS_MAX {
            self.happenings.push_back((peer, Happening::Failed(ticket, Reason::Full)));
            return;
        }
        let entry = self.peers.entry(peer).or_default();
        entry.dialled = true;
        entry.pending.push_back(Pending { ticket, port, service, early: None });
        self.advance(peer, now);
    }

    /// The application that waits with this ticket is gone.
    pub fn withdraw(&mut self, peer: &Name, ticket: u64, now: Time) {
        let Some(entry) = self.peers.get_mut(peer) else { return };
        let gone = entry.pending.iter().find(|pending| pending.ticket == ticket);
        let early = gone.and_then(|pending| pending.early);
        entry.pending.retain(|pending| pending.ticket != ticket);
        if let (Some(key), Some(proposal)) = (early, entry.proposals.first_mut()) {
            proposal.tunnel.reset(key, Reason::ByApplication, now);
        }
    }

    /// Does something with a peer's tunnel, if there is one.
    pub fn with<R>(&mut self, peer: &Name, act: impl FnOnce(&mut Tunnel) -> R) -> Option<R> {
        let tunnel = self.peers.get_mut(peer)?.tunnel.as_mut()?;
        let result = act(tunnel);
        self.drain(*peer);
        Some(result)
    }

    /// A peer's tunnel, to look at.
    #[must_use]
    pub fn tunnel(&self, peer: &Name) -> Option<&Tunnel> {
        self.peers.get(peer)?.tunnel.as_ref()
    }

    /// All peers, and what keeps a handshake from going on.
    pub fn iter(&self) -> impl Iterator<Item = View<'_>> {
        self.peers.iter().map(|(name, peer)| View {
            name: *name,
            tunnel: peer.tunnel.as_ref().or(peer.proposals.first().map(|p| &p.tunnel)),
            dial: peer.dial.as_ref().map(|dial| (dial.flow.since(), dial.flow.next_try())),
            trouble: peer.trouble,
            ended: peer.ended,
        })
    }

    /// A tunnel with a peer ended.
    pub fn set_ended(&mut self, peer: &Name, now: Time) {
        if let Some(entry) = self.peers.get_mut(peer) {
            entry.ended = Some(now);
        }
    }

    /// The way into the overlay came or went.
    pub fn set_uplink(&mut self, up: bool, now: Time) {
        self.uplink = up;
        if up {
            self.notices.begin(now);
        }
        self.each(|tunnel| tunnel.set_uplink(up, now));
        for dial in self.peers.values_mut().filter_map(|peer| peer.dial.as_mut()) {
            dial.flow.set_uplink(up, now);
        }
        self.tick(now);
    }

    /// Something happened that could help.
    pub fn path_changed(&mut self, now: Time) {
        self.each(|tunnel| tunnel.path_changed(now));
        for dial in self.peers.values_mut().filter_map(|peer| peer.dial.as_mut()) {
            dial.flow.hurry(now);
        }
        self.tick(now);
    }

    /// Says goodbye to all peers.
    pub fn say_goodbye(&mut self) {
        self.each(Tunnel::say_goodbye);
    }

    fn each(&mut self, mut act: impl FnMut(&mut Tunnel)) {
        let mut next = self.after(None);
        while let Some(name) = next {
            if let Some(peer) = self.peers.get_mut(&name) {
                peer.tunnels().for_each(&mut act);
            }
            self.drain(name);
            next = self.after(Some(&name));
        }
    }

    /// Takes in a whole packet frame.
    pub fn receive(&mut self, mut frame: Buffer, now: Time) {
        let Ok(route) = Route::new_checked(frame.get(FRAME_HEADER..).unwrap_or_default()) else {
            return self.counters.add("malformed");
        };
        let (source, marked) = (route.source(), route.is_marked());
        let packet = frame.get(FRAME_HEADER + ROUTE_LEN..).unwrap_or_default();
        let Ok(header) = Header::parse(packet) else {
            return self.counters.add("malformed");
        };
        // HS-03, CR-02: what this node made comes back to it. An embedded CLOAK node has the same
        // Name, and says by it what it cannot reach.
        if source == self.policy.identity.name() && header.kind != ConType::Unreachable {
            return self.counters.add("reflected");
        }
        if route.destination() != self.policy.identity.name() {
            return self.counters.add("wrong-addressee");
        }
        envelope::strip(&mut frame);
        match header.kind {
            ConType::Hello => self.on_hello(source, &header, &frame, now),
            ConType::HelloBack => self.on_hello_back(source, &header, &frame, now),
            ConType::Finished => self.on_finished(source, &header, &frame, now),
            ConType::Unreachable => self.on_unreachable(&frame, now),
            ConType::Refused => self.on_refused(source, &header, &frame, now),
            ConType::Retry => self.on_retry(source, &header, &frame),
            _ => self.on_sealed(source, &header, frame, marked, now),
        }
    }

    fn on_sealed(&mut self, peer: Name, header: &Header, body: Buffer, marked: bool, now: Time) {
        let is_its_own = |tunnel: &&mut Tunnel| belongs(header, tunnel.id());
        let entry = self.peers.get_mut(&peer);
        let Some(tunnel) = entry.and_then(|entry| entry.tunnels().find(is_its_own)) else {
            return self.on_foreign(peer, header, now);
        };
        let was_confirmed = tunnel.is_confirmed();
        tunnel.receive(header, body, marked, now);
        if was_confirmed {
            self.drain(peer);
        } else {
            self.settle(peer, now);
        }
    }

    /// A sealed packet of a tunnel that is not here.
    fn on_foreign(&mut self, peer: Name, header: &Header, now: Time) {
        let entry = self.peers.get(&peer);
        if entry.is_some_and(|entry| entry.tunnel.is_some()) {
            return self.counters.add("another-tunnel");
        }
        // Its Finished was overtaken or lost, and comes again: calling back now would end what is
        // only beginning.
        if self.half_open.any(&peer, |tunnel| belongs(header, tunnel)) {
            return self.counters.add("unfinished-tunnel");
        }
        self.counters.add("unknown-tunnel");
        if entry.is_none_or(|entry| entry.proposals.is_empty()) {
            self.call_back(peer, now);
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

    fn is_known(&self, peer: &Name) -> bool {
        let entry = self.peers.get(peer);
        self.policy.allowed.contains(peer)
            || entry.is_some_and(|entry| entry.dialled || entry.tunnel.is_some())
    }

    /// When the peers want [`Peers::tick`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let notices = self.notices.due().filter(|_| self.uplink);
        let notices = notices.map(|at| Deadline { at, why: "notice" });
        self.peers.values().fold(notices, |next, peer| {
            let dial = peer.dial.as_ref().and_then(|dial| dial.flow.next_try());
            let dial = dial.map(|at| Deadline { at, why: "hello" });
            let proposed = peer.proposals.iter().map(|proposal| &proposal.tunnel);
            let tunnels = peer.tunnel.iter().chain(proposed);
            earliest(next, earliest(dial, tunnels.filter_map(Tunnel::next_timeout).min()))
        })
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        self.tick_notices(now);
        let mut next = self.after(None);
        while let Some(name) = next {
            self.tick_proposals(name, now);
            self.tick_dial(name, now);
            if let Some(peer) = self.peers.get_mut(&name) {
                let is_due = |due: Option<Deadline>| due.is_some_and(|due| due.at <= now);
                let due = peer.tunnels().filter(|tunnel| is_due(tunnel.next_timeout()));
                due.for_each(|tunnel| tunnel.tick(now));
                self.drain(name);
            }
            next = self.after(Some(&name));
        }
    }

    /// The peer after this one (the first one after none): a walk that may change peers and needs
    /// no list of them.
    fn after(&self, name: Option<&Name>) -> Option<Name> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.peers.range((from, Bound::Unbounded)).next().map(|(name, _)| *name)
    }

    fn tick_dial(&mut self, name: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&name) else { return };
        let wanted = !entry.pending.is_empty();
        let Some(dial) = entry.dial.as_mut().filter(|dial| dial.flow.is_due(now)) else { return };
        if !wanted && dial.tries >= UNWANTED_TRIES {
            (entry.dial, entry.ended) = (None, Some(now));
            return self.forget_unused(&name);
        }
        dial.tries = dial.tries.saturating_add(1);
        self.out.push_back(dial.initiator.hello());
        dial.flow.tried(true, &mut self.rng, now);
    }

    /// Begins anew, beside the handshake that the peer does not confirm; gives up what nobody
    /// waits for.
    fn tick_proposals(&mut self, name: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&name) else { return };
        let Some(latest) = entry.proposals.last().filter(|_| self.uplink) else { return };
        let age = now.since(latest.since);
        if !entry.pending.is_empty() && entry.tunnel.is_none() && age >= BEGIN_AGAIN {
            self.dial(name, now);
        } else if entry.pending.is_empty() && age >= HANDSHAKE_MAX {
            self.drop_proposals(&name);
            self.set_ended(&name, now);
            self.forget_unused(&name);
        }
    }

    fn drain(&mut self, peer: Name) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        for tunnel in entry.tunnels() {
            while let Some(packet) = tunnel.poll_packet() {
                self.out.push_back(packet);
            }
        }
        let Some(tunnel) = entry.tunnel.as_mut() else { return };
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
        for peer in self.peers.values() {
            let proposed = peer.proposals.iter().map(|proposal| &proposal.tunnel);
            let tunnels = peer.tunnel.iter().chain(proposed);
            tunnels.for_each(|tunnel| all.merge(tunnel.counters()));
        }
        all
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(u64::from(self.uplink) | (self.half_open.len() as u64) << 1);
        for (name, peer) in &self.peers {
            into.fold_bytes(name.as_bytes());
            into.fold(peer.pending.len() as u64 | u64::from(peer.dial.is_some()) << 32);
            let proposed = peer.proposals.iter().map(|proposal| &proposal.tunnel);
            peer.tunnel.iter().chain(proposed).for_each(|tunnel| tunnel.fold(into));
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
    /// When the last tunnel, or the last attempt at one, ended.
    pub ended: Option<Time>,
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
