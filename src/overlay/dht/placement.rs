//! Which node of a tree keeps a key: a descent from the root, decided at each node on its own.
//!
//! At a node a key stays there or goes on into one of the branches below, by weighted rendezvous
//! hashing: each candidate draws a number `u` between 0 and 1 from (key, place, slot), and the
//! greatest `weight / -ln(u)` wins. The node itself weighs 1 and a subtree as much as nodes are in
//! it, so every node of the tree is equally likely to keep a key; and when one weight grows, keys
//! move to that candidate and nowhere else (reference: the recommended mapping of the overlay's
//! study). All of it is integer arithmetic: every platform decides alike.
//!
//! A weight is a child's own word, so no weight may win a majority of a key's copies (DH-05,
//! DH-07). At the root of a tree the copies of one key that lie in it go to different candidates,
//! and children that came from one [source](SourceGroup) are one candidate together.
//! `docs/protocol/dht.md#placement`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};

use super::key::{Key, REPLICAS, common, replica};
use crate::base::limits::SUBTREE_MAX;
use crate::overlay::source::SourceGroup;
use crate::overlay::word::Letter;

/// Bits behind the point of a logarithm.
const FRACTION: u32 = 40;

/// A child as a place for keys.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// Its letter.
    pub letter: Letter,
    /// Nodes below and including it, as it says.
    pub size: u32,
    /// Where its link comes from.
    pub source: SourceGroup,
}

impl Child {
    fn weight(&self) -> u64 {
        u64::from(self.size.min(SUBTREE_MAX))
    }

    /// The number of its candidate: its letter's, or its source's.
    fn slot(&self) -> u64 {
        match self.source {
            SourceGroup::Neighbour(_) => u64::from(self.letter) + 1,
            SourceGroup::Address(address) => SHARED | address,
        }
    }
}

/// What tells the slot of a source from that of a letter.
const SHARED: u64 = 1 << 62;

/// Where `key` goes at the node whose place is `at` in one of `trees` trees: `None`, it stays; else
/// into the subtree behind this letter. `children` come in any order.
#[must_use]
pub fn choose(
    key: &Key,
    trees: u8,
    at: &[Letter],
    children: impl Iterator<Item = Child> + Clone,
) -> Option<Letter> {
    let children = children.filter(|child| child.size > 0);
    let mut weights = BTreeMap::from([(0, 1)]);
    for child in children.clone() {
        let weight = weights.entry(child.slot()).or_default();
        *weight = u64::saturating_add(*weight, child.weight());
    }
    // At a root all copies of a key see the same draws and take different ranks.
    let (seed, rank) = match at {
        [] => (seed(&common(key), at), rank(key, trees, weights.len())),
        _ => (seed(key, at), 0),
    };
    let bids = weights.into_iter().map(|(slot, weight)| Bid::new(seed, slot, weight));
    let chosen = ranked(bids.collect(), rank)?.slot;
    let family = children.filter(|child| child.slot() == chosen);
    let seed = self::seed(key, at);
    let bids = family.map(|child| Bid::new(seed, u64::from(child.letter) + 1, child.weight()));
    let chosen = ranked(bids.collect(), 0)?.slot;
    chosen.checked_sub(1).and_then(|letter| Letter::try_from(letter).ok())
}

/// The rank of the candidate that a copy goes to at the root of its tree, of so many. The first
/// copy of the next tree has the next rank, so that copies which are asked at once are not all of
/// the first rank.
fn rank(key: &Key, trees: u8, candidates: usize) -> usize {
    let at_least_one = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
    let (replica, trees) = (usize::from(replica(key)), at_least_one(trees.into()));
    let (copy, tree) = (replica / trees, replica % trees);
    let copies = usize::from(REPLICAS).saturating_sub(tree).div_ceil(trees.get());
    copy.saturating_add(tree) % at_least_one(candidates.min(copies))
}

/// The bid of this rank, the best one first.
fn ranked(mut bids: Vec<Bid>, rank: usize) -> Option<Bid> {
    if rank >= bids.len() {
        return None;
    }
    let order = |a: &Bid, b: &Bid| if a.beats(b) { Ordering::Less } else { Ordering::Greater };
    bids.select_nth_unstable_by(rank, order);
    Some(bids.swap_remove(rank))
}

/// A candidate for a key.
struct Bid {
    /// 0 is the node itself.
    slot: u64,
    weight: u64,
    /// `-log2(u)`, never zero.
    cost: u64,
}

impl Bid {
    fn new(seed: u64, slot: u64, weight: u64) -> Self {
        Self { slot, weight, cost: cost(draw(seed, slot)) }
    }

    /// Whether `weight / cost` is greater; where it is equal, the lower slot goes first.
    fn beats(&self, other: &Self) -> bool {
        let own = u128::from(self.weight).saturating_mul(other.cost.into());
        let his = u128::from(other.weight).saturating_mul(self.cost.into());
        own > his || own == his && self.slot < other.slot
    }
}

/// The number that all draws at one node begin from.
fn seed(key: &[u8; 32], at: &[Letter]) -> u64 {
    let mut seed = at.len() as u64;
    for part in key.chunks(8).chain(at.chunks(8)) {
        let mut word = [0; 8];
        word.iter_mut().zip(part).for_each(|(into, byte)| *into = *byte);
        seed = mix(seed ^ u64::from_be_bytes(word));
    }
    seed
}

/// The draw of one candidate: slot 0 is the node itself, a child's is its letter plus one.
const fn draw(seed: u64, slot: u64) -> u64 {
    mix(seed.wrapping_add(slot.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// One step of splitmix64: every bit of the input reaches every bit of the output.
const fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// `-log2(u)` in units of 2^-40, for `u = (drawn | 1) / 2^64`: 1 to 64 * 2^40.
fn cost(drawn: u64) -> u64 {
    (64_u64 << FRACTION).saturating_sub(log2(NonZeroU64::MIN | drawn))
}

/// The logarithm to the base 2 of a number above zero, in units of 2^-40, cut off.
///
/// The whole part is the position of the highest bit; each further bit comes from squaring the
/// mantissa and asking whether it passed 2.
fn log2(value: NonZeroU64) -> u64 {
    // 1 <= mantissa < 2, with 63 bits behind the point.
    let mut mantissa = value.get() << value.leading_zeros();
    let mut log = u64::from(value.ilog2());
    for _ in 0..FRACTION {
        let square = u128::from(mantissa).saturating_mul(mantissa.into());
        let bit = (square >> 127) as u64;
        log = log << 1 | bit;
        mantissa = (square >> 63 >> bit) as u64;
    }
    log
}

/// 2^(0/8) to 2^(7/8), with 32 bits behind the point.
const ROOTS: [u64; 8] = [
    0x1_0000_0000,
    0x1_172b_83c8,
    0x1_306f_e0a3,
    0x1_4bfd_ad53,
    0x1_6a09_e668,
    0x1_8ace_5423,
    0x1_ae89_f996,
    0x1_d581_8dd0,
];

/// The power of the eighth root of 2, as a whole number, that is nearest to a subtree's size by
/// ratio: each number to 13, then 15, 16, 17, 19, 21, 23, 25, 27, 29, 32, ...
///
/// Coarser steps are no use: what is rounded at each level multiplies along the way down, and
/// with powers of the root of 2 a node of a thousand keeps 2.3 times its share and more.
#[must_use]
pub fn rounded(size: u32) -> u32 {
    let log = log2(NonZeroU64::new(size.into()).unwrap_or(NonZeroU64::MIN));
    let eighths = log.saturating_mul(8).saturating_add(1 << (FRACTION - 1)) >> FRACTION;
    let root = ROOTS.get(eighths as usize % 8).copied().unwrap_or_default();
    let power = u128::from(root) << (eighths / 8);
    u32::try_from(power.saturating_add(1 << 31) >> 32).unwrap_or(u32::MAX)
}

/// The size to announce for a subtree whose size is now `size` after `before` was announced: the
/// same again until it is wrong by more than a tenth.
#[must_use]
pub fn announced(before: u32, size: u32) -> u32 {
    let [old, new] = [before, size].map(u64::from);
    let is_near = |one: u64, other: u64| one.saturating_mul(10) <= other.saturating_mul(11);
    if is_near(old, new) && is_near(new, old) { before } else { rounded(size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Name;
    use crate::crypto::rng::Rng;
    use crate::overlay::dht::key::numbered;
    use quickcheck::quickcheck;

    const TREES: u8 = 3;

    fn alone((letter, size): (Letter, u32)) -> Child {
        Child { letter, size, source: SourceGroup::Neighbour(Name::from_bytes([0; 32])) }
    }

    /// One source's.
    fn crowd(letters: std::ops::Range<Letter>, size: u32) -> impl Iterator<Item = Child> + Clone {
        letters.map(move |letter| Child { letter, size, source: SourceGroup::Address(7) })
    }

    fn go(key: &Key, at: &[Letter], sizes: &[(Letter, u32)]) -> Option<Letter> {
        choose(key, TREES, at, sizes.iter().copied().map(alone))
    }

    /// Copies of a key, out of eight in `trees` trees with these children of each root, that go
    /// where `is_liars`.
    fn drawn(
        key: Key,
        trees: u8,
        children: impl Iterator<Item = Child> + Clone,
        is_liars: impl Fn(Letter) -> bool,
    ) -> usize {
        let copies = (0..REPLICAS).map(|replica| numbered(key, replica));
        let chosen = copies.filter_map(|key| choose(&key, trees, &[], children.clone()));
        chosen.filter(|letter| is_liars(*letter)).count()
    }

    /// A tree in which node 0 is the root and each other hangs below an earlier one.
    struct Tree {
        places: Vec<Vec<Letter>>,
        children: Vec<Vec<usize>>,
        sizes: Vec<u32>,
    }

    impl Tree {
        /// `pick` says below which of the earlier nodes the next one hangs.
        fn new(count: usize, mut pick: impl FnMut(usize) -> usize) -> Self {
            let (mut places, mut children) = (vec![Vec::new()], vec![Vec::new()]);
            while places.len() < count {
                let parent = pick(places.len());
                if children[parent].len() == 200 {
                    continue;
                }
                let mut place: Vec<Letter> = places[parent].clone();
                place.push(children[parent].len() as u8 + place.last().map_or(0, |last| last + 1));
                children[parent].push(places.len());
                places.push(place);
                children.push(Vec::new());
            }
            Self { sizes: vec![1; count], places, children }
        }

        /// Sizes as they ride up the tree: each node adds up what its children announced.
        fn announce(mut self, round: fn(u32) -> u32) -> Self {
            for node in (0..self.places.len()).rev() {
                let below: u32 = self.children[node].iter().map(|child| self.sizes[*child]).sum();
                self.sizes[node] = round(1 + below);
            }
            self
        }

        fn owner(&self, key: &[u8; 32]) -> usize {
            let mut node = 0;
            loop {
                let letter = |child: &usize| *self.places[*child].last().expect("not the root");
                let below = self.children[node].iter();
                let below = below.map(|child| (letter(child), self.sizes[*child]));
                let below: Vec<_> = below.collect();
                let below = below.into_iter().map(alone);
                // So many trees that each has one copy: the ranks of a root are another matter.
                let chosen = choose(key, REPLICAS, &self.places[node], below);
                let Some(chosen) = chosen else { return node };
                let found = self.children[node].iter().find(|child| letter(child) == chosen);
                node = *found.expect("a child's letter");
            }
        }

        /// Keys of the fullest node in relation to the mean.
        fn imbalance(&self, keys: usize, rng: &mut Rng) -> f64 {
            let mut loads = vec![0_usize; self.places.len()];
            for at in 0..keys {
                loads[self.owner(&numbered(rng.array(), at as u8 % REPLICAS))] += 1;
            }
            let most = loads.iter().max().copied().unwrap_or(0);
            (most * self.places.len()) as f64 / keys as f64
        }
    }

    fn random_tree(rng: &mut Rng) -> Tree {
        Tree::new(1_000, |count| rng.below(count as u64) as usize)
    }

    #[test]
    fn no_node_keeps_more_than_twice_its_share() {
        let mut rng = Rng::new([1; 32]);
        let exact = random_tree(&mut rng).announce(|size| size);
        let flat = Tree::new(1_000, |count| rng.below((count as u64).min(30)) as usize);
        let deep = Tree::new(1_000, |count| count - 1 - rng.below(count.min(150) as u64) as usize);
        let trees = [exact, random_tree(&mut rng), flat, deep];
        for (at, tree) in trees.into_iter().enumerate() {
            let tree = if at == 0 { tree } else { tree.announce(rounded) };
            let imbalance = tree.imbalance(100_000, &mut rng);
            assert!(imbalance <= 2.0, "tree {at}: {imbalance}");
        }
    }

    #[test]
    fn when_a_subtree_grows_by_an_eighth_few_keys_move_and_all_of_them_there() {
        let mut rng = Rng::new([2; 32]);
        let go = |key: &[u8; 32], third: u32| {
            let sizes = (0..8).map(|letter| (letter, if letter == 3 { third } else { 64 }));
            choose(key, TREES, &[7, 1], sizes.map(alone))
        };
        let keys: Vec<[u8; 32]> = (0..20_000).map(|_| rng.array()).collect();
        let moved = keys.iter().filter(|key| go(key, 64) != go(key, 72));
        let moved: Vec<_> = moved.map(|key| go(key, 72)).collect();
        assert!(moved.iter().all(|to| *to == Some(3)));
        // The share grows from 64 to 72 of 521: 1.3 %.
        assert!((150..400).contains(&moved.len()), "{}", moved.len());
    }

    quickcheck! {
        fn the_order_of_children_does_not_matter(key: u64, at: Vec<u8>, sizes: Vec<u32>) -> bool {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&key.to_be_bytes());
            let mut children: Vec<_> =
                sizes.iter().take(256).enumerate().map(|(at, n)| (at as u8, *n)).collect();
            let there = go(&bytes, &at, &children);
            children.reverse();
            there == go(&bytes, &at, &children)
        }

        fn a_cost_is_a_logarithm(drawn: u64) -> bool {
            let exact = -(((drawn | 1) as f64) / 2_f64.powi(64)).log2();
            (cost(drawn) as f64 / 2_f64.powi(40) - exact).abs() < 1e-9
        }

        fn a_rounded_size_is_near_and_stays(size: u32) -> bool {
            let near = f64::from(rounded(size)) / f64::from(size.max(1));
            (0.95..1.06).contains(&near) && rounded(rounded(size)) == rounded(size)
        }

        fn what_is_announced_is_not_wrong_by_more_than_a_tenth(before: u32, size: u32) -> bool {
            let told = announced(before, size.max(1));
            let is_same = announced(told, size.max(1)) == told;
            is_same && (0.9..1.11).contains(&(f64::from(told) / f64::from(size.max(1))))
        }
    }

    #[test]
    fn costs_are_never_zero_and_empty_subtrees_get_nothing() {
        assert_eq!(cost(u64::MAX), 1);
        assert_eq!(cost(0), 64 << 40);
        assert_eq!(cost(1 << 63), 1 << 40);
        assert!((0..100).all(|fill| go(&[fill; 32], &[], &[(0, 0)]).is_none()));
    }

    #[test]
    fn sizes_are_powers_of_a_root_of_two_and_change_seldom() {
        let mut distinct: Vec<u32> = (1..=32).map(rounded).collect();
        distinct.dedup();
        let all_of_the_small: Vec<u32> = (1..=13).collect();
        assert_eq!(distinct[..13], all_of_the_small);
        assert_eq!(distinct[13..], [15, 16, 17, 19, 21, 23, 25, 27, 29, 32]);
        assert_eq!([rounded(0), rounded(1 << 31), rounded(u32::MAX)], [1, 1 << 31, u32::MAX]);
        assert_eq!([announced(100, 91), announced(100, 110)], [100, 100]);
        assert_eq!([announced(100, 90), announced(100, 111)], [91, 108]);
        let (mut told, mut changes) = (0, 0);
        for size in 1..=1_000 {
            let next = announced(told, size);
            changes += u32::from(next != told);
            told = next;
        }
        assert!(changes < 60, "{changes}");
    }

    // DH-05, DH-07: a weight made up, and many Names of one address.
    #[test]
    fn no_neighbour_of_a_root_draws_more_than_half_of_a_keys_copies() {
        let mut rng = Rng::new([3; 32]);
        for trees in 1..=4 {
            for honest in 0..12 {
                let others = (100..100 + honest).map(|letter| alone((letter, 1)));
                let liar = [alone((9, u32::MAX))].into_iter().chain(others.clone());
                let strangers = crowd(0..99, u32::MAX).chain(others);
                for _ in 0..50 {
                    let key = rng.array();
                    let one = drawn(key, trees, liar.clone(), |letter| letter == 9);
                    let many = drawn(key, trees, strangers.clone(), |letter| letter < 99);
                    let most = if honest > 6 { usize::from(trees) } else { 4 };
                    assert!(one.max(many) <= most, "{trees} {honest}: {one} {many}");
                }
            }
        }
    }

    // DH-05: copies that are asked at once.
    #[test]
    fn a_liar_has_not_all_of_three_copies_that_follow_each_other() {
        let mut rng = Rng::new([4; 32]);
        for trees in 2..=4 {
            let children: Vec<_> = [(9, u32::MAX), (3, 5), (4, 5), (5, 5)].map(alone).to_vec();
            for _ in 0..200 {
                let key = rng.array();
                let at = |replica| {
                    let key = numbered(key, replica % REPLICAS);
                    choose(&key, trees, &[], children.iter().copied())
                };
                let is_liars = |first| (first..first + 3).all(|replica| at(replica) == Some(9));
                assert!(!(0..REPLICAS).any(is_liars), "{trees}");
            }
        }
    }

    // Computed by a second implementation, in Python.
    #[test]
    fn decisions_are_fixed_for_ever() {
        let key = |fill: u8| [fill; 32];
        let sizes = [(3, 4), (9, 16), (200, 1)];
        let chosen: Vec<_> = (0..12).map(|fill| go(&key(fill), &[1, 2], &sizes)).collect();
        assert_eq!(chosen, [9, 3, 9, 9, 9, 9, 9, 9, 9, 9, 3, 9].map(Some));
        let places = [Some(7), Some(7), None, Some(7), Some(7), Some(7)];
        let alone = (0..6).map(|at| go(&key(1), &[at], &[(7, 1)]));
        assert_eq!(alone.collect::<Vec<_>>(), places);
        assert_eq!(cost(0x0123_4567_89ab_cdef), 0x7d0_53f6_d261);
    }
}
