//! Who is next to this node, and which Names each of them serves.
//!
//! It knows neighbours by Name and dialled peers by their place in the configuration, never links.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{Endpoint, Name};

/// A neighbour, up or away.
#[derive(Debug, Default)]
struct Neighbour {
    is_up: bool,
    serves: Vec<Name>,
}

/// Neighbours and the Names attached to them.
#[derive(Debug)]
pub struct Table {
    own: Name,
    peers: Vec<(Endpoint, Option<Name>)>,
    neighbours: BTreeMap<Name, Neighbour>,
    /// The same seen from the other side: which neighbours serve a Name.
    holders: BTreeMap<Name, BTreeSet<Name>>,
}

impl Table {
    /// A table with nobody in it but the peers that will be dialled.
    #[must_use]
    pub fn new(own: Name, peers: &[Endpoint]) -> Self {
        let peers = peers.iter().map(|endpoint| (endpoint.clone(), None)).collect();
        Self { own, peers, neighbours: BTreeMap::new(), holders: BTreeMap::new() }
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
        self.neighbours.entry(name).or_default().is_up = is_up;
    }

    /// Whether a Name is a neighbour's, up or away.
    #[must_use]
    pub fn knows(&self, name: &Name) -> bool {
        self.neighbours.contains_key(name)
    }

    /// Whether a neighbour is there.
    #[must_use]
    pub fn is_up(&self, name: &Name) -> bool {
        self.neighbours.get(name).is_some_and(|neighbour| neighbour.is_up)
    }

    /// Says which Names a neighbour serves, in place of those it served before.
    pub fn set_served(&mut self, name: Name, serves: Vec<Name>) {
        self.unhold(&name);
        for served in &serves {
            self.holders.entry(*served).or_default().insert(name);
        }
        self.neighbours.entry(name).or_default().serves = serves;
    }

    /// Forgets a neighbour and what it served.
    pub fn forget(&mut self, name: &Name) {
        self.unhold(name);
        self.neighbours.remove(name);
    }

    fn unhold(&mut self, name: &Name) {
        let Some(neighbour) = self.neighbours.get(name) else { return };
        for served in &neighbour.serves {
            if let Some(holders) = self.holders.get_mut(served) {
                holders.remove(name);
                if holders.is_empty() {
                    self.holders.remove(served);
                }
            }
        }
    }

    /// The neighbours that serve a Name.
    pub fn holders(&self, name: &Name) -> impl Iterator<Item = &Name> {
        self.holders.get(name).into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_neighbour_served_goes_with_it() {
        let [own, a, b, client] = [0, 1, 2, 3].map(|fill| Name::from_bytes([fill; 32]));
        let mut table = Table::new(own, &[]);
        table.set_up(a, true);
        table.set_served(a, vec![client]);
        table.set_served(b, vec![client]);
        assert_eq!(table.holders(&client).collect::<Vec<_>>(), [&a, &b]);
        table.set_served(a, vec![]);
        assert_eq!(table.holders(&client).collect::<Vec<_>>(), [&b]);
        table.forget(&b);
        assert_eq!(table.holders(&client).count(), 0);
        assert!(table.holders.is_empty() && table.is_up(&a) && !table.is_up(&b));
    }
}
