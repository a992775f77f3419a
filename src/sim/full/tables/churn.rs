//! Overlays whose nodes come and go.

use std::time::Duration;

use super::joiners;
use crate::sim::full::life::{Churn, Life, Script};
use crate::sim::full::mail::Lot;
use crate::sim::full::sessions::Law;
use crate::sim::full::world::{Death, Plan};
use crate::sim::table::{Effort, Table};

const BEFORE: Duration = Duration::from_secs(30);
const WATCHED: Duration = Duration::from_secs(120);

/// One row.
struct Case {
    law: Law,
    median: u64,
    trees: u8,
    death: Death,
    loss: f64,
}

const USUAL: Case =
    Case { law: Law::Exponential, median: 300, trees: 3, death: Death::Killed, loss: 0.0 };

const CASES: [Case; 7] = [
    Case { trees: 1, ..USUAL },
    USUAL,
    Case { law: Law::HeavyTailed, ..USUAL },
    Case { death: Death::Silent, ..USUAL },
    Case { loss: 0.02, ..USUAL },
    Case { median: 84, ..USUAL },
    Case { law: Law::HeavyTailed, median: 84, trees: 4, death: Death::Silent, loss: 0.02 },
];

/// What is answered meanwhile.
pub fn churn(effort: Effort) -> Table {
    let mut table = Table::new(
        "Full simulation: sixty nodes with three links each come and go for 150 s, \
         measured for the last 120; who went is back after 30 s in the median. \
         Deaths are kills, which the kernel tells the neighbours, or *silent*; *lost* is the \
         share of TCP's segments. *Friends* talk all along (20 questions a second between \
         fixed pairs), *strangers* never did (5 a second), so theirs include two lookups. \
         Hundredths of all questions whose two ends lived on: those that arrived without \
         being sent again, and those that were answered within a time, asked again every 250 \
         ms. Goal: 99.8 at once with five-minute sessions.",
        [
            "sessions, median",
            "trees",
            "deaths",
            "lost",
            "questions",
            "friends: at once",
            "in 1 s",
            "in 10 s",
            "strangers: in 1 s",
            "in 10 s",
        ],
    );
    for case in CASES {
        let life = Life::live(&case.script(effort));
        let share = |lot: &Lot, time| format!("{:.2}", lot.within(Duration::from_secs(time)));
        let how = if case.death == Death::Killed { "killed" } else { "silent" };
        table.row([
            format!("{}, {} s", case.law.word(), case.median),
            case.trees.to_string(),
            format!("{} {how}", life.deaths),
            format!("{:.0} %", case.loss * 100.0),
            (life.friends.count() + life.strangers.count()).to_string(),
            format!("{:.2}", life.friends.at_once()),
            share(&life.friends, 1),
            share(&life.friends, 10),
            share(&life.strangers, 1),
            share(&life.strangers, 10),
        ]);
    }
    table
}

impl Case {
    fn script(&self, effort: Effort) -> Script {
        let plan = Plan {
            trees: self.trees,
            loss: self.loss,
            has_visitors: true,
            seed: effort.seed,
            ..Plan::default()
        };
        let median = Duration::from_secs(self.median);
        Script {
            plan,
            shape: joiners(effort.nodes(60).max(20)),
            churn: Some(Churn { law: self.law, median, death: self.death }),
            before: effort.time(BEFORE),
            watched: effort.time(WATCHED),
        }
    }
}
