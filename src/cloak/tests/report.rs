//! What nodes say of themselves and of each other, under virtual time.

use std::time::Duration;

use super::world::{World, config, name};
use crate::cloak::CloakConfig;
use crate::control::map::Map;
use crate::control::request::Reply;
use crate::control::status::{Neighbour, Overlay};
use crate::crypto::identity::Identity;
use crate::overlay::dht::record::Record;
use crate::overlay::hyperbolic::Settings;
use crate::overlay::word::Word;

/// A node in two trees; the roots are 1 and 2.
fn hyperbolic(node: u8, peers: &[u8]) -> CloakConfig {
    let settings =
        Settings { trees: 2, roots: vec![name(1), name(2)], born: 1_000, ..Settings::default() };
    CloakConfig { overlay: Some(settings), ..config(node, peers, "") }
}

/// A chain 1 - 2 - 3, and a link from 3 to 1 beside it; 4 hangs at 3.
fn town() -> World {
    let mut world = World::new();
    world.start(1, hyperbolic(1, &[]));
    world.start(2, hyperbolic(2, &[1]));
    world.start(3, hyperbolic(3, &[2, 1]));
    world.start(4, hyperbolic(4, &[3]));
    world.run(3_000);
    world
}

fn overlay(world: &World, node: u8) -> Overlay {
    world.nodes[&node].status(world.now)
}

fn neighbour(world: &World, node: u8, other: u8) -> Neighbour {
    let rows = overlay(world, node).neighbours;
    let row = rows.into_iter().find(|row| row.name == name(other).to_string());
    row.expect("a row for it")
}

fn role(world: &World, node: u8, other: u8, tree: u8) -> (String, u64) {
    let roles = neighbour(world, node, other).roles;
    let role = roles.into_iter().find(|role| role.tree == tree);
    role.map(|role| (role.role, role.size)).unwrap_or_default()
}

#[test]
fn everybody_says_where_it_is_and_what_its_neighbours_are_to_it() {
    let world = town();
    for node in 1..=4 {
        let trees = overlay(&world, node).trees;
        let roots: Vec<&str> = trees.iter().map(|tree| tree.root.as_str()).collect();
        assert_eq!(roots, [name(1).to_string(), name(2).to_string()], "node {node}");
        assert!(
            trees.iter().all(|tree| tree.word.matches('/').count() as u64 == tree.depth.max(1))
        );
        assert!(trees.iter().all(|tree| tree.pulse >= 1_000 && tree.pulse_age_ms <= 3_000));
    }
    let at_three = [1, 2, 4].map(|other| role(&world, 3, other, 0));
    let wanted = [("parent", 0), ("backup", 0), ("child", 1)];
    assert_eq!(at_three, wanted.map(|(role, size)| (role.to_owned(), size)));
    assert_eq!(role(&world, 3, 2, 1).0, "parent", "in the other tree it is the other way about");
    assert_eq!(role(&world, 1, 3, 0), ("child".to_owned(), 2));
    let (three, one) = (&overlay(&world, 3).trees[0], &overlay(&world, 1).trees[0]);
    assert_eq!((three.size, one.size, one.depth, one.word.as_str()), (2, 4, 0, "/"));
    let below = neighbour(&world, 1, 3).roles;
    assert_eq!(below[0].word, three.word, "a child is where it says it is");
}

#[test]
fn a_neighbour_that_died_has_no_role_and_an_error_with_an_age() {
    let mut world = town();
    world.kill(3);
    world.run(2_000);
    for (node, other) in [(2, 3), (4, 3)] {
        let row = neighbour(&world, node, other);
        assert_ne!(row.wait.state, "up");
        assert!(row.roles.is_empty(), "{row:?}");
        assert!(!row.last_error.is_empty() && row.last_error_ms <= 2_000, "{row:?}");
    }
    assert_eq!(world.nodes[&2].alone_since(), None, "it has 1");
    let alone = world.nodes[&4].alone_since().expect("it had nobody else");
    assert!(world.now.since(alone) <= Duration::from_secs(2), "and not since its start");
    let four = overlay(&world, 4);
    assert!(four.trees.iter().all(|tree| tree.root == name(4).to_string()));
    assert!(four.trees.iter().all(|tree| tree.root_since_ms <= 2_000), "its own root since then");
}

#[test]
fn what_is_held_of_the_table_is_counted() {
    let mut world = town();
    let held = |world: &World| overlay(world, 1).records.expect("a table");
    let before = held(&world);
    assert_eq!((before.kept, before.kept_bytes.held), (0, 0));
    assert!(before.numbers.most > 0 && before.lookups.most > 0 && before.learnt.most > 0);
    record(&mut world, 1, 50, 3, &[9, 8]);
    let after = held(&world);
    assert_eq!((after.learnt.held, after.numbers.held), (1, 1));
}

/// Node `node` learns that a Name is attached to a node at this word of the first tree.
fn record(world: &mut World, node: u8, seed: u8, home: u8, word: &[u8]) {
    let now = world.now;
    let cloak = world.nodes.get_mut(&node).expect("a node");
    let overlay = cloak.switch.post.overlay.as_mut().expect("hyperbolic");
    let tag = overlay.forest.trees()[0].place().0;
    let record = Record {
        name: name(seed),
        number: 1,
        ttl: 540,
        home: name(home),
        places: vec![(tag, Word::new(word).expect("reduced"))],
        alias: None,
    };
    let signed = record.sign(&Identity::from_seed([seed; 32])).expect("a record's form");
    overlay.dht.learn(signed, now);
}

fn map(world: &mut World, node: u8, tree: u8) -> Result<Map, String> {
    let user = world.control(node, &format!("{{\"do\":\"map\",\"tree\":{tree}}}\n"));
    world.settle();
    match serde_json::from_slice(&world.users[user].heard).expect("a reply") {
        Reply::Map(map) => Ok(*map),
        Reply::Error { error, .. } => Err(error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_map_has_what_was_told_and_what_only_records_say() {
    let mut world = town();
    // Of nodes that nobody told of; of one that says itself where it is; of two at one place.
    for (seed, home, word) in [(51, 60, [9, 8]), (52, 3, [9, 7]), (53, 61, [9, 8])] {
        record(&mut world, 4, seed, home, &word);
    }
    let map = map(&mut world, 4, 0).expect("a tree");
    assert_eq!((&map.name, &map.root), (&name(4).to_string(), &name(1).to_string()));
    let place = |node: u8| map.places.iter().find(|place| place.name == name(node).to_string());
    let found = [1, 3, 4, 60].map(|node| place(node).expect("a place"));
    assert_eq!(found.map(|place| place.is_recorded), [false, false, false, true]);
    assert_eq!(found.map(|place| place.is_linked), [false, true, false, false]);
    assert_eq!(found[2].word[..1], found[1].word[..], "4 hangs from 3");
    assert_eq!(found[3].word, [9, 8]);
    assert!(place(61).is_none() && place(2).is_none(), "no way of a neighbour leads over 2");
    assert_eq!((map.places.len(), map.left_out), (4, 0));
}

#[test]
fn where_there_is_no_map_the_answer_says_why() {
    let mut world = town();
    let error = map(&mut world, 4, 2).expect_err("two trees");
    assert_eq!(error, "this node is in no tree 2: the last one is 1");
    world.start(9, config(9, &[], ""));
    let error = map(&mut world, 9, 0).expect_err("static");
    assert!(error.contains("goes by a routes file"), "{error}");
    let still = overlay(&world, 9);
    assert!(still.trees.is_empty() && still.records.is_none());
}
