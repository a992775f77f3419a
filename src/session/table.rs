//! The sessions of a tunnel: which there are, which were, and which have something to send again.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::limits::SESSIONS_PER_TUNNEL_MAX;
use crate::wire::ack::Entry;
use crate::wire::packet::{PSessId, SessId};

use super::inbox::Inbox;
use super::log::{Acked, FalseClaim};
use super::stream::Session;
use super::window::{Seen, Window};

/// The table. A session's key is the opener's half of its SessID, as a number.
pub(crate) struct Table {
    sessions: BTreeMap<u64, Session>,
    /// Serials the peer has opened, halved: its parity is the same for all.
    opened: Window,
    next_serial: u64,
    /// Sessions with lost packets, in turn.
    lossy: VecDeque<u64>,
    unsettled: usize,
    /// What all inboxes hold: data that waits for applications, or for packets before it.
    held: Rc<Cell<u64>>,
}

/// What is known of a session's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is here.
    Here,
    /// The peer may open it.
    New,
    /// It was here and is over.
    Over,
    /// It cannot exist.
    Never,
}

impl Table {
    /// An empty table; the handshake's initiator opens even serials, the other side odd ones, so
    /// that both may open at once.
    pub(crate) fn new(is_initiator: bool) -> Self {
        Self {
            sessions: BTreeMap::new(),
            opened: Window::default(),
            next_serial: u64::from(!is_initiator),
            lossy: VecDeque::new(),
            unsettled: 0,
            held: Rc::default(),
        }
    }

    /// An inbox for another session of this tunnel.
    pub(crate) fn inbox(&self) -> Inbox {
        Inbox::of(Rc::clone(&self.held))
    }

    /// Bytes received that the applications have not taken.
    pub(crate) fn held(&self) -> u64 {
        self.held.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn get(&self, key: u64) -> Option<&Session> {
        self.sessions.get(&key)
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut Session> {
        self.sessions.get_mut(&key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Session)> {
        self.sessions.iter().map(|(key, session)| (*key, session))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut Session)> {
        self.sessions.iter_mut().map(|(key, session)| (*key, session))
    }

    /// What is known of `key`.
    pub(crate) fn known(&self, key: u64) -> Known {
        if self.sessions.contains_key(&key) {
            return Known::Here;
        }
        let serial = PSessId::from_u64(key).serial;
        if serial % 2 == self.next_serial % 2 {
            return if serial < self.next_serial { Known::Over } else { Known::Never };
        }
        match self.opened.look(serial / 2) {
            Seen::New => Known::New,
            Seen::Again | Seen::TooOld => Known::Over,
        }
    }

    /// A new session of this side; `None` at the limit.
    pub(crate) fn open(&mut self, port: u16, answerer: PSessId, now: Time) -> Option<u64> {
        if self.len() >= SESSIONS_PER_TUNNEL_MAX || self.next_serial > PSessId::SERIAL_MAX {
            return None;
        }
        let opener = PSessId { port, serial: self.next_serial };
        self.next_serial = self.next_serial.saturating_add(2);
        let key = opener.to_u64();
        let session = Session::new(SessId { opener, answerer }, true, self.inbox(), now);
        self.sessions.insert(key, session);
        Some(key)
    }

    /// Takes in a session of the peer, whose first packet is verified; false at the limit.
    pub(crate) fn admit(&mut self, session: Session) -> bool {
        if self.len() >= SESSIONS_PER_TUNNEL_MAX {
            return false;
        }
        let opener = session.id().opener;
        self.opened.note(opener.serial / 2);
        self.sessions.insert(opener.to_u64(), session);
        true
    }

    /// Lets a session go.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Session> {
        let session = self.sessions.remove(&key)?;
        self.unsettled = self.unsettled.saturating_sub(session.is_unsettled().into());
        Some(session)
    }

    /// Takes in what the peer has received of one session, which is here.
    pub(crate) fn acknowledge(&mut self, entry: &Entry, now: Time) -> Result<Acked, FalseClaim> {
        let key = entry.session.to_u64();
        let Some(session) = self.sessions.get_mut(&key) else { return Ok(Acked::default()) };
        let delay = Duration::from_micros(u64::from(entry.delay_us));
        let was_unsettled = session.is_unsettled();
        let log = &mut session.log;
        let news = log.acknowledge(entry.cumulative, entry.spans.as_slice(), delay, now)?;
        session.grant(entry.credit);
        let is_settled_now = was_unsettled && !session.is_unsettled();
        self.unsettled = self.unsettled.saturating_sub(is_settled_now.into());
        if news.lost > 0 {
            self.note_loss(key);
        }
        Ok(news)
    }

    /// Puts a session in turn for sending again.
    pub(crate) fn note_loss(&mut self, key: u64) {
        if !self.lossy.contains(&key) {
            self.lossy.push_back(key);
        }
    }

    /// Everything under way is lost.
    pub(crate) fn lose_all(&mut self) {
        self.lossy.clear();
        for (key, session) in &mut self.sessions {
            session.log.lose_all();
            if session.log.has_lost() {
                self.lossy.push_back(*key);
            }
        }
    }

    /// One packet under way counts as lost; its bytes.
    pub(crate) fn lose_oldest(&mut self) -> u64 {
        for (key, session) in &mut self.sessions {
            let len = session.log.lose_oldest();
            if len > 0 {
                // It is the probe: it goes first.
                self.lossy.retain(|other| other != key);
                self.lossy.push_front(*key);
                return len;
            }
        }
        0
    }

    /// Of each session that has waited in vain for so long, the oldest packet counts as lost. Their
    /// bytes.
    pub(crate) fn lose_at_pto(&mut self, wait: Duration, now: Time) -> u64 {
        let mut bytes = 0_u64;
        for (key, session) in &mut self.sessions {
            let len = session.log.lose_at_pto(wait, now);
            bytes = bytes.saturating_add(len);
            if len > 0 && !self.lossy.contains(key) {
                self.lossy.push_back(*key);
            }
        }
        bytes
    }

    /// The next lost packet of the session whose turn it is.
    pub(crate) fn next_lost(&mut self) -> Option<(u64, Buffer)> {
        while let Some(key) = self.lossy.front().copied() {
            let frame = self.sessions.get_mut(&key).and_then(|session| session.log.next_lost());
            if let Some(frame) = frame {
                return Some((key, frame));
            }
            self.lossy.pop_front();
        }
        None
    }

    /// The packet of [`Table::next_lost`] has left; the next session's turn.
    pub(crate) fn resent(&mut self, key: u64, transmission: u64, now: Time) {
        self.lossy.pop_front();
        let Some(session) = self.sessions.get_mut(&key) else { return };
        session.log.resent(transmission, now);
        if session.log.has_lost() {
            self.lossy.push_back(key);
        }
    }

    /// Whether nothing waits to be sent again.
    pub(crate) fn is_lossless(&self) -> bool {
        self.lossy.is_empty()
    }

    /// Whether this side began the handshake.
    pub(crate) fn is_initiator(&self) -> bool {
        self.next_serial.is_multiple_of(2)
    }

    /// Whether the peer has still to acknowledge something.
    pub(crate) fn is_waiting(&self) -> bool {
        self.sessions.values().any(|session| !session.log.is_empty())
    }

    /// A new epoch begins.
    pub(crate) fn step(&mut self) {
        self.unsettled = self.sessions.values_mut().map(|s| usize::from(s.step())).sum();
    }

    /// Whether the peer has everything that was sealed in earlier epochs.
    pub(crate) fn is_settled(&self) -> bool {
        self.unsettled == 0
    }

    /// The peer's packets of epochs before `epoch` are all here.
    pub(crate) fn settle(&mut self, epoch: u32) {
        self.sessions.values_mut().for_each(|session| session.settle(epoch));
    }

    /// Empties the table; the keys of what was in it.
    pub(crate) fn clear(&mut self) -> Vec<u64> {
        let keys = self.sessions.keys().copied().collect();
        self.sessions.clear();
        self.lossy.clear();
        self.unsettled = 0;
        keys
    }
}
