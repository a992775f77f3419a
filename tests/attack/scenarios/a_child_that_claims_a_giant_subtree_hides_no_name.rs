//! A child in each tree whose announced subtree has 2^32 - 1 nodes (DH-05, DH-07): the table's
//! keys do not all lie with it, so devices that have not met find each other.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire::NEIGHBOUR;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_child_that_claims_a_giant_subtree_hides_no_name",
    row: "DH-05, DH-07",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().two_relays().start();
    let (at, by) = (world.victim(), world.entrance(1));
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::prove(at, STRANGER, crate::child::humble_key(), NEIGHBOUR) else {
            return;
        };
        let _ = crate::child::hang(control, &mut link, u32::MAX);
    };
    trial.play(world, attack, move |world, figures| {
        // The trees hear of the giant, and records move to it.
        std::thread::sleep(Duration::from_secs(2));
        let status = world.relays[0].status().ok_or("the relay does not answer")?;
        for neighbour in status.overlay.map_or(Vec::new(), |overlay| overlay.neighbours) {
            let sizes = neighbour.roles.iter().map(|role| format!("{} {}", role.role, role.size));
            figures.more.push(sizes.collect::<Vec<_>>().join(", "));
        }
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        let took = crate::world::ping(world.to_carol(), Duration::from_secs(8))
            .map_err(|why| format!("Alice does not find Carol: {why}"))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("found by Alice after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}
