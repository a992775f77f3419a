//! Many walks between random pairs, against the shortest ways.

use std::collections::VecDeque;

use super::living::Living;
use super::tree::Tree;
use super::walk::Walker;
use crate::crypto::rng::Rng;
use crate::overlay::metric::Metric;
use crate::sim::dice::dice;
use crate::sim::graph::{Graph, Node};

/// Destinations for each source, because one search from a source finds all its shortest ways.
const DESTINATIONS: u32 = 40;
/// The distance of what cannot be reached.
const NOWHERE: u16 = u16::MAX;

/// What came of the walks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walks {
    /// Pairs that the living links join.
    pub pairs: u32,
    /// Hops of each that arrived, in order.
    pub hops: Vec<u32>,
    /// Hops over shortest hops of each, in order.
    pub stretches: Vec<f64>,
    /// Sum of the shortest hops of those that arrived.
    pub shortest: u64,
}

impl Walks {
    /// Percent that arrived.
    #[must_use]
    pub fn delivered(&self) -> f64 {
        100.0 * self.hops.len() as f64 / f64::from(self.pairs.max(1))
    }

    /// Mean hops.
    #[must_use]
    pub fn mean_hops(&self) -> f64 {
        self.hops.iter().map(|hops| f64::from(*hops)).sum::<f64>() / self.hops.len().max(1) as f64
    }

    /// Mean hops of the shortest ways.
    #[must_use]
    pub fn mean_shortest(&self) -> f64 {
        self.shortest as f64 / self.hops.len().max(1) as f64
    }

    /// Mean of hops over shortest hops.
    #[must_use]
    pub fn stretch(&self) -> f64 {
        self.stretches.iter().sum::<f64>() / self.stretches.len().max(1) as f64
    }

    /// Adds the walks of another draw.
    pub fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.shortest += other.shortest;
        self.hops.extend(other.hops);
        self.stretches.extend(other.stretches);
        self.sort();
    }

    fn sort(&mut self) {
        self.hops.sort_unstable();
        self.stretches.sort_by(f64::total_cmp);
    }
}

/// The value below which this share of sorted values lies.
#[must_use]
pub fn percentile<T: Copy + Default>(sorted: &[T], percent: usize) -> T {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// Walks `pairs` random pairs of living nodes that living links join.
#[must_use]
pub fn walk(
    graph: &Graph,
    trees: &[Tree],
    living: &Living,
    metric: &Metric,
    pairs: u32,
    seed: u64,
) -> Walks {
    let mut rng = dice(seed, "pairs");
    let walker = Walker::new(graph, trees, living, metric);
    let (mut walks, mut search) = (Walks::default(), Search::new(graph.nodes()));
    for _ in 0..pairs.div_ceil(DESTINATIONS) {
        let from = living.draw(&mut rng);
        search.run(graph, living, from);
        let wanted = DESTINATIONS.min(pairs - walks.pairs.min(pairs));
        for to in search.destinations(living, from, wanted, &mut rng) {
            walks.pairs += 1;
            if let Some(hops) = walker.to(from, to) {
                let shortest = search.distance[to as usize];
                walks.hops.push(hops);
                walks.stretches.push(f64::from(hops) / f64::from(shortest));
                walks.shortest += u64::from(shortest);
            }
        }
    }
    walks.sort();
    walks
}

/// Shortest ways from one node.
struct Search {
    distance: Vec<u16>,
    queue: VecDeque<Node>,
}

impl Search {
    fn new(nodes: u32) -> Self {
        Self { distance: vec![NOWHERE; nodes as usize], queue: VecDeque::new() }
    }

    fn run(&mut self, graph: &Graph, living: &Living, from: Node) {
        self.distance.fill(NOWHERE);
        self.distance[from as usize] = 0;
        self.queue.push_back(from);
        while let Some(at) = self.queue.pop_front() {
            let next = self.distance[at as usize] + 1;
            for node in graph.neighbours(at) {
                let distance = &mut self.distance[*node as usize];
                if *distance == NOWHERE && living.has(*node) {
                    *distance = next;
                    self.queue.push_back(*node);
                }
            }
        }
    }

    /// Random nodes that were reached; fewer if few are.
    fn destinations(&self, living: &Living, from: Node, count: u32, rng: &mut Rng) -> Vec<Node> {
        let drawn = (0..8 * count).map(|_| living.draw(rng));
        let is_fine = |to: &Node| *to != from && self.distance[*to as usize] != NOWHERE;
        drawn.filter(is_fine).take(count as usize).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::roots::Order;
    use super::super::world::{Plan, World};
    use super::*;
    use crate::sim::graph::shapes::{Kind, Shape};

    fn world(kind: Kind, trees: usize) -> World {
        let shape = Shape { kind, nodes: 500, links: 1 };
        World::new(&Plan { shape, degree: 16, trees, order: Order::Best, seed: 1 })
    }

    #[test]
    fn on_a_tree_every_way_is_the_shortest() {
        let world = world(Kind::Joiners, 1);
        let living = Living::all(500);
        let walks = walk(&world.graph, &world.trees, &living, &Metric::Tree, 400, 1);
        assert_eq!((walks.pairs, walks.hops.len()), (400, 400));
        assert!((walks.stretch() - 1.0).abs() < 1e-9 && walks.mean_hops() > 3.0);
        assert!((walks.mean_hops() - walks.mean_shortest()).abs() < 1e-9);
    }

    #[test]
    fn a_seed_is_a_figure_and_more_trees_are_shorter() {
        let stretch = |trees| {
            let world = world(Kind::Grid, trees);
            let living = Living::all(world.graph.nodes());
            walk(&world.graph, &world.trees, &living, &Metric::Tree, 800, 3)
        };
        assert_eq!(stretch(1), stretch(1));
        assert!(stretch(4).stretch() < stretch(1).stretch() - 0.1);
        assert!(stretch(1).stretch() > 1.2);
    }

    #[test]
    fn only_pairs_that_are_joined_count() {
        let world = world(Kind::Joiners, 1);
        let living = Living::but(500, 40.0, &[], &mut dice(1, "dead"));
        let walks = walk(&world.graph, &world.trees, &living, &Metric::Tree, 400, 1);
        // What a tree's links still join, its words still find.
        assert!(walks.pairs > 20 && walks.hops.len() as u32 == walks.pairs);
    }

    #[test]
    fn percentiles_stay_in_their_list() {
        assert_eq!((percentile(&[1, 2, 3, 4], 50), percentile(&[7], 95)), (3, 7));
        assert_eq!(percentile::<u32>(&[], 95), 0);
    }
}
