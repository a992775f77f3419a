//! Which node of a tree keeps a key: a descent from the root, decided at each node on its own.
//!
//! At a node a key stays there or goes on into one of the subtrees below, by weighted rendezvous
//! hashing: each candidate draws a number `u` between 0 and 1 from (key, place, letter), and the
//! greatest `weight / -ln(u)` wins. The node itself weighs 1 and a subtree as much as nodes are in
//! it, so every node of the tree is equally likely to keep a key; and when one weight grows, keys
//! move to that candidate and nowhere else (reference: the recommended mapping of the overlay's
//! study). All of it is integer arithmetic: every platform decides alike.
//! `docs/protocol/dht.md#placement`.

use crate::overlay::word::Letter;

/// Bits behind the point of a logarithm.
const FRACTION: u32 = 40;

/// Where `key` goes at the node whose place is `at`: `None`, it stays; else into the subtree behind
/// this letter. `children` gives each subtree's letter and announced size, in any order.
#[must_use]
pub fn choose(
    key: &[u8; 32],
    at: &[Letter],
    children: impl Iterator<Item = (Letter, u32)>,
) -> Option<Letter> {
    let seed = seed(key, at);
    let own = Bid { slot: None, weight: 1, cost: cost(draw(seed, 0)) };
    let bids = children.map(|(letter, weight)| {
        let cost = cost(draw(seed, u64::from(letter) + 1));
        Bid { slot: Some(letter), weight, cost }
    });
    bids.fold(own, |best, bid| if bid.beats(&best) { bid } else { best }).slot
}

/// A candidate for a key.
struct Bid {
    slot: Option<Letter>,
    weight: u32,
    /// `-log2(u)`, never zero.
    cost: u64,
}

impl Bid {
    /// Whether `weight / cost` is greater; where it is equal, the node itself goes before its
    /// children and a lower letter before a higher one.
    fn beats(&self, other: &Self) -> bool {
        let own = u128::from(self.weight) * u128::from(other.cost);
        let his = u128::from(other.weight) * u128::from(self.cost);
        own > his || own == his && self.slot < other.slot
    }
}

/// The number that all draws at one node begin from.
fn seed(key: &[u8; 32], at: &[Letter]) -> u64 {
    let mut seed = at.len() as u64;
    for part in key.chunks(8).chain(at.chunks(8)) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
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
    (64 << FRACTION) - log2(drawn | 1)
}

/// The logarithm to the base 2 of a number above zero, in units of 2^-40, cut off.
///
/// The whole part is the position of the highest bit; each further bit comes from squaring the
/// mantissa and asking whether it passed 2.
fn log2(value: u64) -> u64 {
    let zeros = value.leading_zeros();
    // 1 <= mantissa < 2, with 63 bits behind the point.
    let mut mantissa = value << zeros;
    let mut log = u64::from(63 - zeros);
    for _ in 0..FRACTION {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let bit = (square >> 127) as u64;
        log = log << 1 | bit;
        mantissa = (square >> (63 + bit)) as u64;
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
    let eighths = (8 * log2(u64::from(size.max(1))) + (1 << (FRACTION - 1))) >> FRACTION;
    let power = u128::from(ROOTS[eighths as usize % 8]) << (eighths / 8);
    u32::try_from((power + (1 << 31)) >> 32).unwrap_or(u32::MAX)
}

/// The size to announce for a subtree whose size is now `size` after `before` was announced: the
/// same again until it is wrong by more than a tenth.
#[must_use]
pub fn announced(before: u32, size: u32) -> u32 {
    let [old, new] = [before, size].map(u64::from);
    if 10 * old <= 11 * new && 10 * new <= 11 * old { before } else { rounded(size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::Rng;
    use quickcheck::quickcheck;

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
                let Some(chosen) = choose(key, &self.places[node], below) else { return node };
                let found = self.children[node].iter().find(|child| letter(child) == chosen);
                node = *found.expect("a child's letter");
            }
        }

        /// Keys of the fullest node in relation to the mean.
        fn imbalance(&self, keys: usize, rng: &mut Rng) -> f64 {
            let mut loads = vec![0_usize; self.places.len()];
            for _ in 0..keys {
                loads[self.owner(&rng.array())] += 1;
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
            choose(key, &[7, 1], sizes)
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
            let children = || sizes.iter().take(256).enumerate().map(|(at, n)| (at as u8, *n));
            let backwards: Vec<_> = children().collect();
            choose(&bytes, &at, children())
                == choose(&bytes, &at, backwards.into_iter().rev())
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
        assert!((0..100).all(|fill| choose(&[fill; 32], &[], [(0, 0)].into_iter()).is_none()));
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

    // Other implementations must find the same nodes. Computed by a second one, in Python.
    #[test]
    fn decisions_are_fixed_for_ever() {
        let key = |fill: u8| [fill; 32];
        let sizes = || [(3, 4), (9, 16), (200, 1)].into_iter();
        let chosen: Vec<_> = (0..12).map(|fill| choose(&key(fill), &[1, 2], sizes())).collect();
        assert_eq!(chosen, [9, 3, 9, 9, 9, 9, 9, 9, 9, 9, 3, 9].map(Some));
        let places = [Some(7), Some(7), None, Some(7), Some(7), Some(7)];
        let alone = (0..6).map(|at| choose(&key(1), &[at], [(7, 1)].into_iter()));
        assert_eq!(alone.collect::<Vec<_>>(), places);
        assert_eq!(cost(0x0123_4567_89ab_cdef), 0x7d0_53f6_d261);
    }
}
