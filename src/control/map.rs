//! One tree of the overlay as far as a node knows it: places, for whoever draws them.

use serde::{Deserialize, Serialize};

/// A tree as this node knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// The overlay node's Name, as text.
    pub name: String,
    /// Which tree, counted from 0.
    pub tree: u8,
    /// The root's Name, as text.
    pub root: String,
    /// Places that are known, by Name: this node's own, those its neighbours told, and those in
    /// records. What is told goes before a record.
    pub places: Vec<Place>,
    /// Places that are known besides and left out, because there are too many.
    pub left_out: u64,
}

/// A place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Who is there, as text.
    pub name: String,
    /// This device's own word for it; empty where there is none.
    #[serde(default)]
    pub alias: String,
    /// The letters from the root down.
    pub word: Vec<u8>,
    /// Whether a link of this node leads there now.
    pub is_linked: bool,
    /// Whether only a record says so: it may be there no more.
    pub is_recorded: bool,
}

impl Map {
    /// Puts in this device's own words for Names.
    pub fn put_aliases(&mut self, alias_of: impl Fn(&str) -> String) {
        self.places.iter_mut().for_each(|place| place.alias = alias_of(&place.name));
    }
}
