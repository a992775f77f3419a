//! The table as a whole: a world of nodes in memory, with a router that delivers to whoever lives.

use std::collections::BTreeMap;
use std::time::Duration;

use super::record::tests::{called, identity, signed};
use super::record::{DOMAIN, Record};
use super::*;
use crate::base::limits::{ERRAND_BURST, ERRAND_EVERY, UNPROVEN_BURST};
use crate::overlay::dht::placement::Child;
use crate::overlay::source::{Bringer, SourceGroup};
use crate::overlay::word::Letter;

const TREES: u8 = 3;

/// One tree over the nodes that live: each has a place, and children by letter.
#[derive(Default)]
struct Tree {
    places: BTreeMap<usize, Vec<Letter>>,
    children: BTreeMap<usize, Vec<usize>>,
    root: usize,
}

impl Tree {
    /// `order` begins with the root; each node hangs below a random earlier one.
    fn new(order: &[usize], rng: &mut Rng) -> Self {
        let mut tree = Self { root: order[0], ..Self::default() };
        tree.places.insert(order[0], Vec::new());
        for (at, node) in order.iter().enumerate().skip(1) {
            let parent = order[rng.below(at as u64) as usize];
            let siblings = tree.children.entry(parent).or_default();
            let mut place = tree.places[&parent].clone();
            place.push(siblings.len() as u8 + place.last().map_or(0, |last| last + 1));
            siblings.push(*node);
            tree.places.insert(*node, place);
        }
        tree
    }

    fn size(&self, node: usize) -> u32 {
        let below = self.children.get(&node).into_iter().flatten();
        1 + below.map(|child| self.size(*child)).sum::<u32>()
    }

    fn owner(&self, key: &Key) -> usize {
        let mut node = self.root;
        loop {
            let below = self.children.get(&node).map_or(&[][..], Vec::as_slice);
            let letter = |child: usize| *self.places[&child].last().expect("not the root");
            let children = below.iter().map(|child| {
                let source = SourceGroup::Neighbour(Name::from_bytes([*child as u8; 32]));
                Child { letter: letter(*child), size: self.size(*child), source }
            });
            let chosen = placement::choose(key, TREES, &self.places[&node], children);
            let next = below.iter().find(|child| Some(letter(**child)) == chosen);
            let Some(next) = next else { return node };
            node = *next;
        }
    }
}

fn bringer(neighbour: Name) -> Bringer {
    Bringer { neighbour, source: SourceGroup::Neighbour(neighbour) }
}

struct World {
    nodes: Vec<Dht>,
    names: Vec<Name>,
    is_up: Vec<bool>,
    trees: Vec<Tree>,
    /// What each node was told: found (true) or lost.
    told: Vec<BTreeMap<Wanted, bool>>,
    rng: Rng,
    now: Time,
}

impl World {
    fn new(count: u8) -> Self {
        let mut rng = Rng::new([9; 32]);
        let nodes = (0..count).map(|_| Dht::new(rng.child(), TREES, [])).collect();
        let mut world = Self {
            nodes,
            names: (0..count).map(|fill| Name::from_bytes([fill; 32])).collect(),
            is_up: vec![true; usize::from(count)],
            trees: Vec::new(),
            told: vec![BTreeMap::new(); usize::from(count)],
            rng,
            now: Time::ZERO + Duration::from_secs(1),
        };
        world.grow();
        world
    }

    /// New trees over those that live.
    fn grow(&mut self) {
        let mut order: Vec<usize> = (0..self.nodes.len()).filter(|at| self.is_up[*at]).collect();
        self.trees = (0..TREES)
            .map(|_| {
                for at in (1..order.len()).rev() {
                    order.swap(at, self.rng.below(at as u64 + 1) as usize);
                }
                Tree::new(&order, &mut self.rng)
            })
            .collect();
    }

    /// Delivers until nobody wants anything.
    fn settle(&mut self) {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for at in (0..self.nodes.len()).filter(|at| self.is_up[*at]).collect::<Vec<_>>() {
                while let Some(order) = self.nodes[at].poll() {
                    is_quiet = false;
                    self.obey(at, order);
                }
            }
        }
    }

    fn obey(&mut self, from: usize, order: Order) {
        let came = |to: usize| (from != to).then_some(bringer(self.names[from]));
        let (to, end, body) = match order {
            Order::Descend { tree, key, replica, body } => {
                assert_eq!(tree, replica % TREES);
                (self.trees[usize::from(tree)].owner(&key), Some((key, replica)), body)
            }
            Order::Reply { to, places, body } => {
                assert_eq!(places, Places::new());
                (usize::from(to.as_bytes()[0]), None, body)
            }
            // This world has trees and no neighbours.
            Order::Flood { .. } => return,
            Order::Found(wanted, _) => return self.tell(from, wanted, true),
            Order::Lost(wanted) => return self.tell(from, wanted, false),
        };
        if self.is_up[to] {
            let errand = Errand::parse(&body).expect("our own");
            let asker = (self.names[from], Places::new());
            self.nodes[to].arrived(&errand, asker, came(to), end, self.now);
        }
    }

    fn tell(&mut self, who: usize, wanted: Wanted, is_there: bool) {
        self.told[who].insert(wanted, is_there);
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.settle();
            let up = (0..self.nodes.len()).filter(|at| self.is_up[*at]);
            let next = up.filter_map(|at| self.nodes[at].next_timeout()).map(|due| due.at).min();
            let Some(next) = next.filter(|at| *at <= until) else { break };
            self.now = self.now.max(next);
            for at in (0..self.nodes.len()).filter(|at| self.is_up[*at]) {
                self.nodes[at].tick(self.now);
            }
        }
        self.now = until;
    }

    /// Every living node's client looks this up; how many are told that it is there.
    fn look_up(&mut self, wanted: &Wanted) -> (usize, usize) {
        let up: Vec<usize> = (0..self.nodes.len()).filter(|at| self.is_up[*at]).collect();
        for at in &up {
            self.nodes[*at].look_up(wanted.clone(), self.now);
        }
        self.pass(Duration::from_secs(7));
        let found = up.iter().filter(|at| self.told[**at].get(wanted) == Some(&true)).count();
        (found, up.len())
    }

    /// A world in which node `n` has the record of identity `n + 1`.
    fn published() -> Self {
        let mut world = Self::new(30);
        for at in 0..world.nodes.len() {
            assert!(world.nodes[at].publish(called(at as u8 + 1, 1, "bob"), world.now));
        }
        world.settle();
        world
    }

    fn kill_three_in_ten(&mut self) {
        for at in (0..self.nodes.len()).filter(|at| at % 10 < 3) {
            self.is_up[at] = false;
        }
    }
}

fn name_of(fill: u8) -> Wanted {
    Wanted::Name(identity(fill).name())
}

#[test]
fn with_three_nodes_in_ten_gone_every_lookup_succeeds_from_the_replicas() {
    let mut world = World::published();
    world.kill_three_in_ten();
    for fill in 1..=30 {
        let (found, all) = world.look_up(&name_of(fill));
        assert_eq!(found, all, "record {fill}");
    }
}

// DH-12: the trees are new, the owners of nearly all keys with them; nobody stored again.
#[test]
fn after_the_trees_changed_records_are_found_where_they_belong_now() {
    let mut world = World::published();
    world.kill_three_in_ten();
    world.grow();
    for at in (0..30).filter(|at| world.is_up[*at]).collect::<Vec<_>>() {
        let trees = &world.trees;
        let is_mine = |key: &Key, tree: u8| trees[usize::from(tree)].owner(key) == at;
        world.nodes[at].hand_over(is_mine, world.now);
    }
    world.pass(Duration::from_secs(5));
    for fill in 1..=30 {
        let (found, all) = world.look_up(&name_of(fill));
        assert_eq!(found, all, "record {fill}");
    }
}

#[test]
fn records_are_stored_again_as_long_as_their_name_is_attached_and_die_after() {
    let mut world = World::published();
    world.pass(Duration::from_secs(2_000));
    assert_eq!(world.look_up(&name_of(1)), (30, 30));
    world.nodes[0].withdraw(&identity(1).name());
    world.pass(Duration::from_secs(600));
    let held: usize = world
        .nodes
        .iter()
        .map(|node| {
            node.store()
                .iter()
                .filter(|(_, _, kept)| kept.record().name == identity(1).name())
                .count()
        })
        .sum();
    assert_eq!(held, 0);
}

// DH-02, DH-03: what is newer wins everywhere, the end for good.
#[test]
fn a_change_reaches_whoever_asks_again_and_an_end_stays() {
    let mut world = World::published();
    let name = identity(1).name();
    assert_eq!(world.look_up(&name_of(1)), (30, 30));
    assert!(world.nodes[0].publish(signed(1, 2), world.now));
    assert!(!world.nodes[0].publish(signed(1, 1), world.now));
    world.settle();
    world.nodes[7].doubt(&name, world.now);
    world.pass(Duration::from_secs(1));
    let now = world.now;
    assert_eq!(world.nodes[7].record(&name, now), Some(&signed(1, 2)));
    assert_eq!(world.nodes[8].record(&name, now), Some(&called(1, 1, "bob")));
    world.nodes[8].learn(signed(1, 2), now);
    world.nodes[8].learn(signed(1, 1), now);
    assert_eq!(world.nodes[8].record(&name, now), Some(&signed(1, 2)));
    assert_eq!(world.nodes[8].counters().get("dht-older"), 1);

    let end = Record::end(name, 540).sign(&identity(1)).expect("the end");
    assert!(world.nodes[0].publish(end, now));
    world.settle();
    world.nodes[7].doubt(&name, world.now);
    world.pass(Duration::from_secs(7));
    let now = world.now;
    assert_eq!(world.nodes[7].record(&name, now), None);
    assert_eq!(world.told[7].get(&name_of(1)), Some(&false));
    assert!(!world.nodes[0].publish(signed(1, 9), now));
}

// DH-01: neither kept, nor believed as an answer, nor as a push.
#[test]
fn a_forged_record_is_nowhere_accepted() {
    let mut dht = Dht::new(Rng::new([1; 32]), TREES, []);
    let (now, mallory) = (Time::ZERO, identity(9));
    let honest = signed(1, 5);
    let text = &honest.bytes()[..honest.bytes().len() - 64];
    let forged = [text, &mallory.sign(&[DOMAIN, text].concat())].concat();
    let asker = || (mallory.name(), Places::new());
    let place = (key(&name_of(1), 0), 0);
    let from = Some(bringer(mallory.name()));
    dht.arrived(&Errand::Store { record: &forged }, asker(), from, Some(place), now);
    dht.arrived(&Errand::Push { record: &forged }, asker(), from, None, now);
    dht.look_up(name_of(1), now);
    let Some(Order::Descend { body, .. }) = dht.poll() else { panic!("a question") };
    let Ok(Errand::Find { nonce, .. }) = Errand::parse(&body) else { panic!("a question") };
    dht.arrived(&Errand::Found { nonce, records: vec![&forged] }, asker(), from, None, now);
    assert_eq!(dht.counters().get("dht-no-record"), 3);
    assert!(dht.store().is_empty() && dht.record(&identity(1).name(), now).is_none());
}

// DH-08, DH-13: who brings too much is not heard for a while, others are.
#[test]
fn a_neighbour_brings_only_so_much() {
    let mut dht = Dht::new(Rng::new([1; 32]), TREES, []);
    let (mut now, at) = (Time::ZERO + Duration::from_secs(9), key(&name_of(1), 0));
    let wanted = name_of(1);
    let find = Errand::Find { nonce: 1, wanted: wanted.to_sought() };
    let ask = |dht: &mut Dht, by: u8, now: Time| {
        let from = Name::from_bytes([by; 32]);
        dht.arrived(&find, (from, Places::new()), Some(bringer(from)), Some((at, 0)), now);
        dht.poll().is_some()
    };
    let answered = (0..2 * ERRAND_BURST).filter(|_| ask(&mut dht, 1, now)).count();
    assert_eq!(answered, ERRAND_BURST as usize);
    assert!(ask(&mut dht, 2, now));
    now = now + ERRAND_EVERY;
    assert!(ask(&mut dht, 1, now) && !ask(&mut dht, 1, now));
    assert_eq!(dht.counters().get("dht-too-many-errands"), u64::from(ERRAND_BURST) + 1);
}

// Row 9, DH-01: what costs a verification is bounded, and what is known to be useless costs none.
#[test]
fn forged_records_are_verified_only_so_often_and_honest_ones_all_the_same() {
    let mut dht = Dht::new(Rng::new([1; 32]), TREES, []);
    let now = Time::ZERO + Duration::from_secs(9);
    let place = |record: &Signed| Some((key(&Wanted::Name(record.record().name), 0), 0));
    let asker = || (identity(9).name(), Places::new());
    let honest = bringer(Name::from_bytes([77; 32]));
    let [first, second] = [signed(1, 5), signed(2, 5)];
    let store = |dht: &mut Dht, record: &Signed, by| {
        let errand = Errand::Store { record: record.bytes() };
        dht.arrived(&errand, asker(), Some(by), place(record), now);
    };
    store(&mut dht, &first, honest);
    let mut forged = signed(3, 5).bytes().to_vec();
    *forged.last_mut().expect("a signature") ^= 1;
    for by in 0..20 {
        for _ in 0..ERRAND_BURST {
            let by = bringer(Name::from_bytes([by + 100; 32]));
            let end = place(&signed(3, 5));
            dht.arrived(&Errand::Store { record: &forged }, asker(), Some(by), end, now);
        }
        if dht.counters().get("dht-busy") > 0 {
            break;
        }
    }
    assert!(dht.counters().get("dht-no-record") <= u64::from(UNPROVEN_BURST) + 1);
    assert!(dht.counters().get("dht-busy") > 0);
    store(&mut dht, &second, honest);
    assert_eq!(dht.store().len(), 2);
    let misplaced = dht.counters().get("dht-misplaced");
    let end = Some((key(&name_of(9), 0), 0));
    let stranger = bringer(Name::from_bytes([200; 32]));
    dht.arrived(&Errand::Store { record: &forged }, asker(), Some(stranger), end, now);
    assert_eq!(dht.counters().get("dht-misplaced"), misplaced + 1, "known without a look at it");
}

// DH-14: nobody answers any more; what is known goes on serving, and is asked for in vain quietly.
#[test]
fn a_known_record_outlives_the_table() {
    let mut world = World::published();
    assert_eq!(world.look_up(&name_of(5)), (30, 30));
    (0..30).filter(|at| *at != 9).for_each(|at| world.is_up[at] = false);
    world.told[9].clear();
    world.nodes[9].withdraw(&identity(10).name());
    let name = identity(5).name();
    for _ in 0..100 {
        world.pass(Duration::from_secs(10));
        let now = world.now;
        assert!(world.nodes[9].record(&name, now).is_some());
    }
    assert_ne!(world.told[9].get(&name_of(5)), Some(&false), "nobody is told of a vain refresh");
}

// DH-09: an alias is a claim; all who claim it come to light, as many as one key may hold.
#[test]
fn an_alias_finds_all_who_claim_it() {
    let mut world = World::new(30);
    for at in 0..3 {
        assert!(world.nodes[at].publish(called(at as u8 + 1, 1, "rob"), world.now));
    }
    world.settle();
    let wanted = Wanted::Alias("rob".parse().expect("an alias"));
    assert_eq!(world.look_up(&wanted), (30, 30));
    let now = world.now;
    let known =
        (1..=3).filter(|fill| world.nodes[20].record(&identity(*fill).name(), now).is_some());
    assert_eq!(known.count(), 3);
}
