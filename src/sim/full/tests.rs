//! The simulator itself: it carries, loses, divides and kills as it says, and repeats itself.

use std::time::Duration;

use super::life::{PATIENCE, START};
use super::mail::Mail;
use super::observer::{is_settled, moved, places, settle};
use super::town::{found, start_all};
use super::world::{Death, Plan, World};
use crate::overlay::forest::tree::Tree;
use crate::sim::dice::dice;
use crate::sim::graph::shapes::{Kind, Shape};

const SECOND: Duration = Duration::from_secs(1);
const NODES: u32 = 15;

/// A settled overlay; every node has a client.
fn town(plan: Plan) -> World {
    let shape = Shape { kind: Kind::Joiners, nodes: NODES, links: 2 };
    let mut world = found(Plan { has_visitors: true, ..plan }, shape);
    start_all(&mut world, START, &mut dice(1, "starts"));
    settle(&mut world, PATIENCE).expect("an overlay that settles");
    world
}

fn all_to_all(world: &mut World) -> Mail {
    let mut mail = Mail::default();
    for from in 0..world.nodes() {
        (0..world.nodes()).for_each(|to| mail.post(world, from, to));
    }
    mail.run(world, 11 * SECOND);
    mail
}

fn roots(world: &World, tree: usize) -> usize {
    let is_root = |node: &u32| {
        let trees = world.overlay(*node).map(|overlay| overlay.forest.trees());
        trees.is_some_and(|trees| trees.get(tree).is_some_and(Tree::is_root))
    };
    (0..world.nodes()).filter(is_root).count()
}

#[test]
fn everybody_reaches_everybody_though_much_is_lost() {
    for loss in [0.0, 0.1] {
        let mut world = town(Plan { loss, ..Plan::default() });
        let all = all_to_all(&mut world).lot(|_| true);
        assert_eq!(all.count() as u32, NODES * (NODES - 1));
        assert!((all.within(10 * SECOND) - 100.0).abs() < 1e-9, "{} % lost", loss * 100.0);
    }
}

#[test]
fn equal_seeds_give_equal_lives_and_others_others() {
    let live = |seed| {
        let mut world = town(Plan { seed, loss: 0.02, ..Plan::default() });
        world.kill(3, Death::Silent);
        world.run(40 * SECOND);
        (world.tally, places(&world))
    };
    let (one, same, other) = (live(1), live(1), live(2));
    assert!(one == same && one != other);
}

#[test]
fn who_is_killed_is_missed_and_found_again_in_its_next_life() {
    for death in [Death::Killed, Death::Silent] {
        let mut world = town(Plan::default());
        world.kill(0, death);
        assert!(!world.is_alive(0) && !world.is_attached(0));
        // A pulse of some root asks every neighbour within half a minute.
        world.run(40 * SECOND);
        assert!(is_settled(&world), "{death:?}");
        assert!(world.links().all(|(a, b)| a != 0 && b != 0), "{death:?}: all have noticed");
        world.start(0);
        settle(&mut world, PATIENCE).expect("it is taken in again");
        let mut mail = Mail::default();
        (1..NODES).for_each(|from| mail.post(&mut world, from, 0));
        mail.run(&mut world, 11 * SECOND);
        let all = mail.lot(|_| true);
        assert!(all.count() > 0 && (all.within(10 * SECOND) - 100.0).abs() < 1e-9, "{death:?}");
    }
}

#[test]
fn two_halves_have_a_root_each_until_they_meet_again() {
    let mut world = town(Plan::default());
    assert_eq!(roots(&world, 0), 1);
    let before = places(&world);
    world.divide(|node| node < NODES / 2);
    world.run(120 * SECOND);
    assert!(roots(&world, 0) > 1, "{} roots", roots(&world, 0));
    world.unite();
    settle(&mut world, PATIENCE).expect("one overlay again");
    assert_eq!(roots(&world, 0), 1);
    assert_eq!(moved(&before, &before), (0, 0));
    let (some, all) = moved(&before, &places(&world));
    assert!(some <= NODES && all <= some);
}

/// OV-04: a relay that says all the right things and passes nothing on.
#[test]
fn a_relay_that_swallows_packets_is_gone_round() {
    let (mut lost_at_first, mut answered_later) = (0.0, 0.0);
    for seed in 1..=4 {
        let shape = Shape { kind: Kind::Joiners, nodes: NODES, links: 3 };
        let plan = Plan { seed, has_visitors: true, ..Plan::default() };
        let mut world = found(plan, shape);
        start_all(&mut world, START, &mut dice(seed, "starts"));
        settle(&mut world, PATIENCE).expect("an overlay that settles");
        // Everybody has found everybody.
        all_to_all(&mut world);
        world.swallow(1);
        let mail = all_to_all(&mut world);
        let honest = mail.lot(|letter| letter.from != 1 && letter.to != 1);
        lost_at_first += 100.0 - honest.at_once();
        answered_later += honest.within(10 * SECOND) - honest.at_once();
    }
    assert!(lost_at_first > 0.0, "somebody's packets were swallowed");
    assert!(answered_later > 0.0, "{answered_later} of {lost_at_first}");
}
