//! Liars on the hyperbolic overlay: neighbours that say what is not so, in good form.

use std::rc::Rc;

use super::world::{User, World, config, name, packet};
use super::{ALICE, BOB, Cloak};
use crate::base::ids::Name;
use crate::base::limits::STORE_BYTES_MAX;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN};
use crate::base::limits::{ROOT_EXPIRY, ROUTE_LEN};
use crate::cloak::CloakConfig;
use crate::crypto::identity::Identity;
use crate::overlay::dht::key::{Wanted, key};
use crate::overlay::dht::record::{Record, Signed};
use crate::overlay::forest::notary::Notary;
use crate::overlay::hyperbolic::Settings;
use crate::wire::errand::{Errand, Sought};
use crate::wire::frame::{self, Kind};
use crate::wire::packet::ConType;
use crate::wire::route::{self, Course, Route};
use crate::wire::tree::{Claim, Edge, Grant, Standing};

pub(super) const LIAR: u8 = 66;

/// A node in one tree whose root is listed.
pub(super) fn hyperbolic(node: u8, peers: &[u8], root: u8) -> CloakConfig {
    let settings =
        Settings { trees: 1, roots: vec![name(root)], born: 1_000, ..Settings::default() };
    CloakConfig { overlay: Some(settings), ..config(node, peers, "") }
}

/// Nodes 1 and 2, which dials it, and a liar at 1.
fn town(root: u8) -> (World, usize) {
    let mut world = World::new();
    world.start(1, hyperbolic(1, &[], root));
    world.start(2, hyperbolic(2, &[1], root));
    world.run(1_000);
    let liar = world.neighbour(1, LIAR);
    world.run(1_000);
    (world, liar)
}

pub(super) fn notary(seed: u8) -> Notary {
    Notary::new(Rc::new(Identity::from_seed([seed; 32])))
}

fn place(world: &World, node: u8, tree: usize) -> (Name, usize) {
    let overlay = world.nodes[&node].switch.post.overlay.as_ref().expect("hyperbolic");
    let tree = &overlay.forest.trees()[tree];
    (*tree.root(), tree.place().1.len())
}

fn signed(seed: u8, number: u64) -> Signed {
    let name = name(seed);
    let record = Record { name, number, ttl: 540, home: name, places: Vec::new(), alias: None };
    record.sign(&Identity::from_seed([seed; 32])).expect("a record's form")
}

pub(super) fn errand(to: Name, course: Course, body: &[u8]) -> Vec<u8> {
    let total = FRAME_HEADER + ROUTE_LEN + body.len();
    let mut bytes = vec![0; total];
    frame::emit(&mut bytes, Kind::Errand, total);
    route::emit(&mut bytes[FRAME_HEADER..], &name(LIAR), &to, HOPS_MAX);
    let mut route = Route::new_checked(&mut bytes[FRAME_HEADER..]).expect("a route");
    route.set_course(course, 0, u32::MAX);
    bytes[FRAME_HEADER + ROUTE_LEN..].copy_from_slice(body);
    bytes
}

fn say(world: &mut World, liar: usize, standing: &Standing) {
    let now = world.now;
    world.users[liar].link.as_mut().expect("a link").stand(standing, now);
    world.run(20);
}

fn stored(cloak: &Cloak) -> (usize, usize) {
    let store = cloak.switch.post.overlay.as_ref().expect("hyperbolic").dht.store();
    (store.len(), store.bytes())
}

/// OV-13, OV-06: a place under a root that nobody granted, and another's place.
#[test]
fn a_place_that_was_not_given_is_not_believed() {
    let (mut world, liar) = town(1);
    let heard = world.users[liar].standings.last().cloned().expect("1 says how it stands");
    assert_eq!(heard.claim.root, name(1));
    let (parent, child) = (name(1), name(LIAR));
    let half = notary(LIAR).half(0, (&parent, &child), 9, 2_000);
    let own = Edge { child, letter: 9, number: 2_000, by_parent: half, by_child: half };
    let lie = Standing { edges: vec![own], wish: None, grant: None, ..heard.clone() };
    say(&mut world, liar, &lie);
    assert_eq!(world.count(1, "tree-unsigned"), 1);
    let other = Standing { edges: Vec::new(), wish: None, grant: None, ..heard };
    say(&mut world, liar, &other);
    assert_eq!(world.count(1, "tree-crooked"), 1);
    let forged = Claim { number: heard.claim.number + 1, ..heard.claim };
    say(&mut world, liar, &Standing { claim: forged, ..lie });
    assert_eq!(world.count(1, "tree-unsigned"), 2);
    assert_eq!((place(&world, 1, 0), place(&world, 2, 0)), ((parent, 0), (parent, 1)));
}

/// OV-09: the listed root takes everybody in and then repeats itself for ever.
#[test]
fn a_root_whose_number_does_not_advance_is_given_up() {
    let (mut world, liar) = town(LIAR);
    let hand = notary(LIAR);
    let claim = hand.claim(0, 5_000);
    let mut standing =
        Standing { tree: 0, claim, edges: Vec::new(), size: 1, wish: None, grant: None };
    say(&mut world, liar, &standing);
    let wish = world.users[liar].standings.last().and_then(|s| s.wish).expect("it would come");
    let ends = (&name(LIAR), &name(1));
    let by_parent = hand.half(0, ends, 7, wish.number);
    standing.grant = Some(Grant { number: wish.number, place: Some((7, by_parent)) });
    say(&mut world, liar, &standing);
    assert!(hand.is_claim(0, &standing.claim));
    assert_eq!((place(&world, 1, 0), place(&world, 2, 0)), ((name(LIAR), 1), (name(LIAR), 2)));
    for _ in 0..ROOT_EXPIRY.as_secs() + 5 {
        say(&mut world, liar, &standing);
        world.run(980);
    }
    for node in [1, 2] {
        assert_ne!(place(&world, node, 0).0, name(LIAR), "{node} chases a dead root");
    }
    assert_eq!(place(&world, 1, 0).0, place(&world, 2, 0).0);
}

/// DH-01, DH-02, DH-03: forged, old and far-future records.
#[test]
fn of_records_only_the_latest_that_its_name_signed_is_believed() {
    let (mut world, liar) = town(1);
    let push = |world: &mut World, record: &[u8]| {
        let body = Errand::Push { record }.to_bytes();
        world.send(liar, &errand(name(1), Course::Nearest, &body));
        world.run(5);
        world.nodes[&1].switch.post.overlay.as_ref().expect("hyperbolic").dht.highest(&name(BOB))
    };
    assert_eq!(push(&mut world, signed(BOB, 7).bytes()), 7);
    assert_eq!(push(&mut world, signed(BOB, 6).bytes()), 7, "an old one, played again");
    assert_eq!(world.count(1, "dht-older"), 1);
    for at in 0..signed(BOB, 9).bytes().len() {
        let mut forged = signed(BOB, u64::MAX - 1).bytes().to_vec();
        forged[at] ^= 1;
        assert_eq!(push(&mut world, &forged), 7, "byte {at}");
    }
    assert!(world.count(1, "dht-no-record") > 100);
    assert_eq!(push(&mut world, signed(BOB, u64::MAX - 1).bytes()), u64::MAX - 1);
}

/// DH-08, OV-07: stores and lookups by the thousand.
#[test]
fn floods_are_bounded_and_counted() {
    let (mut world, liar) = town(1);
    let before = world.nodes[&1].memory_used();
    for number in 0..3_000_u32 {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        let who = Identity::from_seed(seed);
        let (name, places) = (who.name(), Vec::new());
        let record = Record { name, number: 1, ttl: 540, home: name, places, alias: None };
        let record = record.sign(&who).expect("a record's form");
        let to = Name::from_bytes(key(&Wanted::Name(name), 0));
        let store = Errand::Store { record: record.bytes() }.to_bytes();
        world.send(liar, &errand(to, Course::Descend(0), &store));
        let wanted = Sought::Name(name);
        let find = Errand::Find { nonce: u64::from(number), wanted }.to_bytes();
        world.send(liar, &errand(to, Course::Descend(0), &find));
        if number % 100 == 0 {
            world.settle();
        }
    }
    world.run(100);
    assert!(world.count(1, "dht-too-many-errands") > 0);
    for node in [1, 2] {
        let (count, bytes) = stored(&world.nodes[&node]);
        assert!(count <= 1_100 && bytes <= STORE_BYTES_MAX);
    }
    let answers = world.users[liar].packets.len();
    assert!(answers <= 6_000, "{answers} answers to 3000 questions");
    assert!(world.nodes[&1].memory_used() <= before + (1 << 20), "nothing stays behind");
}

/// FR-02, FR-05: packets of every length and type, most of them cut within their headers.
#[test]
fn a_packet_of_any_length_harms_nobody() {
    let (mut world, liar) = town(1);
    let bob = world.local(1, BOB);
    world.run(100);
    let whole = packet(LIAR, BOB, ConType::Unreachable, 7);
    for kind in 0..=255 {
        let mut bytes = whole.clone();
        bytes[HEAD_ROOM - PERSISTENT_LEN + 1] = kind;
        world.send(liar, &bytes);
    }
    for length in FRAME_HEADER..whole.len() {
        let mut bytes = whole[..length].to_vec();
        frame::emit(&mut bytes, Kind::Packet, length);
        world.send(liar, &bytes);
        world.settle();
    }
    assert_eq!(world.count(1, "dropped-bad-packet"), (HEAD_ROOM - FRAME_HEADER) as u64);
    let lengths = world.users[bob].packets.iter().map(Vec::len);
    assert!(lengths.clone().all(|length| length >= HEAD_ROOM));
    assert_eq!(lengths.count(), 256 + whole.len() - HEAD_ROOM);
}

fn here(user: &User) -> Vec<(u32, Vec<u8>)> {
    let route = user.last_route().expect("a packet came");
    let places = route.here().expect("places");
    places.iter().map(|(tag, letters)| (*tag, letters.to_vec())).collect()
}

/// OV-02: a relay whose link breaks sends a packet on as it was, not as its own.
#[test]
fn a_rescued_packet_keeps_its_senders_place() {
    let mut world = World::new();
    world.start(1, hyperbolic(1, &[2], 1));
    world.start(2, hyperbolic(2, &[3], 1));
    world.start(3, hyperbolic(3, &[], 1));
    let (alice, bob) = (world.local(1, ALICE), world.local(3, BOB));
    world.run(1_000);
    let own = |world: &World, node: u8| {
        let overlay = world.nodes[&node].switch.post.overlay.as_ref().expect("hyperbolic");
        overlay.places()
    };
    let record = Record {
        name: name(BOB),
        number: 1,
        ttl: 540,
        home: name(3),
        places: own(&world, 3),
        alias: None,
    };
    let record = record.sign(&Identity::from_seed([BOB; 32])).expect("a record's form");
    world.users[bob].link.as_mut().expect("a link").word(Kind::Record, record.bytes());
    world.run(200);
    let alices: Vec<(u32, Vec<u8>)> =
        own(&world, 1).into_iter().map(|(tag, word)| (tag, word.to_vec())).collect();
    world.send(alice, &packet(ALICE, BOB, ConType::Data, 1));
    world.run(200);
    assert_eq!(here(&world.users[bob]), alices);
    world.clog(2, 3, true);
    world.send(alice, &packet(ALICE, BOB, ConType::Data, 2));
    world.run(20);
    world.kill(3);
    world.start(3, hyperbolic(3, &[], 1));
    let bob = world.local(3, BOB);
    world.run(500);
    assert_eq!(world.users[bob].marks(ConType::Data), [2]);
    assert_eq!(here(&world.users[bob]), alices);
}
