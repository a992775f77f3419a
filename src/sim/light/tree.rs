//! One tree: everybody's parent and word, the words in one run of letters.

use crate::overlay::word::{Letter, Word};
use crate::sim::graph::Node;

/// The parent of who has none, because it has no place in the tree.
pub const NOBODY: Node = Node::MAX;

/// A tree over the nodes of a graph; the root is its own parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: Node,
    parents: Vec<Node>,
    /// Where each node's word begins in `letters`, and one end more.
    starts: Vec<u32>,
    letters: Vec<Letter>,
}

impl Tree {
    /// From everybody's parent, depth and last letter.
    #[must_use]
    pub fn new(root: Node, parents: Vec<Node>, depths: &[u16], lasts: &[Letter]) -> Self {
        let placed =
            |node: usize| if parents[node] == NOBODY { 0 } else { u32::from(depths[node]) };
        let mut starts = vec![0_u32; parents.len() + 1];
        for node in 0..parents.len() {
            starts[node + 1] = starts[node] + placed(node);
        }
        let mut letters = vec![0; starts[parents.len()] as usize];
        for node in by_depth(&parents, depths) {
            let (from, at) = (starts[parents[node] as usize], starts[node] as usize);
            if node != root as usize {
                let length = usize::from(depths[node]);
                letters.copy_within(from as usize..from as usize + length - 1, at);
                letters[at + length - 1] = lasts[node];
            }
        }
        Self { root, parents, starts, letters }
    }

    /// From everybody's parent and word.
    #[must_use]
    pub fn of_words(root: Node, parents: Vec<Node>, words: &[Option<Word>]) -> Self {
        let (mut starts, mut letters) = (vec![0], Vec::new());
        for word in words {
            letters.extend(word.iter().flat_map(|word| word.iter()));
            starts.push(letters.len() as u32);
        }
        Self { root, parents, starts, letters }
    }

    /// The node with the empty word.
    #[must_use]
    pub fn root(&self) -> Node {
        self.root
    }

    /// Whether this node has a place.
    #[must_use]
    pub fn has(&self, node: Node) -> bool {
        self.parents[node as usize] != NOBODY
    }

    /// A node's parent; the root and who has no place have none.
    #[must_use]
    pub fn parent(&self, node: Node) -> Option<Node> {
        let parent = self.parents[node as usize];
        (parent != NOBODY && node != self.root).then_some(parent)
    }

    /// Everybody's parent as it is kept.
    #[must_use]
    pub fn parents(&self) -> &[Node] {
        &self.parents
    }

    /// A node's place.
    #[must_use]
    pub fn word(&self, node: Node) -> Option<&[Letter]> {
        self.has(node).then(|| self.letters_of(node))
    }

    fn letters_of(&self, node: Node) -> &[Letter] {
        let node = node as usize;
        &self.letters[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// Letters of a node's word.
    #[must_use]
    pub fn depth(&self, node: Node) -> usize {
        self.letters_of(node).len()
    }

    /// The nodes that have a place, parents before their children.
    #[must_use]
    pub fn downwards(&self) -> Vec<Node> {
        let nodes = 0..self.parents.len() as Node;
        let mut nodes: Vec<Node> = nodes.filter(|node| self.has(*node)).collect();
        nodes.sort_by_key(|node| self.depth(*node));
        nodes
    }

    /// A node, its parent and so on up to the root.
    pub fn upwards(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        std::iter::successors(self.has(node).then_some(node), |at| self.parent(*at))
    }

    /// Bytes of the arrays.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (self.parents.len() + self.starts.len()) * size_of::<u32>() + self.letters.len()
    }
}

/// The placed nodes by depth: a counting sort, because there may be a million.
fn by_depth(parents: &[Node], depths: &[u16]) -> Vec<usize> {
    let deepest = depths.iter().copied().max().unwrap_or(0);
    let mut rows = vec![0; usize::from(deepest) + 2];
    let placed = || (0..parents.len()).filter(|node| parents[*node] != NOBODY);
    placed().for_each(|node| rows[usize::from(depths[node]) + 1] += 1);
    for depth in 0..=usize::from(deepest) {
        rows[depth + 1] += rows[depth];
    }
    let mut sorted = vec![0; rows[usize::from(deepest) + 1]];
    for node in placed() {
        let at = &mut rows[usize::from(depths[node])];
        sorted[*at] = node;
        *at += 1;
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_letters_on_the_way_from_the_root() {
        // 2 is the root, 0 its child by 5, 1 the child of 0 by 7; 3 has no place.
        let tree = Tree::new(2, vec![2, 0, 2, NOBODY], &[1, 2, 0, 0], &[5, 7, 0, 0]);
        let words: Vec<Option<&[u8]>> = (0..4).map(|node| tree.word(node)).collect();
        assert_eq!(words, [Some(&[5][..]), Some(&[5, 7]), Some(&[]), None]);
        assert_eq!((tree.parent(1), tree.parent(2), tree.parent(3)), (Some(0), None, None));
        assert_eq!(tree.downwards(), [2, 0, 1]);
        assert_eq!(tree.upwards(1).collect::<Vec<_>>(), [1, 0, 2]);
        assert_eq!(tree.upwards(3).count(), 0);
        let words: Vec<Option<Word>> =
            words.into_iter().map(|word| word.and_then(Word::new)).collect();
        assert_eq!(Tree::of_words(2, tree.parents().to_vec(), &words), tree);
    }
}
