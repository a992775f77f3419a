//! A packet may end anywhere behind its Routing Header, and its second byte may be of any type
//! (FR-01, OV-14): it is dropped by whom it is for and by every relay on the way.

use super::{Aftermath, Scenario, Trial};
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "packets_of_every_length_harm_no_daemon",
    row: "FR-01, OV-14",
    is_off_path: true,
    is_quick: true,
    run,
};

const TYPES: [u8; 17] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 21, 32, 33, 34, 255];

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().two_relays().start();
    let (at, alice, bob) = (world.victim(), world.alice.name, world.bob.name);
    let attack = move |control: &std::sync::Arc<crate::control::Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        let source = link.name();
        let mut number = 0_usize;
        control.every(500, || {
            number += 1;
            let (length, contype) = (number % 80, TYPES[number / 80 % TYPES.len()]);
            let to = if number.is_multiple_of(2) { alice } else { bob };
            let from = if number.is_multiple_of(3) { bob } else { source };
            let mut tail = vec![0; length];
            tail.iter_mut().zip([1, contype]).for_each(|(byte, value)| *byte = value);
            let body = [wire::route(&to, &from), tail].concat();
            let frame = wire::frame(wire::kind::PACKET, &body);
            control.sent(frame.len());
            if link.send(&frame).is_err() {
                match Link::fresh(at, STRANGER) {
                    Ok(fresh) => link = fresh,
                    Err(_) => return false,
                }
            }
            true
        });
    };
    trial.play(world, attack, |_, _| Ok(()))
}
