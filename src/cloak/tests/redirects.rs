//! Subtrees that hang themselves elsewhere, and packets that still look for them where they were.
//!
//! ```text
//!          1 ---- 7        The root, and at 7 whoever sends.
//!        / | \
//!       2  6  9            Three that would take 3 in.
//!        \ | /
//!          3 - 4 - 5       The subtree; who is looked for is at 5.
//! ```

use super::lies::{LIAR, errand, hyperbolic, notary};
use super::world::{World, name, packet};
use super::{ALICE, BOB};
use crate::base::limits::{REDIRECT_KEPT, REDIRECTS_MAX};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::overlay::dht::record::Record;
use crate::overlay::greedy::Tag;
use crate::overlay::word::Word;
use crate::wire::errand::Errand;
use crate::wire::frame::Kind;
use crate::wire::moved::Moved;
use crate::wire::packet::ConType;
use crate::wire::route::Course;
use crate::wire::tree::Edge;

struct Country {
    world: World,
    alice: usize,
    bob: usize,
    /// Packets sent.
    sent: u8,
}

impl Country {
    /// All nodes but the given ones; 3 dials these.
    fn new(without: &[u8], gates: &[u8]) -> Self {
        let mut world = World::new();
        let dialled: [(u8, &[u8]); 8] = [
            (1, &[]),
            (2, &[1]),
            (6, &[1]),
            (7, &[1]),
            (9, &[1]),
            (3, gates),
            (4, &[3]),
            (5, &[4]),
        ];
        for (node, peers) in dialled.into_iter().filter(|(node, _)| !without.contains(node)) {
            world.start(node, hyperbolic(node, peers, 1));
        }
        let (alice, bob) = (world.local(7, ALICE), world.local(5, BOB));
        world.run(3_000);
        let mut country = Self { world, alice, bob, sent: 0 };
        country.publish();
        assert!(country.arrives(), "before anything happened");
        country
    }

    fn place(&self, node: u8) -> (Tag, Word) {
        let overlay = self.world.nodes[&node].switch.post.overlay.as_ref().expect("hyperbolic");
        overlay.places().remove(0)
    }

    /// Bob says where he is, and never again.
    fn publish(&mut self) {
        self.publish_of(5, BOB);
    }

    /// The same of whoever is looked for at a node.
    fn publish_of(&mut self, node: u8, seed: u8) {
        let (name, home, places) = (name(seed), name(node), vec![self.place(node)]);
        let record = Record { name, number: 1, ttl: 540, home, places, alias: None };
        let record = record.sign(&Identity::from_seed([seed; 32])).expect("a record's form");
        let link = self.world.users[self.bob].link.as_mut().expect("a link");
        link.word(Kind::Record, record.bytes());
        self.world.run(100);
    }

    fn send(&mut self) {
        self.send_to(ALICE, BOB);
    }

    fn send_to(&mut self, from: u8, to: u8) {
        self.sent += 1;
        self.world.send(self.alice, &packet(from, to, ConType::Data, self.sent));
        self.world.run(100);
    }

    /// Whether a packet by Bob's record finds him.
    fn arrives(&mut self) -> bool {
        self.send();
        self.world.users[self.bob].marks(ConType::Data).last() == Some(&self.sent)
    }

    /// Whom a node hangs from.
    fn parent(&self, node: u8) -> u8 {
        let overlay = self.world.nodes[&node].switch.post.overlay.as_ref().expect("hyperbolic");
        let parent = *overlay.forest.trees()[0].parent().expect("a parent");
        *self.world.nodes.keys().find(|node| name(**node) == parent).expect("a node")
    }

    /// The node loses its parent for good; returns that.
    fn lose_parent(&mut self, node: u8) -> u8 {
        let parent = self.parent(node);
        self.world.is_deaf = true;
        self.world.cut(node, parent);
        self.world.run(700);
        assert_ne!(self.parent(node), parent);
        parent
    }

    fn redirected(&self, node: u8) -> u64 {
        self.world.count(node, "redirected")
    }

    /// The edges by which a node hangs from the root.
    fn edges(&mut self, node: u8) -> Vec<Edge> {
        let listener = self.world.neighbour(node, 55);
        self.world.run(100);
        let edges = self.world.users[listener].standings.last().map(|said| said.edges.clone());
        self.world.hang_up(listener);
        self.world.run(10);
        edges.expect("it says how it stands")
    }
}

/// Signed by one who says that 3, whose way from the root was this one, is elsewhere.
fn moved(by: u8, number: u64, edges: &[Edge], (tag, word): &(Tag, Word)) -> Moved {
    let (left, above) = edges.split_last().expect("not the root");
    let letters = word.to_vec();
    let signature = notary(by).moved(0, (left.number, number), *tag, &letters);
    let (left, above) = (*left, above.to_vec());
    Moved { tree: 0, number, tag: *tag, letters, signature, left, above }
}

#[test]
fn a_subtree_is_found_where_it_moved_for_a_minute() {
    let mut country = Country::new(&[9], &[2, 6]);
    let places = [3, 4, 5].map(|node| country.place(node));
    let old = country.lose_parent(3);
    assert!([3, 4, 5].iter().zip(&places).all(|(node, place)| country.place(*node) != *place));
    assert!(country.arrives());
    assert_eq!((country.redirected(old), country.redirected(1)), (1, 0));
    let route = country.world.users[country.bob].last_route().expect("a packet");
    assert_eq!(route.redirects(), 1);
    let new = country.place(5);
    assert_eq!(route.there().as_deref(), Ok(&[(new.0, &*new.1)][..]), "the new place, exactly");
    country.world.run(REDIRECT_KEPT.as_millis() as u64);
    assert!(!country.arrives());
    assert_eq!(country.redirected(old), 1);
}

#[test]
fn where_the_former_parent_is_gone_too_its_own_parent_knows() {
    let mut country = Country::new(&[9], &[2, 6]);
    let old = country.parent(3);
    country.world.kill(old);
    country.world.run(700);
    assert!(country.arrives());
    assert_eq!(country.redirected(1), 1);
}

#[test]
fn who_moves_again_tells_every_place_of_the_last_minute() {
    let mut country = Country::new(&[], &[2, 6, 9]);
    let first = country.lose_parent(3);
    let second = country.lose_parent(3);
    assert!(country.arrives());
    assert_eq!((country.redirected(first), country.redirected(second)), (1, 0), "straight there");
    country.publish();
}

/// The subtree hangs itself up by a member below its top, so the edges in between turn round.
#[test]
fn a_subtree_that_turns_round_is_found_as_well() {
    let mut country = Country::new(&[6, 9], &[2]);
    country.world.kill(2);
    country.world.run(500);
    assert!(!country.arrives(), "cut off");
    country.world.start(9, hyperbolic(9, &[1, 4], 1));
    country.world.run(1_500);
    assert_eq!((country.parent(4), country.parent(3)), (9, 4));
    assert!(country.arrives());
    assert!(country.redirected(1) > 0);
}

/// OV-04: a redirect that its node did not sign, or whose edges are not those of its old place.
#[test]
fn a_forged_redirect_is_refused_and_counted() {
    let mut country = Country::new(&[9], &[2, 6]);
    let edges = country.edges(3);
    let there = country.place(7);
    let old = country.lose_parent(3);
    let liar = country.world.neighbour(1, LIAR);
    country.world.run(100);
    let say = |country: &mut Country, moved: Moved, counted: &str| {
        let before = country.world.count(old, counted);
        let body = Errand::Moved(Box::new(moved)).to_bytes();
        country.world.send(liar, &errand(name(old), Course::Nearest, &body));
        country.world.run(20);
        assert_eq!(country.world.count(old, counted), before + 1, "{counted}");
    };
    let number = edges.last().expect("not the root").number + 1;
    let genuine = moved(3, number, &edges, &there);
    let late = Moved { number: u64::MAX, ..genuine.clone() };
    let stolen = Edge { child: name(LIAR), ..genuine.left };
    let other = Edge { number: genuine.left.number + 1, ..genuine.left };
    say(&mut country, late, "redirect-forged");
    say(&mut country, moved(LIAR, u64::MAX, &edges, &there), "redirect-forged");
    say(&mut country, Moved { left: stolen, ..genuine.clone() }, "redirect-misplaced");
    say(&mut country, Moved { left: other, ..genuine.clone() }, "redirect-misplaced");
    say(&mut country, genuine, "redirect-old");
    assert!(country.arrives(), "the true one still holds");
}

/// OV-04, OV-02: who redirects what was below it to somebody else gains that packets are lost.
#[test]
fn a_false_redirect_delivers_to_nobody_else() {
    let mut country = Country::new(&[9], &[2, 6]);
    let (edges, there, old) = (country.edges(3), country.place(7), country.lose_parent(3));
    let liar = country.world.neighbour(1, LIAR);
    country.world.run(100);
    let body = Errand::Moved(Box::new(moved(3, u64::MAX, &edges, &there))).to_bytes();
    country.world.send(liar, &errand(name(old), Course::Nearest, &body));
    country.world.run(20);
    country.send();
    assert_eq!(country.redirected(old), 1);
    assert_eq!(country.world.users[country.bob].marks(ConType::Data), [1]);
    assert!(country.world.users[country.alice].marks(ConType::Data).is_empty());
    assert!(country.world.count(7, "dropped-no-way") + country.world.count(7, "dropped-away") > 0);
}

/// OV-03: who hung from two parents redirects from each to the other.
#[test]
fn a_circle_of_redirects_ends() {
    let mut country = Country::new(&[9], &[2, 6]);
    let (first, from) = (country.edges(3), country.place(3));
    let old = country.lose_parent(3);
    let (second, to, new) = (country.edges(3), country.place(3), country.parent(3));
    let liar = country.world.neighbour(1, LIAR);
    country.world.run(100);
    for (at, edges, place) in [(old, &first, &to), (new, &second, &from)] {
        let body = Errand::Moved(Box::new(moved(3, u64::MAX, edges, place))).to_bytes();
        country.world.send(liar, &errand(name(at), Course::Nearest, &body));
    }
    country.world.run(20);
    assert!(!country.arrives());
    let rounds = country.redirected(old) + country.redirected(new);
    assert_eq!(rounds, u64::from(REDIRECTS_MAX), "and no more");
    assert_eq!(country.world.users[country.bob].marks(ConType::Data), [1]);
}

/// Where everybody listens, and who dials whom: any graph in which all hang together.
fn any_graph(rng: &mut Rng, count: u8) -> (World, Vec<usize>) {
    let mut world = World::new();
    let mut users = Vec::new();
    for node in 1..=count {
        let earlier = |rng: &mut Rng| 1 + rng.below(u64::from(node) - 1) as u8;
        let peers: Vec<u8> = if node == 1 { vec![] } else { vec![earlier(rng), earlier(rng)] };
        world.start(node, hyperbolic(node, &peers, 1));
        users.push(world.local(node, 100 + node));
        world.run(20);
    }
    world.run(20_000);
    (world, users)
}

/// A node loses its parent, and with it whoever hangs below; those go where each finds a way. All
/// who are still in the tree are found by the places they had.
#[test]
fn whoever_moves_on_any_graph_is_found_by_its_former_place() {
    let mut redirected = 0;
    for seed in 0..20 {
        let mut rng = Rng::new([seed; 32]);
        let (world, users) = any_graph(&mut rng, 12);
        let mut country = Country { world, alice: users[0], bob: users[0], sent: 0 };
        for node in 2..=12 {
            country.bob = users[usize::from(node) - 1];
            country.publish_of(node, 100 + node);
            country.send_to(101, 100 + node);
        }
        let moving = 2 + rng.below(11) as u8;
        country.world.is_deaf = true;
        let parent = country.parent(moving);
        country.world.cut(moving, parent);
        country.world.run(2_000);
        let root = country.place(1).0;
        for node in 2..=12 {
            if country.place(node).0 != root {
                continue;
            }
            country.send_to(101, 100 + node);
            let user = &country.world.users[users[usize::from(node) - 1]];
            assert_eq!(user.marks(ConType::Data).last(), Some(&country.sent), "{seed}: {node}");
        }
        redirected += (1..=12).map(|node| country.redirected(node)).sum::<u64>();
    }
    assert!(redirected >= 20, "{redirected} in all");
}
