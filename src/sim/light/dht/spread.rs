//! Our mapping: a descent from the root of a tree, at each node by weighted rendezvous among the
//! node itself (weight 1) and its children (weight: the size of their subtree), as
//! `overlay::dht::placement` decides it, so that every node of the tree is equally likely. Copy `i`
//! is in tree `i mod k` (reference 6.3).

use super::super::family::Family;
use super::super::tree::Tree;
use super::{Key, Owners};
use crate::base::ids::Name;
use crate::overlay::dht::placement::{self, Child};
use crate::overlay::source::SourceGroup;
use crate::sim::graph::Node;

/// What a candidate's number is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// Key, place and letter, as the overlay does it.
    Place,
    /// Key and Name: a subtree that moves as a whole then keeps its records. For comparison.
    Name,
}

/// The mapping over all trees.
#[derive(Clone, Debug)]
pub struct Spread<'a> {
    trees: &'a [Tree],
    families: Vec<Family>,
    replicas: usize,
    draw: Draw,
}

impl<'a> Spread<'a> {
    /// Over these trees, with so many copies.
    #[must_use]
    pub fn new(trees: &'a [Tree], replicas: usize, draw: Draw) -> Self {
        Self { trees, families: trees.iter().map(Family::new).collect(), replicas, draw }
    }

    /// The tree that a copy is in.
    #[must_use]
    pub fn tree(&self, replica: usize) -> &'a Tree {
        &self.trees[replica % self.trees.len()]
    }

    /// The nodes that a descent passes, from the root to the copy's owner.
    #[must_use]
    pub fn descent(&self, key: &Key, replica: usize) -> Vec<Node> {
        let (tree, family) = (self.tree(replica), &self.families[replica % self.trees.len()]);
        let mut own = [0; 32];
        own.copy_from_slice(&key[..32]);
        own[31] = replica as u8;
        let trees = self.trees.len() as u8;
        let mut way = vec![tree.root()];
        while let Some(next) = way.last().and_then(|at| match self.draw {
            Draw::Place => step(tree, family, (&own, trees), *at),
            Draw::Name => step_by_name(family, &own, *at),
        }) {
            way.push(next);
        }
        way
    }
}

impl Owners for Spread<'_> {
    fn replicas(&self) -> usize {
        self.replicas
    }

    fn owner(&self, key: &Key, replica: usize) -> Node {
        self.descent(key, replica).last().copied().unwrap_or_default()
    }
}

/// The child that a key goes on to.
fn step(tree: &Tree, family: &Family, (key, trees): (&[u8; 32], u8), at: Node) -> Option<Node> {
    let letter = |child: Node| tree.word(child)?.last().copied();
    let children = family.children(at).iter();
    let weighed = children.filter_map(|child| {
        let source = SourceGroup::Neighbour(Name::from_bytes([0; 32]));
        Some(Child { letter: letter(*child)?, size: family.size(*child), source })
    });
    family.child(tree, at, placement::choose(key, trees, tree.word(at)?, weighed)?)
}

/// The same with numbers that do not depend on where anybody is: that of a candidate comes from
/// the key and its node, that of the node itself from another draw.
fn step_by_name(family: &Family, key: &[u8; 32], at: Node) -> Option<Node> {
    let seed = key.chunks(8).fold(0, |seed, part| {
        mix(part.iter().fold(seed, |seed: u64, byte| seed.rotate_left(8) ^ u64::from(*byte)))
    });
    let own = (score(seed, 2 * u64::from(at) + 1, 1), None);
    let bid =
        |child: &Node| (score(seed, 2 * u64::from(*child), family.size(*child)), Some(*child));
    let bids = family.children(at).iter().map(bid);
    bids.fold(own, |best, bid| if bid.0 > best.0 { bid } else { best }).1
}

/// A candidate's number, by its draw and weight.
fn score(seed: u64, slot: u64, weight: u32) -> f64 {
    let drawn = mix(seed.wrapping_add(slot.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    -f64::from(weight) / (((drawn >> 12) as f64 + 0.5) / (1_u64 << 52) as f64).ln()
}

/// One step of splitmix64.
const fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
