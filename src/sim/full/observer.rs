//! Who sees all nodes at once: whether the trees have settled, and whose places have changed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::World;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::overlay::forest::tree::Tree;
use crate::overlay::greedy::Tag;
use crate::overlay::word::Word;
use crate::sim::graph::Node;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Settled is what has stayed so for this long.
const CALM: Duration = Duration::from_secs(2);

/// The places of every node that lives.
pub type Places = BTreeMap<Node, Vec<(Tag, Word)>>;

/// Where everybody is.
#[must_use]
pub fn places(world: &World) -> Places {
    let living = (0..world.nodes()).filter_map(|node| Some((node, world.overlay(node)?.places())));
    living.collect()
}

/// Of how many nodes that live before and after a place has changed in some tree, and in all.
#[must_use]
pub fn moved(before: &Places, after: &Places) -> (u32, u32) {
    let both = before.iter().filter_map(|(node, old)| Some((old, after.get(node)?)));
    both.fold((0, 0), |(some, all), (old, new)| {
        let kept = old.iter().filter(|place| new.contains(place)).count();
        (some + u32::from(kept < old.len()), all + u32::from(kept == 0))
    })
}

/// The islands that links between living nodes leave: the least node of each one's island.
fn islands(world: &World) -> BTreeMap<Node, Node> {
    let mut above: BTreeMap<Node, Node> =
        (0..world.nodes()).filter(|node| world.is_alive(*node)).map(|node| (node, node)).collect();
    let find = |above: &BTreeMap<Node, Node>, mut node: Node| {
        while above[&node] != node {
            node = above[&node];
        }
        node
    };
    for (a, b) in world.links() {
        let (a, b) = (find(&above, a), find(&above, b));
        above.insert(a.max(b), a.min(b));
    }
    above.keys().map(|node| (*node, find(&above, *node))).collect()
}

/// Whether each tree has one root on each island, and every word is that of a parent there and a
/// letter.
#[must_use]
pub fn is_settled(world: &World) -> bool {
    let islands = islands(world);
    let trees: BTreeMap<(Node, Name), &[Tree]> = islands
        .iter()
        .filter_map(|(node, island)| {
            Some(((*island, world.name(*node)), world.overlay(*node)?.forest.trees()))
        })
        .collect();
    let mut roots = BTreeMap::new();
    trees.iter().all(|((island, _), own)| {
        own.iter().enumerate().all(|(index, tree)| {
            let root = *roots.entry((*island, index)).or_insert(*tree.root());
            let is_hung = tree.parent().is_none_or(|parent| {
                let above = trees.get(&(*island, *parent)).map(|trees| trees[index].place());
                let (tag, word) = tree.place();
                above.is_some_and(|(t, w)| {
                    t == tag && word.len() == w.len() + 1 && word.starts_with(w)
                })
            });
            root == *tree.root() && trees.contains_key(&(*island, root)) && is_hung
        })
    })
}

/// Lets time pass until all is settled and stays so; how long it took until then, if it did.
pub fn settle(world: &mut World, patience: Duration) -> Option<Duration> {
    let started = world.now;
    let mut since: Option<Time> = is_settled(world).then_some(world.now);
    while world.now.since(started) < patience {
        if since.is_some_and(|since| world.now.since(since) >= CALM) {
            break;
        }
        world.run(LOOK_EVERY);
        since = if is_settled(world) { since.or(Some(world.now)) } else { None };
    }
    since.map(|since| since.since(started))
}
