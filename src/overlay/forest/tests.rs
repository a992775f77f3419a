//! Whole forests on graphs: messages between real nodes with a delay, links that come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::*;
use crate::base::limits::{FORMER_ROOT_KEPT, ROOT_EXPIRY, ROOT_PULSE};
use crate::overlay::forest::tree::view::Role;
use crate::overlay::greedy::{self, Progress};
use crate::overlay::metric::Metric;
use crate::overlay::word;
use crate::wire::tree::{Claim, Grant, Pulse, Standing};

const DELAY: Duration = Duration::from_millis(5);

struct World {
    now: Time,
    names: Vec<Name>,
    nodes: BTreeMap<Name, Forest>,
    links: BTreeSet<(Name, Name)>,
    flying: Vec<(Time, Name, Name, Said)>,
    /// Messages to Names that are no nodes of this world.
    to_strangers: Vec<(Name, Said)>,
    messages: usize,
}

fn identity(seed: usize) -> Rc<Identity> {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&(seed as u64).to_be_bytes());
    Rc::new(Identity::from_seed(bytes))
}

impl World {
    /// Nodes without links, in two trees.
    fn new(count: usize) -> Self {
        let mut nodes = BTreeMap::new();
        let mut names = Vec::new();
        for seed in 0..count {
            let identity = identity(seed);
            names.push(identity.name());
            nodes.insert(identity.name(), Forest::new(&identity, 2, &[], 1_000, Time::ZERO));
        }
        let (links, flying, to_strangers) = Default::default();
        Self { now: Time::ZERO, names, nodes, links, flying, to_strangers, messages: 0 }
    }

    /// A ring with chords: connected, with ways around everything.
    fn ring(count: usize) -> Self {
        let mut world = Self::new(count);
        for at in 0..count {
            world.link(at, (at + 1) % count);
            world.link(at, (at * 7 + 3) % count);
        }
        world.run(Duration::from_secs(3));
        world
    }

    fn link(&mut self, a: usize, b: usize) {
        let (a, b) = (self.names[a], self.names[b]);
        if a != b && self.links.insert((a.min(b), a.max(b))) {
            self.nodes.get_mut(&a).expect("a node").neighbour_up(
                b,
                SourceGroup::Neighbour(b),
                self.now,
            );
            self.nodes.get_mut(&b).expect("a node").neighbour_up(
                a,
                SourceGroup::Neighbour(a),
                self.now,
            );
        }
    }

    fn unlink(&mut self, a: Name, b: Name) {
        self.links.remove(&(a.min(b), a.max(b)));
        self.flying.retain(|(_, from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        for (own, other) in [(a, b), (b, a)] {
            if let Some(node) = self.nodes.get_mut(&own) {
                node.neighbour_down(&other, self.now);
            }
        }
    }

    fn kill(&mut self, name: Name) {
        self.nodes.remove(&name);
        let links: Vec<_> =
            self.links.iter().filter(|(a, b)| *a == name || *b == name).copied().collect();
        links.into_iter().for_each(|(a, b)| self.unlink(a, b));
        self.names.retain(|other| *other != name);
    }

    fn collect(&mut self) {
        for (from, node) in &mut self.nodes {
            while let Some((to, said)) = node.poll() {
                self.messages += 1;
                if self.links.contains(&(*from.min(&to), *from.max(&to))) {
                    self.flying.push((self.now + DELAY, *from, to, said));
                } else if !self.names.contains(&to) {
                    self.to_strangers.push((*from, said));
                }
            }
        }
    }

    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            self.collect();
            let timers = self.nodes.values().filter_map(Forest::next_timeout).map(|due| due.at);
            let next = self.flying.iter().map(|(at, ..)| *at).chain(timers).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let (due, later) =
                std::mem::take(&mut self.flying).into_iter().partition(|f| f.0 <= self.now);
            self.flying = later;
            let due: Vec<(Time, Name, Name, Said)> = due;
            for (_, from, to, said) in due {
                let Some(node) = self.nodes.get_mut(&to) else { continue };
                node.hear(from, said);
                while let Some(heard) = node.read(self.now) {
                    assert_eq!(heard, Heard::True, "nobody lies here");
                }
            }
            let now = self.now;
            for node in self.nodes.values_mut() {
                node.tick(now);
                let due = node.next_timeout();
                assert!(due.is_none_or(|due| due.at > now), "what is due is done: {due:?}");
            }
        }
        self.now = end;
    }

    /// One root for each tree, words that fit their parents', none twice, and every packet arrives.
    fn check(&self) {
        for tree in 0..2 {
            let trees = || self.nodes.iter().map(|(name, node)| (name, &node.trees[tree]));
            let roots: BTreeSet<&Name> = trees().map(|(_, tree)| tree.root()).collect();
            assert_eq!(roots.len(), 1, "tree {tree}");
            let words: BTreeSet<&Word> = trees().map(|(_, tree)| tree.place().1).collect();
            assert_eq!(words.len(), self.nodes.len(), "one place for each node");
            for (name, node) in trees() {
                assert!(word::is_reduced(node.place().1));
                let Some(parent) = node.parent() else { continue };
                assert!(self.links.contains(&(*name.min(parent), *name.max(parent))));
                let above = self.nodes[parent].trees[tree].place().1;
                assert_eq!(node.place().1[..above.len()], above[..]);
                assert_eq!(node.place().1.len(), above.len() + 1);
            }
        }
        for from in self.nodes.keys() {
            for to in self.nodes.keys() {
                assert!(self.arrives(from, to), "{} to {}", from.short(), to.short());
            }
        }
    }

    fn arrives(&self, from: &Name, to: &Name) -> bool {
        self.arrives_by(&self.nodes[to].own_places(), from, to)
    }

    /// Whether a packet with these places of its destination arrives there.
    fn arrives_by(&self, places: &[Option<(Tag, Word)>], from: &Name, to: &Name) -> bool {
        let places: Vec<_> = places.iter().flatten().map(|(tag, word)| (*tag, &**word)).collect();
        let (mut at, mut progress) = (*from, Progress::default());
        for _ in 0..2 * self.nodes.len() {
            if at == *to {
                return true;
            }
            let node = &self.nodes[&at];
            let all = node.neighbours();
            let next = greedy::next(&Metric::Tree, &places, progress, node, all);
            let Some((hop, further)) = next else { return false };
            (at, progress) = (*hop, further);
        }
        false
    }

    fn root(&self, tree: usize) -> Name {
        *self.nodes[&self.names[0]].trees[tree].root()
    }
}

#[test]
fn trees_form_and_every_packet_arrives() {
    let world = World::ring(40);
    world.check();
    assert_ne!(world.root(0), world.root(1));
    let sizes: Vec<u32> = world.nodes.values().map(|node| node.trees[0].size()).collect();
    assert!(sizes.iter().max().is_some_and(|size| (30..=50).contains(size)), "sizes ride up");
}

#[test]
fn a_forest_at_rest_says_no_more_than_its_roots_pulses() {
    let mut world = World::ring(20);
    world.messages = 0;
    world.run(Duration::from_secs(60));
    let pulses = 2 * 2 * 2 * world.links.len();
    assert!(world.messages <= pulses, "{} messages, {pulses} pulses at most", world.messages);
    world.check();
}

#[test]
fn a_lost_parent_is_replaced_at_once() {
    let mut world = World::ring(40);
    let leaf = world.names.iter().find(|name| world.nodes[name].trees[0].place().1.len() >= 3);
    let child = *leaf.expect("a deep node");
    let parent = *world.nodes[&child].trees[0].parent().expect("a parent");
    world.kill(parent);
    world.run(Duration::from_secs(1));
    world.check();
}

/// OV-09
#[test]
fn a_lost_root_is_replaced_within_seconds_and_nobody_chases_it() {
    let mut world = World::ring(40);
    for tree in [0, 1] {
        let root = world.root(tree);
        world.kill(root);
        world.run(Duration::from_secs(3));
        world.check();
        assert!(world.nodes.values().all(|node| node.trees.iter().all(|t| *t.root() != root)));
    }
}

/// OV-05
#[test]
fn what_is_addressed_under_former_roots_arrives_for_a_minute() {
    let mut world = World::ring(24);
    let before = world.names.clone();
    let addressed: Vec<_> = before.iter().map(|name| world.nodes[name].own_places()).collect();
    // One that both trees have as their root.
    let is_above = |name: &Name, tree: usize| {
        let rank = |name: &Name| rank::Rank::new(tree as u8, name, &[]);
        rank(name) < rank(&world.root(tree))
    };
    let mut newcomers = (1_000..).map(identity);
    let newcomer = newcomers.find(|own| (0..2).all(|tree| is_above(&own.name(), tree)));
    let newcomer = newcomer.expect("one in some hundreds");
    world.names.push(newcomer.name());
    let forest = Forest::new(&newcomer, 2, &[], 1_000, world.now);
    world.nodes.insert(newcomer.name(), forest);
    world.link(24, 0);
    world.link(24, 11);
    let arrive = |world: &World| {
        let pairs =
            before.iter().flat_map(|from| before.iter().zip(&addressed).map(move |to| (from, to)));
        pairs.filter(|(from, (to, places))| world.arrives_by(places, from, to)).count()
    };
    for _ in 0..200 {
        world.run(Duration::from_millis(1));
        assert_eq!(arrive(&world), 24 * 24, "{:?}", world.now);
    }
    assert_eq!([world.root(0), world.root(1)], [newcomer.name(); 2]);
    world.check();
    world.run(FORMER_ROOT_KEPT);
    assert_eq!(arrive(&world), 24, "only where nothing is left to go");
}

#[test]
fn two_overlays_become_one_and_part_again() {
    let mut world = World::new(24);
    for at in 0..12 {
        world.link(at, (at + 1) % 12);
        world.link(12 + at, 12 + (at + 1) % 12);
    }
    world.run(Duration::from_secs(3));
    let moves: u64 = world.nodes.values().map(Forest::moves).sum();
    world.link(3, 17);
    world.run(Duration::from_secs(2));
    world.check();
    let moved = world.nodes.values().map(Forest::moves).sum::<u64>() - moves;
    assert!(moved <= 24 * 2 * 3, "the losing side moves, and not over and over: {moved}");
    let ends = (world.names[3], world.names[17]);
    world.unlink(ends.0, ends.1);
    world.run(Duration::from_secs(5));
    let roots: BTreeSet<Name> = world.nodes.values().map(|node| *node.trees[0].root()).collect();
    assert_eq!(roots.len(), 2, "each half has a root of its own");
    world.link(3, 17);
    world.run(Duration::from_secs(2));
    world.check();
}

/// The losing side hangs itself up by a member in its middle. Nobody there has a choice, so its
/// form is kept: whoever knows where one of it went knows where all of it went.
#[test]
fn what_turns_round_keeps_its_letters() {
    for middle in 1..8 {
        let mut world = World::new(16);
        for at in 0..7 {
            world.link(at, at + 1);
            world.link(8 + at, 9 + at);
        }
        world.run(Duration::from_secs(3));
        let place = |world: &World, at: usize| {
            let (tag, word) = world.nodes[&world.names[at]].trees[0].place();
            (tag, word.clone())
        };
        let before: Vec<_> = (0..16).map(|at| place(&world, at)).collect();
        world.link(middle, 8 + middle);
        world.run(Duration::from_secs(2));
        world.check();
        let moved: Vec<usize> = (0..16).filter(|at| place(&world, *at) != before[*at]).collect();
        assert_eq!(moved.len(), 8, "one side moves");
        let member = moved[middle];
        let new = place(&world, member).1;
        for at in moved {
            let expected = word::rebase(&before[at].1, &before[member].1, new.clone());
            assert_eq!(place(&world, at).1, expected, "middle {middle}");
        }
    }
}

/// Links and nodes that go, others that come, in any order and before anything has settled: after
/// a quiet while all is well again.
#[test]
fn whatever_happens_the_trees_settle() {
    for seed in 0..10 {
        let mut rng = crate::crypto::rng::Rng::new([seed; 32]);
        let mut below = |bound: usize| rng.below(bound as u64) as usize;
        let mut world = World::ring(16);
        for _ in 0..40 {
            let (a, b) = (below(world.names.len()), below(world.names.len()));
            match below(8) {
                0 if world.names.len() > 10 => world.kill(world.names[a]),
                1..=3 if !world.links.is_empty() => {
                    let at = below(world.links.len());
                    let (a, b) = *world.links.iter().nth(at).expect("a link");
                    world.unlink(a, b);
                }
                _ => world.link(a, b),
            }
            world.run(Duration::from_millis(below(120) as u64));
        }
        let count = world.names.len();
        (0..count).for_each(|at| world.link(at, (at + 1) % count));
        world.run(Duration::from_secs(5));
        world.check();
    }
}

/// A root that is cut off without a word stays believed only until its number should have advanced.
#[test]
fn a_silent_root_is_given_up() {
    let mut world = World::ring(12);
    let root = world.root(0);
    // Its word does not get through any more, and no link breaks.
    let (node, links) = (world.nodes.remove(&root), world.links.clone());
    assert!(node.is_some() && !links.is_empty());
    world.names.retain(|name| *name != root);
    world.run(ROOT_EXPIRY + Duration::from_secs(5));
    assert!(world.nodes.values().all(|node| *node.trees[0].root() != root));
}

/// The simulator's divide: who waits for another parent does not wait for the lost root's pulse.
#[test]
fn an_orphan_of_a_silent_root_is_not_always_due() {
    let mut world = World::new(4);
    let mut order: Vec<usize> = (0..4).collect();
    order.sort_by_key(|at| rank::Rank::new(0, &world.names[*at], &[]));
    let [root, other, parent, orphan] = order[..] else { panic!("four") };
    world.link(root, parent);
    world.link(parent, orphan);
    world.run(Duration::from_secs(1));
    world.link(root, other);
    world.link(other, orphan);
    world.run(ROOT_PULSE + Duration::from_secs(1));
    let names = [root, other, parent, orphan].map(|at| world.names[at]);
    assert_eq!(world.nodes[&names[3]].trees[0].parent(), Some(&names[2]));
    world.nodes.remove(&names[0]);
    world.nodes.remove(&names[2]);
    world.run(ROOT_EXPIRY + Duration::from_secs(5));
    assert_eq!(world.nodes[&names[3]].trees[0].root(), &names[1]);
}

#[test]
fn a_node_that_comes_back_finds_its_place_again() {
    let mut world = World::ring(30);
    let leaf = world.names.iter().position(|name| {
        let tree = &world.nodes[name].trees[0];
        tree.children().count() == 0 && tree.parent().is_some()
    });
    let leaf = leaf.expect("a leaf");
    let name = world.names[leaf];
    let before: Word = world.nodes[&name].trees[0].place().1.clone();
    let parent = *world.nodes[&name].trees[0].parent().expect("a parent");
    let at = world.names.iter().position(|other| *other == parent).expect("known");
    let links: Vec<_> =
        world.links.iter().filter(|(a, b)| *a == name || *b == name).copied().collect();
    links.iter().for_each(|(a, b)| world.unlink(*a, *b));
    world.run(Duration::from_secs(20));
    world.link(leaf, at);
    world.run(Duration::from_secs(1));
    assert_eq!(*world.nodes[&name].trees[0].place().1, before);
}

/// A link dies without a word: one end loses its neighbour and gets it back, the other one has only
/// a fresh link in place of the old.
#[test]
fn a_neighbour_on_a_fresh_link_hears_everything_again() {
    let mut world = World::ring(12);
    for (a, b) in world.links.clone() {
        let now = world.now;
        world.nodes.get_mut(&a).expect("a node").neighbour_down(&b, now);
        world.flying.retain(|(_, from, to, _)| (*from, *to) != (a, b) && (*from, *to) != (b, a));
        world.nodes.get_mut(&a).expect("a node").neighbour_up(b, SourceGroup::Neighbour(b), now);
        world.nodes.get_mut(&b).expect("a node").neighbour_up(a, SourceGroup::Neighbour(a), now);
        world.run(Duration::from_secs(1));
        world.check();
    }
}

/// OV: an address it was not given, another's Name, one letter for two children.
#[test]
fn nothing_unsigned_is_believed() {
    let mut world = World::ring(12);
    let (liar, victim) = *world.links.first().expect("a link");
    let lies = |change: &dyn Fn(&mut Standing), world: &mut World| {
        let now = world.now;
        let tree = &mut world.nodes.get_mut(&liar).expect("a node").trees[0];
        tree.neighbour_up(victim, SourceGroup::Neighbour(victim), now);
        let mut standing = tree.standing_to(&victim);
        change(&mut standing);
        let victim = world.nodes.get_mut(&victim).expect("a node");
        victim.hear(liar, Said::Standing(standing));
        let heard = victim.read(now).expect("it is looked at");
        assert_eq!(victim.read(now), None);
        heard
    };
    let unsigned = |violations| Heard::Unsigned { from: liar, violations };
    assert_eq!(lies(&|_| (), &mut world), Heard::True);
    assert_eq!(lies(&|s| s.claim.number += 1, &mut world), unsigned(1));
    let other = Name::from_bytes([3; 32]);
    let crowned = lies(&|s| s.claim.root = other, &mut world);
    let edges = world.nodes[&liar].trees[0].place().1.len();
    assert_eq!(crowned, if edges == 0 { Heard::Crooked } else { unsigned(2) });
    let crooked = lies(&|s| s.edges.clear(), &mut world);
    assert!(edges == 0 || crooked == Heard::Crooked);
    if edges > 0 {
        let forge = |s: &mut Standing| s.edges[0].letter ^= 1;
        assert_eq!(lies(&forge, &mut world), unsigned(3));
        let renumber = |s: &mut Standing| s.edges[0].number += 1;
        assert_eq!(lies(&renumber, &mut world), unsigned(4));
    }
    let none = world.nodes[&victim].trees[0].place_of(&liar);
    assert_eq!(none, None, "whoever lied has no place until it says the truth");
}

/// OV-06: a parent that gives one letter to two nodes gives them one place.
#[test]
fn a_parent_that_gave_a_letter_twice_is_left_for_another() {
    let mut world = World::new(3);
    world.link(0, 1);
    world.link(1, 2);
    world.run(Duration::from_secs(3));
    let is_above = |name: &Name, tree: usize| {
        let rank = |name: &Name| rank::Rank::new(tree as u8, name, &[]);
        rank(name) < rank(&world.root(tree))
    };
    let mut strangers = (1_000..).map(identity);
    let liar = strangers.find(|own| (0..2).all(|tree| is_above(&own.name(), tree)));
    let liar = Notary::new(liar.expect("one in a few"));
    let say = |world: &mut World, to: Name, tree: u8, grant: Option<Grant>| {
        let claim = liar.claim(tree, 5_000 + world.messages as u64);
        let standing = Standing { tree, claim, edges: vec![], size: 2, wish: None, grant };
        let node = world.nodes.get_mut(&to).expect("a node");
        node.hear(liar.name(), Said::Standing(standing));
        assert_eq!(node.read(world.now), Some(Heard::True));
    };
    let ends = [world.names[0], world.names[2]];
    for (end, tree) in ends.into_iter().flat_map(|end| [(end, 0), (end, 1)]) {
        let node = world.nodes.get_mut(&end).expect("a node");
        node.neighbour_up(liar.name(), SourceGroup::Neighbour(liar.name()), world.now);
        say(&mut world, end, tree, None);
    }
    let mut granted = 0;
    for _ in 0..2_000 {
        world.run(Duration::from_millis(1));
        for (from, said) in std::mem::take(&mut world.to_strangers) {
            let Said::Standing(Standing { tree, wish: Some(wish), .. }) = said else { continue };
            let half = liar.half(tree, (&liar.name(), &from), 7, wish.number);
            let grant = Grant { number: wish.number, place: Some((7, half)) };
            say(&mut world, from, tree, Some(grant));
            granted += 1;
        }
    }
    assert!(granted >= 4, "both were given a place in both trees: {granted}");
    assert_eq!([world.root(0), world.root(1)], [liar.name(); 2]);
    for tree in 0..2 {
        let words = world.nodes.values().map(|node| node.trees[tree].place().1);
        assert_eq!(words.collect::<BTreeSet<_>>().len(), 3, "tree {tree}");
    }
}

#[test]
fn neighbours_are_to_each_other_what_they_take_each_other_for() {
    let world = World::ring(24);
    for (name, node) in &world.nodes {
        for (index, tree) in node.trees.iter().enumerate() {
            let backup = tree.backup(world.now);
            let mut parents = 0;
            for other in node.neighbours.keys() {
                let there = &world.nodes[other].trees[index];
                let seen = there.role(name, there.backup(world.now));
                match tree.role(other, backup).expect("everybody has said how it stands") {
                    Role::Parent => {
                        parents += 1;
                        assert_eq!(seen, Some(Role::Child));
                    }
                    Role::Child => assert_eq!(seen, Some(Role::Parent)),
                    Role::Backup => assert_eq!(backup, Some(other)),
                    Role::Shortcut => assert_ne!(seen, Some(Role::Child)),
                    Role::Apart => panic!("there is one root"),
                }
            }
            assert_eq!(parents, usize::from(!tree.is_root()));
            assert!(backup.is_none_or(|backup| tree.parent() != Some(backup)));
            assert!(tree.rooted() > Time::ZERO || tree.is_root());
        }
    }
}

#[test]
fn the_backup_is_who_takes_a_lost_parents_place() {
    let mut world = World::ring(40);
    let root = world.root(0);
    let has_backup = |(_, node): &(&Name, &Forest)| {
        let tree = &node.trees[0];
        tree.backup(world.now).is_some() && tree.parent() != Some(&root)
    };
    let (child, node) = world.nodes.iter().find(has_backup).expect("a ring with chords");
    let (child, tree) = (*child, &node.trees[0]);
    let (parent, backup) = (*tree.parent().expect("one"), *tree.backup(world.now).expect("one"));
    world.unlink(child, parent);
    world.run(Duration::from_millis(50));
    assert_eq!(world.nodes[&child].trees[0].parent(), Some(&backup));
}

#[test]
fn what_is_known_of_a_tree_is_so() {
    let mut world = World::ring(24);
    let deepest = |world: &World| {
        let depth = |(_, node): &(&Name, &Forest)| node.trees[0].place().1.len();
        *world.nodes.iter().max_by_key(depth).expect("some").0
    };
    let own = deepest(&world);
    let check = |world: &World| {
        let tree = &world.nodes[&own].trees[0];
        let known = tree.known();
        assert_eq!(known.get(&own), Some(tree.place().1));
        let others = world.nodes[&own].neighbours.keys();
        assert!(others.chain([tree.root()]).all(|other| known.contains_key(other)));
        for (name, word) in known {
            assert_eq!(world.nodes[&name].trees[0].place().1, &word, "{}", name.short());
        }
    };
    check(&world);
    // What changes elsewhere is heard of, and what was there before is no longer known.
    let parent = *world.nodes[&own].trees[0].parent().expect("it is deep");
    world.unlink(own, parent);
    world.run(Duration::from_secs(3));
    check(&world);
}

#[test]
fn a_roots_pulse_has_an_age_that_every_pulse_ends() {
    let mut world = World::ring(6);
    let age = |world: &World, node: &Name| {
        let (number, heard) = world.nodes[node].trees[0].pulse();
        (number, world.now.since(heard))
    };
    let root = world.root(0);
    let other = *world.names.iter().find(|name| **name != root).expect("six");
    let before = [root, other].map(|node| age(&world, &node));
    world.run(Duration::from_secs(10));
    let later = [root, other].map(|node| age(&world, &node));
    for (before, later) in before.iter().zip(later) {
        assert_eq!((later.0, later.1), (before.0, before.1 + Duration::from_secs(10)));
    }
    world.run(Duration::from_secs(30));
    let after = [root, other].map(|node| age(&world, &node));
    assert!(after.iter().all(|(_, age)| *age < Duration::from_secs(30)), "{after:?}");
    assert!(after[0].0 > before[0].0 && after[0].0 == after[1].0);
}

impl World {
    /// A node begins anew with a clock that says `born`, knowing nothing.
    fn restart(&mut self, name: Name, born: u64) {
        let links: Vec<_> =
            self.links.iter().filter(|(a, b)| *a == name || *b == name).copied().collect();
        let others: Vec<Name> =
            links.iter().map(|(a, b)| if *a == name { *b } else { *a }).collect();
        others.iter().for_each(|other| self.unlink(name, *other));
        self.run(Duration::from_millis(200));
        let seed = (0..).find(|seed| identity(*seed).name() == name).expect("one of ours");
        let node = Forest::new(&identity(seed), 2, &[], born, self.now);
        self.nodes.insert(name, node);
        for other in others {
            self.links.insert((name.min(other), name.max(other)));
            for (own, far) in [(name, other), (other, name)] {
                let node = self.nodes.get_mut(&own).expect("a node");
                node.neighbour_up(far, SourceGroup::Neighbour(far), self.now);
            }
        }
    }

    /// Whether every node has heard every root lately.
    fn is_whole(&self) -> bool {
        (0..2).all(|tree| {
            let roots: BTreeSet<&Name> =
                self.nodes.values().map(|n| n.trees[tree].root()).collect();
            roots.len() == 1
        })
    }
}

/// Row 11: a board without a clock battery is the root.
#[test]
fn a_root_whose_clock_is_behind_goes_above_what_it_said_before() {
    let mut world = World::ring(16);
    world.run(Duration::from_secs(100));
    let root = world.root(0);
    world.restart(root, 1);
    world.run(Duration::from_secs(2));
    assert_eq!(world.root(0), root);
    assert!(world.nodes[&root].trees[0].number() > 50_000);
    for _ in 0..40 {
        world.run(Duration::from_secs(5));
        assert!(world.is_whole(), "in pieces at {}", world.now);
    }
    world.check();
}

/// Row 11: nor does anybody else need a clock.
#[test]
fn a_node_whose_clock_is_behind_has_a_place_that_others_hang_from() {
    let mut world = World::new(4);
    (0..3).for_each(|at| world.link(at, at + 1));
    world.run(Duration::from_secs(100));
    for name in world.names.clone() {
        world.restart(name, 1);
        world.run(Duration::from_secs(100));
        world.check();
    }
}

/// OV-13: a word that a node did not sign does not have it run ahead of its numbers.
#[test]
fn a_word_that_is_not_its_own_moves_no_number() {
    let mut world = World::ring(12);
    let (liar, victim) = *world.links.first().expect("a link");
    let now = world.now;
    let node = world.nodes.get_mut(&victim).expect("a node");
    let before = node.number();
    let claim = Claim { root: victim, number: u64::MAX - 9, signature: [7; 64] };
    for hung in [None, Some((liar, 3))] {
        node.hear(liar, Said::Pulse(Pulse { tree: 0, claim, hung }));
        assert!(matches!(node.read(now), Some(Heard::Unsigned { .. })));
    }
    assert_eq!(node.number(), before);
}
