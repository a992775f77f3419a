//! Which root a tree should have, and whether that root still lives.
//!
//! Each tree has an order of its own over the Names, so that the trees have different roots with no
//! coordination. Candidates named by the configuration go before all others: keys can be ground,
//! a list cannot. A root's claim counts as long as its number advances: nobody chases the claim of
//! one that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use openssl::sha::sha256;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{ROOT_DAMPING, ROOT_DAMPING_RESET, ROOT_EXPIRY, ROOT_FLAP, ROOTS_KNOWN};
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

/// What was heard of a root.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// The highest number, and when it advanced.
    number: u64,
    advanced: Time,
    /// Since when it has been heard of, or when it was last gone after a short lifetime.
    since: Time,
}

/// What was heard of each root.
///
/// A Name of low rank can be ground, so a stranger may be the root whenever it likes, and each time
/// it comes and goes all places change. So after roots that were gone soon, another one has to be
/// there for a while before a tree follows it, twice as long each time (the idea of route flap
/// damping, RFC 2439). Roots that have been there longer are followed at once. What came by a link
/// of this node's own choice does not count: that one breaks when a device changes its place.
#[derive(Debug, Default)]
pub struct Roots {
    heard: BTreeMap<Name, Heard>,
    /// Roots in a row that were gone soon, and when the last one was.
    flaps: u32,
    flapped_at: Time,
    /// Whether the root that is followed came by a stranger's link.
    is_from_stranger: bool,
}

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
        let new = Heard { number: 0, advanced: now, since: now };
        let heard = self.heard.entry(root).or_insert(new);
        let is_news = number > heard.number;
        if is_news {
            let is_back = now.since(heard.advanced) >= ROOT_EXPIRY;
            heard.since = if is_back { now } else { heard.since };
            (heard.number, heard.advanced) = (number, now);
        }
        if self.heard.len() > ROOTS_KNOWN {
            let in_use: BTreeSet<Name> = in_use.chain([root]).collect();
            let others = self.heard.iter().filter(|(name, _)| !in_use.contains(*name));
            let stalest = others.min_by_key(|(_, heard)| heard.advanced);
            if let Some(stalest) = stalest.map(|(name, _)| *name) {
                self.heard.remove(&stalest);
            }
        }
        is_news
    }

    /// Whether its number has advanced lately.
    #[must_use]
    pub fn is_alive(&self, root: &Name, now: Time) -> bool {
        self.heard.get(root).is_some_and(|heard| now.since(heard.advanced) < ROOT_EXPIRY)
    }

    /// The tree follows a root; whether that came by a stranger's link.
    pub fn followed(&mut self, is_from_stranger: bool) {
        self.is_from_stranger = is_from_stranger;
    }

    /// The root that the tree has followed for so long is gone.
    pub fn lost(&mut self, root: &Name, lifetime: Duration, now: Time) {
        if lifetime >= ROOT_FLAP || !self.is_from_stranger {
            return;
        }
        let is_calm = now.since(self.flapped_at) >= ROOT_DAMPING_RESET;
        let before = if is_calm { 0 } else { self.flaps };
        (self.flaps, self.flapped_at) = (before.saturating_add(1), now);
        if let Some(heard) = self.heard.get_mut(root) {
            heard.since = now;
        }
    }

    /// Whether a root has been there for long enough to be followed.
    #[must_use]
    pub fn is_stable(&self, root: &Name, now: Time) -> bool {
        if self.flaps == 0 || now.since(self.flapped_at) >= ROOT_DAMPING_RESET {
            return true;
        }
        let wait = ROOT_DAMPING.saturating_mul(1 << self.flaps.min(5));
        self.heard.get(root).is_some_and(|heard| now.since(heard.since) >= wait)
    }

    /// The highest number of a root, and when it advanced.
    #[must_use]
    pub fn last(&self, root: &Name) -> Option<(u64, Time)> {
        self.heard.get(root).map(|heard| (heard.number, heard.advanced))
    }

    /// When a root's word is too old to be believed.
    #[must_use]
    pub fn expires(&self, root: &Name) -> Option<Time> {
        self.heard.get(root).map(|heard| heard.advanced + ROOT_EXPIRY)
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

    // OV-11: a stranger that is the root for a moment, again and again, under fresh Names.
    #[test]
    fn after_roots_that_are_gone_soon_another_one_has_to_stay_first() {
        let [old, first, second] = [1, 2, 3].map(|fill| Name::from_bytes([fill; 32]));
        let (mut roots, second_of) = (Roots::default(), Duration::from_secs(1));
        let at = |seconds: u32| Time::ZERO + second_of * seconds;
        let heard = |roots: &mut Roots, root, now| roots.heard(root, 1, std::iter::empty(), now);
        heard(&mut roots, old, at(0));
        heard(&mut roots, first, at(100));
        assert!(roots.is_stable(&first, at(100)), "nothing has happened yet");
        roots.lost(&first, second_of, at(110));
        assert!(roots.is_stable(&first, at(110)), "its own link broke");
        roots.followed(true);
        roots.lost(&first, ROOT_FLAP, at(110));
        assert!(roots.is_stable(&first, at(110)), "it reigned for long enough");
        roots.lost(&first, second_of, at(111));
        heard(&mut roots, second, at(112));
        assert!(!roots.is_stable(&first, at(112)) && !roots.is_stable(&second, at(112)));
        assert!(roots.is_stable(&old, at(112)), "it was there before");
        assert!(roots.is_stable(&second, at(112) + ROOT_DAMPING * 2));
        roots.lost(&second, second_of, at(115));
        assert!(!roots.is_stable(&second, at(115) + ROOT_DAMPING * 3), "twice as long");
        assert!(roots.is_stable(&second, at(115) + ROOT_DAMPING * 4));
        assert!(roots.is_stable(&second, at(115) + ROOT_DAMPING_RESET), "all is forgotten");
    }

    // OV-09: a bound whose being full is the denial.
    #[test]
    fn strangers_with_roots_of_their_own_push_out_strangers_only() {
        let (mut roots, root) = (Roots::default(), Name::from_bytes([0; 32]));
        roots.heard(root, 5, std::iter::empty(), Time::ZERO);
        for fill in 1..=200 {
            let now = Time::ZERO + Duration::from_millis(fill);
            let stranger = Name::from_bytes([fill as u8; 32]);
            roots.heard(stranger, 1, [root].into_iter(), now);
        }
        assert_eq!(roots.heard.len(), ROOTS_KNOWN);
        assert!(roots.is_alive(&root, Time::ZERO + Duration::from_millis(200)));
    }
}
