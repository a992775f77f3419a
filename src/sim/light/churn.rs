//! What a single death does to addresses, counted for every node that may die.
//!
//! In a tree everybody below the dead node gets another address, whether by flush or by rebase:
//! what differs is what is left meanwhile. A node of an overlay with one tree has no address then;
//! one of several trees has lost all of its addresses only if the dead node is above it in each.

use super::tree::Tree;
use crate::sim::graph::Node;

/// Counts of nodes over the deaths that were tried.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// Mean …
    pub mean: f64,
    /// … and worst.
    pub worst: u32,
}

/// Mean and greatest of some counts.
pub fn loss(counts: impl Iterator<Item = u32> + Clone) -> Loss {
    let (sum, count) =
        counts.clone().fold((0, 0_u32), |(sum, count), one| (sum + u64::from(one), count + 1));
    Loss { mean: sum as f64 / f64::from(count.max(1)), worst: counts.max().unwrap_or(0) }
}

/// For each node, how many others have it above them in all of these trees: the nodes that its
/// death leaves without any address.
#[must_use]
pub fn bereft(trees: &[Tree]) -> Vec<u32> {
    let Some((first, others)) = trees.split_first() else { return Vec::new() };
    let mut counts = vec![0; first.parents().len()];
    for node in 0..first.parents().len() as Node {
        let others: Vec<Vec<Node>> =
            others.iter().map(|tree| tree.upwards(node).skip(1).collect()).collect();
        for above in first.upwards(node).skip(1) {
            if others.iter().all(|aboves| aboves.contains(&above)) {
                counts[above as usize] += 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::super::family::Family;
    use super::super::roots::Order;
    use super::super::world::{Plan, World};
    use super::*;
    use crate::sim::graph::shapes::{Kind, Shape};

    #[test]
    fn with_one_tree_all_below_are_bereft_and_with_more_trees_fewer() {
        let shape = Shape { kind: Kind::Joiners, nodes: 500, links: 3 };
        let world = World::new(&Plan { shape, degree: 16, trees: 4, order: Order::Hash, seed: 1 });
        let family = Family::new(&world.trees[0]);
        let (one, four) = (bereft(&world.trees[..1]), bereft(&world.trees));
        assert!((0..500).all(|node| one[node as usize] == family.size(node) - 1));
        assert!((0..500).all(|node| four[node] <= one[node]));
        assert!(four.iter().sum::<u32>() * 5 < one.iter().sum());
    }

    #[test]
    fn the_mean_and_the_worst_are_of_all_deaths() {
        assert_eq!(loss([0, 3, 6].into_iter()), Loss { mean: 3.0, worst: 6 });
        assert_eq!(loss([].into_iter()), Loss::default());
    }
}
