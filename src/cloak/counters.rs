//! What was dropped, refused or noticed: each has a name and a number.

use std::collections::BTreeMap;

use crate::base::fingerprint::Fingerprint;
use crate::link::LinkError;

/// Counters by name; one that was never needed is not there.
#[derive(Debug, Default)]
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

    /// Counts the end of a link that broke a rule.
    pub fn add_error(&mut self, error: LinkError) {
        self.add(match error {
            LinkError::Frame(_) => "link-bad-frame",
            LinkError::Message(_) => "link-bad-message",
            LinkError::Unexpected => "link-unexpected",
            LinkError::OwnName => "link-own-name",
            LinkError::OtherName => "link-other-name",
            LinkError::Signature => "link-bad-proof",
            LinkError::Role => "link-wrong-role",
            LinkError::Late => "link-late",
            LinkError::Silent => "link-silent",
        });
    }

    /// The number under a name.
    #[must_use]
    pub fn get(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }

    /// All of them.
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
