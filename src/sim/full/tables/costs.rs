//! What happens to an overlay, and what it costs.

use std::time::Duration;

use super::{joiners, median_and_worst};
use crate::crypto::rng::Rng;
use crate::sim::dice::{below, dice};
use crate::sim::full::life::{PATIENCE, START};
use crate::sim::full::observer::{moved, places, settle};
use crate::sim::full::tally::Tally;
use crate::sim::full::town::{anyone, found, start_all};
use crate::sim::full::world::{Death, Plan, World};
use crate::sim::graph::Node;
use crate::sim::table::{Effort, Table};

/// Links of a node that joins.
const LINKS: usize = 3;
/// The halves stay apart for this long after they have settled.
const DIVIDED: Duration = Duration::from_secs(120);

/// What several events of one kind came to.
#[derive(Default)]
struct Sum {
    events: u32,
    times: Vec<Option<Duration>>,
    said: Tally,
    some: Vec<u32>,
    all: u32,
}

/// Time, messages, bytes and addresses.
pub fn costs(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation: one overlay of a thousand nodes with three links each, 5 to 50 ms \
         apart, three trees, in which one thing after the other happens. *Settled*: from the \
         event until every tree has one root on each side and all words fit together again, \
         median / worst. Messages and bytes are all that all nodes said until two seconds after \
         that, the mean of one event, pulses that fell into that time included. *Readdressed*: \
         other nodes that had another place afterwards in some tree, mean / worst, and in \
         brackets in all of them, mean.",
        ["event", "times", "settled after, s", "messages", "bytes", "readdressed"],
    );
    let mut rng = dice(effort.seed, "costs");
    let nodes = effort.nodes(1000).max(20);
    let mut world = found(Plan { seed: effort.seed, ..Plan::default() }, joiners(nodes));
    start_all(&mut world, START, &mut rng);
    settle(&mut world, PATIENCE);
    let many = effort.draws(20);
    let mut watch = |what, times, event: &mut dyn FnMut(&mut World)| {
        let mut sum = Sum::default();
        (0..times).for_each(|_| sum.watch(&mut world, &mut *event));
        table.row(sum.cells(what));
    };
    watch("a node joins", many, &mut |world| join(world, &mut rng));
    watch("a node leaves", many, &mut |world| world.stop(commoner(world, &mut rng)));
    for (what, death) in
        [("a node is killed", Death::Killed), ("a node falls silent", Death::Silent)]
    {
        watch(what, many, &mut |world| world.kill(commoner(world, &mut rng), death));
    }
    let mut trees = (0..3).cycle();
    watch("a root is killed", effort.draws(9), &mut |world| {
        if let Some(root) = trees.next().and_then(|tree| root(world, tree)) {
            world.kill(root, Death::Killed);
        }
    });
    watch("two halves are divided", 1, &mut |world| world.divide(|node| node % 2 == 0));
    world.run(DIVIDED);
    let mut sum = Sum::default();
    sum.watch(&mut world, World::unite);
    table.row(sum.cells("they meet again"));
    table
}

impl Sum {
    /// Lets something happen and waits until all has settled.
    fn watch(&mut self, world: &mut World, event: impl FnOnce(&mut World)) {
        let (before, said) = (places(world), world.tally);
        event(world);
        let took = settle(world, PATIENCE);
        self.events += 1;
        self.times.push(took);
        self.said += world.tally - said;
        let (some, all) = moved(&before, &places(world));
        self.some.push(some);
        self.all += all;
    }

    fn cells(self, what: &str) -> [String; 6] {
        let each = |count: u64| count as f64 / f64::from(self.events.max(1));
        let worst = self.some.iter().copied().max().unwrap_or(0);
        let some = each(self.some.iter().copied().map(u64::from).sum());
        let all = each(u64::from(self.all));
        [
            what.to_owned(),
            self.events.to_string(),
            median_and_worst(self.times),
            format!("{:.0}", each(self.said.messages())),
            format!("{:.0}", each(self.said.bytes())),
            format!("{some:.1} / {worst} ({all:.2})"),
        ]
    }
}

fn join(world: &mut World, rng: &mut Rng) {
    let peers: Vec<Node> = (0..LINKS).map(|_| anyone(world, rng)).collect();
    let node = world.settle(&peers);
    world.start(node);
}

/// The root of a tree.
fn root(world: &World, tree: usize) -> Option<Node> {
    let is_root =
        |node: &Node| world.overlay(*node).is_some_and(|o| o.forest.trees()[tree].is_root());
    (0..world.nodes()).find(is_root)
}

/// Anyone but a root.
fn commoner(world: &World, rng: &mut Rng) -> Node {
    let living: Vec<Node> = (0..world.nodes()).filter(|node| world.is_alive(*node)).collect();
    let is_root = |node: Node| (0..3).any(|tree| root(world, tree) == Some(node));
    loop {
        let node = living[below(rng, living.len())];
        if !is_root(node) {
            return node;
        }
    }
}
