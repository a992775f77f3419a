//! Who is next to this node, and which Names each of them serves.
//!
//! It knows neighbours by Name and dialled peers by their place in the configuration, never links.

use std::collections::BTreeMap;

use crate::base::ids::{Endpoint, Name};

use super::attached::Attached;

/// Neighbours and the Names attached to them.
#[derive(Debug)]
pub struct Table {
    own: Name,
    peers: Vec<(Endpoint, Option<Name>)>,
    /// Neighbours, and whether each is up.
    neighbours: BTreeMap<Name, bool>,
    /// Which Names are attached to them.
    pub attached: Attached,
}

impl Table {
    /// A table with nobody in it but the peers that will be dialled.
    #[must_use]
    pub fn new(own: Name, peers: &[Endpoint]) -> Self {
        let peers = peers.iter().map(|endpoint| (endpoint.clone(), None)).collect();
        Self { own, peers, neighbours: BTreeMap::new(), attached: Attached::default() }
    }

    /// The Name of this node.
    #[must_use]
    pub fn own(&self) -> &Name {
        &self.own
    }

    /// Says who answers where a peer is dialled.
    pub fn bind(&mut self, peer: usize, name: Name) {
        if let Some(slot) = self.peers.get_mut(peer) {
            slot.1 = Some(name);
        }
    }

    /// The peers that are dialled, in order, and who was found there.
    pub fn peers(&self) -> impl Iterator<Item = (&Endpoint, Option<&Name>)> + Clone {
        self.peers.iter().map(|(endpoint, name)| (endpoint, name.as_ref()))
    }

    /// Whether a neighbour is one that is dialled.
    #[must_use]
    pub fn is_dialled(&self, name: &Name) -> bool {
        self.peers.iter().any(|(_, bound)| bound.as_ref() == Some(name))
    }

    /// Says that a neighbour is there, or away.
    pub fn set_up(&mut self, name: Name, is_up: bool) {
        self.neighbours.insert(name, is_up);
    }

    /// Whether a Name is a neighbour's, up or away.
    #[must_use]
    pub fn knows(&self, name: &Name) -> bool {
        self.neighbours.contains_key(name)
    }

    /// Whether a neighbour is there.
    #[must_use]
    pub fn is_up(&self, name: &Name) -> bool {
        self.neighbours.get(name).is_some_and(|is_up| *is_up)
    }

    /// Forgets a neighbour and what it served.
    pub fn forget(&mut self, name: &Name) {
        self.attached.forget(name);
        self.neighbours.remove(name);
    }

    /// The neighbours that serve a Name, the one it attached to last first.
    pub fn holders(&self, name: &Name) -> impl Iterator<Item = &Name> {
        self.attached.holders(name)
    }
}
