//! Graphs: how an overlay may have grown.

use super::internet;
use super::{Graph, Node};
use crate::crypto::rng::Rng;
use crate::sim::dice::{below, dice, distinct};

/// How nodes choose whom to link to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each new node links to earlier ones in proportion to the links that they have (Barabasi and
    /// Albert): a few hubs, many leaves.
    Ba,
    /// As autonomous systems do ([`internet`]).
    As,
    /// Each new node links to earlier ones, all equally likely: peers that know a random list. With
    /// one link each, a tree.
    Joiners,
    /// A square with links to the four sides: the worst case of any tree.
    Grid,
}

impl Kind {
    /// As options and tables call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ba => "ba",
            Self::As => "as",
            Self::Joiners => "joiners",
            Self::Grid => "grid",
        }
    }
}

/// A graph to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How it grows.
    pub kind: Kind,
    /// How large it grows; a grid takes the largest square that fits.
    pub nodes: u32,
    /// Links that each new node opens, where the kind leaves a choice.
    pub links: u32,
}

impl Shape {
    /// The graph of this shape and seed.
    #[must_use]
    pub fn graph(&self, seed: u64) -> Graph {
        let mut rng = dice(seed, "graph");
        let nodes = self.nodes.max(2);
        let links = self.links.clamp(1, nodes - 1);
        let (nodes, links) = match self.kind {
            Kind::Ba => (nodes, preferential(nodes, links, &mut rng)),
            Kind::As => (nodes, internet::links(nodes, &mut rng)),
            Kind::Joiners => (nodes, joiners(nodes, links, &mut rng)),
            Kind::Grid => square(nodes.isqrt()),
        };
        Graph::new(nodes, links, &mut rng)
    }
}

/// A star of `each` rays, then node by node; who has most links is in the bowl most often.
fn preferential(nodes: u32, each: u32, rng: &mut Rng) -> Vec<(Node, Node)> {
    let mut links: Vec<(Node, Node)> = (1..=each).map(|end| (0, end)).collect();
    let mut bowl: Vec<Node> = links.iter().flat_map(|(a, b)| [*a, *b]).collect();
    for new in each + 1..nodes {
        let chosen = distinct(each as usize, || bowl[below(rng, bowl.len())]);
        for end in chosen {
            links.push((new, end));
            bowl.extend([new, end]);
        }
    }
    links
}

fn joiners(nodes: u32, each: u32, rng: &mut Rng) -> Vec<(Node, Node)> {
    let mut links = Vec::with_capacity(nodes as usize * each as usize);
    for new in 1..nodes {
        let chosen = distinct(each.min(new) as usize, || below(rng, new as usize) as Node);
        links.extend(chosen.into_iter().map(|end| (new, end)));
    }
    links
}

fn square(side: u32) -> (u32, Vec<(Node, Node)>) {
    let mut links = Vec::new();
    for at in 0..side * side {
        if at % side + 1 < side {
            links.push((at, at + 1));
        }
        if at / side + 1 < side {
            links.push((at, at + side));
        }
    }
    (side * side, links)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(kind: Kind, nodes: u32, links: u32) -> Graph {
        Shape { kind, nodes, links }.graph(1)
    }

    /// Nodes that can be reached from the first.
    fn reached(graph: &Graph) -> usize {
        let mut is_seen = vec![false; graph.nodes() as usize];
        is_seen[0] = true;
        let mut queue = vec![0];
        while let Some(at) = queue.pop() {
            for next in graph.neighbours(at) {
                if !std::mem::replace(&mut is_seen[*next as usize], true) {
                    queue.push(*next);
                }
            }
        }
        is_seen.iter().filter(|seen| **seen).count()
    }

    #[test]
    fn every_graph_is_whole_and_has_its_links() {
        for (kind, nodes, each, links) in [
            (Kind::Ba, 1000, 2, 2 * 998),
            (Kind::Ba, 1000, 3, 3 * 997),
            (Kind::Joiners, 1000, 1, 999),
            (Kind::Joiners, 1000, 4, 4 * 1000 - 10),
            (Kind::Grid, 45 * 45, 0, 2 * 45 * 44),
        ] {
            let graph = graph(kind, nodes, each);
            assert_eq!((graph.nodes(), graph.links()), (nodes, links), "{kind:?} {each}");
            assert_eq!(reached(&graph), nodes as usize, "{kind:?} {each}");
        }
        assert_eq!(reached(&graph(Kind::As, 1000, 0)), 1000);
    }

    #[test]
    fn who_has_links_gets_links() {
        let most = |graph: &Graph| (0..1000).map(|at| graph.neighbours(at).len()).max();
        assert!(most(&graph(Kind::Ba, 1000, 2)) > Some(40));
        assert!(most(&graph(Kind::As, 1000, 2)) > Some(100));
        assert!(most(&graph(Kind::Joiners, 1000, 2)) < Some(30));
    }

    #[test]
    fn a_seed_is_a_graph() {
        for kind in [Kind::Ba, Kind::As, Kind::Joiners] {
            let shape = Shape { kind, nodes: 200, links: 2 };
            assert_eq!(shape.graph(1), shape.graph(1));
            assert_ne!(shape.graph(1), shape.graph(2));
        }
    }
}
