//! Records after many nodes have died at once.

use std::time::Duration;

use super::joiners;
use crate::sim::dice::{dice, fraction};
use crate::sim::full::life::{PATIENCE, START};
use crate::sim::full::mail::Mail;
use crate::sim::full::observer::settle;
use crate::sim::full::town::{anyone, found, start_all};
use crate::sim::full::world::{Death, Plan};
use crate::sim::graph::Node;
use crate::sim::table::{Effort, Table};

/// Lookups of one draw and delay.
const LOOKUPS: u32 = 500;

/// How soon a stranger is found by its Name, right after the deaths and later.
pub fn deaths(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation: a hundred nodes with three links each, three trees, every node \
         with one client and its record. A share of all nodes is killed at once, roots \
         included; so much later clients of living nodes ask others whom they never talked \
         to, and again every 250 ms, as a tunnel's Hello. Hundredths that were answered \
         within a time, both ways and the lookup of each end by the other included. Goal: \
         99.9 after 10 % and 99.5 after 30 %.",
        ["dead", "asked after, s", "questions", "in 0.5 s", "in 1 s", "in 3 s", "in 10 s"],
    );
    for (percent, later) in [(0, 0), (10, 0), (30, 0), (30, 10)] {
        let mut rng = dice(effort.seed, "deaths");
        let nodes = effort.nodes(100).max(20);
        let plan = Plan { has_visitors: true, seed: effort.seed, ..Plan::default() };
        let mut world = found(plan, joiners(nodes));
        start_all(&mut world, START, &mut rng);
        settle(&mut world, PATIENCE);
        world.run(effort.time(Duration::from_secs(30)));
        let dead: Vec<Node> =
            (0..nodes).filter(|_| fraction(&mut rng) * 100.0 < f64::from(percent)).collect();
        dead.into_iter().for_each(|node| world.kill(node, Death::Killed));
        world.run(Duration::from_secs(later));
        let mut mail = Mail::default();
        for _ in 0..effort.pairs(LOOKUPS) {
            let (from, to) = (anyone(&world, &mut rng), anyone(&world, &mut rng));
            mail.post(&mut world, from, to);
        }
        mail.run(&mut world, Duration::from_secs(12));
        let lot = mail.lot(|_| true);
        let within = |ms| format!("{:.2}", lot.within(Duration::from_millis(ms)));
        let [a, b, c, d] = [500, 1000, 3000, 10_000].map(within);
        let count = lot.count().to_string();
        table.row([format!("{percent} %"), later.to_string(), count, a, b, c, d]);
    }
    table
}
