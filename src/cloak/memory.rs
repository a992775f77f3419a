//! What a CLOAK node should find again at its next start: the neighbours it dialled with success,
//! so that a start without configuration finds the overlay, the highest numbers of records, so
//! that nobody plays it an old one after a restart (DH-02), and a number above all that it has used
//! in the trees, so that its words count whatever its clock says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{NUMBERS_AHEAD, PEERS_REMEMBERED, REMEMBER_AFTER, REMEMBER_EVERY};
use crate::base::machine::Deadline;

/// What an earlier run knew.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Peers that were dialled with success, the last first.
    pub peers: Vec<Endpoint>,
    /// The highest number seen of each Name's records.
    pub numbers: BTreeMap<Name, u64>,
    /// A number above all that this node has used in the trees.
    #[serde(default)]
    pub own: u64,
}

/// The same as people read it.
#[derive(Serialize, Deserialize)]
struct Text {
    peers: Vec<String>,
    numbers: BTreeMap<Name, u64>,
    #[serde(default)]
    own: u64,
}

impl Remembered {
    /// The text to be kept, JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let peers = self.peers.iter().map(Endpoint::to_string).collect();
        let text = Text { peers, numbers: self.numbers.clone(), own: self.own };
        serde_json::to_vec_pretty(&text).expect("strings and numbers are JSON")
    }

    /// Reads such a text.
    pub fn from_json(text: &[u8]) -> Result<Self, serde_json::Error> {
        let Text { peers, numbers, own } = serde_json::from_slice(text)?;
        let peers: Result<_, _> = peers.iter().map(|peer| peer.parse()).collect();
        Ok(Self { peers: peers.map_err(serde::de::Error::custom)?, numbers, own })
    }
}

/// When it is kept.
#[derive(Debug)]
pub(super) struct Memory {
    peers: Vec<Endpoint>,
    /// Changes of the numbers that were seen here.
    lessons: u64,
    /// What is kept as above all own numbers.
    own: u64,
    is_changed: bool,
    due: Option<Time>,
    /// Not before this.
    next: Time,
}

impl Memory {
    /// What an earlier run left; `lessons` as they are now.
    pub(super) fn new(mut peers: Vec<Endpoint>, own: u64, lessons: u64) -> Self {
        peers.truncate(PEERS_REMEMBERED);
        Self { peers, lessons, own, is_changed: false, due: None, next: Time::ZERO }
    }

    /// A peer was dialled with success.
    pub(super) fn met(&mut self, peer: &Endpoint) {
        if self.peers.first() != Some(peer) {
            self.peers.retain(|other| other != peer);
            self.peers.insert(0, peer.clone());
            self.peers.truncate(PEERS_REMEMBERED);
            self.is_changed = true;
        }
    }

    /// Sees whether there is something new. `own`: the highest number that was used in the trees.
    pub(super) fn look(&mut self, lessons: u64, own: u64, now: Time) {
        self.is_changed |= std::mem::replace(&mut self.lessons, lessons) != lessons;
        if own > self.own {
            (self.own, self.is_changed) = (own.saturating_add(NUMBERS_AHEAD), true);
        }
        if self.is_changed && self.due.is_none() {
            self.due = Some(self.next.max(now + REMEMBER_AFTER));
        }
    }

    /// Whether it is time to keep it.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.due.is_some_and(|at| at <= now)
    }

    /// The text to be kept, if there is something new in it.
    pub(super) fn keep(
        &mut self,
        numbers: impl FnOnce() -> Vec<(Name, u64)>,
        now: Time,
    ) -> Option<Vec<u8>> {
        (self.due, self.next) = (None, now + REMEMBER_EVERY);
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        let numbers = numbers().into_iter().collect();
        Some(Remembered { peers: self.peers.clone(), numbers, own: self.own }.to_json())
    }

    /// When it is due.
    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        self.due.map(|at| Deadline { at, why: "keep what was learnt of the overlay" })
    }

    /// Folds the state into a digest.
    pub(super) fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.lessons);
        into.fold(self.due.map_or(0, Time::as_nanos));
        into.fold(self.peers.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u16) -> Endpoint {
        Endpoint::Host("h".into(), number)
    }

    #[test]
    fn the_text_is_read_again_and_nothing_else_is() {
        let numbers = BTreeMap::from([(Name::from_bytes([7; 32]), u64::MAX)]);
        let peers = vec![peer(1), Endpoint::Unix("/x".into())];
        let remembered = Remembered { peers, numbers, own: 7 };
        assert_eq!(Remembered::from_json(&remembered.to_json()).expect("its own"), remembered);
        for wrong in ["", "{}", r#"{"peers": ["h"], "numbers": {}}"#] {
            assert!(Remembered::from_json(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_new_is_kept_soon_and_then_once_a_minute() {
        let mut memory = Memory::new(vec![peer(1)], 0, 3);
        let start = Time::ZERO;
        memory.look(3, 0, start);
        assert_eq!(memory.next_timeout(), None);
        (2..=20).for_each(|number| memory.met(&peer(number)));
        memory.look(3, 0, start);
        let first = start + REMEMBER_AFTER;
        assert!(!memory.is_due(start) && memory.is_due(first));
        let text = memory.keep(Vec::new, first).expect("news");
        let kept = Remembered::from_json(&text).expect("its own");
        assert_eq!(kept.peers.len(), PEERS_REMEMBERED);
        assert_eq!(kept.peers[0], peer(20));
        memory.met(&peer(20));
        memory.look(3, 0, first);
        assert_eq!(memory.next_timeout(), None, "nothing is new");
        memory.look(4, 0, first);
        assert_eq!(memory.next_timeout().map(|due| due.at), Some(first + REMEMBER_EVERY));
        assert!(memory.keep(Vec::new, first).is_some() && memory.keep(Vec::new, first).is_none());
    }

    // Row 11
    #[test]
    fn what_is_kept_is_above_every_number_used_and_is_kept_seldom() {
        let (mut memory, now) = (Memory::new(Vec::new(), 0, 0), Time::ZERO);
        let mut kept = Vec::new();
        for number in (1_000..NUMBERS_AHEAD * 3).step_by(30_000) {
            memory.look(0, number, now);
            if let Some(text) = memory.keep(Vec::new, now) {
                kept.push(Remembered::from_json(&text).expect("its own").own);
            }
            assert!(kept.last().is_some_and(|own| *own >= number));
        }
        assert_eq!(kept.len(), 3);
    }
}
