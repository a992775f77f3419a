//! One packet on its way: the real next hop, asked again and again.

use super::living::Living;
use super::tree::Tree;
use crate::overlay::greedy::{self, Located, Place, Progress, Tag};
use crate::overlay::metric::Metric;
use crate::overlay::word::Letter;
use crate::sim::graph::{Graph, Node};

/// A node as its neighbours see it.
#[derive(Clone, Copy, Debug)]
struct At<'a> {
    trees: &'a [Tree],
    node: Node,
}

impl Located for At<'_> {
    fn place(&self, tag: Tag) -> Option<&[Letter]> {
        self.trees.get(tag as usize)?.word(self.node)
    }
}

/// Where a packet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The node from which no hop led on.
    pub end: Node,
    /// Hops until then.
    pub hops: u32,
}

/// Walks over one overlay.
#[derive(Debug)]
pub struct Walker<'a> {
    graph: &'a Graph,
    trees: &'a [Tree],
    living: &'a Living,
    metric: &'a Metric,
}

impl<'a> Walker<'a> {
    /// Over these links and trees, past the dead, by this metric.
    #[must_use]
    pub fn new(
        graph: &'a Graph,
        trees: &'a [Tree],
        living: &'a Living,
        metric: &'a Metric,
    ) -> Self {
        Self { graph, trees, living, metric }
    }

    /// Hops from one node to another, if the packet arrives.
    pub fn to(&self, from: Node, to: Node) -> Option<u32> {
        let trees = self.trees;
        let words = (0..).zip(trees).filter_map(|(tag, tree)| Some((tag, tree.word(to)?)));
        let places: Vec<Place<'_>> = words.collect();
        let walk = self.along(from, Some(to), &places, |_, _| ());
        (walk.end == to).then_some(walk.hops)
    }

    /// From a node as near as it goes to some places, of which no node need have one; `see` is
    /// shown each node and how the packet left it.
    pub fn along(
        &self,
        from: Node,
        to: Option<Node>,
        places: &[Place<'_>],
        mut see: impl FnMut(Node, Progress),
    ) -> Walk {
        let (mut walk, mut progress) = (Walk { end: from, hops: 0 }, Progress::default());
        while Some(walk.end) != to {
            let Some((next, left)) = self.next(walk.end, places, progress) else { break };
            see(walk.end, left);
            progress = left;
            walk = Walk { end: next, hops: walk.hops + 1 };
        }
        walk
    }

    fn next(&self, at: Node, to: &[Place<'_>], with: Progress) -> Option<(Node, Progress)> {
        let (trees, living) = (self.trees, self.living);
        let alive = self.graph.neighbours(at).iter().filter(|node| living.has(**node));
        let neighbours = alive.map(|node| (*node, 0, At { trees, node: *node }));
        let own = At { trees, node: at };
        greedy::next(self.metric, to, with, &own, neighbours)
    }
}

#[cfg(test)]
mod tests {
    use super::super::roots::Order;
    use super::super::world::{Plan, World};
    use super::*;
    use crate::sim::dice::{below, dice};
    use crate::sim::graph::shapes::{Kind, Shape};
    use std::collections::BTreeSet;

    const NODES: u32 = 300;

    fn world(kind: Kind, degree: u16, trees: usize) -> World {
        let shape = Shape { kind, nodes: NODES, links: 2 };
        World::new(&Plan { shape, degree, trees, order: Order::Hash, seed: 1 })
    }

    #[test]
    fn everything_arrives_on_intact_trees() {
        for kind in [Kind::Ba, Kind::As, Kind::Joiners, Kind::Grid] {
            for degree in [3, 4, 16, 256] {
                for trees in [1, 3] {
                    let world = world(kind, degree, trees);
                    let living = Living::all(world.graph.nodes());
                    for metric in [Metric::Tree, Metric::hyperbolic(degree)] {
                        arrives(&world, &living, &metric);
                    }
                }
            }
        }
    }

    fn arrives(world: &World, living: &Living, metric: &Metric) {
        let mut rng = dice(2, "pairs");
        let walker = Walker::new(&world.graph, &world.trees, living, metric);
        for _ in 0..100 {
            let (from, to) = (living.draw(&mut rng), living.draw(&mut rng));
            assert!(walker.to(from, to).is_some(), "{from} to {to}");
        }
    }

    #[test]
    fn no_packet_is_twice_at_a_node_in_one_phase() {
        for (kind, degree) in [(Kind::Ba, 16), (Kind::Joiners, 4), (Kind::Grid, 8)] {
            let world = world(kind, degree, 4);
            let nodes = world.graph.nodes();
            let living = Living::but(nodes, 20.0, &[], &mut dice(3, "dead"));
            for metric in [Metric::Tree, Metric::hyperbolic(degree)] {
                let mut rng = dice(2, "pairs");
                let walker = Walker::new(&world.graph, &world.trees, &living, &metric);
                let mut lost = 0;
                for _ in 0..200 {
                    let from = living.draw(&mut rng);
                    let to = below(&mut rng, nodes as usize) as Node;
                    let place = |tag: usize| (tag as Tag, world.trees[tag].word(to).unwrap_or(&[]));
                    let places: Vec<Place<'_>> = (0..4).map(place).collect();
                    let mut seen = BTreeSet::new();
                    let walk = walker.along(from, Some(to), &places, |at, left| {
                        assert!(seen.insert((left.tree, at)), "{at} twice in {:?}", left.tree);
                    });
                    lost += u32::from(walk.end != to);
                }
                assert!(lost > 0, "some of them were hard");
            }
        }
    }
}
