//! As many strangers as a relay has letters, each a child of size 1 in each tree, that answer
//! nothing (DH-05, DH-07): devices that have not met find each other.

use std::thread;
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, stranger};
use crate::wire::NEIGHBOUR;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "two_hundred_strangers_hide_no_name",
    row: "DH-05, DH-07",
    is_off_path: true,
    is_quick: false,
    run,
};

const STRANGERS: usize = 254;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().two_relays().start();
    let (at, by) = (world.victim(), world.entrance(1));
    let attack = move |control: &std::sync::Arc<Control>| {
        let hang = |number| {
            let control = std::sync::Arc::clone(control);
            thread::spawn(move || {
                let Ok(mut link) =
                    Link::prove(at, stranger(number), crate::child::humble_key(), NEIGHBOUR)
                else {
                    return;
                };
                control.charged(|| drop(crate::child::hang(&control, &mut link, 1)));
            })
        };
        let threads: Vec<_> = (0..STRANGERS).map(hang).collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, move |world, figures| {
        thread::sleep(Duration::from_secs(4));
        let status = world.relays[0].status().ok_or("the relay does not answer")?;
        let neighbours = status.overlay.map_or(Vec::new(), |overlay| overlay.neighbours);
        let is_child =
            |roles: &[muses::control::status::Role]| roles.iter().any(|role| role.role == "child");
        let children = neighbours.iter().filter(|neighbour| is_child(&neighbour.roles)).count();
        figures.more.push(format!("{children} children of the relay"));
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
