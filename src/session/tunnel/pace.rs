//! A tunnel in time: probes, outages, Re-Hellos, retention, and the end of sessions.

use crate::base::buffer::Buffer;
use crate::base::clock::{Time, earliest};
use crate::base::limits::CREDIT_PROBE;
use crate::base::machine::Deadline;
use crate::session::flow::Outage;
use crate::session::keys::Stage;
use crate::session::stream::{Session, Way};
use crate::wire::packet::ConType;
use crate::wire::reason::Reason;

use super::Tunnel;
use super::event::Event;

impl Tunnel {
    pub(super) fn suspend(&mut self, outage: Outage, now: Time) {
        if self.flow.suspend(outage, now) {
            self.table.lose_all();
            self.path.restart(true, now);
            self.acks.forget();
            self.doubt = None;
            if self.is_confirmed {
                self.events.push_back(Event::Suspended(outage));
            }
        }
    }

    /// When the tunnel wants [`Tunnel::tick`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let due = |at, why| Deadline { at, why };
        let mut next = self.flow.next_try().map(|at| due(at, "re-hello"));
        if self.flow.is_flowing() {
            next = earliest(next, self.acks.due().map(|at| due(at, "acknowledgement")));
        }
        if self.is_judged() {
            let probe = earliest(self.path.probe_at(), self.path.outage_at());
            next = earliest(next, probe.map(|at| due(at, "probe")));
            next = earliest(next, self.starved_ask.map(|(at, _)| due(at, "credit probe")));
            next = earliest(next, self.doubt.map(|doubt| due(doubt.until, "answer to a hint")));
        }
        earliest(next, self.expiry().map(|at| due(at, "retention")))
    }

    /// Returns whether silence may be an outage. Before the answer to a Finished only the Finished
    /// is repeated.
    fn is_judged(&self) -> bool {
        self.flow.is_flowing() && (self.is_confirmed || self.finished.is_none())
    }

    fn expiry(&self) -> Option<Time> {
        self.flow.outage().filter(|_| self.is_confirmed)?;
        Some(self.flow.since() + self.bounds.retain?)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        if self.expiry().is_some_and(|at| at <= now) {
            self.end(Reason::Expired);
            return;
        }
        if self.is_judged() {
            self.tick_path(now);
        }
        if self.flow.is_due(now) {
            match self.finished.as_ref().map(Buffer::share) {
                Some(finished) => self.out.push_back(finished),
                None if self.is_confirmed => self.say_hello(ConType::ReHello, Stage::Ahead, now),
                None => self.confirm(),
            }
            let waits = self.finished.is_some()
                || self.is_wanted
                || (self.is_confirmed && self.flow.outage().is_none())
                || self.table.is_waiting()
                || !self.starved.is_empty();
            if self.flow.tried(waits, &mut self.rng, now) {
                self.events.push_back(Event::Idle);
                self.crowded = true;
            }
        }
        self.flush(now);
    }

    fn tick_path(&mut self, now: Time) {
        if let Some(doubt) = self.doubt
            && doubt.until <= now
        {
            self.doubt = None;
            if self.last_heard < doubt.alive {
                self.suspend(Outage::Unreachable, now);
                return;
            }
        }
        if self.path.outage_at().is_some_and(|at| at <= now) {
            self.suspend(Outage::Silence, now);
            return;
        }
        if self.path.probe_at().is_some_and(|at| at <= now) {
            self.path.rtt_mut().on_pto(now);
            let len = self.table.lose_oldest();
            self.path.landed(len);
            match self.table.next_lost() {
                Some((key, frame)) if len > 0 => self.send_again(key, frame, now),
                _ => self.ask_credit(now),
            }
        }
        if let Some((at, wait)) = self.starved_ask
            && at <= now
        {
            let wait = wait.saturating_mul(2).min(CREDIT_PROBE.saturating_mul(10));
            self.starved_ask = (!self.starved.is_empty()).then_some((now + wait, wait));
            self.ask_credit(now);
        }
    }

    /// Lets a session go that is over, once its last acknowledgement has left.
    pub(super) fn reap(&mut self, key: u64, now: Time) {
        let Some(session) = self.table.get(key) else { return };
        let is_broken = session.receiving() == Way::Broken;
        if !is_broken && !session.is_complete() {
            return;
        }
        if self.flow.is_flowing() {
            self.acks.owe(key, now);
            self.acknowledge_all(now);
        }
        self.let_go(key);
        self.events.push_back(Event::Closed(key));
    }

    /// Takes a session out, with all that the tunnel knows of it.
    pub(super) fn let_go(&mut self, key: u64) -> Option<Session> {
        let session = self.table.remove(key)?;
        self.feed(key);
        self.path.abandoned(session.log.in_flight());
        Some(session)
    }
}
