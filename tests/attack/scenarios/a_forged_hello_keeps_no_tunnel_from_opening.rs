//! One forged Hello every two seconds, under the Name of whom a device calls, whose own Name is
//! above that one (HS-07, HS-12): the tunnel opens all the same.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_forged_hello_keeps_no_tunnel_from_opening",
    row: "HS-07, HS-12",
    is_off_path: true,
    is_quick: true,
    run,
};

const EVERY: Duration = Duration::from_secs(2);

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().carol_above_bob().idle(EVERY + EVERY / 4).start();
    let (at, by, carol, bob) =
        (world.victim(), world.entrance(0), world.carol.name, world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        loop {
            let hello = wire::hello_packet(&carol, &bob);
            control.sent(hello.len());
            if link.send(&hello).is_err() || control.is_over() {
                return;
            }
            control.sleep(EVERY);
        }
    };
    trial.play(world, attack, move |world, figures| {
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}
