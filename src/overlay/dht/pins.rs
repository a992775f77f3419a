//! Which Name an alias means: the first that was met, as with the host keys of SSH.
//!
//! Everybody may claim any alias, so a claim proves nothing. What a person used once stays what it
//! was; another Name under the same alias is refused loudly (DH-09).

use std::collections::{BTreeMap, BTreeSet};

use super::alias::Alias;
use super::record::Signed;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::PINS_MAX;

/// What an alias means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// The Name it always meant, whoever else claims it now.
    Known(Name),
    /// The one Name that claims it: met for the first time and pinned from now on.
    New(Name),
    /// It meant `pinned`, which claims it no more, and `claimed` does. Nothing was changed.
    Changed {
        /// The Name it meant.
        pinned: Name,
        /// One that claims it now.
        claimed: Name,
    },
    /// Never met, and several claim it: a person has to choose.
    Contested(Vec<Name>),
    /// Never met, and nobody claims it; or no place is left to pin it.
    Unknown,
}

/// The Names that aliases are pinned to, at most [`PINS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<Alias, Name>);

impl Pins {
    /// The pins of an earlier run.
    #[must_use]
    pub fn new(kept: impl IntoIterator<Item = (Alias, Name)>) -> Self {
        Self(kept.into_iter().take(PINS_MAX).collect())
    }

    /// All pins, to be kept over a restart.
    pub fn iter(&self) -> impl Iterator<Item = (&Alias, &Name)> {
        self.0.iter()
    }

    /// The Name an alias is pinned to.
    #[must_use]
    pub fn get(&self, alias: &Alias) -> Option<&Name> {
        self.0.get(alias)
    }

    /// What an alias means, given the records found under it; pins it at the first time.
    pub fn check(&mut self, alias: &Alias, claims: &[Signed]) -> Pinned {
        let claims = claims.iter().map(Signed::record);
        let claims = claims.filter(|record| record.alias.as_ref() == Some(alias));
        let names: BTreeSet<Name> = claims.map(|record| record.name).collect();
        let first = names.first().copied();
        match (self.0.get(alias).copied(), first) {
            (Some(pinned), Some(claimed)) if !names.contains(&pinned) => {
                Pinned::Changed { pinned, claimed }
            }
            (Some(pinned), _) => Pinned::Known(pinned),
            (None, Some(_)) if names.len() > 1 => Pinned::Contested(names.into_iter().collect()),
            (None, Some(name)) if self.pin(alias.clone(), name) => Pinned::New(name),
            (None, _) => Pinned::Unknown,
        }
    }

    /// A person's word: from now on the alias means this Name. False if no place is left.
    pub fn pin(&mut self, alias: Alias, name: Name) -> bool {
        let has_place = self.0.len() < PINS_MAX || self.0.contains_key(&alias);
        if has_place {
            self.0.insert(alias, name);
        }
        has_place
    }

    /// A person's word: the next Name met under this alias is as good as the first.
    pub fn forget(&mut self, alias: &Alias) -> Option<Name> {
        self.0.remove(alias)
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        for (alias, name) in self.iter() {
            into.fold_bytes(alias.as_bytes());
            into.fold_bytes(name.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{called, identity};
    use super::*;

    // DH-09
    #[test]
    fn an_alias_means_its_first_name_until_a_person_says_otherwise() {
        let bob: Alias = "bob".parse().expect("an alias");
        let (first, thief) = (identity(1).name(), identity(2).name());
        let mut pins = Pins::default();
        assert_eq!(pins.check(&bob, &[]), Pinned::Unknown);
        assert_eq!(pins.check(&bob, &[called(1, 1, "rob")]), Pinned::Unknown);
        assert_eq!(pins.check(&bob, &[called(1, 1, "bob")]), Pinned::New(first));
        let both = [called(1, 2, "bob"), called(2, 9, "bob")];
        assert_eq!(pins.check(&bob, &both), Pinned::Known(first));
        assert_eq!(pins.check(&bob, &[]), Pinned::Known(first));
        let changed = Pinned::Changed { pinned: first, claimed: thief };
        for _ in 0..2 {
            assert_eq!(pins.check(&bob, &both[1..]), changed);
        }
        let mut again = Pins::new(pins.iter().map(|(alias, name)| (alias.clone(), *name)));
        assert_eq!(again.check(&bob, &both[1..]), changed);
        assert_eq!(again.forget(&bob), Some(first));
        assert_eq!(again.check(&bob, &both[1..]), Pinned::New(thief));
    }

    // DH-09
    #[test]
    fn of_several_that_claim_a_new_alias_none_is_taken() {
        let bob: Alias = "bob".parse().expect("an alias");
        let mut pins = Pins::default();
        let both = [called(1, 2, "bob"), called(2, 9, "bob"), called(1, 1, "bob")];
        let Pinned::Contested(names) = pins.check(&bob, &both) else { panic!("taken") };
        assert_eq!((names.len(), pins.iter().count()), (2, 0));
        assert!(pins.pin(bob.clone(), names[1]));
        assert_eq!(pins.check(&bob, &both), Pinned::Known(names[1]));
    }
}
