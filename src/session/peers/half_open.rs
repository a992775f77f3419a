//! Handshakes that this node has answered and whose third message has not come yet.

use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{HALF_OPEN_MAX, HALF_OPEN_PER_NAME, HANDSHAKE_MAX, HANDSHAKES_MAX};
use crate::session::handshake::Responder;
use crate::wire::packet::{PSessId, SessId};

/// Who asked, and under which half of the SessID.
type Key = (Name, u64);

struct Held {
    responder: Box<Responder>,
    is_known: bool,
    /// Its place in the order in which they came.
    number: u64,
}

/// The half-open handshakes. The oldest goes first, of its Name where that has its share, else of
/// its class (HS-16); as only so many are answered in a second, none goes before its time.
#[derive(Default)]
pub(super) struct HalfOpen {
    held: BTreeMap<Key, Held>,
    /// Strangers' and known Names', oldest first.
    order: [BTreeMap<u64, Key>; 2],
    next: u64,
}

impl HalfOpen {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The one that answers the Hello of this half of a SessID.
    pub(super) fn get(&self, peer: &Name, opener: PSessId) -> Option<&Responder> {
        self.held.get(&(*peer, opener.to_u64())).map(|held| &*held.responder)
    }

    /// Whether a packet may belong to a tunnel that one of them will be.
    pub(super) fn any(&self, peer: &Name, belongs: impl Fn(SessId) -> bool) -> bool {
        self.of(peer).any(|(_, held)| belongs(held.responder.tunnel()))
    }

    fn of(&self, peer: &Name) -> impl Iterator<Item = (&Key, &Held)> {
        self.held.range((*peer, 0)..=(*peer, u64::MAX))
    }

    fn order_of(&mut self, is_known: bool) -> &mut BTreeMap<u64, Key> {
        let [strangers, known] = &mut self.order;
        if is_known { known } else { strangers }
    }

    /// Keeps one.
    pub(super) fn put(&mut self, responder: Box<Responder>, is_known: bool, now: Time) {
        let peer = responder.peer();
        if self.of(&peer).count() >= HALF_OPEN_PER_NAME {
            let oldest = self.of(&peer).min_by_key(|(_, held)| held.number);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.map(|key| self.remove(key));
        }
        let [strangers, known] = &self.order;
        let first = if is_known { known.first_key_value() } else { strangers.first_key_value() };
        let (count, max) =
            if is_known { (known.len(), HALF_OPEN_MAX) } else { (strangers.len(), HANDSHAKES_MAX) };
        if let Some(key) = first.map(|(_, key)| *key).filter(|_| count >= max) {
            self.remove(key);
        }
        self.forget_stale(now);
        let key = (peer, responder.tunnel().opener.to_u64());
        self.remove(key);
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.held.insert(key, Held { responder, is_known, number });
        self.order_of(is_known).insert(number, key);
    }

    /// A stranger's is forgotten after a while; a known Name's waits as long as the network does.
    fn forget_stale(&mut self, now: Time) {
        while let Some((_, key)) = self.order[0].first_key_value() {
            let key = *key;
            let began = self.held.get(&key).map(|held| held.responder.began());
            if began.is_some_and(|began| now.since(began) <= HANDSHAKE_MAX) {
                return;
            }
            self.remove(key);
        }
    }

    /// Takes out the one that a Finished belongs to.
    pub(super) fn take(&mut self, peer: &Name, session: SessId) -> Option<(Box<Responder>, bool)> {
        let key = (*peer, session.opener.to_u64());
        self.held.get(&key).filter(|held| held.responder.tunnel() == session)?;
        self.remove(key)
    }

    /// A tunnel with the peer is made: what its earlier Hellos began leads nowhere any more.
    pub(super) fn forget(&mut self, peer: &Name) {
        loop {
            let Some(key) = self.of(peer).next().map(|(key, _)| *key) else { return };
            self.remove(key);
        }
    }

    fn remove(&mut self, key: Key) -> Option<(Box<Responder>, bool)> {
        let held = self.held.remove(&key)?;
        self.order_of(held.is_known).remove(&held.number);
        Some((held.responder, held.is_known))
    }
}
