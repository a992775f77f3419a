//! One tree as far as the node knows it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::Name;
use crate::base::limits::MAP_PLACES_MAX;
use crate::cloak::switch::Switch;
use crate::control::map::{Map, Place};
use crate::overlay::hyperbolic::Hyperbolic;
use crate::overlay::word::Word;

/// The places of a tree, or why there are none. What the node and its neighbours say goes before
/// what records say; of two that claim one place the first does.
pub(in crate::cloak) fn map(switch: &Switch, tree: u8) -> Result<Map, String> {
    let Some(overlay) = &switch.post.overlay else {
        return Err("this cloak-node goes by a routes file and is in no tree".to_owned());
    };
    let trees = overlay.forest.trees();
    let Some(known) = trees.get(usize::from(tree)) else {
        let last = trees.len().saturating_sub(1);
        return Err(format!("this node is in no tree {tree}: the last one is {last}"));
    };
    let told = known.known();
    let recorded = recorded(overlay, known.place().0, &told);
    let is_linked = |name: &Name| {
        let end = switch.roster.neighbours.get(name);
        end.is_some_and(|end| end.primary.is_some())
    };
    let place = |(name, word, is_recorded): (&Name, &Word, bool)| Place {
        name: name.to_string(),
        alias: String::new(),
        word: word.to_vec(),
        is_linked: is_linked(name),
        is_recorded,
    };
    let said = told.iter().map(|(name, word)| (name, word, false));
    let all = said.chain(recorded.iter().map(|(name, word)| (name, word, true)));
    let left_out = told.len().saturating_add(recorded.len()).saturating_sub(MAP_PLACES_MAX) as u64;
    let mut all: Vec<_> = all.collect();
    // Whoever hangs near the root is worth more than one of many below.
    all.sort_by_key(|(name, word, is_recorded)| (*is_recorded, !is_linked(name), word.len()));
    Ok(Map {
        name: switch.roster.own().to_string(),
        tree,
        root: known.root().to_string(),
        places: all.into_iter().take(MAP_PLACES_MAX).map(place).collect(),
        left_out,
    })
}

/// Where records say that CLOAK nodes are, of whom nobody told.
fn recorded(overlay: &Hyperbolic, tag: u32, told: &BTreeMap<Name, Word>) -> BTreeMap<Name, Word> {
    let mut taken: BTreeSet<&Word> = told.values().collect();
    let mut found = BTreeMap::new();
    for record in overlay.dht.records() {
        let place = record.places.iter().find(|(under, _)| *under == tag);
        let Some((_, word)) = place.filter(|_| !told.contains_key(&record.home)) else { continue };
        if !found.contains_key(&record.home) && taken.insert(word) {
            found.insert(record.home, word.clone());
        }
    }
    found
}
