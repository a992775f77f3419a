//! Where records are kept: the papers' mapping ([`angle`]) and ours ([`spread`]), how even they
//! are ([`load`]), how far a lookup goes and what it finds after deaths ([`lookup`]).

pub mod angle;
pub mod load;
pub mod lookup;
pub mod spread;

use crate::sim::graph::Node;

/// The hash of a Name: 16 subkeys of 32 bits.
pub type Key = [u8; 64];

/// A mapping of keys to the nodes that keep their records.
pub trait Owners {
    /// Copies of a record.
    fn replicas(&self) -> usize;

    /// The node that is asked for this copy.
    fn owner(&self, key: &Key, replica: usize) -> Node;

    /// Every node that keeps a copy.
    fn holders(&self, key: &Key) -> Vec<Node> {
        (0..self.replicas()).map(|replica| self.owner(key, replica)).collect()
    }
}
