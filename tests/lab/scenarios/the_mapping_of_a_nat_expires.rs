//! R5 is a NAT, and forgets Bob's connections while he uses them: what he sends on them is dropped
//! without a word, and only fresh connections pass.

use std::time::Duration;

use crate::outage::Outage;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

const RULES: &str = "table ip nat {
    chain post {
        type nat hook postrouting priority 100;
        oifname out masquerade
    }
    chain strict {
        type filter hook forward priority 0;
        ct state invalid drop
    }
}";

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "a NAT forgets its mappings",
    goal: None,
    is_quick: false,
    run: |seed| {
        if !["nft", "conntrack"].iter().all(|program| crate::namespace::is_there(program)) {
            return Outcome::skipped("there is no nft or no conntrack program");
        }
        let outage = Outage::of(World::behind_nat(seed, RULES), Sender::Alice);
        let forget = |world: &mut World| world.network.routers[4].run(&["conntrack", "-F"]);
        let (mut outcome, outage) = outage.run(Duration::ZERO, forget, |_| Mark::now());
        outcome.back = outcome.stall;
        outage.end(outcome)
    },
};
