//! Who is the root of each tree.

use super::living::Living;
use crate::sim::dice::{dice, shuffle};
use crate::sim::graph::{Graph, Node};

/// The order in which nodes become roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By a hash of Name and tree, so at random: what an overlay without a list does.
    Hash,
    /// Those with most links first: what a signed list of candidates can give.
    Best,
}

/// The root of the tree with this number: the first in its order that lives.
#[must_use]
pub fn root(graph: &Graph, living: &Living, order: Order, tree: usize, seed: u64) -> Node {
    let mut nodes: Vec<Node> = (0..graph.nodes()).collect();
    match order {
        Order::Hash => shuffle(&mut dice(seed, &format!("roots {tree}")), &mut nodes),
        Order::Best => {
            nodes.sort_by_key(|node| std::cmp::Reverse(graph.neighbours(*node).len()));
            let own = tree.min(nodes.len() - 1);
            nodes[..=own].rotate_right(1);
        }
    }
    nodes.into_iter().find(|node| living.has(*node)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::graph::shapes::{Kind, Shape};

    #[test]
    fn trees_have_their_own_roots_and_successors() {
        let graph = Shape { kind: Kind::Ba, nodes: 300, links: 2 }.graph(3);
        for order in [Order::Hash, Order::Best] {
            let mut living = Living::all(300);
            let roots: Vec<Node> = (0..4).map(|t| root(&graph, &living, order, t, 3)).collect();
            assert!((0..4).all(|t| !roots[..t].contains(&roots[t])), "{roots:?}");
            living.kill(roots[1]);
            assert_ne!(root(&graph, &living, order, 1, 3), roots[1]);
            assert_eq!(root(&graph, &living, order, 2, 3), roots[2]);
        }
        let best = root(&graph, &Living::all(300), Order::Best, 0, 3);
        let links = |node| graph.neighbours(node).len();
        assert!((0..300).all(|node| links(node) <= links(best)));
    }
}
