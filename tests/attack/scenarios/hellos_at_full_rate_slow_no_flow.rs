//! Hellos under the peer's Name to both devices as fast as two links take them (HS-12, DO-03): the
//! relay passes on what one source may send, and the pair goes on.

use std::thread;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "hellos_at_full_rate_slow_no_flow",
    row: "HS-12, DO-03",
    is_off_path: true,
    is_quick: false,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let (at, alice, bob) = (world.victim(), world.alice.name, world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let flood = |(to, from): (wire::Name, wire::Name)| {
            let control = std::sync::Arc::clone(control);
            thread::spawn(move || {
                let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
                let hellos = (0..200).flat_map(|_| wire::hello_packet(&to, &from));
                let hellos: Vec<u8> = hellos.collect();
                control.set_in_place();
                control.charged(|| {
                    while !control.is_over() && link.send(&hellos).is_ok() {
                        control.sent(hellos.len());
                    }
                });
            })
        };
        let threads = [(bob, alice), (alice, bob)].map(flood);
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, |_, _| Ok(()))
}
