//! The node's trees, what each neighbour is in them, and what is held of the table of records.

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::control::status::{Records, Role, Share, Tree};
use crate::overlay::dht::Dht;
use crate::overlay::forest::{Forest, tree};

use super::millis;

/// Where the node is in each tree, and whose it is.
pub(super) fn trees(forest: &Forest, now: Time) -> Vec<Tree> {
    (0..).zip(forest.trees()).map(|(index, tree)| row(index, tree, now)).collect()
}

fn row(index: u8, tree: &tree::Tree, now: Time) -> Tree {
    let (tag, word) = tree.place();
    let (pulse, heard) = tree.pulse();
    Tree {
        tree: index,
        tag: format!("{tag:08x}"),
        word: word.to_string(),
        depth: word.len() as u64,
        root: tree.root().to_string(),
        root_alias: String::new(),
        root_since_ms: millis(tree.rooted(), now),
        pulse,
        pulse_age_ms: millis(heard, now),
        size: u64::from(tree.size()),
    }
}

/// What neighbours are to the node, by tree.
pub(super) struct Roles<'a> {
    forest: &'a Forest,
    backups: Vec<Option<&'a Name>>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(forest: &'a Forest, now: Time) -> Self {
        Self { forest, backups: forest.trees().iter().map(|tree| tree.backup(now)).collect() }
    }

    pub(super) fn of(&self, neighbour: &Name) -> Vec<Role> {
        let trees = (0..).zip(self.forest.trees()).zip(&self.backups);
        let role = |((index, tree), backup): ((u8, &tree::Tree), &Option<&Name>)| {
            let role = tree.role(neighbour, *backup)?;
            let word = tree.place_of(neighbour).map(|(_, word)| word.to_string());
            let size = tree.child_size(neighbour).map_or(0, u64::from);
            let (role, word) = (role.word().to_owned(), word.unwrap_or_default());
            Some(Role { tree: index, role, word, size })
        };
        trees.filter_map(role).collect()
    }
}

/// What is held of the table.
pub(super) fn records(dht: &Dht) -> Records {
    let held = dht.holdings();
    let share = |(held, most): (usize, usize)| Share { held: held as u64, most: most as u64 };
    Records {
        kept: held.kept as u64,
        kept_bytes: share(held.kept_bytes),
        own: share(held.own),
        learnt: share(held.learnt),
        absent: share(held.absent),
        numbers: share(held.numbers),
        lookups: share(held.lookups),
    }
}
