//! A tree as people look at it: who is what to this node, and which places it has heard of.

use std::collections::BTreeMap;

use super::{Neighbour, Tree};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::ROOT_PULSE;
use crate::overlay::word::Word;
use crate::wire::tree::Edge;

/// What a neighbour is to this node in a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This node hangs from it.
    Parent,
    /// It hangs from this node.
    Child,
    /// This node would hang from it, were the parent lost now.
    Backup,
    /// It has another place under the same root, so packets may cut across to it.
    Shortcut,
    /// It hangs under another root.
    Apart,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Parent => "parent",
            Self::Child => "child",
            Self::Backup => "backup",
            Self::Shortcut => "shortcut",
            Self::Apart => "apart",
        }
    }
}

impl Tree {
    /// The root's highest number, and when this node heard it (the root itself: said it).
    #[must_use]
    pub fn pulse(&self) -> (u64, Time) {
        let said = (self.claim.number, self.pulse_at - ROOT_PULSE);
        if self.is_root() { said } else { self.roots.last(&self.claim.root).unwrap_or(said) }
    }

    /// Since when this node has had the root that it has.
    #[must_use]
    pub fn rooted(&self) -> Time {
        self.rooted
    }

    /// Who is asked first should the parent be lost.
    #[must_use]
    pub fn backup(&self, now: Time) -> Option<&Name> {
        let parent = self.parent.as_ref()?;
        let (rank, _, name) = self.best(Some(parent), now)?;
        self.neighbours.get_key_value(&name).filter(|_| rank < self.rank).map(|(name, _)| name)
    }

    /// What a neighbour is; nothing before it has said how it stands. `backup` as
    /// [`Tree::backup`] has it: it is the same for all neighbours.
    #[must_use]
    pub fn role(&self, neighbour: &Name, backup: Option<&Name>) -> Option<Role> {
        if self.parent.as_ref() == Some(neighbour) {
            return Some(Role::Parent);
        }
        if self.child_size(neighbour).is_some() {
            return Some(Role::Child);
        }
        if backup == Some(neighbour) {
            return Some(Role::Backup);
        }
        let (tag, _) = self.place_of(neighbour)?;
        Some(if tag == self.tag { Role::Shortcut } else { Role::Apart })
    }

    /// Nodes below and including a child, as it says; nothing if it is none.
    #[must_use]
    pub fn child_size(&self, name: &Name) -> Option<u32> {
        self.slots.get(name).filter(|slot| slot.left.is_none()).map(|slot| slot.size)
    }

    /// Every place under this node's root that it has heard of: its own, those of its neighbours,
    /// and of all on their ways to the root that have said nothing newer.
    #[must_use]
    pub fn known(&self) -> BTreeMap<Name, Word> {
        let mut known = BTreeMap::from([(self.claim.root, Word::root())]);
        self.note_way(&self.edges, &mut known);
        let is_here = |neighbour: &&Neighbour| neighbour.tag == self.tag;
        let standings =
            self.neighbours.values().filter(is_here).filter_map(|n| n.standing.as_ref());
        standings.for_each(|standing| self.note_way(&standing.edges, &mut known));
        known
    }

    fn note_way(&self, edges: &[Edge], known: &mut BTreeMap<Name, Word>) {
        let mut word = Word::root();
        for edge in edges.iter().take_while(|edge| self.is_latest(edge)) {
            word = word.step(edge.letter);
            known.entry(edge.child).or_insert_with(|| word.clone());
        }
    }
}
