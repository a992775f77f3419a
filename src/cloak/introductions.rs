//! Whom this node's clients talk to: they hear at once where a client has moved.
//!
//! The Routing Header also says where a packet comes from, but nobody signed that: whoever believed
//! it would send its answers wherever a stranger likes. So the signed record itself goes ahead of
//! the first packet to a Name, and again with every change. This is soft state of the ends' own
//! nodes; a relay has none.

use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{INTRODUCED_FOR, INTRODUCTIONS_MAX};

/// Who was told which record of whom, and when they last talked.
#[derive(Debug, Default)]
pub struct Introductions(BTreeMap<(Name, Name), (u64, Time)>);

impl Introductions {
    /// A packet goes from a client to a peer; whether the peer has to hear of the client's record
    /// with this number first.
    pub fn is_due(&mut self, client: Name, peer: Name, number: u64, now: Time) -> bool {
        if self.0.len() >= INTRODUCTIONS_MAX && !self.0.contains_key(&(client, peer)) {
            let oldest = self.0.iter().min_by_key(|(_, (_, last))| *last);
            if let Some(oldest) = oldest.map(|(ends, _)| *ends) {
                self.0.remove(&oldest);
            }
        }
        let (told, last) = self.0.entry((client, peer)).or_insert((0, now));
        *last = now;
        std::mem::replace(told, number) != number
    }

    /// The peers that should hear of a client's new record now.
    pub fn peers(&self, client: &Name, now: Time) -> Vec<Name> {
        let all = self
            .0
            .iter()
            .filter(|((own, _), (_, last))| own == client && now.since(*last) < INTRODUCED_FOR);
        all.map(|((_, peer), _)| *peer).collect()
    }

    /// The peer is to hear it again with the next packet: what was told went astray.
    pub fn forget(&mut self, peer: &Name) {
        self.0.iter_mut().filter(|((_, to), _)| to == peer).for_each(|(_, (told, _))| *told = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_hears_once_of_each_record() {
        let [alice, bob] = [1, 2].map(|fill| Name::from_bytes([fill; 32]));
        let mut known = Introductions::default();
        let due = |known: &mut Introductions, number| known.is_due(alice, bob, number, Time::ZERO);
        assert!(due(&mut known, 5) && !due(&mut known, 5) && due(&mut known, 6));
        assert_eq!(known.peers(&alice, Time::ZERO), [bob]);
        assert!(known.peers(&alice, Time::ZERO + INTRODUCED_FOR).is_empty());
        known.forget(&bob);
        assert!(due(&mut known, 6));
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut known = Introductions::default();
        for at in 0..INTRODUCTIONS_MAX as u64 + 50 {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&at.to_be_bytes());
            let later = Time::ZERO + std::time::Duration::from_millis(at);
            known.is_due(Name::from_bytes([1; 32]), Name::from_bytes(bytes), 1, later);
        }
        assert_eq!(known.0.len(), INTRODUCTIONS_MAX);
    }
}
