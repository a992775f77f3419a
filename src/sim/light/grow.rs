//! How a tree grows over a graph: breadth first, so many children at most to each node.
//!
//! A node whose neighbours are all full is sent on from one of them until somebody has a free
//! letter, and opens one more link to it (reference 3.2: "redirected"). Letters are given out in
//! their order.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::living::Living;
use super::tree::{NOBODY, Tree};
use crate::overlay::word::Letter;
use crate::sim::graph::{Graph, Node};

/// A tree, and the links that it needed besides those of the graph.
#[derive(Clone, Debug)]
pub struct Grown {
    /// The tree.
    pub tree: Tree,
    /// Child and parent of each further link.
    pub extra: Vec<(Node, Node)>,
}

/// Grows a tree of the living from its root.
#[must_use]
pub fn grow(graph: &Graph, living: &Living, degree: u16, root: Node) -> Grown {
    let mut grower = Grower::new(graph, living, degree, root);
    grower.place(root, root, 0, 0);
    grower.finish()
}

/// The papers' flush: whoever has a dead node on the way to the root loses the address and asks
/// the neighbours for another. With a dead root nobody keeps one and `root` is the next.
#[must_use]
pub fn regrow(graph: &Graph, living: &Living, degree: u16, old: &Tree, root: Node) -> Grown {
    if !living.has(old.root()) {
        return grow(graph, living, degree, root);
    }
    let mut grower = Grower::new(graph, living, degree, old.root());
    for node in old.downwards() {
        let parent = old.parent(node).unwrap_or(node);
        let is_cut = node != old.root() && !grower.has(parent);
        if is_cut || !living.has(node) {
            continue;
        }
        let last = old.word(node).and_then(<[Letter]>::last).copied().unwrap_or(0);
        grower.place(node, parent, old.depth(node) as u16, last);
        if node != old.root() {
            grower.kept.insert((parent, last));
        }
    }
    grower.finish()
}

struct Grower<'a> {
    graph: &'a Graph,
    living: &'a Living,
    degree: u16,
    root: Node,
    parents: Vec<Node>,
    depths: Vec<u16>,
    lasts: Vec<Letter>,
    /// The least letter that a node has not given out.
    next: Vec<u16>,
    /// Letters given out before a flush and still in use.
    kept: BTreeSet<(Node, Letter)>,
    /// Who has not asked its neighbours in: by depth, then as they came.
    queue: BinaryHeap<Reverse<(u16, u32, Node)>>,
    placed: u32,
    /// Who met a full node.
    refused: VecDeque<Node>,
    extra: Vec<(Node, Node)>,
    /// Who was asked in the search with this number.
    asked: Vec<u32>,
    searches: u32,
}

impl<'a> Grower<'a> {
    fn new(graph: &'a Graph, living: &'a Living, degree: u16, root: Node) -> Self {
        let nodes = graph.nodes() as usize;
        Self {
            graph,
            living,
            degree: degree.clamp(3, 256),
            root,
            parents: vec![NOBODY; nodes],
            depths: vec![0; nodes],
            lasts: vec![0; nodes],
            next: vec![0; nodes],
            kept: BTreeSet::new(),
            queue: BinaryHeap::new(),
            placed: 0,
            refused: VecDeque::new(),
            extra: Vec::new(),
            asked: Vec::new(),
            searches: 0,
        }
    }

    fn has(&self, node: Node) -> bool {
        self.parents[node as usize] != NOBODY
    }

    fn place(&mut self, node: Node, parent: Node, depth: u16, last: Letter) {
        let at = node as usize;
        (self.parents[at], self.depths[at], self.lasts[at]) = (parent, depth, last);
        self.queue.push(Reverse((depth, self.placed, node)));
        self.placed += 1;
    }

    /// The next free letter of a node, if it may have one child more.
    fn letter(&mut self, node: Node) -> Option<Letter> {
        let at = node as usize;
        while self.next[at] < self.degree {
            let letter = self.next[at] as Letter;
            self.next[at] += 1;
            let is_back = node != self.root && letter == self.lasts[at];
            if !is_back && !self.kept.contains(&(node, letter)) {
                return Some(letter);
            }
        }
        None
    }

    fn attach(&mut self, child: Node, parent: Node) -> bool {
        let Some(letter) = self.letter(parent) else { return false };
        self.place(child, parent, self.depths[parent as usize] + 1, letter);
        true
    }

    fn finish(mut self) -> Grown {
        loop {
            self.spread();
            let Some(node) = self.refused.pop_front() else { break };
            if !self.has(node) {
                self.redirect(node);
            }
        }
        let tree = Tree::new(self.root, self.parents, &self.depths, &self.lasts);
        Grown { tree, extra: self.extra }
    }

    fn spread(&mut self) {
        let graph = self.graph;
        while let Some(Reverse((_, _, at))) = self.queue.pop() {
            for next in graph.neighbours(at) {
                let is_asking = self.living.has(*next) && !self.has(*next);
                if is_asking && !self.attach(*next, at) {
                    self.refused.push_back(*next);
                }
            }
        }
    }

    /// Finds a parent for a node whose neighbours are full: theirs are asked, and so on.
    fn redirect(&mut self, node: Node) {
        self.asked.resize(self.parents.len(), 0);
        self.searches += 1;
        let mut queue: VecDeque<Node> = VecDeque::new();
        let mut near = self.unasked(node);
        near.sort_by_key(|at| self.depths[*at as usize]);
        queue.extend(near);
        while let Some(at) = queue.pop_front() {
            if self.attach(node, at) {
                self.extra.push((node, at));
                return;
            }
            let further = self.unasked(at);
            queue.extend(further);
        }
    }

    fn unasked(&mut self, node: Node) -> Vec<Node> {
        let mut found = Vec::new();
        for at in self.graph.neighbours(node) {
            if self.has(*at) && self.asked[*at as usize] != self.searches {
                self.asked[*at as usize] = self.searches;
                found.push(*at);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::word::is_reduced;
    use crate::sim::dice::dice;
    use crate::sim::graph::shapes::{Kind, Shape};

    fn graph(kind: Kind, links: u32) -> Graph {
        Shape { kind, nodes: 400, links }.graph(5)
    }

    /// Everybody alive has a word of its own, one letter longer than its parent's, and nobody more
    /// children than the degree allows.
    fn is_sound(grown: &Grown, living: &Living, degree: u16) {
        let tree = &grown.tree;
        let mut words = BTreeSet::new();
        let mut children = vec![0; 400];
        for node in (0..400).filter(|node| living.has(*node)) {
            let word = tree.word(node).expect("placed");
            assert!(is_reduced(word) && word.iter().all(|letter| u16::from(*letter) < degree));
            assert!(words.insert(word.to_vec()), "{word:?} twice");
            if let Some(parent) = tree.parent(node) {
                assert!(living.has(parent));
                assert_eq!(tree.word(parent), Some(&word[..word.len() - 1]));
                children[parent as usize] += 1;
            }
        }
        for node in 0..400 {
            let most = if node == tree.root() { degree } else { degree - 1 };
            assert!(children[node as usize] <= most);
        }
    }

    #[test]
    fn trees_are_sound_for_every_degree() {
        for kind in [Kind::Ba, Kind::As, Kind::Joiners, Kind::Grid] {
            let graph = graph(kind, 2);
            let living = Living::all(graph.nodes());
            for degree in [3, 4, 16, 256] {
                is_sound(&grow(&graph, &living, degree, 7), &living, degree);
            }
        }
    }

    #[test]
    fn the_full_send_on_and_the_spacious_do_not() {
        let graph = graph(Kind::Ba, 2);
        let living = Living::all(400);
        let extra = |degree| grow(&graph, &living, degree, 0).extra;
        assert!(extra(256).is_empty());
        let three = extra(3);
        assert!(three.len() > 20);
        assert!(three.iter().all(|(child, parent)| !graph.neighbours(*child).contains(parent)));
    }

    #[test]
    fn a_flush_moves_whoever_is_below_the_dead_and_nobody_else() {
        let graph = graph(Kind::Joiners, 4);
        let old = grow(&graph, &Living::all(400), 16, 0).tree;
        let living = Living::but(400, 20.0, &[0], &mut dice(1, "dead"));
        let new = regrow(&graph, &living, 16, &old, 0);
        is_sound(&new, &living, 16);
        for node in (0..400).filter(|node| living.has(*node)) {
            if old.upwards(node).all(|above| living.has(above)) {
                assert_eq!(old.word(node), new.tree.word(node));
            }
        }
        let mut living = Living::all(400);
        living.kill(0);
        let new = regrow(&graph, &living, 16, &old, 9);
        is_sound(&new, &living, 16);
        assert_eq!(new.tree.root(), 9);
    }
}
