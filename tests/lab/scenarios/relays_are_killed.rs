//! A relay that the packets go through is killed, or both roots of all trees are; the others live.
//! Nothing comes back here: the time is that until the flow has found another way.

use std::time::Duration;

use crate::outage::outage;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

pub(crate) const A_RELAY: Scenario = Scenario {
    name: "a relay is killed",
    goal: None,
    is_quick: true,
    run: |seed| {
        killed(seed, |world| {
            // Whichever of the two has passed on more carries the stream.
            let forwarded = |status: muses::control::status::Status| {
                status.overlay.map_or(0, |overlay| overlay.forwarded)
            };
            let [carol, dave] = [&world.carol, &world.dave].map(|relay| forwarded(relay.status()));
            let busy = if carol >= dave { &mut world.carol } else { &mut world.dave };
            busy.process.kill();
        })
    },
};

pub(crate) const EVERY_ROOT: Scenario = Scenario {
    name: "every root is killed",
    goal: None,
    is_quick: true,
    run: |seed| {
        killed(seed, |world| {
            world.erin.process.kill();
            world.frank.process.kill();
        })
    },
};

fn killed(seed: u64, kill: impl FnOnce(&mut World)) -> Outcome {
    let mut outcome =
        outage(World::new(seed), Sender::Alice, Duration::ZERO, kill, |_| Mark::now());
    outcome.back = outcome.stall;
    outcome
}
