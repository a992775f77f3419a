//! Overlays that are grown: nodes that dial those who were there before them.

use std::time::Duration;

use super::world::{Plan, World};
use crate::crypto::rng::Rng;
use crate::sim::dice::{below, fraction};
use crate::sim::graph::shapes::Shape;
use crate::sim::graph::{Graph, Node};

/// A world whose nodes have these links, each dialled by its later end; nobody lives yet.
#[must_use]
pub fn found(plan: Plan, shape: Shape) -> World {
    let graph = shape.graph(plan.seed);
    let mut world = World::new(plan);
    for node in 0..graph.nodes() {
        world.settle(&earlier(&graph, node));
    }
    world
}

fn earlier(graph: &Graph, node: Node) -> Vec<Node> {
    graph.neighbours(node).iter().copied().filter(|peer| *peer < node).collect()
}

/// Starts everybody within this time.
pub fn start_all(world: &mut World, within: Duration, rng: &mut Rng) {
    let mut starts: Vec<(Duration, Node)> =
        (0..world.nodes()).map(|node| (within.mul_f64(fraction(rng)), node)).collect();
    starts.sort_unstable();
    let began = world.now;
    for (after, node) in starts {
        world.run((began + after).since(world.now));
        world.start(node);
    }
}

/// One of those who live.
pub fn anyone(world: &World, rng: &mut Rng) -> Node {
    loop {
        let node = below(rng, world.nodes() as usize) as Node;
        if world.is_alive(node) {
            return node;
        }
    }
}
