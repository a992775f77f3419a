//! What a node tells at its start: it holds none of the tunnels its former run had.
//!
//! An application that only reads has nothing to send that would find this out. The notice is a
//! Refused packet with the reason `restarted`: a hint, which makes a holder of a tunnel ask in it;
//! the answer to that is a handshake, and only that ends anything (`docs/protocol/handshake.md`).

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::NOTIFIED_MAX;
use crate::wire::packet::SessId;
use crate::wire::reason::Reason;

use super::Peers;

/// Waits before each notice: the way to a peer may open later than the way into the overlay.
const WAITS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// Whom to tell, and when.
#[derive(Default)]
pub(super) struct Notices {
    peers: VecDeque<Name>,
    given: usize,
    next: Option<Time>,
}

impl Notices {
    pub(super) fn new(peers: impl IntoIterator<Item = Name>) -> Self {
        Self { peers: peers.into_iter().take(NOTIFIED_MAX).collect(), given: 0, next: None }
    }

    /// The way into the overlay is open.
    pub(super) fn begin(&mut self, now: Time) {
        if self.given == 0 && !self.peers.is_empty() {
            self.next.get_or_insert(now + WAITS[0]);
        }
    }

    pub(super) fn due(&self) -> Option<Time> {
        self.next
    }
}

impl Peers {
    pub(super) fn tick_notices(&mut self, now: Time) {
        if !self.uplink || self.notices.next.is_none_or(|at| at > now) {
            return;
        }
        self.notices.given = self.notices.given.saturating_add(1);
        self.notices.next = WAITS.get(self.notices.given).map(|wait| now + *wait);
        for _ in 0..self.notices.peers.len() {
            let Some(peer) = self.notices.peers.pop_front() else { break };
            // Whoever has a tunnel with this run knows all.
            if self.tunnel(&peer).is_none() {
                self.hint_refused(peer, SessId::default(), Reason::Restarted);
                self.notices.peers.push_back(peer);
            }
        }
    }
}
