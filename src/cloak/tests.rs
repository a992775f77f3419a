//! Whole nodes back to back under virtual time.

mod attachments;
mod floods;
mod lies;
mod redirects;
mod referrals;
mod report;
mod strangers;
mod world;

use std::time::Duration;

use super::*;
use crate::base::limits::{AWAY_KEPT, LINK_DEAD, LINK_DOUBT, LINK_QUEUE, PROOF_MAX, ROUTE_LEN};
use crate::base::limits::{
    FRAME_HEADER, FRAME_MAX, HEAD_ROOM, HOPS_MAX, KEEPALIVE, KEEPALIVE_LEAST,
};
use crate::control::request::Reply;
use crate::link::LinkError;
use crate::wire::cursor::Writer;
use crate::wire::frame;
use crate::wire::link::{Hello, Role};
use crate::wire::packet::ConType;
use crate::wire::route::Route;
use world::{World, config, endpoint, name, packet};

const ALICE: u8 = 101;
const BOB: u8 = 102;

/// Alice at relay 1, Bob at relay 2; 1 dials 2.
fn chain() -> (World, usize, usize) {
    let mut world = World::new();
    world.start(1, config(1, &[2], ""));
    world.start(2, config(2, &[], ""));
    let (alice, bob) = (world.local(1, ALICE), world.local(2, BOB));
    world.run(10);
    (world, alice, bob)
}

fn data(mark: u8) -> Vec<u8> {
    packet(ALICE, BOB, ConType::Data, mark)
}

fn state(world: &World, node: u8, row: usize) -> String {
    world.nodes[&node].status(world.now).neighbours[row].wait.state.clone()
}

#[test]
fn a_chain_of_two_relays_delivers_and_counts_hops() {
    let (mut world, alice, bob) = chain();
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    let hops = world.users[bob].last_route().expect("a route").hops();
    assert_eq!(hops, HOPS_MAX - 2);
    world.send(bob, &packet(BOB, ALICE, ConType::Ack, 2));
    world.settle();
    assert_eq!(world.users[alice].marks(ConType::Ack), [2]);
    let status = world.nodes[&1].status(world.now);
    assert_eq!((status.forwarded, status.clients), (2, vec![name(ALICE).to_string()]));
    assert_eq!(status.neighbours[0].name, name(2).to_string());
    assert_eq!(state(&world, 1, 0), "up");
}

#[test]
fn an_idle_overlay_says_nothing_and_has_no_deadline() {
    let (mut world, alice, _) = chain();
    world.send(alice, &data(1));
    // For a while others may follow it.
    world.run((KEEPALIVE_LEAST + KEEPALIVE * 2).as_millis() as u64);
    for cloak in world.nodes.values() {
        assert_eq!(cloak.next_timeout().map(|due| due.why), Some("an attachment ends"));
    }
    let before: Vec<_> = world.nodes.values().map(Cloak::fingerprint).collect();
    world.run(60_000);
    let after: Vec<_> = world.nodes.values().map(Cloak::fingerprint).collect();
    assert_eq!(before, after);
}

#[test]
fn static_routes_lead_through_a_relay_in_the_middle() {
    let mut world = World::new();
    world.start(1, config(1, &[2], &format!("{} via 10.0.0.2:7001", name(BOB))));
    world.start(2, config(2, &[3], ""));
    world.start(3, config(3, &[], &format!("default via {}", name(2))));
    let (alice, bob) = (world.local(1, ALICE), world.local(3, BOB));
    world.run(10);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    world.send(bob, &packet(BOB, ALICE, ConType::Ack, 2));
    world.settle();
    assert_eq!(world.users[alice].packets.len(), 1, "2 knows that 1 serves Alice");
}

#[test]
fn a_packet_kept_for_a_killed_relay_flows_when_it_is_back() {
    // FA: relay killed and started again; the waiting Re-Hello leaves at once.
    let (mut world, alice, _) = chain();
    world.kill(2);
    world.run(500);
    assert_eq!(state(&world, 1, 0), "away");
    world.send(alice, &data(7));
    world.run(200);
    world.start(2, config(2, &[], ""));
    let bob = world.local(2, BOB);
    world.run(140);
    assert_eq!(world.users[bob].marks(ConType::Data), [7], "within one interval of dialling");
    assert_eq!(world.count(1, "dropped-away"), 0);
}

#[test]
fn what_waited_on_a_broken_link_is_not_lost() {
    let (mut world, alice, _) = chain();
    world.clog(1, 2, true);
    (1..4).for_each(|mark| world.send(alice, &data(mark)));
    world.run(20);
    world.kill(2);
    world.start(2, config(2, &[], ""));
    let bob = world.local(2, BOB);
    world.send(alice, &data(4));
    world.run(500);
    assert_eq!(world.users[bob].marks(ConType::Data), [1, 2, 3, 4]);
}

#[test]
fn what_comes_before_everybody_is_there_waits_for_them() {
    // The relay is back before its client is; and a first packet before the first link.
    let mut world = World::new();
    world.start(1, config(1, &[2], ""));
    let alice = world.local(1, ALICE);
    world.run(2000);
    world.send(alice, &data(1));
    world.run(200);
    world.start(2, config(2, &[], ""));
    world.run(200);
    let bob = world.local(2, BOB);
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    assert!(world.users[alice].packets.is_empty(), "nothing was called unreachable");
}

#[test]
fn a_node_just_started_waits_for_its_clients_to_come_back() {
    let mut world = World::new();
    world.start(1, config(1, &[], ""));
    let alice = world.local(1, ALICE);
    world.send(alice, &data(1));
    world.run(300);
    let bob = world.local(1, BOB);
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
}

#[test]
fn a_packet_for_who_stays_away_is_given_up_and_its_source_told() {
    let (mut world, alice, _) = chain();
    world.kill(2);
    world.send(alice, &data(1));
    world.run(AWAY_KEPT.as_millis() as u64 - 1);
    assert_eq!(world.count(1, "dropped-away"), 0);
    world.run(1);
    assert_eq!(world.count(1, "dropped-away"), 1);
    world.settle();
    assert_eq!(world.users[alice].marks(ConType::Unreachable).len(), 1);
    let told = world.users[alice].packets[0].clone();
    assert_eq!(&told[HEAD_ROOM..], name(BOB).as_bytes());
    let route = Route::new_checked(&told[FRAME_HEADER..]).expect("a route");
    assert_eq!((route.source(), route.destination()), (name(1), name(ALICE)));
}

#[test]
fn a_silent_link_is_replaced_long_before_it_is_dead() {
    // Nothing tells: bytes are swallowed, as by a NAT that forgot or a cable that was pulled.
    let (mut world, alice, bob) = chain();
    world.swallow(1, 2);
    let cut = world.now;
    world.send(alice, &data(1));
    let mut mark = 1;
    while world.users[bob].packets.is_empty() {
        world.run(50);
        mark += 1;
        world.send(alice, &data(mark));
        world.settle();
        assert!(world.now.since(cut) < LINK_DEAD, "not replaced in time");
    }
    assert!(world.now.since(cut) <= LINK_DOUBT + Duration::from_millis(150));
    assert_eq!(world.count(1, "links-replaced"), 1);
    assert_eq!(world.count(2, "links-replaced"), 1, "the ghost does not lock its owner out");
    assert_eq!(state(&world, 1, 0), "up");
}

#[test]
fn dialling_into_the_dark_is_bounded_and_ends_well() {
    let (mut world, alice, bob) = chain();
    world.swallow(1, 2);
    world.is_deaf = true;
    let before = world.dials;
    for mark in 0..40 {
        world.send(alice, &data(mark));
        world.run(250);
    }
    let dials = world.dials - before;
    assert!((60..115).contains(&dials), "{dials} in ten seconds");
    assert_eq!(world.count(1, "link-silent"), 1);
    world.is_deaf = false;
    world.input(1, Input::PathChanged);
    world.send(alice, &data(77));
    world.run(10);
    assert!(world.users[bob].marks(ConType::Data).contains(&77), "at once with the event");
}

#[test]
fn a_stopped_relay_goes_on_where_it_was() {
    // SIGSTOP for eight seconds, SIGCONT: the first packets arrive within a retry.
    let (mut world, alice, bob) = chain();
    world.frozen.push(2);
    for mark in 0..32 {
        world.send(alice, &data(mark));
        world.run(250);
    }
    world.frozen.clear();
    world.send(alice, &data(99));
    world.run(250);
    assert!(world.users[bob].marks(ConType::Data).contains(&99));
    world.run(20_000);
    assert_eq!(world.streams(1, 2), 1, "what was tried meanwhile is closed");
}

#[test]
fn a_path_change_asks_every_neighbour_and_keeps_the_link_that_answers() {
    let (mut world, _, _) = chain();
    world.delay = Duration::from_millis(20);
    world.input(1, Input::PathChanged);
    world.run(1);
    assert_eq!(state(&world, 1, 0), "doubtful");
    world.run(200);
    assert_eq!((state(&world, 1, 0), world.streams(1, 2)), ("up".into(), 1));
    assert_eq!(world.count(1, "links-replaced") + world.count(2, "links-replaced"), 0);
    world.swallow(1, 2);
    world.input(1, Input::PathChanged);
    world.run(200);
    assert_eq!(state(&world, 1, 0), "up");
    assert_eq!(world.count(1, "links-replaced"), 1);
}

#[test]
fn two_nodes_that_dial_each_other_end_with_one_link() {
    // features F.14: on every delay, and never again a link more or less.
    for delay in [0, 1, 30, 400] {
        let mut world = World::new();
        world.delay = Duration::from_millis(delay);
        world.start(1, config(1, &[2], ""));
        world.start(2, config(2, &[1], ""));
        let (alice, bob) = (world.local(1, ALICE), world.local(2, BOB));
        world.run(10_000);
        assert_eq!(world.streams(1, 2), 1, "delay {delay}");
        let dials = world.dials;
        world.run(60_000);
        assert_eq!((world.streams(1, 2), world.dials), (1, dials), "delay {delay}");
        world.send(alice, &data(1));
        world.send(bob, &packet(BOB, ALICE, ConType::Data, 2));
        world.run(2 * delay + 1000);
        assert_eq!(world.users[bob].marks(ConType::Data), [1]);
        assert_eq!(world.users[alice].marks(ConType::Data), [2]);
    }
}

/// MUSeS nodes whose link broke, as that of a stopped node does, attach again.
fn attach_again(world: &mut World, users: &mut [usize; 2]) {
    for (user, node) in users.iter_mut().zip([1, 2]) {
        if world.users[*user].is_closed || world.users[*user].error.is_some() {
            world.hang_up(*user);
            *user = world.local(node, 100 + node);
        }
    }
}

#[test]
fn whatever_happened_two_nodes_soon_have_one_link_again_and_packets_flow() {
    // features F.14, FA: both dial; kills, silence, stops, path changes and delays at random.
    for seed in 0..30 {
        let mut rng = Rng::new([seed; 32]);
        let mut world = World::new();
        let start = |world: &mut World, node: u8| {
            world.start(node, config(node, &[3 - node], ""));
            world.local(node, 100 + node)
        };
        let mut users = [start(&mut world, 1), start(&mut world, 2)];
        for mark in 0..30 {
            let node = 1 + rng.below(2) as u8;
            match rng.below(8) {
                0 => {
                    world.kill(node);
                    world.run(rng.below(800));
                    users[usize::from(node) - 1] = start(&mut world, node);
                }
                1 | 2 => world.swallow(1, 2),
                3 => world.frozen.push(node),
                4 => world.input(node, Input::PathChanged),
                5 => world.delay = Duration::from_millis(rng.below(150)),
                _ => world.frozen.clear(),
            }
            attach_again(&mut world, &mut users);
            world.send(users[0], &data(mark));
            world.run(rng.below(1500));
        }
        world.frozen.clear();
        world.delay = Duration::from_millis(rng.below(100));
        // Something waits, as it does for a tunnel that resumes: found and mended in seconds.
        let mut arrived = Duration::ZERO;
        let begun = world.now;
        while world.users[users[1]].marks(ConType::Data).last() != Some(&99) {
            attach_again(&mut world, &mut users);
            world.send(users[0], &data(99));
            world.run(250);
            arrived = world.now.since(begun);
            assert!(arrived < LINK_DEAD * 2, "seed {seed}: nothing arrives");
        }
        // Longer than a stream that was swallowed may owe its proof.
        world.run(30_000 + PROOF_MAX.as_millis() as u64);
        assert_eq!(world.streams(1, 2), 1, "seed {seed}, {arrived:?}");
        let (dials, before) = (world.dials, world.nodes[&1].fingerprint());
        world.run(30_000);
        assert_eq!((world.dials, world.nodes[&1].fingerprint()), (dials, before), "seed {seed}");
    }
}

#[test]
fn a_node_that_dials_itself_notices() {
    let mut world = World::new();
    world.start(1, config(1, &[1], ""));
    world.run(10_000);
    assert_eq!(world.dials, 1);
    assert!(world.count(1, "link-own-name") > 0);
    assert_eq!(world.nodes[&1].status(world.now).neighbours.len(), 1);
}

#[test]
fn an_impostor_is_refused() {
    // OV-13: Bob's Name without Bob's key.
    let (mut world, alice, bob) = chain();
    let mut hello = vec![0; FRAME_HEADER + Hello::LEN];
    let total = hello.len();
    frame::emit(&mut hello, frame::Kind::Hello, total);
    let claim = Hello { role: Role::Client, name: name(BOB), challenge: [5; 32] };
    claim.emit(&mut Writer::new(&mut hello[FRAME_HEADER..]));
    let mut proof = vec![0; FRAME_HEADER + 64];
    let total = proof.len();
    frame::emit(&mut proof, frame::Kind::Proof, total);
    let impostor = world.raw(2, LOCAL, &[hello, proof].concat());
    world.settle();
    assert!(world.users[impostor].is_closed);
    assert_eq!(world.count(2, "link-bad-proof"), 1);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
}

#[test]
fn hostile_bytes_close_their_own_link_only() {
    // OV-14, FR: noise, a giant frame, a packet before the proof.
    let (mut world, alice, bob) = chain();
    let mut rng = Rng::new([7; 32]);
    let noise: [u8; 2000] = rng.array();
    for bytes in [&noise[..], &[0xff; 8], &[0, 0, 0, 0], &data(1)] {
        for port in [LISTEN, LOCAL] {
            let user = world.raw(1, port, bytes);
            world.settle();
            assert!(world.users[user].is_closed);
        }
    }
    let unexpected = world.count(1, "link-unexpected");
    let replayed = world.neighbour(1, 50);
    world.settle();
    let stranger = world.neighbour(1, 51);
    let hello = {
        let mut slices = Slices::default();
        world.users[stranger].link.as_ref().expect("a link").send_slices(&mut slices);
        slices[0].to_vec()
    };
    let pool = Pool::new(1 << 20);
    world.users[replayed].link.as_mut().expect("a link").send(pool.copy(&hello), Time::ZERO);
    world.settle();
    assert!(world.users[replayed].is_closed);
    assert_eq!(world.count(1, "link-unexpected"), unexpected + 1);
    world.send(alice, &data(2));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [2]);
}

#[test]
fn roles_have_their_own_doors() {
    let (mut world, _, _) = chain();
    let client = world.client(1, 60, LISTEN);
    world.settle();
    assert!(world.users[client].is_closed);
    assert_eq!(world.count(1, "link-wrong-role"), 1);
}

#[test]
fn a_forged_source_a_spent_hop_count_and_a_bad_header_are_dropped() {
    let (mut world, alice, bob) = chain();
    world.send(alice, &packet(BOB, BOB, ConType::Data, 1));
    let mut spent = data(2);
    spent[FRAME_HEADER + 1] = 0;
    world.send(alice, &spent);
    let mut bad = data(3);
    bad[FRAME_HEADER + 3] = 1;
    world.send(alice, &bad);
    let mut short = data(4);
    short.truncate(FRAME_HEADER + ROUTE_LEN - 1);
    let total = short.len();
    frame::emit(&mut short, frame::Kind::Packet, total);
    world.send(alice, &short);
    let mut far = data(5);
    far[FRAME_HEADER + 1] = 255;
    world.send(alice, &far);
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [5]);
    let hops = world.users[bob].last_route().expect("a route").hops();
    assert!(hops < HOPS_MAX, "OV-03: no licence to circle");
    assert_eq!(world.count(1, "dropped-forged-source"), 1);
    assert_eq!(world.count(1, "dropped-hops-spent"), 1);
    assert_eq!(world.count(1, "dropped-bad-route"), 1);
    assert_eq!(world.count(1, "dropped-bad-packet"), 1);
}

#[test]
fn nobody_knows_and_the_source_is_told_seldom_and_never_about_a_hint() {
    // OV-07
    let mut world = World::new();
    world.start(1, config(1, &[], ""));
    let alice = world.local(1, ALICE);
    world.run(1000);
    for mark in 0..50 {
        world.send(alice, &data(mark));
        world.send(alice, &packet(ALICE, 103, ConType::Unreachable, mark));
        world.run(10);
    }
    assert_eq!(world.count(1, "dropped-no-way"), 100);
    assert_eq!(world.users[alice].packets.len(), 5);
}

#[test]
fn a_name_attached_twice_belongs_to_the_newest() {
    // features F.10
    let (mut world, alice, bob) = chain();
    let again = world.local(2, BOB);
    world.settle();
    assert!(world.users[bob].is_closed && !world.users[again].is_closed);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[again].marks(ConType::Data), [1]);
}

#[test]
fn a_client_that_is_back_in_a_moment_finds_what_came_meanwhile() {
    let (mut world, alice, bob) = chain();
    drop_user(&mut world, bob);
    world.send(alice, &data(1));
    world.run(300);
    let again = world.local(2, BOB);
    world.settle();
    assert_eq!(world.users[again].marks(ConType::Data), [1]);
    drop_user(&mut world, again);
    world.run(1000);
    assert!(world.nodes[&2].status(world.now).clients.is_empty());
    world.send(alice, &data(2));
    world.settle();
    assert_eq!(world.count(1, "dropped-no-way"), 1, "1 was told that Bob left");
}

/// Another process of the same user took the place of the first and left at once.
fn drop_user(world: &mut World, user: usize) {
    world.hang_up(user);
    world.settle();
}

#[test]
fn an_embedded_node_shares_its_name_with_its_muses_node_and_uses_a_gateway() {
    let mut world = World::new();
    world.start(1, CloakConfig { leaf: true, listen: None, ..config(ALICE, &[2, 3], "") });
    world.start(2, config(2, &[], ""));
    world.start(3, config(3, &[], ""));
    world.start(4, CloakConfig { leaf: true, listen: None, ..config(BOB, &[2, 3], "") });
    let alice = world.pipe(1, ALICE);
    let bob = world.pipe(4, BOB);
    world.run(1500);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    world.send(bob, &packet(BOB, ALICE, ConType::Ack, 2));
    world.settle();
    assert_eq!(world.users[alice].marks(ConType::Ack), [2]);
    world.kill(2);
    world.send(alice, &data(3));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1, 3], "through the other gateway");
}

#[test]
fn a_client_is_held_back_while_the_queue_it_feeds_is_long() {
    let (mut world, alice, bob) = chain();
    world.frozen.push(2);
    let mut big = data(1);
    big.resize(FRAME_MAX, 1);
    frame::emit(&mut big, frame::Kind::Packet, FRAME_MAX);
    let count = 2 * LINK_QUEUE / FRAME_MAX;
    world.clog(1, 2, true);
    (0..count).for_each(|_| world.send(alice, &big));
    world.settle();
    let status = world.nodes[&1].status(world.now);
    let queued = status.neighbours[0].queued as usize;
    assert!((LINK_QUEUE..LINK_QUEUE + 2 * FRAME_MAX).contains(&queued), "{queued}");
    assert_eq!(status.neighbours[0].queued_packets as usize, queued.div_ceil(FRAME_MAX));
    world.run(900);
    assert_eq!(world.users[alice].error, None, "a held client is not left in doubt");
    world.frozen.clear();
    world.clog(1, 2, false);
    world.run(100);
    assert_eq!(world.users[bob].packets.len(), count);
    let total: u64 = ["dropped-queue-full", "dropped-no-memory", "dropped-away"]
        .iter()
        .map(|what| world.count(1, what))
        .sum();
    assert_eq!(total, 0);
    let marked = world.users[bob]
        .packets
        .iter()
        .filter(|packet| {
            Route::new_checked(&packet[FRAME_HEADER..]).is_ok_and(|route| route.is_marked())
        })
        .count();
    assert!(marked > 0, "and its receiver sees the congestion");
}

#[test]
fn control_answers_status_and_reconnect_and_says_what_it_has_not() {
    let (mut world, _, _) = chain();
    let user = world.control(1, "{\"do\":\"status\"}\n{\"do\":\"kill\",\"session\":1}\n");
    world.settle();
    let heard = String::from_utf8(world.users[user].heard.clone()).expect("text");
    let mut lines = heard.lines().map(|line| serde_json::from_str::<Reply>(line).expect("reply"));
    let Some(Reply::Status(status)) = lines.next() else { panic!("no status") };
    assert_eq!(status.overlay.map(|overlay| overlay.neighbours.len()), Some(1));
    assert_eq!(status.name, name(1).to_string());
    assert!(matches!(lines.next(), Some(Reply::Error { .. })));
    let again = world.control(1, "{\"do\":\"reconnect\"}\n");
    world.settle();
    assert_eq!(world.users[again].heard, b"{\"is\":\"ok\"}\n");
    let wrong = world.control(1, "hello\n");
    world.settle();
    assert!(world.users[wrong].is_closed && !world.users[wrong].heard.is_empty());
    world.now = world.now + Duration::from_secs(60);
    world.settle();
    assert!(world.users[user].is_closed, "who asks nothing more is let go");
}

#[test]
fn a_stop_ends_everything_in_order_and_a_deaf_port_says_why() {
    let (mut world, alice, bob) = chain();
    world.send(alice, &data(1));
    world.settle();
    world.input(1, Input::Stop);
    world.settle();
    assert_eq!(world.exits.get(&1), Some(&None));
    assert!(world.users[alice].is_closed && world.users[bob].error.is_none());
    assert_eq!(world.nodes[&1].next_timeout(), None);
    let mut other = Cloak::new(config(3, &[], ""), [3; 32], Time::ZERO);
    other.handle(Input::ListenFailed(LISTEN, "address in use"), Time::ZERO);
    let told = format!(
        "cannot listen on {} for neighbours: address in use; choose another with --listen",
        endpoint(3)
    );
    assert_eq!(other.poll(), Some(Action::Exit(Some(told))));
    assert_eq!(LinkError::Late.to_string(), "the far end did not prove its Name in time");
}

#[test]
fn equal_histories_have_equal_fingerprints() {
    let run = || {
        let (mut world, alice, _) = chain();
        world.send(alice, &data(1));
        world.kill(2);
        world.run(3000);
        world.nodes[&1].fingerprint()
    };
    assert_eq!(run(), run());
}
