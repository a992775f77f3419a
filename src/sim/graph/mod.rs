//! Who is linked to whom, in two arrays; [`shapes`] says how an overlay may have grown.

pub mod internet;
pub mod shapes;

use super::dice::shuffle;
use crate::crypto::rng::Rng;

/// A node, by number.
pub type Node = u32;

/// Links without direction, a row of neighbours for each node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Where each node's row begins, and one end more.
    starts: Vec<u32>,
    ends: Vec<Node>,
}

impl Graph {
    /// From links in any order; double ones and those of a node with itself count for nothing. Rows
    /// are shuffled, because a node meets its neighbours in no order of theirs.
    #[must_use]
    pub fn new(nodes: u32, mut links: Vec<(Node, Node)>, rng: &mut Rng) -> Self {
        for link in &mut links {
            *link = (link.0.min(link.1), link.0.max(link.1));
        }
        links.sort_unstable();
        links.dedup();
        links.retain(|(a, b)| a != b);
        let mut graph = Self::packed(nodes, |put| both(&links, put));
        for node in 0..nodes {
            let row = graph.row(node);
            shuffle(rng, &mut graph.ends[row]);
        }
        graph
    }

    /// The same with more links, at the end of their rows.
    #[must_use]
    pub fn with(&self, more: &[(Node, Node)]) -> Self {
        Self::packed(self.nodes(), |put| {
            for node in 0..self.nodes() {
                self.neighbours(node).iter().for_each(|end| put(node, *end));
            }
            both(more, put);
        })
    }

    /// Packs what `fill` calls its argument with, twice: a row and an end in it.
    fn packed(nodes: u32, fill: impl Fn(&mut dyn FnMut(Node, Node))) -> Self {
        let mut starts = vec![0_u32; nodes as usize + 1];
        fill(&mut |row, _| starts[row as usize + 1] += 1);
        for node in 0..nodes as usize {
            starts[node + 1] += starts[node];
        }
        let mut at = starts.clone();
        let mut ends = vec![0; starts[nodes as usize] as usize];
        fill(&mut |row, end| {
            ends[at[row as usize] as usize] = end;
            at[row as usize] += 1;
        });
        Self { starts, ends }
    }

    fn row(&self, node: Node) -> std::ops::Range<usize> {
        self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// How many links there are.
    #[must_use]
    pub fn links(&self) -> usize {
        self.ends.len() / 2
    }

    /// The other ends of a node's links.
    #[must_use]
    pub fn neighbours(&self, node: Node) -> &[Node] {
        &self.ends[self.row(node)]
    }

    /// Every link once, the lower end first.
    pub fn all(&self) -> impl Iterator<Item = (Node, Node)> + '_ {
        (0..self.nodes())
            .flat_map(|a| self.neighbours(a).iter().filter(move |b| a < **b).map(move |b| (a, *b)))
    }

    /// Bytes of the arrays.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (self.starts.len() + self.ends.len()) * size_of::<u32>()
    }
}

/// Each link from both of its ends.
fn both(links: &[(Node, Node)], put: &mut dyn FnMut(Node, Node)) {
    for (a, b) in links {
        put(*a, *b);
        put(*b, *a);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::dice;

    #[test]
    fn links_count_once_and_have_two_ends() {
        let links = vec![(0, 1), (1, 0), (2, 2), (2, 0)];
        let graph = Graph::new(4, links, &mut dice(1, "graph"));
        assert_eq!((graph.nodes(), graph.links()), (4, 2));
        let mut all: Vec<_> = graph.all().collect();
        all.sort_unstable();
        assert_eq!(all, [(0, 1), (0, 2)]);
        assert_eq!((graph.neighbours(1), graph.neighbours(3)), (&[0][..], &[][..]));
        let more = graph.with(&[(3, 1)]);
        assert_eq!(
            (more.links(), more.neighbours(1), more.neighbours(3)),
            (3, &[0, 3][..], &[1][..])
        );
    }
}
