//! `muses sim light`: one overlay, a row for each measure.

use crate::overlay::metric::Metric;
use crate::sim::light::dice::dice;
use crate::sim::light::graph::Node;
use crate::sim::light::living::Living;
use crate::sim::light::pairs::{self, Walks, percentile};
use crate::sim::light::tree::Tree;
use crate::sim::light::world::{Plan, World};

use super::super::super::clock::Stopwatch;
use super::super::super::columns::Columns;
use super::super::super::failure::{Failure, Wrong};
use super::super::super::programs::print;
use super::super::super::settings::Settings;

/// Most pairs: more take longer and say no more.
const PAIRS_MAX: u64 = 10_000_000;

/// Runs it.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let plan = super::plan(settings)?;
    let metric = super::metric(settings, plan.degree)?;
    let pairs = super::number(settings, "pairs", 1, PAIRS_MAX)?.unwrap_or(4000) as u32;
    let dead = settings.read("dead", percent)?.unwrap_or(0.0);
    let clock = Stopwatch::start();
    let world = World::new(&plan);
    let built = clock.elapsed().as_secs_f64();
    let roots: Vec<Node> = world.trees.iter().map(Tree::root).collect();
    let spared: &[Node] = if settings.count("spare-roots") > 0 { &roots } else { &[] };
    let nodes = world.graph.nodes();
    let living = Living::but(nodes, dead, spared, &mut dice(plan.seed, "dead"));
    let walks = pairs::walk(&world.graph, &world.trees, &living, &metric, pairs, plan.seed);
    let mut rows = Rows(Columns::new(["MEASURE", "VALUE"]));
    rows.overlay(&plan, &world, &metric);
    rows.walks(&walks, nodes - living.count());
    rows.add("seconds to build", format!("{built:.1}"));
    rows.add("seconds in all", format!("{:.1}", clock.elapsed().as_secs_f64()));
    print(&rows.0.text(""))
}

struct Rows(Columns);

impl Rows {
    fn add(&mut self, measure: &str, value: String) {
        self.0.row([measure.to_owned(), value]);
    }

    fn overlay(&mut self, plan: &Plan, world: &World, metric: &Metric) {
        let nodes = world.graph.nodes();
        let (mean, most) = world.depth();
        let by = if *metric == Metric::Tree { "tree" } else { "hyperbolic" };
        self.add("graph", format!("{}, seed {}", plan.shape.kind.word(), plan.seed));
        self.add("nodes", nodes.to_string());
        self.add(
            "links",
            format!("{}, of them {} by redirection", world.graph.links(), world.extra),
        );
        self.add("trees", format!("{} of degree {}, {by} metric", world.trees.len(), world.degree));
        self.add("depth", format!("{mean:.2} mean, {most} most"));
        self.add("memory", format!("{:.1} bytes a node", world.bytes() as f64 / f64::from(nodes)));
    }

    fn walks(&mut self, walks: &Walks, dead: u32) {
        let p95 = percentile(&walks.stretches, 95);
        let hops = (walks.mean_hops(), percentile(&walks.hops, 95), percentile(&walks.hops, 100));
        self.add("dead before any repair", dead.to_string());
        self.add("pairs joined by living links", walks.pairs.to_string());
        self.add("delivered", format!("{:.2} %", walks.delivered()));
        self.add("hops", format!("{:.2} mean, {} p95, {} most", hops.0, hops.1, hops.2));
        self.add("shortest hops", format!("{:.2} mean", walks.mean_shortest()));
        self.add("stretch", format!("{:.3} mean, {p95:.2} p95", walks.stretch()));
    }
}

/// A share of a hundred, fractions of one included.
fn percent(text: &str) -> Result<f64, Wrong> {
    let number = text.parse().ok().filter(|number| (0.0..=90.0).contains(number));
    number.ok_or_else(|| {
        Wrong::new(format!("'{text}' is no share of the nodes"), "write a number from 0 to 90")
    })
}
