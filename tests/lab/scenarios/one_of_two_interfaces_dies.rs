//! Bob has two interfaces, and the one that his routes prefer falls silent while it stays up: a
//! Wi-Fi out of reach of its access point beside a cable.

use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::scenario::{Goal, Scenario};
use crate::world::{Sender, World};

/// How long the preferred one is silent.
const SILENT: Duration = Duration::from_secs(20);

const GOAL: Option<Goal> = Some(Goal { others: "as long as the silence", median: 0.6, worst: 1.0 });

pub(crate) const BOB_RECEIVES: Scenario = Scenario {
    name: "one of two interfaces falls silent",
    goal: GOAL,
    is_quick: true,
    run: |seed| dies(seed, Sender::Alice),
};

pub(crate) const BOB_SENDS: Scenario = Scenario {
    name: "one of two interfaces falls silent, the device sends",
    goal: GOAL,
    is_quick: false,
    run: |seed| dies(seed, Sender::Bob),
};

fn dies(seed: u64, sender: Sender) -> Outcome {
    let world = World::with_two_ways(seed);
    let stream = world.stream(sender, Some(crate::world::RATE));
    // Another phase each time.
    thread::sleep(Duration::from_secs(1).mul_f64((seed as f64 * 0.618).fract()));
    let began = Instant::now();
    world.network.left.set(|_, manner| manner.silent = true);
    thread::sleep(SILENT);
    let stall = stream.longest_stall(began, Instant::now());
    world.network.left.set(|_, manner| manner.silent = false);
    thread::sleep(Duration::from_secs(3));
    let mut outcome = Outcome {
        away: SILENT.as_secs_f64(),
        back: stall.as_secs_f64(),
        stall: stream.longest_stall(began, Instant::now()).as_secs_f64(),
        memory: world.bob.process.memory().0 >> 10,
        ..Outcome::default()
    };
    outcome.fault = stream.finish().err();
    outcome
}
