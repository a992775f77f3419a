//! The four messages of a handshake: what is begun, answered, looked at and refused.
//!
//! A message that proves nothing changes nothing: a Hello is answered and an answer is read,
//! whatever else is under way. What becomes of two handshakes is decided where both Names are
//! proved (`settling`).

use std::time::Duration;

use crate::base::bucket::Bucket;
use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{HINT_EVERY, TROUBLE_EVERY, TUNNELS_MAX};
use crate::session::envelope;
use crate::session::flow::{Flow, Outage};
use crate::session::handshake::{Established, HandshakeError, Initiator, Own, Responder};
use crate::session::tunnel::Tunnel;
use crate::wire::hello::Manner;
use crate::wire::packet::{ConType, Header, PSessId, SessId};
use crate::wire::reason::Reason;

use super::limiter::Verdict;
use super::{Dial, Happening, Peer, Peers, Policy};

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

    /// Not authenticated: a hint that ends nothing. At most it has something asked sooner.
    pub(super) fn on_refused(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let Ok(reason) = Reason::parse(body) else { return self.counters.add("malformed") };
        if reason != Reason::Restarted {
            self.counters.add("refusal-heard");
            return self.trouble(peer, reason, now);
        }
        self.counters.add("notice-heard");
        self.with(&peer, |tunnel| tunnel.hint_restarted(now));
        let Some(entry) = self.peers.get(&peer) else { return };
        let mut proposed = entry.proposals.iter().map(|proposal| proposal.tunnel.id());
        let is_unknown_there = proposed.any(|id| id == header.session);
        if is_unknown_there && entry.tunnel.is_none() && !entry.pending.is_empty() {
            self.call_back(peer, now);
        }
    }

    /// Begins a handshake, unless one is under way or there is a tunnel.
    pub(super) fn dial(&mut self, peer: Name, now: Time) {
        let ends = self.ends(peer);
        let policy = &self.policy;
        let own = own(policy, &self.pool);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let notice = entry.pending.is_empty();
        // An application's wish takes the place of a mere notice, which most peers ignore.
        entry.dial.take_if(|dial| dial.initiator.is_notice() && !notice);
        if entry.dial.is_some() || entry.tunnel.is_some() {
            return;
        }
        let manner = (policy.secrets.get(&peer), notice);
        match Initiator::new(&own, ends, manner, &mut self.rng) {
            Ok(initiator) => {
                let mut flow = Flow::new(now);
                flow.suspend(Outage::Silence, now);
                flow.set_uplink(self.uplink, now);
                let answers = Bucket::new(Duration::from_millis(10), 20);
                let initiator = Box::new(initiator);
                entry.dial = Some(Dial { initiator, flow, tries: 0, answers });
                self.tick_dial(peer, now);
            }
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    pub(super) fn on_hello(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let opener = header.session.opener;
        let tunnel = self.tunnel(&peer).map(|tunnel| tunnel.id().opener);
        if tunnel == Some(opener) {
            return self.counters.add("hello-again");
        }
        if let Some(half) = self.half_open.get(&peer, opener) {
            return self.out.push_back(half.answer());
        }
        let Ok((manner, _)) = Manner::parse(body) else { return self.counters.add("bad-hello") };
        if manner.notice && tunnel.is_none() {
            return self.counters.add("needless-notice");
        }
        // HS-12: whoever can write a known Name as the source can ask for public-key work.
        let is_known = self.is_known(&peer);
        let by = (&mut self.rng, now);
        match self.limiter.judge((&peer, opener.to_u64()), manner.cookie, is_known, by) {
            Verdict::Answer => self.answer(peer, header, body, now),
            Verdict::Retry(cookie) => {
                self.counters.add("retry-sent");
                let session = SessId { opener, answerer: PSessId::default() };
                self.say_openly(peer, ConType::Retry, session, &cookie);
            }
            Verdict::Drop => self.counters.add("too-many-hellos"),
        }
    }

    fn answer(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let (ends, is_known) = (self.ends(peer), self.is_known(&peer));
        let own = own(&self.policy, &self.pool);
        let secret = self.policy.secrets.get(&peer);
        match Responder::new(&own, ends, (header, body), secret, (&mut self.rng, now)) {
            Ok(half) => {
                self.out.push_back(half.answer());
                self.half_open.put(Box::new(half), is_known, now);
            }
            Err(HandshakeError::Refused(reason)) => {
                self.trouble(peer, reason, now);
                self.hint_refused(peer, header.session, reason);
            }
            Err(_) => self.counters.add("bad-hello"),
        }
    }

    /// The responder is under load: the same Hello again, with its cookie.
    pub(super) fn on_retry(&mut self, peer: Name, header: &Header, body: &[u8]) {
        let Ok(cookie) = body.try_into() else { return self.counters.add("malformed") };
        let dial = self.peers.get_mut(&peer).and_then(|entry| entry.dial.as_mut());
        let Some(dial) = dial.filter(|dial| dial.initiator.is_answered_by(header)) else {
            return self.counters.add("hello-unasked");
        };
        self.counters.add("retry-heard");
        if dial.initiator.take_cookie(cookie, &self.pool) {
            self.out.push_back(dial.initiator.hello());
        }
    }

    pub(super) fn on_hello_back(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        let own = own(&self.policy, &self.pool);
        let is_known = self.is_known(&peer);
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let is_answered = |dial: &mut Dial| dial.initiator.is_answered_by(header);
        let Some(mut dial) = entry.dial.take_if(is_answered) else {
            return self.counters.add("hello-unasked");
        };
        if !dial.answers.take(now) || !self.limiter.take_answer(now) {
            entry.dial = Some(dial);
            return self.counters.add("too-many-answers");
        }
        let is_notice = dial.initiator.is_notice();
        match dial.initiator.finish(&own, header, body, now) {
            Ok((mut established, finished)) if is_known && !is_notice => {
                established.rtt = now.since(dial.flow.since());
                self.propose(peer, established, finished, now);
            }
            // The notice is given; no tunnel comes of it.
            Ok((_, finished)) => {
                self.out.push_back(finished);
                self.forget_unused(&peer);
            }
            Err((_, HandshakeError::Refused(reason))) => {
                self.give_up(peer, reason);
                self.set_ended(&peer, now);
            }
            Err((Some(initiator), _)) => {
                entry.dial = Some(Dial { initiator, ..dial });
                self.counters.add("bad-hello");
                // Without a pre-shared secret this is a forgery; with one, most likely another.
                if self.policy.secrets.contains_key(&peer) {
                    self.trouble(peer, Reason::SecretDiffers, now);
                    self.hint_refused(peer, header.session, Reason::SecretDiffers);
                }
            }
            Err((None, _)) => {
                self.counters.add("crypto-failed");
                self.dial(peer, now);
            }
        }
    }

    pub(super) fn on_finished(&mut self, peer: Name, header: &Header, body: &[u8], now: Time) {
        if self.tunnel(&peer).is_some_and(|tunnel| tunnel.id() == header.session) {
            self.with(&peer, |tunnel| tunnel.confirm_again(now));
            return;
        }
        // HS-09: both answers came before either Finished. The lower Name's handshake goes on;
        // the other side sees that by its Finished, which is repeated.
        let own_is_lower = self.policy.identity.name() < peer;
        if own_is_lower && self.peers.get(&peer).is_some_and(|entry| !entry.proposals.is_empty()) {
            return self.counters.add("crossed-hello");
        }
        // The peer began anew because it has not heard the confirmation of the first handshake. It
        // still repeats that one's Finished, and what it opened there may have been served.
        if self.tunnel(&peer).is_some_and(|tunnel| tunnel.is_being_finished(now)) {
            self.counters.add("finished-beside");
            self.with(&peer, Tunnel::confirm);
            return;
        }
        let Some((half, was_known)) = self.half_open.take(&peer, header.session) else {
            self.counters.add("unknown-handshake");
            return self.hint_refused(peer, header.session, Reason::Restarted);
        };
        let is_notice = half.is_notice();
        match half.finish(body, now) {
            Ok(established) if is_notice => self.end_disowned(peer, &established, now),
            Ok(established) if self.is_known(&peer) => self.accept(peer, established, now),
            Ok(established) => self.refuse_stranger(peer, established, now),
            Err((half, _)) => {
                self.counters.add("bad-finished");
                if let Some(half) = half {
                    self.half_open.put(half, was_known, now);
                }
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

    /// The handshake with `peer` met an obstacle. What is heard is not authenticated, so it ends
    /// nothing; it stands in the status, and a person hears of it, of the same seldom.
    fn trouble(&mut self, peer: Name, reason: Reason, now: Time) {
        let has_tunnel = self.peers.get(&peer).is_some_and(Peer::is_confirmed);
        if has_tunnel || !self.is_known(&peer) {
            return;
        }
        let is_due = self.told.get(&peer).is_none_or(|(last, at)| {
            now.since(*at) >= if *last == reason { TROUBLE_EVERY } else { HINT_EVERY }
        });
        if is_due {
            self.told.retain(|_, (_, at)| now.since(*at) < TROUBLE_EVERY);
            self.told.insert(peer, (reason, now));
            self.happenings.push_back((peer, Happening::Trouble(reason)));
        }
        if let Some(entry) = self.peers.get_mut(&peer).filter(|entry| entry.dial.is_some()) {
            entry.trouble = Some(reason);
        }
    }

    /// The peer, whose Name is proved, says that it will not be.
    pub(super) fn give_up(&mut self, peer: Name, reason: Reason) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        entry.dial = None;
        for pending in entry.pending.drain(..) {
            self.happenings.push_back((peer, Happening::Failed(pending.ticket, reason)));
        }
    }

    pub(super) fn hint_refused(&mut self, peer: Name, session: SessId, reason: Reason) {
        self.say_openly(peer, ConType::Refused, session, &[reason as u8]);
    }

    fn say_openly(&mut self, peer: Name, kind: ConType, session: SessId, words: &[u8]) {
        let mut body = envelope::blank(&self.pool, words.len());
        body.extend(words);
        let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
        if envelope::close(&mut body, self.ends(peer), &header, None).is_ok() {
            self.out.push_back(body);
        }
    }
}

fn own<'a>(policy: &'a Policy, pool: &'a Pool) -> Own<'a> {
    Own { identity: &policy.identity, boot: policy.boot, suites: &policy.suites, pool }
}
