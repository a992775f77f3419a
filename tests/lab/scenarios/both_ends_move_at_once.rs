//! Alice and Bob leave in the same moment and come back elsewhere: neither knows where the other
//! is, and only the overlay does.

use std::time::Duration;

use crate::outage::outage;
use crate::scenario::{Goal, Scenario};
use crate::world::{Sender, World};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "both ends move at once",
    goal: Some(Goal { others: "none survives", median: 1.0, worst: 2.0 }),
    is_quick: true,
    run: |seed| {
        let leave = |world: &mut World| {
            world.network.bob_leaves(5);
            world.network.alice_leaves(1);
        };
        outage(World::new(seed), Sender::Alice, Duration::from_secs(2), leave, |world| {
            world.network.alice_joins(1, 2);
            world.network.bob_joins(5, 4)
        })
    },
};
