//! A whole overlay: the graph and its trees.

use super::grow::grow;
use super::living::Living;
use super::roots::{Order, root};
use super::tree::Tree;
use crate::sim::graph::Graph;
use crate::sim::graph::shapes::Shape;

/// Most trees of a world: one bit each in a packet.
pub const TREES_MAX: usize = 8;

/// What an overlay is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The graph.
    pub shape: Shape,
    /// Edges of the tree at each node, 3 to 256.
    pub degree: u16,
    /// How many trees, 1 to 8.
    pub trees: usize,
    /// Who becomes root.
    pub order: Order,
    /// Where all that is random comes from.
    pub seed: u64,
}

/// An overlay.
#[derive(Clone, Debug)]
pub struct World {
    /// Links, those that the trees needed besides included.
    pub graph: Graph,
    /// The trees.
    pub trees: Vec<Tree>,
    /// How many links the trees needed besides.
    pub extra: usize,
    /// Edges of a tree at each node.
    pub degree: u16,
}

impl World {
    /// Makes one. A tree may use the further links of those before it.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let (mut graph, mut extra) = (plan.shape.graph(plan.seed), 0);
        let living = Living::all(graph.nodes());
        let mut trees = Vec::new();
        for tree in 0..plan.trees.clamp(1, TREES_MAX) {
            let root = root(&graph, &living, plan.order, tree, plan.seed);
            let grown = grow(&graph, &living, plan.degree, root);
            if !grown.extra.is_empty() {
                graph = graph.with(&grown.extra);
                extra += grown.extra.len();
            }
            trees.push(grown.tree);
        }
        Self { graph, trees, extra, degree: plan.degree }
    }

    /// Bytes of all arrays.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.graph.bytes() + self.trees.iter().map(Tree::bytes).sum::<usize>()
    }

    /// Mean and greatest depth over all trees.
    #[must_use]
    pub fn depth(&self) -> (f64, usize) {
        let nodes = || 0..self.graph.nodes();
        let depths = || self.trees.iter().flat_map(|tree| nodes().map(|node| tree.depth(node)));
        let count = self.trees.len() * self.graph.nodes() as usize;
        (depths().sum::<usize>() as f64 / count as f64, depths().max().unwrap_or(0))
    }
}
