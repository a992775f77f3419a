//! A DHCP gap: the lease ends, the interface stays up without an address, three seconds later the
//! same address is back.

use std::time::Duration;

use crate::outage::outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "no address for 3 s (DHCP gap)",
    goal: None,
    is_quick: false,
    run: |seed| {
        let lose = |world: &mut World| world.network.bob.ip("addr flush dev eth0");
        outage(World::new(seed), Sender::Alice, Duration::from_secs(3), lose, |world| {
            let mark = Mark::now();
            world
                .network
                .bob
                .ip("addr add 10.5.0.2/24 dev eth0\nroute replace default via 10.5.0.1");
            mark
        })
    },
};
