//! Where the places of a tree are drawn so that every one of them can be seen.
//!
//! In the plane that fits its letters a tree of a few hundred letters lies on the rim: a root's
//! children are at 0.9999 of the radius. Here the rim is shared out instead, a part as large for
//! each place with nothing below it, in the order of the letters; whoever has places below is in
//! the middle of their parts. Each step down is as far in the hyperbolic plane.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::Point;
use crate::overlay::word::Letter;

/// Half the hyperbolic length of a step down, at most …
const STEP_MAX: f64 = 0.6;
/// … and less in a deep tree: its deepest places are this far from the middle.
const DEEPEST: f64 = 0.92;

/// The points of these words, in their order. Every word's beginnings are among them.
#[must_use]
pub fn spread(words: &[&[Letter]]) -> Vec<Point> {
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    // Beginnings come before what they begin, so a leaf is what the next word does not begin with.
    let is_leaf = |at: &usize| sorted.get(at + 1).is_none_or(|next| !next.starts_with(sorted[*at]));
    let leaves: Vec<&[Letter]> = (0..sorted.len()).filter(is_leaf).map(|at| sorted[at]).collect();
    let mut parts: BTreeMap<&[Letter], (usize, usize)> = BTreeMap::new();
    for (at, leaf) in leaves.iter().enumerate() {
        for depth in 0..=leaf.len() {
            parts.entry(&leaf[..depth]).or_insert((at, at)).1 = at;
        }
    }
    let depth = words.iter().map(|word| word.len()).max().unwrap_or(0).max(1);
    let step = (DEEPEST.atanh() / depth as f64).min(STEP_MAX);
    let point = |word: &&[Letter]| {
        let (first, last) = parts.get(word).copied().unwrap_or_default();
        let angle = TAU * ((first + last) as f64 / 2.0 + 0.5) / leaves.len() as f64;
        let far = (step * word.len() as f64).tanh();
        // The root is at 0, not at -0.
        (far * angle.cos() + 0.0, far * angle.sin() + 0.0)
    };
    words.iter().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_in_the_middle_and_nobody_on_another() {
        // Four children with letters as Names lead to them, one with five of its own.
        let mut words: Vec<Vec<Letter>> = vec![vec![], vec![3], vec![90], vec![201], vec![254]];
        words.extend((0..5).map(|letter| vec![201, letter]));
        let words: Vec<&[Letter]> = words.iter().map(Vec::as_slice).collect();
        let points = spread(&words);
        assert_eq!(points[0], (0.0, 0.0));
        for (at, a) in points.iter().enumerate() {
            assert!(a.0.hypot(a.1) <= DEEPEST + 1e-9);
            for b in &points[..at] {
                assert!((a.0 - b.0).hypot(a.1 - b.1) > 0.1, "{a:?} {b:?}");
            }
        }
        let far = |at: usize| points[at].0.hypot(points[at].1);
        assert!((far(1) - far(4)).abs() < 1e-9 && far(5) > far(4), "the deeper, the further out");
        let angle = |at: usize| points[at].1.atan2(points[at].0);
        assert!((angle(3) - angle(7)).abs() < 1e-9, "above the middle of those below");
    }

    #[test]
    fn a_tree_of_any_depth_stays_inside() {
        let deep: Vec<Letter> = (0..=255).map(|letter| letter % 2).collect();
        let words: Vec<&[Letter]> = (0..=deep.len()).map(|depth| &deep[..depth]).collect();
        assert!(spread(&words).iter().all(|point| point.0.hypot(point.1) < 1.0));
        assert_eq!(spread(&[]), []);
    }
}
