//! Bob's interface goes down and up ten times, half a second each.

use std::thread::sleep;
use std::time::Duration;

use crate::outage::outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

const HALF: Duration = Duration::from_millis(500);

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "the link flaps ten times",
    goal: None,
    is_quick: false,
    run: |seed| {
        let up = "link set eth0 up\nroute replace default via 10.5.0.1";
        let flap = |world: &mut World| {
            for _ in 0..9 {
                world.network.bob.ip("link set eth0 down");
                sleep(HALF);
                world.network.bob.ip(up);
                sleep(HALF);
            }
            world.network.bob.ip("link set eth0 down");
        };
        outage(World::new(seed), Sender::Alice, HALF, flap, |world| {
            let mark = Mark::now();
            world.network.bob.ip(up);
            mark
        })
    },
};
