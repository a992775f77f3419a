//! What the overlay says and decides: trees, places, records, errands.

use muses::base::ids::Name;
use muses::base::limits::{PLACES_LEN, REPLICAS};
use muses::crypto::identity::Identity;
use muses::overlay::dht::alias::Alias;
use muses::overlay::dht::key::{Key, Wanted, key, numbered};
use muses::overlay::dht::placement::{self, Child};
use muses::overlay::dht::record::{Record, Signed};
use muses::overlay::forest::rank::{Rank, tag};
use muses::overlay::source::SourceGroup;
use muses::overlay::word::Word;
use muses::wire::errand::{Errand, Sought};
use muses::wire::moved::Moved;
use muses::wire::places;
use muses::wire::referral::{Other, Referral};
use muses::wire::tree::{Claim, Edge, Grant, Pulse, Standing, Wish};

use super::{Vector, alice, bob, written};

const TREE: u8 = 1;

fn carol() -> Identity {
    Identity::from_seed([0x33; 32])
}

/// Alice's claim to be the root.
fn claim() -> Claim {
    let signature = alice().sign(&Claim::text(TREE, 9));
    Claim { root: alice().name(), number: 9, signature }
}

fn edge(parent: &Identity, child: &Identity, letter: u8, number: u64) -> Edge {
    let text = Edge::text(TREE, &parent.name(), &child.name(), letter, number);
    let (by_parent, by_child) = (parent.sign(&text), child.sign(&text));
    Edge { child: child.name(), letter, number, by_parent, by_child }
}

/// From Alice, the root, to Bob and on to Carol.
fn edges() -> Vec<Edge> {
    vec![edge(&alice(), &bob(), 4, 5), edge(&bob(), &carol(), 200, 6)]
}

#[test]
fn what_roots_and_edges_sign() {
    let edge = edges().remove(0);
    vector!("tree-text.txt").holds(&[
        ("claim", Claim::text(TREE, 9)),
        ("claim-signed", claim().signature.to_vec()),
        ("edge", Edge::text(TREE, &alice().name(), &bob().name(), 4, 5)),
        ("edge-by-parent", edge.by_parent.to_vec()),
        ("edge-by-child", edge.by_child.to_vec()),
    ]);
}

#[test]
fn standings_of_a_tree() {
    let made = |edges: &[Edge], size, wish, grant| {
        let edges = edges.to_vec();
        let standing = Standing { tree: TREE, claim: claim(), edges, size, wish, grant };
        let bytes = written(standing.room(), |into| standing.emit(into));
        assert_eq!(Standing::parse(&bytes), Ok(standing));
        bytes
    };
    let edges = edges();
    let mut taken = [0; 32];
    (taken[0], taken[31]) = (0b1001, 1);
    let wish = |letter| Some(Wish { number: 6, letter, taken });
    let place = Some((200, edges[1].by_parent));
    let grant = |place| Some(Grant { number: 6, place });
    vector!("standing.txt").holds(&[
        ("root", made(&[], 0, None, None)),
        ("wish", made(&[], 3, wish(None), None)),
        ("grant", made(&edges[..1], 0, None, grant(place))),
        ("refusal", made(&edges[..1], 0, None, grant(None))),
        ("child", made(&edges, 3, wish(Some(200)), None)),
    ]);
}

#[test]
fn a_pulse_of_a_root() {
    let made = |pulse: Pulse| {
        let message = written(pulse.room(), |into| pulse.emit(into));
        assert_eq!(Pulse::parse(&message), Ok(pulse));
        message
    };
    let Edge { child, letter, number, by_child, .. } = edges().remove(0);
    let own = Claim { root: child, number, signature: by_child };
    let hung = Some((alice().name(), letter));
    vector!("pulse.txt").holds(&[
        ("message", made(Pulse { tree: TREE, claim: claim(), hung: None })),
        ("own", made(Pulse { tree: TREE, claim: own, hung })),
    ]);
}

#[test]
fn whom_to_ask_instead() {
    let other = |name, at: &str| Other { name, at: at.parse().expect("an address") };
    let others =
        vec![other(bob().name(), "192.0.2.7:7001"), other(carol().name(), "[2001:db8::1]:443")];
    let referral = Referral { tree: TREE, others };
    let message = written(referral.room(), |into| referral.emit(into));
    assert_eq!(Referral::parse(&message), Ok(referral));
    vector!("referral.txt").holds(&[("message", message)]);
}

#[test]
fn a_place_that_was_left() {
    let mut edges = edges();
    let left = edges.remove(1);
    let made = |letters: &[u8], above: &[Edge]| {
        let (number, tag, letters) = (7, tag(TREE, &alice().name()), letters.to_vec());
        let text = Moved::text(TREE, left.number, number, tag, &letters);
        let (signature, above) = (carol().sign(&text), above.to_vec());
        let moved = Moved { tree: TREE, number, tag, letters, signature, left, above };
        let errand = Errand::Moved(Box::new(moved));
        let bytes = errand.to_bytes();
        assert_eq!(Errand::parse(&bytes), Ok(errand));
        (text, bytes)
    };
    let (text, message) = made(&[4, 9], &edges);
    vector!("moved.txt").holds(&[
        ("text", text),
        ("message", message),
        ("shortest", made(&[], &[]).1),
    ]);
}

#[test]
fn the_order_of_roots_and_the_tags_of_trees() {
    let names: Vec<Name> = (0..16).map(|fill| Name::from_bytes([fill; 32])).collect();
    let order = |tree, listed: &[Name]| {
        let mut sorted = names.clone();
        sorted.sort_by_key(|name| Rank::new(tree, name, listed));
        sorted.iter().map(|name| name.as_bytes()[0]).collect::<Vec<u8>>()
    };
    let listed = [names[5], names[3], names[11]];
    let tags = |root: &Name| (0..4).flat_map(|tree| tag(tree, root).to_be_bytes()).collect();
    vector!("tree-order.txt").holds(&[
        ("order-0", order(0, &[])),
        ("order-1", order(1, &[])),
        ("order-2", order(2, &[])),
        ("order-3", order(3, &[])),
        ("listed-0", order(0, &listed)),
        ("listed-1", order(1, &listed)),
        ("listed-3", order(3, &listed)),
        ("tags", tags(&alice().name())),
    ]);
}

#[test]
fn places_in_a_header() {
    let made = |places: &[(u32, &[u8])]| {
        let mut area = [0xa5; PLACES_LEN];
        places::emit(places.iter().copied(), &mut area);
        assert!(places::parse(&area).is_ok());
        area.to_vec()
    };
    let deep: Vec<u8> = (0..58).map(|n| n % 7).collect();
    vector!("places.txt").holds(&[
        ("none", made(&[])),
        ("three", made(&[(7, &[1, 2, 1]), (0x8000_0000, &[]), (9, &[250])])),
        ("deepest-alone", made(&[(1, &deep)])),
        ("deepest-left-out", made(&[(1, &deep[..40]), (2, &deep[..2]), (3, &deep[..20])])),
    ]);
}

fn record() -> Record {
    Record {
        name: alice().name(),
        number: 0x0102_0304_0506,
        ttl: 540,
        home: bob().name(),
        places: Vec::new(),
        alias: None,
    }
}

/// Alice's record with an alias and two places.
fn called() -> Signed {
    let word = |letters: &[u8]| Word::new(letters).expect("a reduced word");
    let places = vec![(7, word(&[1, 2, 1])), (0x8000_0000, word(&[]))];
    let alias = Some("alice".parse().expect("an alias"));
    signed(Record { places, alias, ..record() })
}

fn signed(record: Record) -> Signed {
    let signed = record.sign(&alice()).expect("a record's form");
    assert_eq!(Signed::parse(signed.bytes()), Ok(signed.clone()));
    signed
}

#[test]
fn records_of_a_name() {
    vector!("record.txt").holds(&[
        ("plain", signed(record()).bytes().to_vec()),
        ("called", called().bytes().to_vec()),
        ("end", signed(Record::end(alice().name(), 3600)).bytes().to_vec()),
    ]);
}

#[test]
fn errands_of_the_table() {
    let (plain, called) = (signed(record()), called());
    let nonce = 0x1122_3344_5566_7788;
    let made = |errand: Errand<'_>| {
        let bytes = errand.to_bytes();
        assert_eq!(Errand::parse(&bytes), Ok(errand));
        bytes
    };
    vector!("errand.txt").holds(&[
        ("store", made(Errand::Store { record: called.bytes() })),
        ("find-name", made(Errand::Find { nonce, wanted: Sought::Name(alice().name()) })),
        ("find-alias", made(Errand::Find { nonce, wanted: Sought::Alias(b"alice") })),
        ("found", made(Errand::Found { nonce, records: vec![plain.bytes(), called.bytes()] })),
        ("found-nothing", made(Errand::Found { nonce, records: vec![] })),
        ("push", made(Errand::Push { record: plain.bytes() })),
    ]);
}

#[test]
fn keys_of_names_and_aliases() {
    let keys = |wanted: &Wanted| (0..REPLICAS).flat_map(|replica| key(wanted, replica)).collect();
    let alias: Alias = "bob".parse().expect("an alias");
    vector!("key.txt").holds(&[
        ("name", keys(&Wanted::Name(alice().name()))),
        ("alias", keys(&Wanted::Alias(alias))),
    ]);
}

/// A decision: 0 and 0 where the key stays, else 1 and the letter.
fn chosen(key: u8, at: &[u8], children: &[(u8, u32)]) -> [u8; 2] {
    let children: Vec<Child> = children.iter().map(|child| alone(*child)).collect();
    decided(&[key; 32], 3, at, &children)
}

fn decided(key: &Key, trees: u8, at: &[u8], children: &[Child]) -> [u8; 2] {
    let chosen = placement::choose(key, trees, at, children.iter().copied());
    chosen.map_or([0, 0], |letter| [1, letter])
}

fn alone((letter, size): (u8, u32)) -> Child {
    Child { letter, size, source: SourceGroup::Neighbour(alice().name()) }
}

#[test]
fn where_keys_go() {
    let sizes = [(3, 4), (9, 16), (200, 1)];
    let deep = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
    let over = |decide: &dyn Fn(u8) -> [u8; 2]| (0..32).flat_map(decide).collect::<Vec<u8>>();
    let shared = [7, 8].map(|letter| Child { letter, size: 9, source: SourceGroup::Address(5) });
    let liars = [(3, 4), (9, u32::MAX), (200, 1)].map(alone).into_iter().chain(shared);
    let liars: Vec<Child> = liars.collect();
    let root = |trees| {
        let copies = (0..REPLICAS).map(|replica| numbered([0; 32], replica));
        copies.flat_map(|key| decided(&key, trees, &[], &liars)).collect::<Vec<u8>>()
    };
    let numbers = (1..=40).chain([100, 1000, 1_000_000, 1 << 31, u32::MAX]);
    vector!("placement.txt").holds(&[
        ("keys", over(&|key| chosen(key, &[1, 2], &sizes))),
        ("places", over(&|at| chosen(1, &[at], &[(7, 1)]))),
        ("deep", over(&|key| chosen(key, &deep, &[(0, 2), (254, 2)]))),
        ("root-of-1", root(1)),
        ("root-of-2", root(2)),
        ("root-of-3", root(3)),
        ("root-of-4", root(4)),
        ("sources", over(&|key| decided(&[key; 32], 3, &[1, 2], &liars))),
        ("sizes", numbers.flat_map(|size| placement::rounded(size).to_be_bytes()).collect()),
    ]);
}
