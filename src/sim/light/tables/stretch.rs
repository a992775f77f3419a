//! Intact overlays: how much longer than the shortest the ways are.

use super::super::living::Living;
use super::super::pairs::{Walks, walk};
use super::super::roots::Order;
use super::super::world::World;
use super::{INTERNET, TREES, ba, called, joiners, world};
use crate::overlay::metric::Metric;
use crate::sim::graph::shapes::{Kind, Shape};
use crate::sim::table::{Effort, Table};

const PAIRS: u32 = 4000;
/// Graphs drawn for each row, because one alone is off by some hundredths.
const DRAWS: u64 = 5;

/// What is measured of one overlay, its graph drawn several times.
struct Column {
    walks: Walks,
    extra: usize,
}

fn measure(
    effort: Effort,
    (shape, degree, trees): (Shape, u16, usize),
    order: Order,
    is_hyperbolic: bool,
) -> Column {
    let mut column = Column { walks: Walks::default(), extra: 0 };
    let metric = if is_hyperbolic { Metric::hyperbolic(degree) } else { Metric::Tree };
    let draws = effort.draws(DRAWS);
    for draw in 0..draws {
        let effort = Effort { seed: effort.seed + draw, ..effort };
        let world: World = world(effort, shape, degree, trees, order);
        let living = Living::all(world.graph.nodes());
        let (pairs, seed) = (effort.pairs(PAIRS), effort.seed);
        column.walks.add(walk(&world.graph, &world.trees, &living, &metric, pairs, seed));
        column.extra += world.extra;
    }
    column.extra /= draws as usize;
    column
}

/// Goals by degree: classic, and one tree by the tree metric.
const GOALS: [(u16, &str, &str, &str); 5] = [
    (4, "2.39", "2.32", "-"),
    (8, "1.91", "1.83", "-"),
    (16, "1.66", "1.58", "-"),
    (32, "1.46", "1.39", "-"),
    (256, "1.22", "1.18", "1.07"),
];

/// BA with ten thousand nodes, by degree.
pub fn degree(effort: Effort) -> Table {
    let mut table = Table::new(
        "Stretch (hops over shortest hops, mean) on BA 10⁴, m=2, intact; five graphs of 4,000 \
         pairs each; delivered: the least of all columns. *best*: the nodes with most links are \
         roots; *hash*: random ones are, as in an overlay without a list of candidates. In \
         brackets the figure to reproduce or the goal.",
        [
            "q",
            "classic (goal)",
            "1 tree, best (goal)",
            "4 trees, best (goal)",
            "1 tree, hash",
            "4 trees, hash",
            "links by redirection, 1 tree / 4",
            "delivered",
        ],
    );
    for (q, classic, one, four) in GOALS {
        let shape = ba(10_000, 2);
        let of =
            |trees, order, is_hyperbolic| measure(effort, (shape, q, trees), order, is_hyperbolic);
        let columns = [
            of(1, Order::Best, true),
            of(1, Order::Best, false),
            of(TREES, Order::Best, false),
            of(1, Order::Hash, false),
            of(TREES, Order::Hash, false),
        ];
        let stretch = |at: usize| format!("{:.3}", columns[at].walks.stretch());
        table.row([
            q.to_string(),
            format!("{} ({classic})", stretch(0)),
            format!("{} ({one})", stretch(1)),
            format!("{} ({four})", stretch(2)),
            stretch(3),
            stretch(4),
            format!("{} / {}", columns[1].extra, columns[2].extra),
            least_delivered(&columns),
        ]);
    }
    table
}

fn least_delivered(columns: &[Column]) -> String {
    let least = columns.iter().map(|column| column.walks.delivered()).fold(100.0, f64::min);
    format!("{least:.2} %")
}

/// Other graphs.
pub fn graphs(effort: Effort) -> Table {
    let grid = Shape { kind: Kind::Grid, nodes: 45 * 45, links: 0 };
    let rows = [
        (ba(1000, 2), 16, "1.40 / 1.34 / 1.11"),
        (ba(10_000, 3), 16, "1.66 / 1.54 / -"),
        (INTERNET, 16, "1.27 / 1.22 / 1.10"),
        (INTERNET, 256, "1.14 / 1.11 / ≤ 1.04"),
        (joiners(10_000, 1), 16, "1.00 / 1.00 / -"),
        (joiners(10_000, 2), 16, "1.39 / 1.34 / -"),
        (joiners(10_000, 2), 256, "- / - / -"),
        (joiners(10_000, 4), 16, "1.54 / 1.48 / 1.27"),
        (grid, 4, "1.89 / 1.76 / -"),
    ];
    let mut table = Table::new(
        "Hops, and stretch in brackets, roots with most links, intact; five graphs of 4,000 \
         pairs each. *Study*: stretch of the three columns there.",
        ["graph", "q", "classic", "1 tree", "4 trees", "shortest", "study", "delivered"],
    );
    for (shape, q, study) in rows {
        let of = |trees, hyperbolic| measure(effort, (shape, q, trees), Order::Best, hyperbolic);
        let columns = [of(1, true), of(1, false), of(TREES, false)];
        let cell = |at: usize| {
            let walks = &columns[at].walks;
            format!("{:.2} ({:.3})", walks.mean_hops(), walks.stretch())
        };
        table.row([
            called(shape),
            q.to_string(),
            cell(0),
            cell(1),
            cell(2),
            format!("{:.2}", columns[1].walks.mean_shortest()),
            study.to_owned(),
            least_delivered(&columns),
        ]);
    }
    table
}

/// By the number of trees.
pub fn trees(effort: Effort) -> Table {
    let mut table = Table::new(
        "Stretch by the number of trees, tree metric, q=256, intact; roots with most links, and \
         in brackets random ones; five graphs of 4,000 pairs each.",
        ["graph", "1", "2", "3", "4", "8"],
    );
    for shape in [ba(10_000, 2), INTERNET, joiners(10_000, 2), joiners(10_000, 4)] {
        let cell = |trees: usize| {
            let of = |order| measure(effort, (shape, 256, trees), order, false).walks.stretch();
            format!("{:.3} ({:.3})", of(Order::Best), of(Order::Hash))
        };
        table.row([called(shape), cell(1), cell(2), cell(3), cell(4), cell(8)]);
    }
    table
}
