//! Overlays in which nodes have died: before anybody repaired anything, and after.

use super::super::grow::regrow;
use super::super::living::Living;
use super::super::pairs::{Walks, walk};
use super::super::rebase::mend;
use super::super::roots::{Order, root};
use super::super::tree::Tree;
use super::super::world::World;
use super::{INTERNET, TREES, ba, called, joiners, world};
use crate::overlay::metric::Metric;
use crate::sim::dice::dice;
use crate::sim::graph::Node;
use crate::sim::graph::shapes::Shape;
use crate::sim::table::{Effort, Table};

/// Pairs of each draw.
const PAIRS: u32 = 1000;
/// Graphs and deaths drawn for each cell: who is near a root decides much of one draw.
const DRAWS: u64 = 20;
const DEGREE: u16 = 64;

/// The graphs that the study killed nodes of.
const SHAPES: [Shape; 4] = [ba(1000, 2), INTERNET, joiners(1000, 2), joiners(1000, 4)];

/// What dies, and what is routed by.
#[derive(Clone, Copy)]
struct Case {
    shape: Shape,
    percent: f64,
    trees: usize,
    is_classic: bool,
    spares_roots: bool,
}

/// All draws of a case together.
fn draws(effort: Effort, case: Case) -> Walks {
    let mut walks = Walks::default();
    for draw in 0..effort.draws(DRAWS) {
        let effort = Effort { seed: effort.seed + draw, ..effort };
        let world = world(effort, case.shape, DEGREE, case.trees, Order::Best);
        let roots: Vec<Node> = world.trees.iter().map(Tree::root).collect();
        let spared: &[Node] = if case.spares_roots { &roots } else { &[] };
        let mut rng = dice(effort.seed, "dead");
        let living = Living::but(world.graph.nodes(), case.percent, spared, &mut rng);
        let metric = if case.is_classic { Metric::hyperbolic(DEGREE) } else { Metric::Tree };
        let (pairs, seed) = (effort.pairs(PAIRS), effort.seed);
        walks.add(walk(&world.graph, &world.trees, &living, &metric, pairs, seed));
    }
    walks
}

fn cell(walks: &Walks) -> String {
    format!("{:.1} / {:.2}", walks.delivered(), walks.stretch())
}

/// Nodes die, everybody's addresses are stale.
pub fn dead(effort: Effort) -> Table {
    let mut table = Table::new(
        "Delivered % / stretch among the pairs that living links still join, right after this \
         share of the nodes died, nothing repaired; q=64, roots with most links; twenty draws of \
         graph and deaths, 1,000 pairs each. Roots die like all others, but for the last column, \
         which is the study's setting. Goal at 5 %: ≥ 97.5 with 4 trees; study, roots spared: \
         classic 72 to 95, 4 trees 97.9 to 99.6.",
        [
            "graph",
            "dead",
            "classic",
            "1 tree",
            "2 trees",
            "3 trees",
            "4 trees",
            "8 trees",
            "4 trees, roots spared",
        ],
    );
    for shape in SHAPES {
        for percent in [2.0, 5.0, 10.0, 20.0] {
            let case = |trees| {
                let (is_classic, spares_roots) = (false, false);
                Case { shape, percent, trees, is_classic, spares_roots }
            };
            let ours = |trees| cell(&draws(effort, case(trees)));
            table.row([
                called(shape),
                format!("{percent} %"),
                cell(&draws(effort, Case { is_classic: true, ..case(1) })),
                ours(1),
                ours(2),
                ours(3),
                ours(4),
                ours(8),
                cell(&draws(effort, Case { spares_roots: true, ..case(4) })),
            ]);
        }
    }
    table
}

/// The share that is dead and not yet noticed where half of all sessions last five minutes and a
/// death is mended after three seconds: `ln 2 / 300 s * 3 s`.
const STALE: f64 = 100.0 * std::f64::consts::LN_2 / 300.0 * 3.0;

/// Five-minute sessions.
pub fn sessions(effort: Effort) -> Table {
    let mut table = Table::new(
        "Delivered % without any retransmission where the median session is five minutes and a \
         death is repaired after 3 s, so that 0.69 % of the nodes are dead and not yet known to \
         be; as in the table before. Goal: classic about 98, ours ≥ 99.8.",
        ["graph", "classic", "1 tree", "3 trees", "4 trees", "8 trees", "4 trees, roots spared"],
    );
    for shape in SHAPES {
        let case = Case { shape, percent: STALE, trees: 1, is_classic: false, spares_roots: false };
        let cell = |case| format!("{:.2}", draws(effort, case).delivered());
        table.row([
            called(shape),
            cell(Case { is_classic: true, ..case }),
            cell(case),
            cell(Case { trees: 3, ..case }),
            cell(Case { trees: 4, ..case }),
            cell(Case { trees: 8, ..case }),
            cell(Case { trees: 4, spares_roots: true, ..case }),
        ]);
    }
    table
}

/// The trees after every death was seen, by flush or by rebase.
pub(super) fn healed(
    world: &World,
    living: &Living,
    order: Order,
    seed: u64,
    is_flush: bool,
) -> (Vec<Tree>, Vec<(Node, Node)>, u32) {
    let (mut trees, mut extra, mut stranded) = (Vec::new(), Vec::new(), 0);
    for (number, tree) in world.trees.iter().enumerate() {
        let next = root(&world.graph, living, order, number, seed);
        if is_flush {
            let grown = regrow(&world.graph, living, world.degree, tree, next);
            extra.extend(grown.extra);
            trees.push(grown.tree);
        } else {
            let mended = mend(&world.graph, living, world.degree, tree, next);
            extra.extend(mended.extra);
            stranded += mended.stranded;
            trees.push(mended.tree);
        }
    }
    (trees, extra, stranded)
}

/// After repair.
pub fn repair(effort: Effort) -> Table {
    let mut table = Table::new(
        "The same deaths after repair, roots included: delivered % / stretch. Classic flushes and \
         asks for new addresses; ours rebases every part that was cut off. *Stranded*: addresses \
         of ours, per 1,000 living nodes and tree, that no link can mend because none leads out \
         (those nodes must dial a remembered neighbour); twenty draws, 1,000 pairs each.",
        ["graph", "dead", "classic", "4 trees", "stranded"],
    );
    for shape in SHAPES {
        for percent in [5.0, 20.0] {
            let (classic, _) = after(effort, shape, percent, true);
            let (ours, stranded) = after(effort, shape, percent, false);
            table.row([
                called(shape),
                format!("{percent} %"),
                cell(&classic),
                cell(&ours),
                format!("{stranded:.1}"),
            ]);
        }
    }
    table
}

fn after(effort: Effort, shape: Shape, percent: f64, is_classic: bool) -> (Walks, f64) {
    let (mut walks, mut stranded, mut places) = (Walks::default(), 0, 0);
    for draw in 0..effort.draws(DRAWS) {
        let effort = Effort { seed: effort.seed + draw, ..effort };
        let trees = if is_classic { 1 } else { TREES };
        let world = world(effort, shape, DEGREE, trees, Order::Best);
        let nodes = world.graph.nodes();
        let living = Living::but(nodes, percent, &[], &mut dice(effort.seed, "dead"));
        let (trees, extra, lost) = healed(&world, &living, Order::Best, effort.seed, is_classic);
        let metric = if is_classic { Metric::hyperbolic(DEGREE) } else { Metric::Tree };
        let (graph, pairs) = (world.graph.with(&extra), effort.pairs(PAIRS));
        walks.add(walk(&graph, &trees, &living, &metric, pairs, effort.seed));
        stranded += lost;
        places += living.count() * trees.len() as u32;
    }
    (walks, 1000.0 * f64::from(stranded) / f64::from(places))
}
