//! What others see of a tunnel.

use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::control::status;
use crate::session::flow::Outage;
use crate::session::stream::Way;

use super::Tunnel;
use super::event::Held;

impl Tunnel {
    /// The outage, and since when the present state lasts.
    #[must_use]
    pub fn outage(&self) -> (Option<Outage>, Time) {
        (self.flow.outage(), self.flow.since())
    }

    /// When the next attempt at resuming is due.
    #[must_use]
    pub fn next_try(&self) -> Option<Time> {
        self.flow.next_try()
    }

    /// Sessions that are open.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.table.len()
    }

    /// What was dropped or noticed.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(u64::from(self.keys.epoch()));
        into.fold(self.path.in_flight() ^ self.path.window() << 32);
        into.fold(self.flow.since().as_nanos() ^ self.flow.resumed());
        for (key, session) in self.table.iter() {
            into.fold(key);
            into.fold(session.log.next() ^ session.log.acked() << 32);
            into.fold(session.inbox.next() ^ session.inbox.ready_bytes() << 32);
        }
    }

    /// The tunnel's part of the status; Name, alias and waits are the caller's to add.
    #[must_use]
    pub fn status(&self) -> status::Tunnel {
        status::Tunnel {
            suite: self.keys.suite().to_string(),
            epoch: self.keys.epoch(),
            rtt_us: u64::try_from(self.path.rtt().srtt().as_micros()).unwrap_or(u64::MAX),
            window: self.path.window(),
            in_flight: self.path.in_flight(),
            resumed: self.flow.resumed(),
            sent_again: self.sent_again.0,
            sent_again_bytes: self.sent_again.1,
            ..Default::default()
        }
    }

    /// A session's part of the status; its number, local side and wait are the caller's to add.
    #[must_use]
    pub fn session_status(&self, key: u64) -> Option<(status::Session, Time)> {
        let session = self.table.get(key)?;
        let status = status::Session {
            port: session.id().answerer.port,
            outgoing: session.is_outgoing(),
            sent: session.sent(),
            received: session.inbox.received(),
            unacknowledged: session.log.memory() as u64,
            ..Default::default()
        };
        Some((status, session.began()))
    }

    /// What a session waits for, as far as the tunnel knows.
    #[must_use]
    pub fn held(&self, key: u64) -> Option<Held> {
        let session = self.table.get(key)?;
        if self.flow.outage().is_some() || !self.flow.has_uplink() || !self.is_confirmed {
            return Some(Held::Outage);
        }
        match session.room(self.bounds.window) {
            _ if session.sending() != Way::Open => Some(Held::Closed),
            0 if session.lacks_credit() => Some(Held::Credit),
            0 => Some(Held::Log),
            _ => None,
        }
    }
}
