//! Named counters of what was dropped, refused or noticed: nothing disappears without a number.

use std::collections::BTreeMap;

use super::fingerprint::Fingerprint;

/// Counts by name; a name that never counted is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<&'static str, u64>);

impl Counters {
    /// Counts one more.
    pub fn add(&mut self, what: &'static str) {
        self.add_many(what, 1);
    }

    /// Counts so many more.
    pub fn add_many(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    /// Takes in the counts of another.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(what, count)| self.add_many(what, count));
    }

    /// The count of one name.
    #[must_use]
    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// All counts, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(what, count)| (*what, *count))
    }

    /// Folds all of them into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        for (what, count) in self.iter() {
            into.fold_bytes(what.as_bytes());
            into.fold(count);
        }
    }
}
