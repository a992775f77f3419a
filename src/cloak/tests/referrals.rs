//! Parents without a place left, those they name instead, and what a liar makes of it.

use std::net::SocketAddr;

use super::lies::{LIAR, hyperbolic, notary};
use super::world::{World, config, endpoint, name};
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::REFERRED_KEPT;
use crate::cloak::CloakConfig;
use crate::overlay::hyperbolic::Settings;
use crate::wire::referral::{Other, Referral};
use crate::wire::tree::{Grant, Standing};

/// A node in two trees, both under node 1, that takes few children.
fn modest(node: u8, children: u8) -> CloakConfig {
    let roots = vec![name(1)];
    let settings = Settings { trees: 2, roots, children, born: 1_000 };
    let peers: &[u8] = if node == 1 { &[] } else { &[1] };
    CloakConfig { overlay: Some(settings), ..config(node, peers, "") }
}

/// Root and depth of a node in each of its trees.
fn places(world: &World, node: u8) -> Vec<(Name, usize)> {
    let trees = world.nodes[&node].hyperbolic().expect("hyperbolic").forest.trees();
    trees.iter().map(|tree| (*tree.root(), tree.place().1.len())).collect()
}

#[test]
fn who_finds_the_parent_full_hangs_from_its_children() {
    let mut world = World::new();
    world.start(1, modest(1, 2));
    for node in 2..=7 {
        world.start(node, modest(node, 2));
        world.run(1_000);
    }
    let under_one = |(root, _): &(Name, usize)| *root == name(1);
    for node in 1..=7 {
        assert!(places(&world, node).iter().all(under_one), "node {node} is in the trees");
    }
    let depths: Vec<usize> = (1..=7).map(|node| places(&world, node)[0].1).collect();
    assert_eq!(depths, [0, 1, 1, 2, 2, 2, 2], "the least burdened are named first");
    // Links that are of use stay; all others of those that were named are gone.
    world.run(2 * REFERRED_KEPT.as_millis() as u64);
    assert!((4..=7).all(|node| world.streams(node, 2) + world.streams(node, 3) >= 1));
    assert!((4..=7).all(|node| places(&world, node).iter().all(under_one)));
}

#[test]
fn who_loses_the_parent_it_was_sent_to_is_sent_to_another() {
    let mut world = World::new();
    for node in 1..=4 {
        world.start(node, modest(node, 2));
        world.run(1_000);
    }
    let parent = if world.streams(4, 2) > 0 { 2 } else { 3 };
    world.kill(parent);
    world.run(12_000);
    assert!(places(&world, 4).iter().all(|(root, _)| *root == name(1)));
}

/// Node 2, which dials a liar that should be the root and refuses it.
fn refused() -> (World, usize) {
    let mut world = World::new();
    world.start(2, hyperbolic(2, &[], LIAR));
    let liar = world.neighbour(2, LIAR);
    world.run(100);
    let claim = notary(LIAR).claim(0, 5_000);
    let standing = Standing { tree: 0, claim, edges: Vec::new(), size: 1, wish: None, grant: None };
    say(&mut world, liar, &standing);
    let wish = world.users[liar].standings.last().and_then(|s| s.wish).expect("it would come");
    let grant = Some(Grant { number: wish.number, place: None });
    say(&mut world, liar, &Standing { grant, ..standing });
    (world, liar)
}

fn say(world: &mut World, liar: usize, standing: &Standing) {
    let now = world.now;
    world.users[liar].link.as_mut().expect("a link").stand(standing, now);
    world.run(20);
}

fn names(world: &mut World, liar: usize, others: &[(u8, SocketAddr)]) {
    let other = |(seed, at): &(u8, SocketAddr)| Other { name: name(*seed), at: *at };
    let referral = Referral { tree: 0, others: others.iter().map(other).collect() };
    world.users[liar].link.as_mut().expect("a link").refer(&referral);
    world.run(20);
}

fn at(node: u8) -> SocketAddr {
    let Endpoint::Tcp(at) = endpoint(node) else { panic!("an address") };
    at
}

/// OV-12: nobody who was not asked makes a node dial.
#[test]
fn what_was_not_asked_for_is_not_dialled() {
    let mut world = World::new();
    world.start(2, hyperbolic(2, &[], 2));
    let liar = world.neighbour(2, LIAR);
    world.run(1_000);
    names(&mut world, liar, &[(3, at(3))]);
    assert_eq!((world.dials, world.count(2, "referral-unasked")), (0, 1));
}

/// OV-12: a neighbour sends nobody into a network that it is not in itself, or to no host at all.
#[test]
fn addresses_that_reach_less_far_than_the_liar_are_not_dialled() {
    let (mut world, liar) = refused();
    let near = ["127.0.0.1:22", "169.254.169.254:80", "10.0.0.1:1", "0.0.0.0:1", "[fe80::1]:22"];
    let near = near.map(|at| (3, at.parse().expect("an address")));
    names(&mut world, liar, &near);
    assert_eq!((world.dials, world.count(2, "referral-out-of-reach")), (0, 5));
    names(&mut world, liar, &[(3, "192.0.2.1:7001".parse().expect("an address"))]);
    assert_eq!(world.dials, 1);
}

/// OV-12, OV-07: a flood of referrals makes a node dial few.
#[test]
fn a_flood_of_names_makes_a_node_dial_few() {
    let (mut world, liar) = refused();
    for host in 0..50 {
        let at = |part| SocketAddr::from(([192, 0, part, host], 7001));
        names(&mut world, liar, &[(3, at(1)), (4, at(2)), (5, at(3)), (6, at(4))]);
    }
    // The first few, and one more in the second that passed.
    assert!((1..=9).contains(&world.dials), "{} dials", world.dials);
}
