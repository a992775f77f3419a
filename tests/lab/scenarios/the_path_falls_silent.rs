//! A router drops everything, both ways, and tells nobody.

use std::time::Duration;

use crate::outage::outage;
use crate::outcome::Outcome;
use crate::scenario::{Goal, Scenario};
use crate::world::{Mark, Sender, World, silence};

const fn goal(others: &'static str) -> Option<Goal> {
    Some(Goal { others, median: 0.3, worst: 0.6 })
}

pub(crate) const FOR_5_S: Scenario = Scenario {
    name: "silent for 5 s",
    goal: goal("dumbpipe 1.07, ssh 1.66"),
    is_quick: true,
    run: |seed| silent(seed, 5),
};

pub(crate) const FOR_15_S: Scenario = Scenario {
    name: "silent for 15 s",
    goal: goal("dumbpipe 5.11, ssh 11.5"),
    is_quick: false,
    run: |seed| silent(seed, 15),
};

pub(crate) const FOR_60_S: Scenario = Scenario {
    name: "silent for 60 s",
    goal: goal("dumbpipe lost, ssh 47"),
    is_quick: false,
    run: |seed| silent(seed, 60),
};

pub(crate) const FOR_10_MIN: Scenario = Scenario {
    name: "silent for 10 min",
    goal: goal("not measured"),
    is_quick: false,
    run: |seed| silent(seed, 600),
};

fn silent(seed: u64, seconds: u64) -> Outcome {
    let away = Duration::from_secs(seconds);
    let cut = |world: &mut World| silence(world, true);
    outage(World::new(seed), Sender::Alice, away, cut, |world| {
        let mark = Mark::now();
        silence(world, false);
        mark
    })
}
