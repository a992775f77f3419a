//! How a tree heals: a part that was cut off is hung up again by any member that has a link out.
//!
//! An edge has the same letter from both of its ends, so the part keeps its shape whoever of it is
//! nearest to the root now; everybody in it takes one new beginning for an old one (reference 5.4).
//! Where the root died, the next root's part takes the empty word and the others join it. A part
//! whose every way out ends at a full node is sent on from there, as a node that joins is.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use super::living::Living;
use super::tree::{NOBODY, Tree};
use crate::overlay::word::{self, Letter, Word};
use crate::sim::graph::{Graph, Node};

/// A healed tree and what it took.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The tree of the living.
    pub tree: Tree,
    /// Living nodes whose word is another now.
    pub changed: u32,
    /// Parts that were hung up again.
    pub parts: u32,
    /// Living nodes whose part no link leads out of: they must dial somebody.
    pub stranded: u32,
    /// Links opened to nodes that were not full.
    pub extra: Vec<(Node, Node)>,
}

/// Heals `old` after deaths; `root` is the next root, needed where the old one is dead.
#[must_use]
pub fn mend(graph: &Graph, living: &Living, degree: u16, old: &Tree, root: Node) -> Mended {
    let mut mender = Mender::new(graph, living, degree, old);
    let first = mender.heads[old.root() as usize];
    if first == NOBODY {
        mender.hang(root, root, Word::root());
    } else {
        mender.hang(first, first, Word::root());
    }
    mender.join_all();
    // One part's place may be the next one's.
    while (0..graph.nodes()).filter(|node| mender.refer(*node)).count() > 0 {}
    mender.finish(if first == NOBODY { root } else { first })
}

struct Mender<'a> {
    graph: &'a Graph,
    living: &'a Living,
    degree: u16,
    old: &'a Tree,
    /// The top node of everybody's part, `NOBODY` for the dead.
    heads: Vec<Node>,
    /// Who is in the part with this top.
    members: Vec<Vec<Node>>,
    parents: Vec<Node>,
    words: Vec<Option<Word>>,
    /// Letters in use, from both ends of their edges.
    used: BTreeSet<(Node, Letter)>,
    /// Links out of what hangs, by how deep they would bring the far part's top.
    ways: BinaryHeap<Reverse<(usize, Node, Node)>>,
    parts: u32,
    extra: Vec<(Node, Node)>,
}

impl<'a> Mender<'a> {
    fn new(graph: &'a Graph, living: &'a Living, degree: u16, old: &'a Tree) -> Self {
        let nodes = graph.nodes() as usize;
        let (mut heads, mut members) = (vec![NOBODY; nodes], vec![Vec::new(); nodes]);
        let mut used = BTreeSet::new();
        for node in old.downwards().into_iter().filter(|node| living.has(*node)) {
            let parent = old.parent(node).filter(|parent| living.has(*parent));
            let head = parent.map_or(node, |parent| heads[parent as usize]);
            heads[node as usize] = head;
            members[head as usize].push(node);
            if let (Some(parent), Some(letter)) = (parent, last(old, node)) {
                used.extend([(parent, letter), (node, letter)]);
            }
        }
        Self {
            graph,
            living,
            degree,
            old,
            heads,
            members,
            parents: vec![NOBODY; nodes],
            words: vec![None; nodes],
            used,
            ways: BinaryHeap::new(),
            parts: 0,
            extra: Vec::new(),
        }
    }

    fn hangs(&self, node: Node) -> bool {
        self.parents[node as usize] != NOBODY
    }

    /// Hangs a part up: `member` of it gets this word and this parent.
    fn hang(&mut self, member: Node, parent: Node, moved: Word) {
        let old = self.old;
        let part = std::mem::take(&mut self.members[self.heads[member as usize] as usize]);
        let Some(from) = old.word(member) else { return };
        for node in &part {
            let place = old.word(*node).unwrap_or_default();
            self.words[*node as usize] = Some(word::rebase(place, from, moved.clone()));
            self.parents[*node as usize] = old.parent(*node).unwrap_or(*node);
        }
        // From the member up to the part's old top every edge is turned round.
        let (mut at, mut above, head) = (member, parent, self.heads[member as usize]);
        while at != head {
            let next = old.parent(at).unwrap_or(head);
            self.parents[at as usize] = above;
            (above, at) = (at, next);
        }
        self.parents[head as usize] = above;
        for node in part {
            self.look_out(node);
        }
    }

    /// Notes the links from a node that hangs to those that do not.
    fn look_out(&mut self, node: Node) {
        let depth = self.words[node as usize].as_ref().map_or(0, |word| word.len());
        for far in self.graph.neighbours(node) {
            if self.living.has(*far) && !self.hangs(*far) && self.old.has(*far) {
                let down = self.old.depth(*far) - self.old.depth(self.heads[*far as usize]);
                self.ways.push(Reverse((depth + 1 + down, node, *far)));
            }
        }
    }

    fn join_all(&mut self) {
        while let Some(Reverse((_, near, far))) = self.ways.pop() {
            if self.hangs(far) {
                continue;
            }
            self.join(near, far);
        }
    }

    /// Hangs up the part of `far` below `near`, by the first letter that is free at both.
    fn join(&mut self, near: Node, far: Node) -> bool {
        let is_free = |letter: &Letter| {
            !self.used.contains(&(near, *letter)) && !self.used.contains(&(far, *letter))
        };
        let letter = (0..self.degree).map(|letter| letter as Letter).find(is_free);
        let (Some(letter), Some(word)) = (letter, self.words[near as usize].clone()) else {
            return false;
        };
        self.used.extend([(near, letter), (far, letter)]);
        self.parts += 1;
        self.hang(far, near, word.step(letter));
        true
    }

    /// Sends a member of a part on from its full neighbours until somebody takes it, or the top
    /// of its part, which has the dead parent's letter to spare.
    fn refer(&mut self, node: Node) -> bool {
        let head = self.heads[node as usize];
        if head == NOBODY || self.hangs(node) {
            return false;
        }
        let (mut queue, mut asked) = (VecDeque::from([node]), BTreeSet::from([node]));
        while let Some(at) = queue.pop_front() {
            let taken = [node, head].into_iter().find(|far| at != node && self.join(at, *far));
            if let Some(far) = taken {
                self.extra.push((far, at));
                self.join_all();
                return true;
            }
            let graph = self.graph;
            for next in graph.neighbours(at) {
                if self.hangs(*next) && asked.insert(*next) {
                    queue.push_back(*next);
                }
            }
        }
        false
    }

    fn finish(self, root: Node) -> Mended {
        let lived = (0..self.graph.nodes()).filter(|node| self.heads[*node as usize] != NOBODY);
        let (mut changed, mut stranded) = (0, 0);
        for node in lived {
            match &self.words[node as usize] {
                None => stranded += 1,
                Some(word) => changed += u32::from(self.old.word(node) != Some(&word[..])),
            }
        }
        let tree = Tree::of_words(root, self.parents, &self.words);
        Mended { tree, changed, parts: self.parts, stranded, extra: self.extra }
    }
}

fn last(tree: &Tree, node: Node) -> Option<Letter> {
    tree.word(node)?.last().copied()
}

#[cfg(test)]
mod tests {
    use super::super::grow::grow;
    use super::*;
    use crate::sim::dice::dice;
    use crate::sim::graph::shapes::{Kind, Shape};

    fn heals(kind: Kind, degree: u16, living: &Living) -> Mended {
        let graph = Shape { kind, nodes: 400, links: 4 }.graph(5);
        let grown = grow(&graph, &Living::all(graph.nodes()), degree, 0);
        let graph = graph.with(&grown.extra);
        let next = (1..400).find(|node| living.has(*node)).expect("some live");
        let mended = mend(&graph, living, degree, &grown.tree, next);
        let graph = graph.with(&mended.extra);
        let mut words = BTreeSet::new();
        for node in 0..graph.nodes() {
            let Some(word) = mended.tree.word(node) else { continue };
            assert!(living.has(node) && words.insert(word.to_vec()), "{word:?} twice");
            assert!(word::is_reduced(word));
            if let Some(parent) = mended.tree.parent(node) {
                assert!(graph.neighbours(node).contains(&parent));
                assert_eq!(mended.tree.word(parent), Some(&word[..word.len() - 1]));
            } else {
                assert!(word.is_empty());
            }
        }
        assert_eq!(words.len() as u32 + mended.stranded, living.count());
        mended
    }

    /// Who has no place has no neighbour that has one.
    fn is_stranded_alone(kind: Kind, degree: u16, living: &Living, tree: &Tree) {
        let graph = Shape { kind, nodes: 400, links: 4 }.graph(5);
        let stranded = (0..400).filter(|node| living.has(*node) && !tree.has(*node));
        for node in stranded {
            let mut near = graph.neighbours(node).iter();
            assert!(!near.any(|near| tree.has(*near)), "{kind:?} {degree} {node}");
        }
    }

    #[test]
    fn whatever_is_cut_off_hangs_again_as_a_tree() {
        for kind in [Kind::Ba, Kind::As, Kind::Joiners, Kind::Grid] {
            for degree in [4, 16, 256] {
                for percent in [0.0, 1.0, 10.0, 30.0] {
                    let living = Living::but(400, percent, &[0], &mut dice(8, "dead"));
                    let mended = heals(kind, degree, &living);
                    assert!(percent > 0.0 || mended.changed == 0);
                    assert!(percent < 30.0 || mended.changed > 0);
                    is_stranded_alone(kind, degree, &living, &mended.tree);
                }
            }
        }
    }

    #[test]
    fn a_dead_root_is_replaced_and_all_the_others_join() {
        let mut living = Living::all(400);
        living.kill(0);
        let mended = heals(Kind::Ba, 256, &living);
        assert_eq!((mended.stranded, mended.tree.root()), (0, 1));
        assert!(mended.parts > 3 && mended.changed > 350, "{mended:?}");
    }
}
