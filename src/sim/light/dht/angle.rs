//! The papers' mapping: a subkey is an angle, the angle a point of the disk's rim, and the record
//! is with the node nearest to it, its *binder*.
//!
//! In words: from the root always the letter whose half-plane the point lies in, as deep as the
//! tree goes; the binder is the deepest node there is on that way (the request "climbs to its
//! father"). Copies: *circular*, one for each of up to 16 subkeys; *radial*, with the binder's
//! ancestors as well (reference 6.1).

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::super::tree::Tree;
use super::{Key, Owners};
use crate::overlay::word::Letter;
use crate::sim::graph::Node;

/// Subkeys of a key.
pub const SUBKEYS: usize = 16;

/// The mapping over one tree.
#[derive(Clone, Debug)]
pub struct Angle<'a> {
    tree: &'a Tree,
    nodes: BTreeMap<&'a [Letter], Node>,
    degree: u16,
    /// One level deeper than any node.
    depth: usize,
    circular: usize,
    radial: usize,
}

impl<'a> Angle<'a> {
    /// Over a tree of this degree, with so many circular copies and so many ancestors of each.
    #[must_use]
    pub fn new(tree: &'a Tree, degree: u16, circular: usize, radial: usize) -> Self {
        let all = 0..tree.parents().len() as Node;
        let nodes: BTreeMap<&[Letter], Node> =
            all.filter_map(|node| Some((tree.word(node)?, node))).collect();
        let depth = nodes.keys().map(|word| word.len()).max().unwrap_or(0) + 1;
        Self { tree, nodes, degree, depth, circular: circular.min(SUBKEYS), radial }
    }

    /// The word that a copy's angle points along.
    #[must_use]
    pub fn word(&self, key: &Key, replica: usize) -> Vec<Letter> {
        let at = 4 * replica.min(SUBKEYS - 1);
        let subkey = key[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        towards(TAU * f64::from(subkey) / f64::from(u32::MAX), self.degree, self.depth)
    }

    /// The papers' number of ancestors: half of `log N / log q`, rounded up.
    #[must_use]
    pub fn ancestors(nodes: u32, degree: u16) -> usize {
        (0.5 * f64::from(nodes).ln() / f64::from(degree).ln()).ceil() as usize
    }
}

impl Owners for Angle<'_> {
    fn replicas(&self) -> usize {
        self.circular
    }

    fn owner(&self, key: &Key, replica: usize) -> Node {
        let word = self.word(key, replica);
        let binder = (0..=word.len()).rev().find_map(|end| self.nodes.get(&word[..end]));
        binder.copied().unwrap_or(self.tree.root())
    }

    fn holders(&self, key: &Key) -> Vec<Node> {
        let binders = (0..self.circular).map(|replica| self.owner(key, replica));
        binders.flat_map(|binder| self.tree.upwards(binder).take(self.radial + 1)).collect()
    }
}

/// The letters towards a point of the rim, from the middle outwards.
///
/// The half-turn of a letter carries the half-plane behind its edge onto the rest of the disk, so
/// the next letter is found as the first was, from the point's image.
fn towards(angle: f64, degree: u16, depth: usize) -> Vec<Letter> {
    let q = f64::from(degree);
    let radius = (TAU / 2.0 / q).cos();
    let (mut angle, mut word) = (angle, Vec::<Letter>::with_capacity(depth));
    for _ in 0..depth {
        let turns = (angle / TAU).rem_euclid(1.0);
        let mut letter = ((turns * q).round() as u16 % degree) as Letter;
        if word.last() == Some(&letter) {
            // A point on the edge itself, by rounding.
            letter = ((u16::from(letter) + 1) % degree) as Letter;
        }
        word.push(letter);
        angle = turned(angle, TAU * f64::from(letter) / q, radius);
    }
    word
}

/// Where the half-turn about the middle of an edge in this direction takes a point of the rim:
/// `z -> (i z + b) / (conj(b) z - i)`, `b = -i r e^(i direction)`.
fn turned(angle: f64, direction: f64, radius: f64) -> f64 {
    let (sin, cos) = angle.sin_cos();
    let b = (radius * direction.sin(), -radius * direction.cos());
    let above = (-sin + b.0, cos + b.1);
    let below = (b.0 * cos + b.1 * sin, b.0 * sin - b.1 * cos - 1.0);
    above.1.atan2(above.0) - below.1.atan2(below.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::metric::Plane;
    use crate::overlay::word::is_reduced;

    #[test]
    fn the_word_of_an_angle_is_drawn_towards_it() {
        for degree in [3, 4, 8, 16] {
            let plane = Plane::new(degree);
            for step in 0..200 {
                let angle = TAU * (f64::from(step) + 0.37) / 200.0;
                let word = towards(angle, degree, 4);
                assert!(is_reduced(&word));
                let (x, y) = plane.point(&word);
                let off = (y.atan2(x) - angle).rem_euclid(TAU);
                let off = off.min(TAU - off);
                // Half of a sector on the first level, and every level narrows it.
                assert!(off < TAU / 2.0 / f64::from(degree), "{degree} {angle} {word:?}: {off}");
            }
        }
    }
}
