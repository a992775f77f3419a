//! What one death does to the addresses of the living.

use super::super::churn::{Loss, bereft, loss};
use super::super::family::Family;
use super::super::living::Living;
use super::super::rebase::mend;
use super::super::roots::{Order, root};
use super::super::tree::Tree;
use super::super::world::World;
use super::{INTERNET, TREES, ba, called, joiners, world};
use crate::sim::dice::dice;
use crate::sim::graph::Node;
use crate::sim::table::{Effort, Table};

/// Random deaths that are carried out, besides those near the root.
const DEATHS: u32 = 200;
/// Graphs of each row.
const DRAWS: u64 = 5;

/// One row: which nodes die, and of whom it counts what.
struct Count {
    who: &'static str,
    nodes: Vec<Node>,
    loss: Loss,
    without: Loss,
    classic: Loss,
    parts: f64,
    stranded: f64,
}

/// Addresses lost.
pub fn lost(effort: Effort) -> Table {
    let mut table = Table::new(
        "Other nodes that are hit when one node dies, mean / worst, over all nodes of five graphs \
         that could die: any but a root, the children of the first tree's root, and that root. \
         *No address left*: classic has one tree, so whoever is below the dead node; ours only who \
         is below it in all four trees. *Changed*: words of the first of our trees that are others \
         after its repair by rebase, and *parts* the pieces hung up again, one message for each \
         edge in them; carried out for 200 random deaths and all those near the root. *Stranded*: \
         nodes of which no link leads back, mean. Goal: sessions unaffected; study: classic 2 to 5 \
         mean, 130 to 335 worst of 1,000.",
        [
            "graph",
            "q",
            "who dies",
            "classic: no address left",
            "ours: no address left",
            "ours: changed in one tree",
            "parts, mean",
            "stranded",
        ],
    );
    let shapes =
        [(ba(1000, 2), 16), (joiners(1000, 2), 16), (joiners(1000, 4), 16), (INTERNET, 256)];
    for (shape, degree) in shapes {
        let mut counts: Vec<Vec<Count>> = Vec::new();
        for draw in 0..effort.draws(DRAWS) {
            let effort = Effort { seed: effort.seed + draw, ..effort };
            let world = world(effort, shape, degree, TREES, Order::Best);
            counts.push(count(&world, effort.seed));
        }
        for row in 0..counts[0].len() {
            let all: Vec<&Count> = counts.iter().map(|counts| &counts[row]).collect();
            let mean = |of: fn(&Count) -> f64| {
                all.iter().map(|count| of(count)).sum::<f64>() / all.len() as f64
            };
            let cell = |of: fn(&Count) -> Loss| {
                let losses = all.iter().map(|count| of(count));
                let worst = losses.clone().map(|loss| loss.worst).max().unwrap_or(0);
                let mean = losses.map(|loss| loss.mean).sum::<f64>() / all.len() as f64;
                format!("{mean:.2} / {worst}")
            };
            table.row([
                called(shape),
                degree.to_string(),
                all[0].who.to_owned(),
                cell(|count| count.classic),
                cell(|count| count.without),
                cell(|count| count.loss),
                format!("{:.1}", mean(|count| count.parts)),
                format!("{:.2}", mean(|count| count.stranded)),
            ]);
        }
    }
    table
}

/// The three rows of one overlay.
fn count(world: &World, seed: u64) -> Vec<Count> {
    let nodes = world.graph.nodes();
    let first = &world.trees[0];
    let roots: Vec<Node> = world.trees.iter().map(Tree::root).collect();
    let any: Vec<Node> = (0..nodes).filter(|node| !roots.contains(node)).collect();
    let near: Vec<Node> = any.iter().copied().filter(|node| first.depth(*node) == 1).collect();
    let mut rng = dice(seed, "deaths");
    let all = Living::all(nodes);
    let drawn = (0..2 * DEATHS).map(|_| all.draw(&mut rng)).filter(|node| !roots.contains(node));
    let drawn: Vec<Node> = drawn.take(DEATHS as usize).collect();
    let (family, without) = (Family::new(first), bereft(&world.trees));
    let row = |who, nodes: Vec<Node>, tried: &[Node]| {
        let mut count = tried_out(world, seed, tried);
        let of = |counts: &dyn Fn(Node) -> u32| {
            let counts: Vec<u32> = nodes.iter().map(|node| counts(*node)).collect();
            loss(counts.into_iter())
        };
        count.classic = of(&|node| family.size(node) - 1);
        count.without = of(&|node| without[node as usize]);
        (count.who, count.nodes) = (who, nodes);
        count
    };
    vec![
        row("any but a root", any, &drawn),
        row("child of the root", near.clone(), &near),
        row("the root", vec![first.root()], &[first.root()]),
    ]
}

/// Carries deaths out, each alone, and heals the first tree.
fn tried_out(world: &World, seed: u64, deaths: &[Node]) -> Count {
    let (mut changed, mut parts, mut stranded) = (Vec::new(), 0, 0);
    for node in deaths {
        let mut living = Living::all(world.graph.nodes());
        living.kill(*node);
        let next = root(&world.graph, &living, Order::Best, 0, seed);
        let mended = mend(&world.graph, &living, world.degree, &world.trees[0], next);
        changed.push(mended.changed);
        parts += mended.parts;
        stranded += mended.stranded;
    }
    let mean = |sum: u32| f64::from(sum) / deaths.len().max(1) as f64;
    Count {
        who: "",
        nodes: Vec::new(),
        loss: loss(changed.into_iter()),
        without: Loss::default(),
        classic: Loss::default(),
        parts: mean(parts),
        stranded: mean(stranded),
    }
}
