//! One packet in twenty is lost both ways for twenty seconds; nothing is ever away.

use std::time::Duration;

use crate::outage::outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "5 % loss for 20 s",
    goal: None,
    is_quick: false,
    run: |seed| {
        let lose = |world: &World, loss| {
            world.network.left.set(|_, manner| manner.loss = loss);
        };
        let begin = |world: &mut World| lose(world, 5.0);
        outage(World::new(seed), Sender::Alice, Duration::from_secs(20), begin, |world| {
            let mark = Mark::now();
            lose(world, 0.0);
            mark
        })
    },
};
