//! Signs and verifies what trees are made of.
//!
//! Every entry of an ancestry is verified, not only the sender's: a neighbour can tell nothing
//! about others that they did not sign.

use std::cell::Cell;
use std::rc::Rc;

use super::verified::Verified;
use crate::base::ids::Name;
use crate::base::limits::VERIFIED_KNOWN;
use crate::crypto::identity::Identity;
use crate::overlay::greedy::Tag;
use crate::wire::moved::Moved;
use crate::wire::tree::{Claim, Edge, Pulse};

/// This node's hand, and its memory of others'.
#[derive(Debug)]
pub struct Notary {
    identity: Rc<Identity>,
    verified: Verified,
    /// Signatures made and verified since that was last asked.
    work: Cell<u32>,
}

impl Notary {
    /// A notary that has verified nothing yet.
    #[must_use]
    pub fn new(identity: Rc<Identity>) -> Self {
        Self { identity, verified: Verified::new(VERIFIED_KNOWN), work: Cell::new(0) }
    }

    /// Whose hand it is.
    #[must_use]
    pub fn name(&self) -> Name {
        self.identity.name()
    }

    /// This node's claim to be a tree's root.
    #[must_use]
    pub fn claim(&self, tree: u8, number: u64) -> Claim {
        let signature = self.identity.sign(&Claim::text(tree, number));
        Claim { root: self.name(), number, signature }
    }

    /// This node's half of an edge, as either end.
    #[must_use]
    pub fn half(&self, tree: u8, ends: (&Name, &Name), letter: u8, number: u64) -> [u8; 64] {
        self.worked();
        self.identity.sign(&Edge::text(tree, ends.0, ends.1, letter, number))
    }

    /// This node's word that it left the edge with the first number and is, by the second, in
    /// another place.
    #[must_use]
    pub fn moved(&self, tree: u8, (left, number): (u64, u64), tag: Tag, word: &[u8]) -> [u8; 64] {
        self.identity.sign(&Moved::text(tree, left, number, tag, word))
    }

    /// Whether who moved says so.
    pub fn is_moved(&self, moved: &Moved) -> bool {
        let Moved { tree, number, tag, letters, left, .. } = moved;
        let text = Moved::text(*tree, left.number, *number, *tag, letters);
        self.is_signed(&left.child, &text, &moved.signature)
    }

    /// Whether a claim is its root's own.
    pub fn is_claim(&self, tree: u8, claim: &Claim) -> bool {
        self.is_signed(&claim.root, &Claim::text(tree, claim.number), &claim.signature)
    }

    /// Whether a word is this node's own.
    pub fn is_own(&self, word: &Pulse) -> bool {
        self.is_signed(&self.name(), &word.text(), &word.claim.signature)
    }

    /// Whether the parent signed an edge.
    pub fn is_granted(&mut self, tree: u8, parent: &Name, edge: &Edge) -> bool {
        let text = Edge::text(tree, parent, &edge.child, edge.letter, edge.number);
        self.is_signed(parent, &text, &edge.by_parent)
    }

    /// Whether both ends signed an edge.
    pub fn is_edge(&mut self, tree: u8, parent: &Name, edge: &Edge) -> bool {
        let text = Edge::text(tree, parent, &edge.child, edge.letter, edge.number);
        self.is_signed(parent, &text, &edge.by_parent)
            && self.is_signed(&edge.child, &text, &edge.by_child)
    }

    fn is_signed(&self, by: &Name, text: &[u8], signature: &[u8; 64]) -> bool {
        let (is_good, is_found_out) = self.verified.look(by, text, signature);
        if is_found_out {
            self.worked();
        }
        is_good
    }

    fn worked(&self) {
        self.work.set(self.work.get().saturating_add(1));
    }

    /// Signatures made and verified since this was last asked.
    #[must_use]
    pub fn take_work(&self) -> u32 {
        self.work.take()
    }

    /// Has this notary share a memory with others.
    pub fn share(&mut self, verified: &Verified) {
        self.verified = verified.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_needs_both_hands_and_every_field() {
        let [mut parent, child] =
            [1, 2].map(|fill| Notary::new(Rc::new(Identity::from_seed([fill; 32]))));
        let ends = (&parent.name(), &child.name());
        let (by_parent, by_child) = (parent.half(0, ends, 7, 9), child.half(0, ends, 7, 9));
        let good = Edge { child: child.name(), letter: 7, number: 9, by_parent, by_child };
        let name = parent.name();
        assert!(parent.is_edge(0, &name, &good) && parent.is_edge(0, &name, &good));
        let bad = [
            Edge { letter: 8, ..good },
            Edge { number: 10, ..good },
            Edge { child: name, ..good },
            Edge { by_child: by_parent, ..good },
            Edge { by_parent: by_child, ..good },
        ];
        assert!(bad.iter().all(|edge| !parent.is_edge(0, &name, edge)));
        assert!(!parent.is_edge(1, &name, &good), "another tree");
        assert!(!parent.is_edge(0, &child.name(), &good), "another parent");
        let claim = child.claim(0, 3);
        assert!(parent.is_claim(0, &claim) && !parent.is_claim(1, &claim));
        assert!(!parent.is_claim(0, &Claim { number: 4, ..claim }));
    }
}
