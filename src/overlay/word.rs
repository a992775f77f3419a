//! Addresses as words (reference: the free product of q copies of Z2).
//!
//! The q-regular tree that the papers embed in the hyperbolic plane is the Cayley graph of a group
//! whose generators, the *letters*, are each their own inverse. So a node of the tree is a
//! *reduced* word: letters in which none follows itself. The root is the empty word, a child is
//! its parent's word and one letter more, and an edge has the same letter from both of its ends.
//! Words are exact at any depth; coordinates are a view of them ([`super::metric::Plane`]).

use std::fmt;
use std::ops::Deref;

/// One edge of the tree, seen from either end.
pub type Letter = u8;

/// A reduced word: a place in one tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Vec<Letter>);

impl Word {
    /// The empty word.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// These letters, if no letter follows itself.
    #[must_use]
    pub fn new(letters: &[Letter]) -> Option<Self> {
        is_reduced(letters).then(|| Self(letters.to_vec()))
    }

    /// The word of the edge's other end: one letter more, or one less where it is the last.
    #[must_use]
    pub fn step(mut self, letter: Letter) -> Self {
        if self.0.last() == Some(&letter) {
            self.0.pop();
        } else {
            self.0.push(letter);
        }
        self
    }

    /// The product: this word and then that, reduced.
    #[must_use]
    pub fn join(self, then: &[Letter]) -> Self {
        then.iter().fold(self, |word, letter| word.step(*letter))
    }
}

impl Deref for Word {
    type Target = [Letter];

    fn deref(&self) -> &[Letter] {
        &self.0
    }
}

/// `/` for the root, else the letters: `/3/0/12`.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|letter| write!(f, "/{letter}"))
    }
}

/// Whether no letter follows itself.
#[must_use]
pub fn is_reduced(letters: &[Letter]) -> bool {
    letters.iter().zip(letters.iter().skip(1)).all(|(letter, next)| letter != next)
}

/// Letters that both words begin with.
#[must_use]
pub fn common(a: &[Letter], b: &[Letter]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Edges between two places of the tree.
#[must_use]
pub fn distance(a: &[Letter], b: &[Letter]) -> u32 {
    let shared = common(a, b);
    let [up, down] = [a, b].map(|word| word.len().saturating_sub(shared));
    up.saturating_add(down) as u32
}

/// The letters on the way from one place to another: the relative word, reduced by construction.
pub fn way<'a>(from: &'a [Letter], to: &'a [Letter]) -> impl Iterator<Item = Letter> + Clone + 'a {
    let shared = common(from, to);
    let [up, down] = [from, to].map(|word| word.get(shared..).unwrap_or_default());
    up.iter().rev().chain(down).copied()
}

/// Where `place` is once `member` has moved to `moved` and taken its whole tree along.
#[must_use]
pub fn rebase(place: &[Letter], member: &[Letter], moved: Word) -> Word {
    way(member, place).fold(moved, Word::step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// A word over `q` letters out of arbitrary bytes.
    fn word(q: u16, raw: &[u8]) -> Word {
        raw.iter().fold(Word::root(), |word, byte| {
            let letter = (u16::from(*byte) % q) as u8;
            if word.last() == Some(&letter) { word } else { word.step(letter) }
        })
    }

    /// Any degree in 3..=256.
    fn degree(raw: u8) -> u16 {
        3 + u16::from(raw) % 254
    }

    quickcheck! {
        fn a_step_taken_twice_is_none(q: u8, raw: Vec<u8>, letter: u8) -> bool {
            let word = word(degree(q), &raw);
            word.clone().step(letter).step(letter) == word
        }

        fn products_are_reduced_and_associative(q: u8, a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) -> bool {
            let [a, b, c] = [a, b, c].map(|raw| word(degree(q), &raw));
            let left = a.clone().join(&b).join(&c);
            let right = a.join(&b.join(&c));
            left == right && is_reduced(&left)
        }

        fn the_way_leads_there_and_is_the_distance(q: u8, a: Vec<u8>, b: Vec<u8>) -> bool {
            let [a, b] = [a, b].map(|raw| word(degree(q), &raw));
            let way: Vec<u8> = way(&a, &b).collect();
            is_reduced(&way) && way.len() as u32 == distance(&a, &b) && a.join(&way) == b
        }

        fn distance_is_a_metric(q: u8, a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) -> bool {
            let [a, b, c] = [a, b, c].map(|raw| word(degree(q), &raw));
            distance(&a, &b) == distance(&b, &a)
                && (distance(&a, &b) == 0) == (a == b)
                && distance(&a, &c) <= distance(&a, &b) + distance(&b, &c)
        }

        fn a_rebase_keeps_every_distance(q: u8, a: Vec<u8>, b: Vec<u8>, to: Vec<u8>) -> bool {
            let [a, b, to] = [a, b, to].map(|raw| word(degree(q), &raw));
            let (new_a, new_b) = (rebase(&a, &a, to.clone()), rebase(&b, &a, to.clone()));
            new_a == to && is_reduced(&new_b) && distance(&new_a, &new_b) == distance(&a, &b)
        }

        fn a_rebase_back_is_none(q: u8, a: Vec<u8>, b: Vec<u8>, to: Vec<u8>) -> bool {
            let [a, b, to] = [a, b, to].map(|raw| word(degree(q), &raw));
            let moved = rebase(&b, &a, to.clone());
            rebase(&moved, &to, a) == b
        }
    }

    #[test]
    fn words_are_exact_ten_thousand_deep() {
        let deep = word(256, &(0..10_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
        assert_eq!(deep.len(), 10_000);
        assert_eq!(distance(&deep, &[]), 10_000);
        let last = deep[deep.len() - 1];
        assert_eq!(distance(&deep.clone().step(last), &deep), 1);
        assert_eq!(rebase(&deep, &deep, Word::root()), Word::root());
    }

    #[test]
    fn only_reduced_words_are_words() {
        assert_eq!(Word::new(&[1, 2, 2]), None);
        assert_eq!(Word::new(&[1, 2, 1]).map(|word| word.to_string()), Some("/1/2/1".into()));
        assert_eq!(Word::root().to_string(), "/");
    }
}
