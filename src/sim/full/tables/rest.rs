//! What an overlay says when nothing happens.

use std::time::Duration;

use super::joiners;
use crate::sim::dice::dice;
use crate::sim::full::life::{PATIENCE, START};
use crate::sim::full::observer::settle;
use crate::sim::full::town::{found, start_all};
use crate::sim::full::world::Plan;
use crate::sim::table::{Effort, Table};
use crate::wire::frame::Kind;

/// Long enough for every record to be stored again twice.
const WATCHED: Duration = Duration::from_secs(360);

/// Bytes a second, by node.
pub fn rest(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation, as in the table before: bytes a second that one node says to its \
         neighbours in six minutes in which nothing happens. *Trees*: standings, pulses, and \
         the questions whether a link is alive that they cause. *Records*: errands of the \
         table of Names, relayed ones included, where every node has one client with a record \
         (8 replicas, stored again every 180 s). Goal: at most 300.",
        ["nodes", "trees", "records", "in all"],
    );
    for nodes in [50, 100] {
        let nodes = effort.nodes(nodes).max(20);
        let plan = Plan { has_visitors: true, seed: effort.seed, ..Plan::default() };
        let mut world = found(plan, joiners(nodes));
        start_all(&mut world, START, &mut dice(effort.seed, "starts"));
        settle(&mut world, PATIENCE);
        world.run(effort.time(Duration::from_secs(60)));
        let (before, watched) = (world.tally, effort.time(WATCHED));
        world.run(watched);
        let said = world.tally - before;
        let rate =
            |bytes: u64| format!("{:.1}", bytes as f64 / watched.as_secs_f64() / f64::from(nodes));
        let records = said.of(Kind::Errand).1;
        let all = said.bytes();
        table.row([nodes.to_string(), rate(all - records), rate(records), rate(all)]);
    }
    table
}
