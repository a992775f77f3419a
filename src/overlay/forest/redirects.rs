//! Where those went who once hung below this node, for the packets that still look for them here.
//!
//! One redirect stands for a whole subtree: a place below the former one is as far below the new
//! one (reference: "prefix tombstone"). It counts for a minute from when it was heard. After that
//! its number is still remembered, as long as its letter may be kept for a child that left, so
//! that a repetition of it begins no new minute.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::limits::{
    LETTER_LEASE, REDIRECT_DEPTH, REDIRECT_KEPT, REDIRECTS_KNOWN, REDIRECTS_PER_CHILD,
};
use crate::overlay::greedy::Tag;
use crate::overlay::word::{Letter, Word};

/// Why a redirect is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The old place was none below this node, as far as this node knows.
    Misplaced,
    /// Not signed by those it is about.
    Forged,
    /// Something newer is known.
    Old,
    /// There are too many.
    Full,
    /// The neighbour that brought it has caused too much work.
    Busy,
}

#[derive(Debug)]
struct Redirect {
    number: u64,
    tag: Tag,
    word: Word,
    heard: Time,
}

/// Redirects by the letters that led from this node down to the former place.
#[derive(Debug, Default)]
pub struct Redirects(BTreeMap<Vec<Letter>, Redirect>);

impl Redirects {
    /// Whether one with this number would be taken in.
    pub fn may(&self, below: &[Letter], number: u64) -> Result<(), Refusal> {
        if let Some(known) = self.0.get(below) {
            return if known.number < number { Ok(()) } else { Err(Refusal::Old) };
        }
        let own = self.below(below.first()).count();
        let is_full = own >= REDIRECTS_PER_CHILD || self.0.len() >= REDIRECTS_KNOWN && own > 0;
        if is_full { Err(Refusal::Full) } else { Ok(()) }
    }

    fn below(&self, letter: Option<&Letter>) -> impl Iterator<Item = (&Vec<Letter>, &Redirect)> {
        self.0.iter().filter(move |(letters, _)| letters.first() == letter)
    }

    /// Who was at the end of these letters is in another place now. [`Redirects::may`] allowed it.
    /// Where there are too many, the oldest goes below the letter that has most of them: a child
    /// whose subtree moves without end keeps no other child's out.
    pub fn put(&mut self, below: Vec<Letter>, number: u64, (tag, word): (Tag, Word), now: Time) {
        if self.0.len() >= REDIRECTS_KNOWN && !self.0.contains_key(&below) {
            let order = |(letters, redirect): &(&Vec<Letter>, &Redirect)| {
                (self.below(letters.first()).count(), Reverse(redirect.heard))
            };
            let oldest = self.0.iter().max_by_key(order).map(|(letters, _)| letters.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
        self.0.insert(below, Redirect { number, tag, word, heard: now });
    }

    /// Where a place below this node is now, if its way down leads through a former one.
    #[must_use]
    pub fn find(&self, below: &[Letter], now: Time) -> Option<(Tag, Word)> {
        let lengths = (1..=below.len().min(REDIRECT_DEPTH)).rev();
        let fresh = |redirect: &&Redirect| now.since(redirect.heard) < REDIRECT_KEPT;
        let mut found = lengths.filter_map(|length| {
            let (former, rest) = below.split_at_checked(length)?;
            let redirect = self.0.get(former).filter(fresh)?;
            Some((redirect.tag, redirect.word.clone().join(rest)))
        });
        found.next()
    }

    /// The letter is a child's again: what was below it then is not what is now.
    pub fn forget(&mut self, letter: Letter) {
        self.0.retain(|below, _| below.first() != Some(&letter));
    }

    /// Forgets what nobody could repeat any more.
    pub fn tick(&mut self, now: Time) {
        self.0.retain(|_, redirect| now.since(redirect.heard) < LETTER_LEASE);
    }

    /// Folds them into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        for (below, redirect) in &self.0 {
            into.fold_bytes(below);
            into.fold(redirect.number);
            into.fold(u64::from(redirect.tag));
            into.fold_bytes(&redirect.word);
        }
    }
}

const _: () = assert!(REDIRECT_KEPT.as_secs() < LETTER_LEASE.as_secs());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::word::{is_reduced, rebase};
    use quickcheck::quickcheck;
    use std::time::Duration;

    fn word(letters: &[u8]) -> Word {
        letters.iter().fold(Word::root(), |word, letter| {
            if word.last() == Some(letter) { word } else { word.step(*letter) }
        })
    }

    quickcheck! {
        /// new(t) = reduce(new . rel(old, t)), for all t at and below the old place.
        fn a_redirect_rebases_all_below(old: Vec<u8>, new: Vec<u8>, rest: Vec<u8>) -> bool {
            let (old, new) = (word(&old[..old.len().min(REDIRECT_DEPTH)]), word(&new));
            let place = word(&[&old[..], &rest].concat());
            if old.is_empty() || !place.starts_with(&old) {
                return true;
            }
            let mut redirects = Redirects::default();
            redirects.put(old.to_vec(), 1, (7, new.clone()), Time::ZERO);
            let found = redirects.find(&place, Time::ZERO);
            let expected = rebase(&place, &old, new);
            is_reduced(&expected) && found == Some((7, expected))
        }
    }

    #[test]
    fn the_longest_former_place_counts_and_only_below_it() {
        let mut redirects = Redirects::default();
        redirects.put(vec![1], 1, (7, word(&[9])), Time::ZERO);
        redirects.put(vec![1, 2], 1, (8, word(&[5, 3])), Time::ZERO);
        let find = |below: &[u8]| redirects.find(below, Time::ZERO);
        assert_eq!(find(&[1, 4]), Some((7, word(&[9, 4]))));
        assert_eq!(find(&[1, 2, 3, 6]), Some((8, word(&[5, 6]))), "reduced");
        assert_eq!((find(&[]), find(&[2, 1])), (None, None));
    }

    #[test]
    fn it_counts_for_a_minute_and_a_repetition_does_not_lengthen_it() {
        let (mut redirects, to) = (Redirects::default(), (7, word(&[9])));
        redirects.put(vec![1], 5, to.clone(), Time::ZERO);
        let end = Time::ZERO + REDIRECT_KEPT;
        let before = Time::ZERO + (REDIRECT_KEPT - Duration::from_nanos(1));
        assert_eq!((redirects.find(&[1], before), redirects.find(&[1], end)), (Some(to), None));
        redirects.tick(end);
        assert_eq!(redirects.may(&[1], 5), Err(Refusal::Old));
        assert_eq!(redirects.may(&[1], 6), Ok(()));
        redirects.tick(Time::ZERO + LETTER_LEASE);
        assert!(redirects.0.is_empty());
    }

    #[test]
    fn a_child_and_all_children_are_bounded() {
        let mut redirects = Redirects::default();
        for letter in 0..=254 {
            for next in (0..=254).filter(|next| *next != letter) {
                if redirects.may(&[letter, next], 1).is_ok() {
                    redirects.put(vec![letter, next], 1, (7, word(&[])), Time::ZERO);
                }
                let of_child = redirects.below(Some(&letter)).count();
                assert!((1..=REDIRECTS_PER_CHILD).contains(&of_child), "each has some");
            }
        }
        assert_eq!(redirects.0.len(), REDIRECTS_KNOWN);
        let of_first = redirects.below(Some(&0)).count();
        redirects.forget(0);
        assert_eq!(redirects.0.len(), REDIRECTS_KNOWN - of_first);
        assert_eq!(redirects.may(&[0, 1], 1), Ok(()));
    }
}
