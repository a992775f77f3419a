//! Bob leaves router R5 and joins router R4: the paper's move (Figure 6), and the same in two
//! seconds while he receives or sends.

use std::thread::sleep;
use std::time::Duration;

use crate::outage::{Outage, outage};
use crate::outcome::Outcome;
use crate::scenario::{Goal, Scenario};
use crate::world::{Sender, World};

/// The paper's network was away from 59.0 s to 73.82 s.
const PAPERS_AWAY: Duration = Duration::from_millis(14_820);

pub(crate) const THE_PAPERS_MOVE: Scenario = Scenario {
    name: "the paper's move",
    goal: None,
    is_quick: false,
    run: |seed| {
        let world = World::new(seed);
        world.network.rate("20mbit", "50ms");
        let outage = Outage::at_rate(world, Sender::Alice, None);
        sleep(Duration::from_secs(10));
        let leave = |world: &mut World| world.network.bob_leaves(5);
        let back = |world: &mut World| world.network.bob_joins(5, 4);
        let (mut outcome, outage) = outage.run(PAPERS_AWAY, leave, back);
        sleep(Duration::from_secs(10));
        outcome.figure = Some(outage.figure(&outcome));
        outage.end(outcome)
    },
};

pub(crate) const THE_RECEIVER_MOVES: Scenario = Scenario {
    name: "the receiver moves",
    goal: Some(Goal { others: "kernel MPTCP 0.045, dumbpipe 0.335", median: 0.035, worst: 0.15 }),
    is_quick: true,
    run: |seed| moves(seed, Sender::Alice, Duration::from_secs(2)),
};

pub(crate) const THE_SENDER_MOVES: Scenario = Scenario {
    name: "the sender moves",
    goal: Some(Goal { others: "kernel MPTCP 0.035, dumbpipe 0.418", median: 0.035, worst: 0.15 }),
    is_quick: true,
    run: |seed| moves(seed, Sender::Bob, Duration::from_secs(2)),
};

fn moves(seed: u64, sender: Sender, away: Duration) -> Outcome {
    let leave = |world: &mut World| world.network.bob_leaves(5);
    outage(World::new(seed), sender, away, leave, |world| world.network.bob_joins(5, 4))
}
