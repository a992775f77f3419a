//! Bob's interface goes down and comes up where it was.

use std::time::Duration;

use crate::outage::outage;
use crate::scenario::{Goal, Scenario};
use crate::world::{Mark, Sender, World};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "the interface is down for 15 s",
    goal: Some(Goal { others: "dumbpipe 0.347, ssh 11.5", median: 0.05, worst: 0.15 }),
    is_quick: false,
    run: |seed| {
        let down = |world: &mut World| world.network.bob.ip("link set eth0 down");
        outage(World::new(seed), Sender::Alice, Duration::from_secs(15), down, |world| {
            let mark = Mark::now();
            world.network.bob.ip("link set eth0 up\nroute replace default via 10.5.0.1");
            mark
        })
    },
};
