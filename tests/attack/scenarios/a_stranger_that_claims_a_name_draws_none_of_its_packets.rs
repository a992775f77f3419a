//! One Names frame that claims a Name which is attached elsewhere (OV-04): its packets do not go
//! to the liar.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_stranger_that_claims_a_name_draws_none_of_its_packets",
    row: "OV-04",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().two_relays().start();
    let (at, bob) = (world.victim(), world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        let names = wire::claimed_name(&bob);
        control.sent(names.len());
        let _ = link.send(&names);
        while !control.is_over() {
            // What was drawn is read and goes nowhere.
            if link.live(Duration::from_millis(50), |_, _, _| Ok(())).is_err() {
                return;
            }
        }
    };
    trial.play(world, attack, |_, _| Ok(()))
}
