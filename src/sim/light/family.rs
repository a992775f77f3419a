//! A tree from above: everybody's children and how many stand below.

use super::tree::Tree;
use crate::overlay::word::Letter;
use crate::sim::graph::Node;

/// Children and sizes of one tree.
#[derive(Clone, Debug)]
pub struct Family {
    /// Where each node's row of children begins, and one end more.
    starts: Vec<u32>,
    children: Vec<Node>,
    sizes: Vec<u32>,
}

impl Family {
    /// Of this tree.
    #[must_use]
    pub fn new(tree: &Tree) -> Self {
        let down = tree.downwards();
        let nodes = tree.parents().len();
        let mut sizes = vec![0_u32; nodes];
        let mut starts = vec![0_u32; nodes + 1];
        for node in down.iter().rev() {
            sizes[*node as usize] += 1;
            if let Some(parent) = tree.parent(*node) {
                sizes[parent as usize] += sizes[*node as usize];
                starts[parent as usize + 1] += 1;
            }
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut at = starts.clone();
        let mut children = vec![0; starts[nodes] as usize];
        for node in down {
            if let Some(parent) = tree.parent(node) {
                let slot = &mut at[parent as usize];
                children[*slot as usize] = node;
                *slot += 1;
            }
        }
        Self { starts, children, sizes }
    }

    /// A node's children.
    #[must_use]
    pub fn children(&self, node: Node) -> &[Node] {
        let node = node as usize;
        &self.children[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// A node and all below it.
    #[must_use]
    pub fn size(&self, node: Node) -> u32 {
        self.sizes[node as usize]
    }

    /// The child behind a letter.
    #[must_use]
    pub fn child(&self, tree: &Tree, node: Node, letter: Letter) -> Option<Node> {
        let is_it = |child: &&Node| tree.word(**child).and_then(<[u8]>::last) == Some(&letter);
        self.children(node).iter().find(is_it).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_everybody_below() {
        // 2 is the root, 0 and 3 its children, 1 the child of 0.
        let tree = Tree::new(2, vec![2, 0, 2, 2], &[1, 2, 0, 1], &[5, 7, 0, 6]);
        let family = Family::new(&tree);
        assert_eq!((0..4).map(|node| family.size(node)).collect::<Vec<_>>(), [2, 1, 4, 1]);
        assert_eq!((family.children(2), family.children(1)), (&[0, 3][..], &[][..]));
        assert_eq!((family.child(&tree, 2, 6), family.child(&tree, 2, 7)), (Some(3), None));
    }
}
