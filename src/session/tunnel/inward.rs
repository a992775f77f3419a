//! Packets in: verified, put in order, acknowledged, believed only where they can be true.

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::limits::TUNNEL_SHARE;
use crate::session::inbox::Fit;
use crate::session::keys::{Rejected, Stage};
use crate::session::log::Acked;
use crate::session::stream::{Session, Way};
use crate::session::table::{Known, Table};
use crate::wire::ack::{Ack, Entries, Entry, ReHello};
use crate::wire::packet::{ConType, Header};
use crate::wire::reason::Reason;

use super::event::Event;
use super::{MEMORY_FULL, MEMORY_SHARED, Tunnel};

impl Tunnel {
    /// Takes in a packet of this tunnel: its header, and what followed the header.
    pub fn receive(&mut self, header: &Header, body: Buffer, marked: bool, now: Time) {
        let outcome = match header.kind {
            kind if kind.is_session() => self.receive_session(header, body, marked, now),
            ConType::ReHello | ConType::ReHelloBack => self.receive_step(header, body, now),
            ConType::Ack | ConType::Probe | ConType::Goodbye | ConType::FinishedBack => {
                self.receive_control(header, body, now)
            }
            _ => Err("unexpected-type"),
        };
        if let Err(name) = outcome {
            self.counters.add(name);
            // The peer may have taken the step that this side asked for, and its answer was lost:
            // asking again is all that helps, and does no harm if this was a forgery.
            let is_ahead = header.epoch == self.keys.epoch().saturating_add(1);
            if self.keys.has_asked() && is_ahead && !self.is_hinted(now) {
                self.flow.ask(now);
                self.tick(now);
            }
        }
        self.flush(now);
    }

    fn receive_session(
        &mut self,
        header: &Header,
        body: Buffer,
        marked: bool,
        now: Time,
    ) -> Result<(), Rejected> {
        let key = header.session.opener.to_u64();
        // Never acknowledged, so it comes again once applications have taken what fills the memory.
        // Those that have taken all of theirs are not to blame.
        let session = self.table.get(key);
        let is_next = header.seq == session.map_or(0, |session| session.inbox.next());
        let is_behind = session.is_none_or(Session::is_behind);
        let can_wait = !is_next || (header.kind == ConType::Data && is_behind);
        if can_wait && !self.pool.has_room(MEMORY_FULL) {
            return Err("no-memory");
        }
        if header.kind == ConType::Data && self.is_greedy() {
            return Err("no-memory");
        }
        match self.table.known(key) {
            Known::Here => {}
            Known::Never => return Err("unknown-session"),
            Known::New if header.session.answerer.serial != self.own_serial() => {
                return Err("unknown-session");
            }
            known @ (Known::New | Known::Over) => {
                let mut session = Session::new(header.session, false, self.table.inbox(), now);
                session.receive(header, body, &self.keys, now)?;
                if known == Known::Over {
                    self.acks.deny(key, now);
                } else if self.table.admit(session) {
                    self.heard(header.kind, now);
                    self.follow(key, header, Fit::Ahead, marked, now);
                } else {
                    return Err("too-many-sessions");
                }
                return Ok(());
            }
        }
        let Some(session) = self.table.get_mut(key) else { return Err("unknown-session") };
        if session.id() != header.session {
            return Err("unknown-session");
        }
        let fit = session.receive(header, body, &self.keys, now)?;
        if fit == Fit::Again {
            self.counters.add("received-again");
        }
        self.heard(header.kind, now);
        self.follow(key, header, fit, marked, now);
        Ok(())
    }

    /// Whether applications of this tunnel leave unread more than its share of the memory, when it
    /// is not there for the asking: others want some too.
    fn is_greedy(&self) -> bool {
        let share = self.pool.budget() / TUNNEL_SHARE;
        !self.pool.has_room(MEMORY_SHARED) && self.table.held() > share as u64
    }

    /// Hands on what is in order now, and owes an acknowledgement.
    fn follow(&mut self, key: u64, header: &Header, fit: Fit, marked: bool, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        let mut readable = false;
        while let Some(item) = session.inbox.take() {
            if !session.follow(item.kind) {
                self.counters.add("out-of-place");
                continue;
            }
            let reason = Reason::parse(&item.payload).unwrap_or(Reason::ByApplication);
            match item.kind {
                ConType::Open => {
                    let service = session.id().answerer.port;
                    self.events.push_back(Event::Incoming(key, service));
                }
                ConType::Accept => self.events.push_back(Event::Accepted(key)),
                ConType::Refuse => self.events.push_back(Event::Refused(key, reason)),
                ConType::Reset => {
                    session.deafen();
                    self.events.push_back(Event::Reset(key, reason));
                }
                ConType::Fin => self.events.push_back(Event::Finished(key)),
                _ => {
                    session.deliver(item.payload, &self.pool);
                    readable = true;
                }
            }
        }
        if readable {
            self.events.push_back(Event::Readable(key));
        }
        if header.kind == ConType::Data {
            session.inbox.ended(header.last);
        }
        let at_once = header.last
            || fit != Fit::InOrder
            || session.inbox.has_gap()
            || session.receiving() >= Way::Finished;
        self.acks.received(key, marked, at_once, now);
        self.reap(key, now);
    }

    fn receive_control(
        &mut self,
        header: &Header,
        mut body: Buffer,
        now: Time,
    ) -> Result<(), Rejected> {
        self.keys.open(header, &mut body)?;
        match header.kind {
            ConType::FinishedBack if body[..] == [0] => {
                self.heard(header.kind, now);
                // The other side may not send before it knows that this one may.
                self.acks.at(now);
            }
            ConType::FinishedBack | ConType::Goodbye => {
                let reason = Reason::parse(&body).unwrap_or(Reason::Stopped);
                self.end(reason);
            }
            ConType::Probe => {
                self.heard(header.kind, now);
                let key = body[..].try_into().map(u64::from_be_bytes).map_err(|_| "malformed")?;
                match self.table.known(key) {
                    Known::Here => self.acks.owe(key, now),
                    Known::Over => self.acks.deny(key, now),
                    Known::New | Known::Never => self.acks.at(now),
                }
            }
            _ => {
                self.heard(header.kind, now);
                let (head, entries) = Ack::parse(&body).map_err(|_| "malformed")?;
                self.apply(&head, entries, now)?;
                if head.settled && header.epoch == self.keys.epoch() && !self.keys.is_settled() {
                    self.keys.settle();
                    self.table.settle(self.keys.epoch());
                }
                self.path.answered(now);
            }
        }
        Ok(())
    }

    fn receive_step(
        &mut self,
        header: &Header,
        mut body: Buffer,
        now: Time,
    ) -> Result<(), Rejected> {
        let stage = self.keys.open_step(header, &mut body)?;
        let (hello, rest) = ReHello::parse(&body).map_err(|_| "malformed")?;
        let (head, entries) = Ack::parse(rest).map_err(|_| "malformed")?;
        self.judge(entries)?;
        self.keys.admit(header, stage, hello.nonce)?;
        self.heard(header.kind, now);
        self.doubt = None;
        // Both sides see the same: either of them can keep the epoch, and says so.
        let keeps = stage == Stage::Ahead && (hello.keep || self.keys.is_full());
        if keeps {
            self.counters.add("epoch-kept");
        } else if stage == Stage::Ahead {
            self.keys.step(&mut self.rng, now).map_err(|_| "crypto-failed")?;
            self.table.step();
        }
        let was_out = self.flow.outage().is_some();
        if header.kind == ConType::ReHello {
            let answered = if keeps { Stage::Ahead } else { Stage::Done };
            self.say_hello(ConType::ReHelloBack, answered, now);
        }
        let rtt = self.rehello_times.sample(header.epoch, hello.heard, now);
        let is_first = stage == Stage::Ahead;
        let is_lost = hello.outage && self.path.may_restart(is_first, now);
        if was_out || is_lost {
            self.table.lose_all();
            self.path.restart(is_first || was_out, now);
        }
        if let Some(rtt) = rtt {
            self.path.rtt_mut().on_rehello_rtt(rtt, was_out, now);
        }
        self.apply(&head, entries, now)?;
        // The Re-Hello speaks of as many sessions as fit; the rest follows here.
        let keys: Vec<u64> = self.table.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.acks.owe(key, now));
        self.acks.at(now);
        if self.flow.resume(now) {
            self.events.push_back(Event::Resumed);
        }
        self.crowded = true;
        Ok(())
    }

    /// Refuses a Re-Hello with an impossible claim whole, before anything moves (RS-02, RS-03).
    fn judge(&self, entries: Entries<'_>) -> Result<(), Rejected> {
        for entry in entries {
            let entry = entry.map_err(|_| "malformed")?;
            let Some(session) = self.table.get(entry.session.to_u64()) else { continue };
            let end = entry.spans.as_slice().last().map_or(entry.cumulative, |span| span.end);
            let possible = session.log.judge(entry.cumulative).is_ok() && end <= session.log.next();
            if !entry.gone && !possible {
                return Err("impossible-claim");
            }
        }
        Ok(())
    }

    fn apply(&mut self, head: &Ack, entries: Entries<'_>, now: Time) -> Result<(), Rejected> {
        let mut sum = Acked::default();
        for entry in entries {
            let entry = entry.map_err(|_| "malformed")?;
            let key = entry.session.to_u64();
            match self.table.known(key) {
                Known::Here => {
                    let news = if entry.gone {
                        self.forget_gone(key, now)?
                    } else {
                        self.acknowledge(key, &entry, now)?
                    };
                    sum.add(&news);
                    self.reap(key, now);
                }
                Known::Over if !entry.gone => self.acks.deny(key, now),
                _ => {}
            }
        }
        if let Some(rtt) = sum.rtt {
            self.path.measured(rtt, sum.transmission, now);
        }
        self.path.grow(sum.landed, sum.rtt.map(|_| sum.transmission), now);
        self.path.landed(sum.landed.saturating_add(sum.lost));
        self.path.marks(head.received, head.marked, sum.transmission, now);
        if sum.lost > 0 {
            self.path.lost(sum.transmission);
        }
        if sum.bytes > 0 {
            self.path.progress(now);
        }
        if let Some(pto) = self.path.session_pto(now) {
            let lost = self.table.lose_at_pto(pto, now);
            self.path.landed(lost);
            if lost > 0 {
                self.path.rtt_mut().on_pto(now);
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, key: u64, entry: &Entry, now: Time) -> Result<Acked, Rejected> {
        let was_settled = self.table.is_settled();
        let held = |table: &Table, window| table.get(key).is_some_and(|s| s.room(window) == 0);
        let was_held = held(&self.table, self.bounds.window);
        let news = self.table.acknowledge(entry, now).map_err(|_| "impossible-claim")?;
        if was_held && !held(&self.table, self.bounds.window) {
            self.feed(key);
            self.events.push_back(Event::Writable(key));
        }
        if !was_settled && self.table.is_settled() {
            self.acks.at(now);
        }
        Ok(news)
    }

    /// The session is no longer held back by credit.
    pub(super) fn feed(&mut self, key: u64) {
        if let Ok(place) = self.starved.binary_search(&key) {
            self.starved.remove(place);
        }
    }

    /// The peer does not have the session. If all was said it is over as soon as the application
    /// has read what is here: the peer lets go of a session once both *nodes* have everything.
    fn forget_gone(&mut self, key: u64, now: Time) -> Result<Acked, Rejected> {
        let Some(session) = self.table.get(key) else { return Ok(Acked::default()) };
        if session.sending() >= Way::Finished && session.receiving() >= Way::Finished {
            let (session, cumulative) = (session.id().opener, session.log.next());
            let all = Entry { session, cumulative, ..Entry::default() };
            let mut news = self.acknowledge(key, &all, now)?;
            self.reap(key, now);
            news.rtt = None;
            return Ok(news);
        }
        self.let_go(key);
        self.events.push_back(Event::Reset(key, Reason::Restarted));
        Ok(Acked::default())
    }

    /// A packet of the peer was verified: it is there and has the keys. The initiator opens
    /// sessions before it knows that, so these prove nothing to the other side.
    fn heard(&mut self, kind: ConType, now: Time) {
        self.last_heard = now;
        let is_early = matches!(kind, ConType::Open | ConType::Reset);
        if !self.is_confirmed && (self.table.is_initiator() || !is_early) {
            if self.table.is_initiator() {
                // Packets that waited for the confirmation begin to wait for acknowledgements.
                self.path.answered(now);
                let rtt = now.since(self.keys.began());
                self.path.rtt_mut().on_second_handshake_rtt(rtt);
            }
            (self.is_confirmed, self.is_wanted, self.finished) = (true, false, None);
            self.flow.resume(now);
            self.crowded = true;
            self.events.push_back(Event::Up);
        }
    }
}
