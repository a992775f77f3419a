//! From nothing to an overlay.

use super::{joiners, seconds};
use crate::sim::dice::dice;
use crate::sim::full::life::{PATIENCE, START};
use crate::sim::full::observer::settle;
use crate::sim::full::town::{found, start_all};
use crate::sim::full::world::Plan;
use crate::sim::table::{Effort, Table};

/// How long it takes and what it costs until all trees stand.
pub fn forming(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation: nodes with three links each, 5 to 50 ms apart, three trees, all \
         started within one second and knowing nothing but whom to dial. *Settled*: every \
         tree has one root and all words fit together, counted from the last start. Messages \
         and bytes are those between nodes, by node, until then.",
        ["nodes", "settled after, s", "messages", "bytes", "deepest place"],
    );
    for nodes in [100, 300, 1000] {
        let nodes = effort.nodes(nodes).max(20);
        let mut world = found(Plan { seed: effort.seed, ..Plan::default() }, joiners(nodes));
        start_all(&mut world, START, &mut dice(effort.seed, "starts"));
        let took = settle(&mut world, PATIENCE);
        let each = |count: u64| format!("{:.0}", count as f64 / f64::from(nodes));
        let depth = (0..nodes).filter_map(|node| Some(world.overlay(node)?.places()));
        let depth = depth.flatten().map(|(_, word)| word.len()).max().unwrap_or(0);
        table.row([
            nodes.to_string(),
            took.map_or("never".to_owned(), seconds),
            each(world.tally.messages()),
            each(world.tally.bytes()),
            depth.to_string(),
        ]);
    }
    table
}
