//! Strangers that open links and neither speak nor read.

use super::*;
use crate::base::limits::{LINK_STALLED, SOURCE_UNPROVED_MAX, STRANGER_IDLE};

#[test]
fn strangers_are_bounded_in_time_and_number() {
    // DO-01, DO-04: a thousand idle connections of one address do not keep an honest one out.
    let (mut world, alice, bob) = chain();
    world.source = Some([192, 0, 2, 66]);
    let strangers: Vec<usize> = (0..1_000).map(|_| world.raw(1, LISTEN, b"")).collect();
    world.settle();
    let open =
        |world: &World| strangers.iter().filter(|user| !world.users[**user].is_closed).count();
    assert_eq!(open(&world), SOURCE_UNPROVED_MAX);
    assert!(world.count(1, "refused-source-rate") > 900);
    world.source = None;
    let (local, honest) = (world.local(1, 60), world.neighbour(1, 61));
    world.run(10);
    assert!(world.users[strangers[0]].is_closed && !world.users[local].is_closed);
    assert!(world.nodes[&1].switch.roster.table.is_up(&name(61)) && !world.users[honest].is_closed);
    world.send(local, &packet(60, BOB, ConType::Data, 1));
    world.settle();
    assert_eq!(world.users[bob].packets.len(), 1);
    world.now = world.now + PROOF_MAX;
    world.settle();
    assert_eq!(open(&world), 0);
    assert_eq!(world.nodes[&1].links.len(), 4);
    assert!(!world.users[alice].is_closed);
}

#[test]
fn proved_links_of_strangers_leave_room_for_everybody_else() {
    // DO-01, DO-06: one machine proves a fresh Name on each link and then says nothing. Strangers
    // have a quarter of the descriptors.
    let mut world = World::new();
    world.start(1, CloakConfig { descriptors: 64, ..config(1, &[2], "") });
    world.start(2, config(2, &[], ""));
    let (alice, bob) = (world.local(1, ALICE), world.local(2, BOB));
    world.run(10);
    for source in 0..4 {
        world.source = Some([192, 0, 2, source]);
        for seed in 0..8 {
            world.impostor(1, [seed, source]);
            world.run(1);
        }
    }
    let is_called = |carrier: &&carrier::Carrier| carrier.origin == Origin::Called;
    let called = |world: &World| {
        world.nodes[&1].switch.post.carriers.iter().map(|(_, c)| c).filter(is_called).count()
    };
    assert_eq!(called(&world), 16);
    world.skip(STRANGER_IDLE);
    world.source = None;
    let honest = world.neighbour(1, 61);
    let control = world.control(1, "{\"do\":\"status\"}\n");
    world.run(100);
    assert!(world.nodes[&1].switch.roster.table.is_up(&name(61)));
    assert!(!world.users[honest].is_closed && !world.users[control].heard.is_empty());
    for source in 0..4 {
        world.source = Some([192, 0, 2, source]);
        world.impostor(1, [255, source]);
        world.skip(Duration::from_secs(1));
    }
    assert!(!world.users[honest].is_closed, "a source with one link keeps it");
    world.send(alice, &data(9));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [9]);
}

#[test]
fn links_that_are_not_read_cost_an_honest_flow_nothing() {
    // DO-07, DO-08: strangers send each other more than the memory holds and read none of it.
    let (mut world, alice, bob) = chain();
    let strangers: Vec<usize> = (0..30).map(|seed| world.neighbour(1, 150 + seed)).collect();
    world.run(50);
    strangers.iter().for_each(|user| world.clog_user(*user, true));
    let mut arrived = 0;
    for round in 0..150_u8 {
        for (at, user) in strangers.iter().enumerate() {
            let (from, to) = (150 + at as u8, 150 + (at as u8 + 1) % 30);
            for _ in 0..4 {
                let mut big = packet(from, to, ConType::Data, round);
                big.resize(FRAME_MAX, 1);
                frame::emit(&mut big, frame::Kind::Packet, FRAME_MAX);
                world.send(*user, &big);
            }
        }
        world.send(alice, &data(round));
        world.run(1);
        arrived += std::mem::take(&mut world.users[bob].packets).len();
    }
    assert_eq!(arrived, 150, "every packet of the honest flow");
    assert!(world.count(1, "dropped-fullest-queue") > 0);
    assert_eq!(world.count(1, "dropped-no-memory"), 0);
    // They answer, and their queues do not move.
    for _ in 0..LINK_STALLED.as_secs() + 2 {
        strangers.iter().for_each(|user| world.say_alive(*user));
        world.skip(Duration::from_secs(1));
    }
    assert_eq!(world.count(1, "link-stalled"), 30);
    assert!(world.nodes[&1].memory_used() < 1 << 20, "nothing of theirs is left");
}
