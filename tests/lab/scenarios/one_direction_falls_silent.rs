//! Packets of one direction vanish: one side still hears the other and is not heard.

use std::time::Duration;

use crate::outage::outage;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

const AWAY: Duration = Duration::from_secs(15);

pub(crate) const BOB_IS_NOT_HEARD: Scenario = Scenario {
    name: "Bob is not heard for 15 s",
    goal: None,
    is_quick: false,
    run: |seed| deaf(seed, 1),
};

pub(crate) const BOB_HEARS_NOTHING: Scenario = Scenario {
    name: "Bob hears nothing for 15 s",
    goal: None,
    is_quick: false,
    run: |seed| deaf(seed, 0),
};

fn deaf(seed: u64, direction: usize) -> Outcome {
    let set = |world: &World, is_silent| {
        for wire in [&world.network.left, &world.network.right] {
            wire.set(|at, manner| manner.silent = is_silent && at == direction);
        }
    };
    let cut = |world: &mut World| set(world, true);
    outage(World::new(seed), Sender::Alice, AWAY, cut, |world| {
        let mark = Mark::now();
        set(world, false);
        mark
    })
}
