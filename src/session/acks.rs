//! Which sessions of a tunnel owe an acknowledgement, and when it leaves.

use std::collections::VecDeque;

use crate::base::clock::Time;
use crate::base::limits::{ACK_DELAY, ACK_EVERY};

/// The debts.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// Sessions that owe one, oldest debt first; few, so a scan beats a tree.
    owing: VecDeque<u64>,
    /// Sessions the peer speaks of and this side does not have.
    gone: VecDeque<u64>,
    packets: u32,
    due: Option<Time>,
    received: u32,
    marked: u32,
}

/// Debts about unknown sessions kept at once; a peer that asks for more asks again.
const GONE_MAX: usize = 64;

impl Acks {
    /// A session packet was received; `now_please` where the sender waits or something is missing.
    pub(crate) fn received(&mut self, session: u64, marked: bool, now_please: bool, now: Time) {
        self.received = self.received.wrapping_add(1);
        self.marked = self.marked.wrapping_add(u32::from(marked));
        self.packets = self.packets.saturating_add(1);
        let at_once = now_please || self.packets >= ACK_EVERY;
        self.owe(session, if at_once { now } else { now + ACK_DELAY });
    }

    /// An acknowledgement of this session must leave by `due`.
    pub(crate) fn owe(&mut self, session: u64, due: Time) {
        if !self.owing.contains(&session) {
            self.owing.push_back(session);
        }
        self.at(due);
    }

    /// An acknowledgement must leave by `due`, whatever it speaks of.
    pub(crate) fn at(&mut self, due: Time) {
        self.due = Some(self.due.map_or(due, |other| other.min(due)));
    }

    /// The peer must hear that this session does not exist.
    pub(crate) fn deny(&mut self, session: u64, due: Time) {
        if self.gone.len() < GONE_MAX && !self.gone.contains(&session) {
            self.gone.push_back(session);
        }
        self.at(due);
    }

    /// When the next acknowledgement leaves.
    pub(crate) fn due(&self) -> Option<Time> {
        self.due
    }

    /// Counters for the head: received and marked.
    pub(crate) fn counters(&self) -> (u32, u32) {
        (self.received, self.marked)
    }

    /// The next session that owes one.
    pub(crate) fn next_owing(&mut self) -> Option<u64> {
        self.owing.pop_front()
    }

    /// It did not fit: it stays first.
    pub(crate) fn put_back(&mut self, session: u64) {
        self.owing.push_front(session);
    }

    /// The next session to be denied.
    pub(crate) fn next_gone(&mut self) -> Option<u64> {
        self.gone.pop_front()
    }

    /// Whether debts are left.
    pub(crate) fn is_clear(&self) -> bool {
        self.owing.is_empty() && self.gone.is_empty()
    }

    /// The acknowledgement left, with all debts in it.
    pub(crate) fn paid(&mut self) {
        (self.due, self.packets) = (None, 0);
    }

    /// Nothing can leave now; a Re-Hello will speak of everything.
    pub(crate) fn forget(&mut self) {
        self.owing.clear();
        self.paid();
    }
}
