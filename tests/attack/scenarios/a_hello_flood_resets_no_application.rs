//! Two hundred forged Hellos a second under a known Name whose path takes 60 ms (HS-12, DO-01):
//! that device's handshake is not pushed out, and its application is not reset.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_hello_flood_resets_no_application",
    row: "HS-12, DO-01",
    is_off_path: true,
    is_quick: true,
    run,
};

const PER_SECOND: u32 = 200;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let by = crate::on_path::delay(world.entrance(0), Duration::from_millis(30));
    let (at, carol, bob) = (world.victim(), world.carol.name, world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        control.every(PER_SECOND, || {
            let hello = wire::hello_packet(&bob, &carol);
            control.sent(hello.len());
            link.send(&hello).is_ok()
        });
    };
    trial.play(world, attack, move |world, figures| {
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}
