//! Which root a tree should have, and whether that root still lives.
//!
//! Each tree has an order of its own over the Names, so that the trees have different roots with no
//! coordination. Candidates named by the configuration go before all others: keys can be ground,
//! a list cannot. A root's claim counts as long as its number advances: nobody chases the claim of
//! one that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use openssl::sha::sha256;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{ROOT_EXPIRY, ROOTS_KNOWN};
use crate::overlay::greedy::Tag;

/// A Name's place in the order of one tree's roots: the least is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Its place in the list of candidates; behind all of them if it is not there.
    candidate: usize,
    hash: [u8; 8],
}

impl Rank {
    /// The rank of `name` in a tree.
    #[must_use]
    pub fn new(tree: u8, name: &Name, candidates: &[Name]) -> Self {
        let at = candidates.iter().position(|candidate| candidate == name);
        // The list is one for all trees; each begins at another place of it.
        let turned = |at: usize| {
            let count = NonZeroUsize::new(candidates.len())?;
            let behind = count.get().saturating_sub(usize::from(tree) % count);
            Some(at.saturating_add(behind) % count)
        };
        Self {
            candidate: at.and_then(turned).unwrap_or(usize::MAX),
            hash: digest(b"MUSeS tree rank v1", tree, name),
        }
    }
}

fn digest(domain: &[u8], tree: u8, name: &Name) -> [u8; 8] {
    let digest = sha256(&[domain, &[tree], name.as_bytes()].concat());
    digest.first_chunk().copied().unwrap_or_default()
}

/// What tells places in a tree under one root from those under another.
#[must_use]
pub fn tag(tree: u8, root: &Name) -> Tag {
    let digest = digest(b"MUSeS tree tag v1", tree, root);
    Tag::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The highest number heard of each root, and when it advanced.
#[derive(Debug, Default)]
pub struct Roots(BTreeMap<Name, (u64, Time)>);

impl Roots {
    /// A root's number was heard; whether it is news. Where there are too many, the one that
    /// advanced longest ago is forgotten; none of those in use, or strangers with roots of their
    /// own could have everybody forget the true one.
    pub fn heard(
        &mut self,
        root: Name,
        number: u64,
        in_use: impl Iterator<Item = Name>,
        now: Time,
    ) -> bool {
        let (last, advanced) = self.0.entry(root).or_insert((0, now));
        let is_news = number > *last;
        if is_news {
            (*last, *advanced) = (number, now);
        }
        if self.0.len() > ROOTS_KNOWN {
            let in_use: BTreeSet<Name> = in_use.chain([root]).collect();
            let others = self.0.iter().filter(|(name, _)| !in_use.contains(*name));
            let stalest = others.min_by_key(|(_, (_, advanced))| *advanced);
            if let Some(stalest) = stalest.map(|(name, _)| *name) {
                self.0.remove(&stalest);
            }
        }
        is_news
    }

    /// Whether its number has advanced lately.
    #[must_use]
    pub fn is_alive(&self, root: &Name, now: Time) -> bool {
        self.0.get(root).is_some_and(|(_, advanced)| now.since(*advanced) < ROOT_EXPIRY)
    }

    /// The highest number of a root, and when it advanced.
    #[must_use]
    pub fn last(&self, root: &Name) -> Option<(u64, Time)> {
        self.0.get(root).copied()
    }

    /// When a root's word is too old to be believed.
    #[must_use]
    pub fn expires(&self, root: &Name) -> Option<Time> {
        self.0.get(root).map(|(_, advanced)| *advanced + ROOT_EXPIRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tree_has_an_order_of_its_own_and_candidates_go_first() {
        let names: Vec<Name> = (0..40).map(|fill| Name::from_bytes([fill; 32])).collect();
        let root = |tree: u8, listed: &[Name]| {
            names.iter().min_by_key(|name| Rank::new(tree, name, listed)).copied()
        };
        let roots: Vec<_> = (0..4).map(|tree| root(tree, &[])).collect();
        assert!((1..4).any(|tree| roots[tree] != roots[0]), "salted");
        let listed = [names[7], names[9]];
        assert_eq!(root(0, &listed), Some(names[7]));
        assert_eq!(root(1, &listed), Some(names[9]));
        assert_eq!(root(2, &listed), Some(names[7]));
        assert_ne!(tag(0, &names[0]), tag(1, &names[0]));
    }

    #[test]
    fn a_root_whose_number_does_not_advance_is_given_up() {
        // OV: a root whose number does not advance.
        let (mut roots, root) = (Roots::default(), Name::from_bytes([1; 32]));
        let mut heard = |number, now| roots.heard(root, number, std::iter::empty(), now);
        assert!(heard(5, Time::ZERO));
        let later = Time::ZERO + ROOT_EXPIRY;
        assert!(!heard(5, later) && !heard(4, later));
        assert!(!roots.is_alive(&root, later));
        assert!(roots.heard(root, 6, std::iter::empty(), later) && roots.is_alive(&root, later));
    }

    // OV-09: a bound whose being full is the denial.
    #[test]
    fn strangers_with_roots_of_their_own_push_out_strangers_only() {
        let (mut roots, root) = (Roots::default(), Name::from_bytes([0; 32]));
        roots.heard(root, 5, std::iter::empty(), Time::ZERO);
        for fill in 1..=200 {
            let now = Time::ZERO + std::time::Duration::from_millis(fill);
            let stranger = Name::from_bytes([fill as u8; 32]);
            roots.heard(stranger, 1, [root].into_iter(), now);
        }
        assert_eq!(roots.0.len(), ROOTS_KNOWN);
        assert!(roots.is_alive(&root, Time::ZERO + std::time::Duration::from_millis(200)));
    }
}
