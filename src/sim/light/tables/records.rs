//! Records: how even they lie, who finds them after deaths, how far a lookup goes.

use super::super::dht::angle::{Angle, SUBKEYS};
use super::super::dht::load::{self, Load};
use super::super::dht::lookup::{Field, is_found};
use super::super::dht::spread::{Draw, Spread};
use super::super::dht::{Key, Owners};
use super::super::living::Living;
use super::super::pairs::percentile;
use super::super::roots::Order;
use super::super::walk::Walk;
use super::super::world::World;
use super::dead::healed;
use super::{TREES, ba, called, joiners, world};
use crate::overlay::metric::Metric;
use crate::sim::dice::dice;
use crate::sim::graph::shapes::Shape;
use crate::sim::table::{Effort, Table};

/// Copies of ours.
const REPLICAS: usize = 8;
const KEYS: u32 = 30_000;
/// Overlays and deaths drawn for each row …
const DRAWS: u64 = 20;
/// … and keys looked up in each.
const LOOKUPS: u32 = 200;

const CASES: [(Shape, u16); 5] = [
    (ba(1000, 2), 16),
    (ba(1000, 2), 4),
    (joiners(1000, 2), 16),
    (joiners(1000, 2), 4),
    (joiners(1000, 2), 256),
];

/// How even they lie.
pub fn load(effort: Effort) -> Table {
    let mut table = Table::new(
        "30,000 keys, one overlay a row, roots with most links: load of the fullest node over the \
         mean / share of the fullest hundredth of the nodes / nodes without a record. Goal: \
         classic 54 to 167, ours ≤ 2. One copy of ours has a mean of 30 records a node (600 where \
         there are 50 nodes), so that chance alone makes 1.6 of it.",
        ["graph", "q", "classic, 1 copy", "classic, 16 copies", "ours, 1 copy", "ours, 8 copies"],
    );
    let small = (joiners(50, 2), 16);
    for (shape, degree) in CASES.into_iter().chain([small]) {
        let world = world(effort, shape, degree, TREES, Order::Best);
        let nodes = world.graph.nodes();
        let cell =
            |load: Load| format!("{:.1} / {:.1} % / {:.1} %", load.greatest, load.top, load.empty);
        let angle = |copies| {
            let angle = Angle::new(&world.trees[0], degree, copies, 0);
            cell(load::load(&angle, nodes, effort.pairs(KEYS), effort.seed))
        };
        let ours = |copies| {
            let spread = Spread::new(&world.trees, copies, Draw::Place);
            cell(load::load(&spread, nodes, effort.pairs(KEYS), effort.seed))
        };
        table.row([
            called(shape),
            degree.to_string(),
            angle(1),
            angle(SUBKEYS),
            ours(1),
            ours(REPLICAS),
        ]);
    }
    table
}

/// Lookups that found their record, of how many: before repair, after it, and after hand-over.
#[derive(Clone, Copy, Default)]
struct Found {
    keys: u32,
    before: u32,
    after: u32,
    lives: u32,
}

impl Found {
    fn cell(self) -> String {
        let share = |count: u32| 100.0 * f64::from(count) / f64::from(self.keys.max(1));
        let (before, after) = (share(self.before), share(self.after));
        format!("{before:.1} / {after:.1} / {:.2}", share(self.lives))
    }
}

/// Who finds them after deaths.
pub fn found(effort: Effort) -> Table {
    let mut table = Table::new(
        "Records found %, right after these deaths and before any repair / after repair of the \
         trees, but before any record was refreshed or handed over / once those who still keep a \
         copy have handed it to where it belongs now, which is all that a living copy needs. Roots \
         die like all others; twenty draws, 200 keys each. Radial: the binder's ancestors too, \
         half of log N / log q, rounded up. *Drawn by Name*: the rendezvous takes its numbers from \
         the Names of the children and not from place and letter, for comparison. Goal: classic, \
         one copy, 51 to 88 at 10 % and 7 to 87 at 30 %; ours ≥ 99.9 and ≥ 99.5.",
        [
            "graph",
            "q",
            "dead",
            "classic, 1 copy",
            "classic, 1 copy and radial",
            "ours, 8 copies",
            "ours, drawn by Name",
        ],
    );
    for (shape, degree) in CASES {
        for percent in [10.0, 30.0] {
            let mut sums = [Found::default(); 4];
            for draw in 0..effort.draws(DRAWS) {
                let effort = Effort { seed: effort.seed + draw, ..effort };
                let world = world(effort, shape, degree, TREES, Order::Best);
                find(&world, effort, percent, &mut sums);
            }
            let [classic, radial, ours, named] = sums.map(Found::cell);
            table.row([
                called(shape),
                degree.to_string(),
                format!("{percent} %"),
                classic,
                radial,
                ours,
                named,
            ]);
        }
    }
    table
}

fn find(world: &World, effort: Effort, percent: f64, sums: &mut [Found; 4]) {
    let (nodes, degree, seed) = (world.graph.nodes(), world.degree, effort.seed);
    let living = Living::but(nodes, percent, &[], &mut dice(seed, "dead"));
    let one = World { trees: world.trees[..1].to_vec(), ..world.clone() };
    let (flushed, _, _) = healed(&one, &living, Order::Best, seed, true);
    let (rebased, _, _) = healed(world, &living, Order::Best, seed, false);
    let radial = Angle::ancestors(nodes, degree);
    let angles = [0, radial].map(|radial| {
        let of = |tree| Angle::new(tree, degree, 1, radial);
        (of(&world.trees[0]), of(&flushed[0]))
    });
    let spreads = [Draw::Place, Draw::Name].map(|draw| {
        let of = |trees| Spread::new(trees, REPLICAS, draw);
        (of(&world.trees), of(&rebased))
    });
    let hyperbolic = Metric::hyperbolic(degree);
    let field =
        Field { graph: &world.graph, trees: &world.trees, living: &living, metric: &Metric::Tree };
    let classic = Field { trees: &one.trees, metric: &hyperbolic, ..field };
    let mut rng = dice(seed, "keys");
    for _ in 0..effort.pairs(LOOKUPS) {
        let (key, from): (Key, _) = (rng.array(), living.draw(&mut rng));
        for ((old, new), sum) in angles.iter().zip(&mut *sums) {
            let holders = old.holders(&key);
            let end = classic.by_angle(old, &key, 0, from).end;
            let now = new.holders(&key);
            let is_with = |node| living.has(node) && holders.contains(&node);
            sum.keys += 1;
            sum.before += u32::from(is_with(end));
            sum.after += u32::from(now.into_iter().any(is_with));
            sum.lives += u32::from(holders.iter().any(|node| living.has(*node)));
        }
        for ((old, new), sum) in spreads.iter().zip(&mut sums[2..]) {
            let holders = old.holders(&key);
            let reached = |copy| field.by_descent(old, &key, copy, from);
            sum.keys += 1;
            sum.before += u32::from((0..REPLICAS).any(|copy| reached(copy).is_some()));
            sum.after += u32::from(is_found(&holders, &living, new, &key));
            sum.lives += u32::from(holders.iter().any(|node| living.has(*node)));
        }
    }
}

/// How far a lookup goes.
pub fn lookups(effort: Effort) -> Table {
    let mut table = Table::new(
        "Hops from a random node to the owner of a random key, mean / 95th percentile / most; \
         intact, roots with most links, 4,000 lookups. Classic goes greedily to the key's word; \
         ours greedily to the root of the copy's tree and down by tree edges. *Nearest of three*: \
         three copies are asked at once, the first answer counts. Goal: classic 4.1 to 4.6 mean \
         at q=16; ours p95 ≤ 8.",
        ["graph", "q", "classic", "ours, one copy", "ours, nearest of three"],
    );
    for (shape, degree) in CASES.into_iter().chain([(ba(10_000, 2), 256)]) {
        let world = world(effort, shape, degree, TREES, Order::Best);
        let [classic, one, three] = hops(&world, effort);
        table.row([called(shape), degree.to_string(), cell(classic), cell(one), cell(three)]);
    }
    table
}

fn hops(world: &World, effort: Effort) -> [Vec<u32>; 3] {
    let living = Living::all(world.graph.nodes());
    let angle = Angle::new(&world.trees[0], world.degree, 1, 0);
    let spread = Spread::new(&world.trees, REPLICAS, Draw::Place);
    let (graph, trees) = (&world.graph, &world.trees[..]);
    let field = Field { graph, trees, living: &living, metric: &Metric::Tree };
    let hyperbolic = Metric::hyperbolic(world.degree);
    let classic = Field { trees: &trees[..1], metric: &hyperbolic, ..field };
    let mut rng = dice(effort.seed, "lookups");
    let mut hops = [const { Vec::new() }; 3];
    for at in 0..effort.pairs(4000) as usize {
        let (key, from): (Key, _) = (rng.array(), living.draw(&mut rng));
        let ours = |copy: usize| field.by_descent(&spread, &key, copy % REPLICAS, from);
        let ours = |copy: usize| ours(copy).map_or(u32::MAX, |walk: Walk| walk.hops);
        hops[0].push(classic.by_angle(&angle, &key, 0, from).hops);
        hops[1].push(ours(at));
        hops[2].push((at..at + 3).map(ours).min().unwrap_or(0));
    }
    hops
}

fn cell(mut hops: Vec<u32>) -> String {
    hops.sort_unstable();
    let mean = hops.iter().map(|hops| f64::from(*hops)).sum::<f64>() / hops.len() as f64;
    format!("{mean:.2} / {} / {}", percentile(&hops, 95), percentile(&hops, 100))
}
