//! Bob's daemon is stopped as by a closed lid, his wire goes to another router meanwhile, and it
//! wakes there. (The clock of the machine stays as it is: it is not the laboratory's to set.)

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::outage::outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World, silence};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "asleep for 20 s, awake elsewhere",
    goal: None,
    is_quick: false,
    run: |seed| {
        let sleeps = |world: &mut World| {
            // What lies in his socket would be there at once when he wakes: it is no new byte.
            silence(world, true);
            sleep(Duration::from_millis(100));
            world.bob.process.signal(Signal::STOP);
            world.network.bob_leaves(5);
            silence(world, false);
        };
        outage(World::new(seed), Sender::Alice, Duration::from_secs(20), sleeps, |world| {
            world.network.bob_joins(5, 4);
            sleep(Duration::from_millis(100));
            let mark = Mark::now();
            world.bob.process.signal(Signal::CONT);
            mark
        })
    },
};
