//! Strangers that claim, forge and fill, and two devices that have never met.

use super::lies::{LIAR, notary};
use super::world::{World, config, name, packet};
use super::{ALICE, BOB};
use crate::base::limits::{AWAY_KEPT, HELLO_BURST, VIOLATIONS_MAX};
use crate::cloak::{CloakConfig, Remembered};
use crate::crypto::identity::Identity;
use crate::link::LinkError;
use crate::overlay::dht::record::{Record, Signed};
use crate::overlay::hyperbolic::{Hyperbolic, Settings};
use crate::wire::frame::Kind;
use crate::wire::packet::ConType;
use crate::wire::sought;
use crate::wire::tree::{Standing, Wish};

const TREES: u8 = 3;
const ROOTS: [u8; 3] = [1, 2, 3];

fn hyperbolic(node: u8, peers: &[u8]) -> CloakConfig {
    let roots = ROOTS.iter().map(|root| name(*root)).collect();
    let settings = Settings { trees: TREES, roots, born: 1_000, ..Settings::default() };
    CloakConfig { overlay: Some(settings), ..config(node, peers, "") }
}

/// The three roots, and nodes 4 and 5 below them.
fn town() -> World {
    let mut world = World::new();
    for (node, peers) in [(1, &[][..]), (2, &[1]), (3, &[1, 2]), (4, &ROOTS), (5, &ROOTS)] {
        world.start(node, hyperbolic(node, peers));
    }
    world.run(2_000);
    world
}

fn overlay(world: &World, node: u8) -> &Hyperbolic {
    world.nodes[&node].hyperbolic().expect("hyperbolic")
}

fn record(world: &World, node: u8, client: u8, number: u64) -> Signed {
    let (own, places) = (name(client), overlay(world, node).places());
    let mut places = places;
    places.sort();
    let record = Record { name: own, number, ttl: 540, home: name(node), places, alias: None };
    record.sign(&Identity::from_seed([client; 32])).expect("a record's form")
}

fn say(world: &mut World, user: usize, standing: &Standing) {
    let now = world.now;
    world.users[user].link.as_mut().expect("a link").stand(standing, now);
}

/// A root of its own that would be a child, with so many below it: one signature.
fn claim(tree: u8, seed: u8, size: u32) -> Standing {
    let claim = notary(seed).claim(tree, 5_000);
    let wish = Some(Wish { number: 5_001, letter: None, taken: [0; 32] });
    Standing { tree, claim, edges: Vec::new(), size, wish, grant: None }
}

/// Devices at node 5 that node 4 has never heard of, and how many are found from there.
fn found(world: &mut World) -> usize {
    let clients: Vec<u8> = (20..36).collect();
    let users: Vec<usize> = clients.iter().map(|client| world.local(5, *client)).collect();
    let alice = world.local(4, ALICE);
    world.run(50);
    for (user, client) in users.iter().zip(&clients) {
        let record = record(world, 5, *client, 1);
        world.users[*user].link.as_mut().expect("a link").word(Kind::Record, record.bytes());
    }
    world.run(300);
    for _ in 0..20 {
        for client in &clients {
            world.send(alice, &packet(ALICE, *client, ConType::Data, 1));
        }
        world.run(250);
    }
    users.iter().filter(|user| !world.users[**user].packets.is_empty()).count()
}

/// Row 4, DH-05, DH-07: a weight made up in every tree draws no key away from everybody else.
#[test]
fn a_child_that_claims_everything_hides_nobody() {
    let mut world = town();
    for (tree, root) in (0..TREES).zip(ROOTS) {
        let liar = world.neighbour(root, LIAR);
        world.run(20);
        say(&mut world, liar, &claim(tree, LIAR, u32::MAX));
    }
    world.run(1_500);
    for (tree, root) in (0..TREES).zip(ROOTS) {
        let tree = &overlay(&world, root).forest.trees()[usize::from(tree)];
        assert_eq!(tree.child_size(&name(LIAR)), Some(u32::MAX), "it is a child of the root");
    }
    assert_eq!(found(&mut world), 16);
}

/// Row 4, DH-06: many Names of one address, children of every root.
#[test]
fn strangers_of_one_address_hide_nobody() {
    let mut world = town();
    for (tree, root) in (0..TREES).zip(ROOTS) {
        for seed in 100..140 {
            world.source = Some([203, 0, 113, 9]);
            let stranger = world.neighbour(root, seed);
            world.source = None;
            world.settle();
            say(&mut world, stranger, &claim(tree, seed, 1_000));
        }
    }
    world.run(1_500);
    for (tree, root) in (0..TREES).zip(ROOTS) {
        let tree = &overlay(&world, root).forest.trees()[usize::from(tree)];
        assert!(tree.children().count() >= 40, "{}", tree.children().count());
    }
    assert_eq!(found(&mut world), 16);
}

/// Announcements without a valid signature.
#[test]
fn who_forges_announcements_is_cut_off() {
    let mut world = town();
    let liar = world.neighbour(1, LIAR);
    world.run(20);
    let mut lie = claim(0, LIAR, 1);
    lie.claim.number += 1;
    for _ in 0..100 {
        if world.users[liar].is_closed {
            break;
        }
        say(&mut world, liar, &lie);
        world.run(1);
    }
    assert!(world.users[liar].is_closed);
    assert_eq!(world.count(1, "tree-unsigned"), u64::from(VIOLATIONS_MAX));
    assert_eq!(world.count(1, "link-tree-violations"), 1);
    assert_ne!(world.users[liar].error, Some(LinkError::Signature));
    assert_eq!(found(&mut world), 16);
}

/// Row 19: a client that left for good is published no more.
#[test]
fn the_record_of_a_client_that_left_is_stored_no_more() {
    let mut world = town();
    let bob = world.local(5, BOB);
    world.run(20);
    let record = record(&world, 5, BOB, 1);
    world.users[bob].link.as_mut().expect("a link").word(Kind::Record, record.bytes());
    world.run(50);
    assert_eq!(overlay(&world, 5).dht.holdings().own.0, 1);
    world.hang_up(bob);
    world.run(AWAY_KEPT.as_millis() as u64 + 50);
    assert_eq!(overlay(&world, 5).dht.holdings().own.0, 0);
    assert!(overlay(&world, 5).dht.own(&name(BOB)).is_none());
}

/// Row 11: a client whose clock is behind is shown what it said before.
#[test]
fn a_client_with_an_older_record_is_shown_its_newest_one() {
    let mut world = town();
    let bob = world.local(5, BOB);
    world.run(20);
    let [newer, older] = [100, 50].map(|number| record(&world, 5, BOB, number));
    for record in [&newer, &older] {
        world.users[bob].link.as_mut().expect("a link").word(Kind::Record, record.bytes());
        world.run(20);
    }
    let shown = world.users[bob].words.iter().filter(|(kind, _)| *kind == Kind::Sought);
    let shown: Vec<_> = shown.map(|(_, body)| sought::parse(body).expect("its form")).collect();
    assert_eq!(shown, [(&[][..], vec![newer.bytes()])]);
    assert_eq!(overlay(&world, 5).dht.own(&name(BOB)), Some(&newer));
}

/// Row 11
#[test]
fn a_node_begins_above_the_numbers_of_its_former_run() {
    let mut world = town();
    let remembered = Remembered { own: 1 << 40, ..Remembered::default() };
    world.kill(5);
    world.start(5, CloakConfig { remembered, ..hyperbolic(5, &ROOTS) });
    assert!(overlay(&world, 5).forest.number() >= 1 << 40, "whatever the clock says");
}

/// HS-12: each Hello may have to be answered, so one source has a bounded number forwarded.
#[test]
fn hellos_of_one_source_are_forwarded_at_a_bounded_rate() {
    let mut world = World::new();
    world.start(1, config(1, &[], ""));
    let (bob, alice) = (world.local(1, BOB), world.local(1, ALICE));
    let liar = world.neighbour(1, LIAR);
    world.run(100);
    let begun = world.now;
    for _ in 0..HELLO_BURST / 100 + 10 {
        for _ in 0..100 {
            world.send(liar, &packet(ALICE, BOB, ConType::Hello, 1));
        }
        world.run(1);
    }
    world.send(alice, &packet(ALICE, BOB, ConType::Hello, 2));
    world.send(liar, &packet(ALICE, BOB, ConType::Data, 3));
    world.run(20);
    let hellos = world.users[bob].marks(ConType::Hello);
    let forged = hellos.iter().filter(|mark| **mark == 1).count();
    let most = HELLO_BURST as usize + world.now.since(begun).as_millis() as usize;
    assert!((HELLO_BURST as usize..=most).contains(&forged), "{forged}");
    assert_eq!(hellos.len() - forged, 1, "Alice's arrives");
    assert_eq!(world.users[bob].marks(ConType::Data), [3]);
    let sent = HELLO_BURST as usize + 1000;
    assert_eq!(world.count(1, "dropped-hello-rate"), (sent - forged) as u64);
}
