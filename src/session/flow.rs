//! Flowing or suspended, and when to try again (paper section II.C.2: interruption detection).
//!
//! A suspended tunnel sends Re-Hellos: at once on every event that could help, else at a short
//! fixed interval and only while something waits, because a backoff is what makes others slow to
//! return.

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::{
    REHELLO_EVERY, REHELLO_LATER, REHELLO_PATIENCE, REHELLO_QUICK, REHELLO_SLOW,
};
use crate::crypto::rng::Rng;

/// Re-Hellos of a tunnel in which nothing waits, before it is taken for idle again.
const IDLE_TRIES: u32 = 4;

/// Why a tunnel is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The own way into the overlay is down.
    NoUplink,
    /// The peer does not answer.
    Silence,
    /// A relay says that it knows no way to the peer.
    Unreachable,
}

/// A tunnel's state between the two.
#[derive(Debug)]
pub(crate) struct Flow {
    outage: Option<Outage>,
    since: Time,
    uplink: bool,
    tries: u32,
    next_try: Option<Time>,
    resumed: u64,
}

impl Flow {
    /// A tunnel that flows.
    pub(crate) fn new(now: Time) -> Self {
        Self { outage: None, since: now, uplink: true, tries: 0, next_try: None, resumed: 0 }
    }

    /// The outage, if there is one.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.outage
    }

    /// Whether packets may leave.
    pub(crate) fn is_flowing(&self) -> bool {
        self.outage.is_none() && self.uplink
    }

    /// Whether the way into the overlay is up.
    pub(crate) fn has_uplink(&self) -> bool {
        self.uplink
    }

    /// Since when the present state lasts.
    pub(crate) fn since(&self) -> Time {
        self.since
    }

    /// How often an outage ended.
    pub(crate) fn resumed(&self) -> u64 {
        self.resumed
    }

    /// When the next Re-Hello (or Hello, or Finished) is due.
    pub(crate) fn next_try(&self) -> Option<Time> {
        self.next_try.filter(|_| self.uplink)
    }

    /// The path is gone. Whether that is news.
    pub(crate) fn suspend(&mut self, outage: Outage, now: Time) -> bool {
        if self.outage.is_some() {
            return false;
        }
        (self.outage, self.since, self.tries, self.next_try) = (Some(outage), now, 0, Some(now));
        true
    }

    /// The peer answered. Whether that is news.
    pub(crate) fn resume(&mut self, now: Time) -> bool {
        self.next_try = None;
        if self.outage.take().is_none() {
            return false;
        }
        self.since = now;
        self.resumed = self.resumed.saturating_add(1);
        true
    }

    /// The way into the overlay came or went.
    pub(crate) fn set_uplink(&mut self, up: bool, now: Time) {
        self.uplink = up;
        if up {
            self.hurry(now);
        }
    }

    /// Something happened that could help: try now.
    pub(crate) fn hurry(&mut self, now: Time) {
        self.tries = 0;
        if self.outage.is_some() || self.next_try.is_some() {
            self.next_try = Some(now);
        }
    }

    /// Try now although nothing is suspended (a worn key, an unconfirmed handshake).
    pub(crate) fn ask(&mut self, now: Time) {
        self.next_try.get_or_insert(now);
    }

    /// Whether a try is due.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.next_try().is_some_and(|at| at <= now)
    }

    /// A try was made; plans the next one. Where nothing waits, the tunnel is idle again after a
    /// few (true): an idle tunnel sends nothing.
    pub(crate) fn tried(&mut self, something_waits: bool, rng: &mut Rng, now: Time) -> bool {
        self.tries = self.tries.saturating_add(1);
        if !something_waits && self.tries >= IDLE_TRIES {
            (self.outage, self.since, self.next_try) = (None, now, None);
            return true;
        }
        let every = match now.since(self.since) {
            age if age < REHELLO_QUICK => REHELLO_EVERY,
            age if age < REHELLO_PATIENCE => REHELLO_LATER,
            _ => REHELLO_SLOW,
        };
        // A jitter of an eighth keeps the peers of a relay that returns from speaking at once.
        let eighth = u64::try_from(every.as_nanos() / 8).unwrap_or(1);
        let jitter = Duration::from_nanos(rng.below(eighth.saturating_mul(2)));
        self.next_try = Some(now + every - Duration::from_nanos(eighth) + jitter);
        false
    }
}
