//! Handshakes: who may begin one, who is refused, and what a finished one replaces.

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{HANDSHAKE_MAX, HANDSHAKES_MAX, HINT_EVERY, OUTAGE_MAX, TUNNELS_MAX};
use crate::session::envelope;
use crate::session::flow::{Flow, Outage};
use crate::session::handshake::{Established, HandshakeError, Initiator, Own, Responder};
use crate::session::tunnel::{Event, Tunnel};
use crate::wire::hello::Manner;
use crate::wire::packet::{ConType, Header, SessId};
use crate::wire::reason::Reason;

use super::{Happening, Peer, Peers, Policy};

/// Failures of a handshake after which the applications that wait for it are told.
const FAILURES_MAX: u32 = 3;
/// Half-open handshakes of one Name.
const HALF_OPEN_PER_NAME: usize = 2;

impl Peers {
    /// A peer speaks in a tunnel this node does not have: a handshake tells it so, provably.
    pub(super) fn call_back(&mut self, peer: Name, now: Time) {
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

    pub(super) fn on_refused(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let Ok(reason) = Reason::parse(body) else { return self.counters.add("malformed") };
        if reason == Reason::Restarted {
            self.counters.add("notice-heard");
            if let Some(entry) = self.peers.get_mut(&peer) {
                let of = entry.tunnel.as_ref().map(Tunnel::id);
                entry.disowned |= of == Some(header.session);
            }
            self.with(&peer, |tunnel| tunnel.hint_restarted(now));
            return;
        }
        self.counters.add("refusal-heard");
        self.trouble(peer, reason, now);
    }

    pub(super) fn dial(&mut self, peer: Name, now: Time) {
        let ends = self.ends(peer);
        let policy = &self.policy;
        let own = own(policy, &self.pool);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let notice = entry.pending.is_empty();
        // An application's wish takes the place of a mere notice, which most peers ignore.
        entry.dial.take_if(|(dial, _, _)| dial.is_notice() && !notice);
        if entry.dial.is_some() || entry.tunnel.is_some() {
            return;
        }
        let manner = (policy.secrets.get(&peer), notice);
        match Initiator::new(&own, ends, manner, &mut self.rng) {
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

    pub(super) fn on_hello(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own_name = self.policy.identity.name();
        if let Some(entry) = self.peers.get(&peer) {
            let established = entry.tunnel.as_ref().map(|tunnel| tunnel.id().opener);
            if established == Some(header.session.opener) {
                return self.counters.add("hello-again");
            }
            // HS-09: both began; the lower Name's handshake is the one that goes on.
            // A notice is no handshake that could go on in its stead: most peers ignore it.
            let begun = entry.dial.as_ref().is_some_and(|(dial, _, _)| !dial.is_notice());
            // What this side has finished already may carry sessions, whatever its Name: they live
            // if the peer takes its Finished, so only a peer that cannot is answered.
            if (begun && own_name < peer) || entry.is_settling() {
                return self.counters.add("crossed-hello");
            }
        }
        let mut half_open = self.half_open.iter();
        if let Some(half) = half_open.find(|half| half.peer() == peer && half.answers(header)) {
            return self.out.push_back(half.answer());
        }
        let holds_tunnel = self.peers.get(&peer).is_some_and(|entry| entry.tunnel.is_some());
        if Manner::parse(body).is_ok_and(|(manner, _)| manner.notice) && !holds_tunnel {
            return self.counters.add("needless-notice");
        }
        // HS-12: whoever can write a known Name as the source can ask for public-key work.
        let budget = if self.is_known(&peer) { &mut self.greetings } else { &mut self.strangers };
        if !budget.take(now) {
            return self.counters.add("too-many-hellos");
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

    pub(super) fn on_hello_back(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own = own(&self.policy, &self.pool);
        let is_known = self.is_known(&peer);
        // HS-09 at the higher Name: it has answered the lower one's Hello, which is to go on.
        let own_is_higher = self.policy.identity.name() > peer;
        let mut half_open = self.half_open.iter().filter(|half| half.peer() == peer);
        if own_is_higher && half_open.any(|half| now.since(half.began()) < OUTAGE_MAX) {
            return self.counters.add("crossed-hello");
        }
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let answered = entry.dial.as_ref().is_some_and(|(dial, _, _)| dial.is_answered_by(header));
        let Some((initiator, flow, tries)) = entry.dial.take_if(|_| answered) else {
            return self.counters.add("hello-unasked");
        };
        match initiator.finish(&own, header, body, now) {
            Ok((established, finished)) if is_known => {
                self.establish(peer, established, Some(finished), now);
            }
            // The notice is given; a stranger gets no tunnel by it.
            Ok((_, finished)) => {
                self.out.push_back(finished);
                self.forget_unused(&peer);
            }
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

    pub(super) fn on_finished(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own_is_lower = self.policy.identity.name() < peer;
        if self.tunnel(&peer).is_some_and(|tunnel| tunnel.id() == header.session) {
            self.with(&peer, Tunnel::confirm);
            return;
        }
        // HS-09 again: both finished before they heard of each other.
        if own_is_lower && self.peers.get(&peer).is_some_and(Peer::is_settling) {
            return self.counters.add("crossed-hello");
        }
        let mut half_open = self.half_open.iter();
        let mine = half_open.position(|half| half.peer() == peer && half.is_finished_by(header));
        let Some(at) = mine else {
            self.counters.add("unknown-handshake");
            self.hint_refused(peer, header.session, Reason::Restarted);
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
        if self.stranger_said.take(now) {
            self.happenings.push_back((peer, Happening::Stranger));
        }
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[Reason::NotAllowed as u8]);
        let mut keys = established.keys;
        if keys.seal(ConType::FinishedBack, &mut body).is_ok() {
            self.out.push_back(body);
        }
        self.forget_unused(&peer);
    }

    /// Keeps no place for a peer that nobody here wanted and that has no tunnel.
    pub(super) fn forget_unused(&mut self, peer: &Name) {
        let unused = self.peers.get(peer).is_some_and(|entry| {
            let is_empty = entry.dial.is_none() && entry.tunnel.is_none();
            is_empty && entry.pending.is_empty() && !entry.dialled
        });
        if unused {
            self.peers.remove(peer);
        }
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
        let old = entry.tunnel.replace(tunnel);
        entry.disowned = false;
        let is_restart = std::mem::replace(&mut entry.boot, made.boot) != made.boot;
        (entry.dial, entry.failures, entry.trouble) = (None, 0, None);
        if let Some(mut old) = old {
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
    pub(super) fn drop_idle(&mut self) {
        let idle = self.peers.iter().find(|(_, entry)| {
            entry.pending.is_empty()
                && entry.tunnel.as_ref().is_none_or(|tunnel| tunnel.sessions() == 0)
        });
        if let Some(name) = idle.map(|(name, _)| *name) {
            self.with(&name, Tunnel::say_goodbye);
            self.peers.remove(&name);
        }
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

    pub(super) fn hint_refused(&mut self, peer: Name, session: SessId, reason: Reason) {
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[reason as u8]);
        let kind = ConType::Refused;
        let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
        if envelope::close(&mut body, self.ends(peer), &header, None).is_ok() {
            self.out.push_back(body);
        }
    }
}

fn own<'a>(policy: &'a Policy, pool: &'a Pool) -> Own<'a> {
    Own { identity: &policy.identity, boot: policy.boot, suites: &policy.suites, pool }
}
