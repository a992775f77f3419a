//! How much of the table this node holds, for people: counts against their limits.

use super::Dht;
use super::record::Record;
use crate::base::limits::{
    ABSENT_MAX, CACHE_MAX, LOOKUPS_MAX, NAMES_MAX, NUMBERS_MAX, STORE_BYTES_MAX,
};

/// A count, and the most that it may be.
pub type Share = (usize, usize);

/// What a node holds of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Records kept for others, each key counted.
    pub kept: usize,
    /// Their bytes, with what keeping them costs.
    pub kept_bytes: Share,
    /// Records of the Names attached here.
    pub own: Share,
    /// Records learnt for this node's own use.
    pub learnt: Share,
    /// Names and aliases that were asked for in vain.
    pub absent: Share,
    /// Names whose highest number is remembered.
    pub numbers: Share,
    /// Lookups under way.
    pub lookups: Share,
}

impl Dht {
    /// What is held now.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        Holdings {
            kept: self.store.len(),
            kept_bytes: (self.store.bytes(), STORE_BYTES_MAX),
            own: (self.publisher.count(), NAMES_MAX),
            learnt: (self.cache.records().count(), CACHE_MAX),
            absent: (self.cache.absent_count(), ABSENT_MAX),
            numbers: (self.cache.numbers_count(), NUMBERS_MAX),
            lookups: (self.lookups.count(), LOOKUPS_MAX),
        }
    }

    /// Every record held, those learnt for this node's own use first; one may come several times.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        let kept = self.store.iter().map(|(_, _, signed)| signed);
        self.cache.records().chain(kept).map(|signed| signed.record())
    }
}
