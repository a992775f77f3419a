//! How evenly records lie.

use super::Owners;
use crate::sim::dice::dice;

/// Records by node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The most of a node, in means.
    pub greatest: f64,
    /// Percent of all records that the fullest hundredth of the nodes keeps.
    pub top: f64,
    /// Percent of the nodes that keep none.
    pub empty: f64,
}

/// Puts `keys` records, each with all its copies.
#[must_use]
pub fn load(owners: &impl Owners, nodes: u32, keys: u32, seed: u64) -> Load {
    let mut rng = dice(seed, "keys");
    let mut counts = vec![0_u32; nodes as usize];
    for _ in 0..keys {
        for holder in owners.holders(&rng.array()) {
            counts[holder as usize] += 1;
        }
    }
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let share = |counts: &[u32]| counts.iter().map(|count| f64::from(*count)).sum::<f64>();
    let all = share(&counts);
    let empty = counts.iter().filter(|count| **count == 0).count();
    Load {
        greatest: f64::from(counts[0]) * f64::from(nodes) / all,
        top: 100.0 * share(&counts[..(nodes as usize / 100).max(1)]) / all,
        empty: 100.0 * empty as f64 / f64::from(nodes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::roots::Order;
    use super::super::super::world::{Plan, World};
    use super::super::angle::Angle;
    use super::super::spread::{Draw, Spread};
    use super::*;
    use crate::sim::graph::shapes::{Kind, Shape};

    #[test]
    fn ours_is_even_and_angles_are_not() {
        let shape = Shape { kind: Kind::Ba, nodes: 300, links: 2 };
        let world = World::new(&Plan { shape, degree: 16, trees: 4, order: Order::Hash, seed: 1 });
        let ours = load(&Spread::new(&world.trees, 8, Draw::Place), 300, 4000, 1);
        assert!(ours.greatest < 1.5 && ours.top < 2.0 && ours.empty < 0.1, "{ours:?}");
        let classic = load(&Angle::new(&world.trees[0], 16, 1, 0), 300, 4000, 1);
        assert!(classic.greatest > 10.0 && classic.empty > 5.0, "{classic:?}");
    }
}
