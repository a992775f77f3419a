//! Forged Unreachables about the peer, at a path of 100 ms (RS-09, RL-09): they make a device
//! ask, and its flow goes on.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "forged_unreachables_slow_no_flow",
    row: "RS-09, RL-09",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().delay(Duration::from_millis(50)).start();
    let (at, alice, bob) = (world.victim(), world.alice.name, world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        let own = link.name();
        control.every(10, || {
            let hint = wire::unreachable_packet(&alice, &own, &bob);
            control.sent(hint.len());
            link.send(&hint).is_ok()
        });
    };
    trial.play(world, attack, |_, _| Ok(()))
}
