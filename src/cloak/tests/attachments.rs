//! Attachments: a Name is found only at nodes for which it has signed one (OV-04).

use super::lies::{LIAR, errand, hyperbolic};
use super::world::{World, config, name, packet};
use super::{ALICE, BOB, chain, data};
use crate::base::limits::{ATTACHMENT_TTL, NAMES_EVERY, NAMES_RENEW};
use crate::link::LinkError;
use crate::overlay::attached::signed;
use crate::overlay::dht::key::Wanted;
use crate::wire::attachment::Attachment;
use crate::wire::errand::Errand;
use crate::wire::packet::ConType;
use crate::wire::route::Course;

fn list(world: &mut World, neighbour: usize, list: &[Attachment]) {
    world.users[neighbour].link.as_mut().expect("a link").announce(list.iter());
    world.run(20);
}

/// BOB's Name for the liar's node, in the liar's hand.
fn forged(number: u64) -> Attachment {
    Attachment { client: name(BOB), ..signed(LIAR, name(LIAR), number) }
}

// OV-04: one list with a victim's Name drew all its packets to the list's sender.
#[test]
fn a_neighbour_that_lists_a_name_without_its_signature_draws_nothing() {
    let (mut world, alice, bob) = chain();
    let liar = world.neighbour(1, LIAR);
    world.run(20);
    list(&mut world, liar, &[forged(u64::MAX)]);
    list(&mut world, liar, &[Attachment { node: name(LIAR), ..signed(BOB, name(2), u64::MAX) }]);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    assert!(world.users[liar].packets.is_empty());
    assert_eq!(world.count(1, "attachment-unsigned"), 2);
    assert!(!world.users[liar].is_closed);
    list(&mut world, liar, &[forged(3)]);
    assert!(world.users[liar].is_closed, "the third time");
    assert_eq!(world.count(1, "link-unsigned-names"), 1);
}

// OV-04 in the hyperbolic overlay, where a list goes before the trees.
#[test]
fn nor_does_it_in_the_hyperbolic_overlay() {
    let mut world = World::new();
    world.start(1, hyperbolic(1, &[], 1));
    world.start(2, hyperbolic(2, &[1], 1));
    let (alice, bob) = (world.local(1, ALICE), world.local(2, BOB));
    let liar = world.neighbour(1, LIAR);
    world.run(1_000);
    list(&mut world, liar, &[forged(u64::MAX)]);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    assert!(world.users[liar].packets.is_empty());
}

#[test]
fn a_client_that_moved_is_found_at_its_new_relay_at_once() {
    let mut world = World::new();
    world.start(1, config(1, &[2, 3], ""));
    [2, 3].into_iter().for_each(|node| world.start(node, config(node, &[], "")));
    let (alice, before) = (world.local(1, ALICE), world.local(2, BOB));
    world.run(1_000);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[before].marks(ConType::Data), [1]);
    // Relay 2 does not hear that Bob is gone and lists him still.
    let after = world.local(3, BOB);
    world.settle();
    world.send(alice, &data(2));
    world.settle();
    assert_eq!(world.users[after].marks(ConType::Data), [2]);
    assert!(!world.users[before].is_closed);
    // And back again.
    let again = world.local(2, BOB);
    world.run(NAMES_EVERY.as_millis() as u64);
    world.send(alice, &data(3));
    world.settle();
    assert_eq!(world.users[again].marks(ConType::Data), [3]);
}

#[test]
fn a_client_that_signs_nothing_is_served_here_and_told_to_no_neighbour() {
    let mut world = World::new();
    world.start(1, config(1, &[], ""));
    let (alice, bob) = (world.local(1, ALICE), world.local(1, BOB));
    world.users[bob].client = None;
    let neighbour = world.neighbour(1, 50);
    world.run(20);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    let heard: Vec<_> = world.users[neighbour].names.iter().map(|own| own.client).collect();
    assert_eq!(heard, [name(ALICE)]);
}

#[test]
fn a_device_needs_no_word_for_the_node_embedded_in_it() {
    let mut world = World::new();
    world.start(1, config(ALICE, &[], ""));
    let neighbour = world.neighbour(1, BOB);
    let alice = world.pipe(1, ALICE);
    world.run(20);
    assert_eq!(world.users[neighbour].names, []);
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[neighbour].marks(ConType::Data), [1]);
}

#[test]
fn an_attachment_ends_unless_it_is_renewed_and_renewing_is_told_together() {
    let mut world = World::new();
    world.start(1, config(1, &[2], ""));
    world.start(2, config(2, &[], ""));
    let (alice, bob) = (world.local(1, ALICE), world.local(2, BOB));
    let neighbour = world.neighbour(2, 50);
    world.run(1_000);
    let renewed = signed(BOB, name(2), 1_000);
    world.users[bob].link.as_mut().expect("a link").attach(&renewed);
    world.run(1_000);
    let number = |world: &World| world.users[neighbour].names[0].number;
    assert!(number(&world) < 1_000, "no hurry");
    world.now = world.now + NAMES_RENEW;
    world.settle();
    assert_eq!(number(&world), 1_000);
    world.now = world.now + ATTACHMENT_TTL - NAMES_EVERY;
    world.settle();
    world.send(alice, &data(1));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    world.now = world.now + NAMES_EVERY;
    world.settle();
    world.send(alice, &data(2));
    world.settle();
    assert_eq!(world.users[bob].marks(ConType::Data), [1]);
    assert_eq!(world.count(1, "dropped-no-way"), 1);
}

#[test]
fn a_client_that_signs_falsely_or_too_often_harms_itself() {
    let (mut world, alice, bob) = chain();
    let old = signed(BOB, name(2), 1);
    for number in 10..40 {
        for own in [signed(BOB, name(2), number), old] {
            world.users[bob].link.as_mut().expect("a link").attach(&own);
            world.settle();
        }
    }
    assert!(world.count(2, "dropped-attachment-rate") > 0);
    assert_eq!(world.count(2, "dropped-old-attachment"), 30);
    world.run(20_000);
    let bent = Attachment { number: 99, ..signed(BOB, name(2), 98) };
    world.users[bob].link.as_mut().expect("a link").attach(&bent);
    world.settle();
    assert!(world.users[bob].is_closed && !world.users[alice].is_closed);
    assert_eq!(world.count(2, "attachment-unsigned"), 1);
    assert_eq!(LinkError::Unsigned.to_string(), "the far end lists Names without their signatures");
}

// An errand is for CLOAK nodes: addressed to a client of a static relay it broke the client's link.
#[test]
fn an_errand_for_a_client_of_a_static_relay_is_dropped_and_its_link_stays() {
    let (mut world, alice, bob) = chain();
    let stranger = world.neighbour(1, LIAR);
    world.run(20);
    let wanted = Wanted::Name(name(1));
    let body = Errand::Find { nonce: 1, wanted: wanted.to_sought() }.to_bytes();
    for to in [ALICE, BOB] {
        world.send(stranger, &errand(name(to), Course::Nearest, &body));
    }
    world.settle();
    let dropped = "dropped-errand-to-client";
    assert_eq!([world.count(1, dropped), world.count(2, dropped)], [1, 1]);
    for user in [alice, bob] {
        assert!(!world.users[user].is_closed && world.users[user].ignored.is_empty());
    }
    world.send(bob, &packet(BOB, ALICE, ConType::Data, 7));
    world.settle();
    assert_eq!(world.users[alice].marks(ConType::Data), [7]);
}
