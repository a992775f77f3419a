//! `muses sim light`: one overlay, a row for each measure.

use std::collections::BTreeMap;

use crate::overlay::metric::Metric;
use crate::overlay::word::Letter;
use crate::sim::dice::dice;
use crate::sim::graph::Node;
use crate::sim::light::living::Living;
use crate::sim::light::pairs::{self, Walks, percentile};
use crate::sim::light::roots::Order;
use crate::sim::light::tree::Tree;
use crate::sim::light::world::{Plan, TREES_MAX, World};

use super::super::super::clock::Stopwatch;
use super::super::super::columns::Columns;
use super::super::super::disk::{self, Dot, Kind, rim};
use super::super::super::failure::{Failure, Wrong};
use super::super::super::programs::print;
use super::super::super::settings::Settings;

/// Most pairs: more take longer and say no more.
const PAIRS_MAX: u64 = 10_000_000;
/// Nodes that one machine holds.
const NODES_MAX: u64 = 4_000_000;
/// Most nodes of a picture: more make it large and show no more.
const DRAWN_MAX: usize = 1000;

/// Runs it.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let plan = plan(settings)?;
    let metric = metric(settings, plan.degree)?;
    let pairs = super::number(settings, "pairs", 1, PAIRS_MAX)?.unwrap_or(4000) as u32;
    let dead = settings.read("dead", super::percent)?.unwrap_or(0.0);
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
    if let Some(file) = super::draw(settings, || picture(&world, &living))? {
        rows.add("map", file);
    }
    print(&rows.0.text(""))
}

/// The first tree and all links, as many nodes of it as can be seen: those nearest to the root.
fn picture(world: &World, living: &Living) -> String {
    let (tree, graph) = (&world.trees[0], &world.graph);
    let (all, mut drawn) = (graph.nodes() as usize, tree.downwards());
    drawn.truncate(DRAWN_MAX);
    let at: BTreeMap<Node, usize> = (0..).zip(&drawn).map(|(at, node)| (*node, at)).collect();
    let words: Vec<&[Letter]> =
        drawn.iter().map(|node| tree.word(*node).unwrap_or_default()).collect();
    let dots: Vec<Dot> = rim::spread(&words)
        .into_iter()
        .zip(&drawn)
        .map(|(at, node)| dot(at, tree, living, *node))
        .collect();
    let pair = |a: Node, b: Node| Some((*at.get(&a)?, *at.get(&b)?));
    let edge = |node: &Node| pair(*node, tree.parent(*node)?);
    let edges: Vec<(usize, usize)> = drawn.iter().filter_map(edge).collect();
    let is_edge = |a, b| tree.parent(a) == Some(b) || tree.parent(b) == Some(a);
    let links = graph.all().filter(|(a, b)| !is_edge(*a, *b));
    let links: Vec<(usize, usize)> = links.filter_map(|(a, b)| pair(a, b)).collect();
    let title = match drawn.len() {
        some if some < all => format!("{some} of {all} nodes: those nearest to the root"),
        _ => format!("{all} nodes"),
    };
    disk::draw(&dots, &edges, &links, &title)
}

fn dot(at: disk::Point, tree: &Tree, living: &Living, node: Node) -> Dot {
    let kind = match living.has(node) {
        false => Kind::Away,
        true if node == tree.root() => Kind::Root,
        true => Kind::Node,
    };
    let (label, about) = (node.to_string(), format!("node {node}"));
    Dot { at, label, about, kind, is_own: false }
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

fn plan(settings: &Settings) -> Result<Plan, Wrong> {
    let order = [("hash", Order::Hash), ("best", Order::Best)];
    Ok(Plan {
        shape: super::shape(settings, NODES_MAX, 10_000, 2)?,
        degree: super::number(settings, "degree", 3, 256)?.unwrap_or(256) as u16,
        trees: super::number(settings, "trees", 1, TREES_MAX as u64)?.unwrap_or(3) as usize,
        order: super::choice(settings, "roots", &order)?.unwrap_or(Order::Hash),
        seed: super::seed(settings)?,
    })
}

fn metric(settings: &Settings, degree: u16) -> Result<Metric, Wrong> {
    let hyperbolic = super::choice(settings, "metric", &[("tree", false), ("hyperbolic", true)])?;
    Ok(if hyperbolic == Some(true) { Metric::hyperbolic(degree) } else { Metric::Tree })
}
