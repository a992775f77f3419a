//! Relays that swallow what they should pass on.

use std::time::Duration;

use super::joiners;
use crate::sim::dice::{dice, fraction};
use crate::sim::full::life::{PATIENCE, START};
use crate::sim::full::mail::Mail;
use crate::sim::full::observer::settle;
use crate::sim::full::town::{anyone, found, start_all};
use crate::sim::full::world::Plan;
use crate::sim::graph::Node;
use crate::sim::table::{Effort, Table};

const QUESTIONS: u32 = 1000;

/// Who gets an answer all the same.
pub fn holes(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation: a hundred nodes with three links each. A share of them does all \
         that is right but passes no packet and no errand on. The others' clients ask each \
         other: friends, who were answered before, and strangers. Hundredths of the questions \
         that arrived without being sent again, and that were answered within a time, asked \
         again every 250 ms.",
        ["swallow", "trees", "who", "questions", "at once", "in 1 s", "in 3 s", "in 10 s"],
    );
    for (percent, trees) in [(2, 3), (5, 3), (10, 3), (10, 4)] {
        let mut rng = dice(effort.seed, "holes");
        let nodes = effort.nodes(100).max(20);
        let plan = Plan { trees, has_visitors: true, seed: effort.seed, ..Plan::default() };
        let mut world = found(plan, joiners(nodes));
        start_all(&mut world, START, &mut rng);
        settle(&mut world, PATIENCE);
        let is_hole: Vec<bool> =
            (0..nodes).map(|_| fraction(&mut rng) * 100.0 < f64::from(percent)).collect();
        let honest = |world: &_, rng: &mut _| {
            std::iter::repeat_with(|| anyone(world, rng)).find(|node| !is_hole[*node as usize])
        };
        let pairs: Vec<(Node, Node)> = (0..effort.pairs(QUESTIONS))
            .filter_map(|_| Some((honest(&world, &mut rng)?, honest(&world, &mut rng)?)))
            .collect();
        let (friends, strangers) = pairs.split_at(pairs.len() / 2);
        let mut before = Mail::default();
        friends.iter().for_each(|(from, to)| before.post(&mut world, *from, *to));
        before.run(&mut world, PATIENCE / 10);
        (0..nodes).filter(|node| is_hole[*node as usize]).for_each(|node| world.swallow(node));
        for (who, pairs) in [("friends", friends), ("strangers", strangers)] {
            let mut mail = Mail::default();
            pairs.iter().for_each(|(from, to)| mail.post(&mut world, *from, *to));
            mail.run(&mut world, Duration::from_secs(12));
            let lot = mail.lot(|_| true);
            let within = |seconds| format!("{:.2}", lot.within(Duration::from_secs(seconds)));
            table.row([
                format!("{percent} %"),
                trees.to_string(),
                who.to_owned(),
                lot.count().to_string(),
                format!("{:.2}", lot.at_once()),
                within(1),
                within(3),
                within(10),
            ]);
        }
    }
    table
}
