//! Names frames that claim a Name which is attached elsewhere (OV-04): under a false signature,
//! and in the genuine words that this Name signed for another node. Its packets do not go to the
//! liar.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER, stranger};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_stranger_that_claims_a_name_draws_none_of_its_packets",
    row: "OV-04",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().clients().two_relays().start();
    let (at, bob, other) = (world.victim(), world.bob.name, world.relays[1].neighbours());
    let attack = move |control: &std::sync::Arc<Control>| {
        let heard = genuine(other);
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        // The genuine words first: a false signature in a list has the rest of it not looked at.
        for names in [heard, wire::claimed_name(&bob)] {
            control.sent(names.len());
            let _ = link.send(&names);
        }
        while !control.is_over() {
            // What was drawn is read and goes nowhere.
            if link.live(Duration::from_millis(50), |_, _, _| Ok(())).is_err() {
                return;
            }
        }
    };
    trial.play(world, attack, move |world, figures| {
        let status = world.relays[0].status().ok_or("the relay does not answer")?;
        let mut counters = status.counters.iter();
        let unsigned = counters.find(|(what, _)| what == "attachment-unsigned");
        let unsigned = unsigned.map_or(0, |(_, count)| *count);
        figures.more.push(format!("{unsigned} claims that were not signed"));
        if unsigned < 2 { Err("the claims were not looked at".into()) } else { Ok(()) }
    })
}

/// The list in which a relay tells its neighbours who is attached to it.
fn genuine(relay: std::net::SocketAddr) -> Vec<u8> {
    let mut link = Link::fresh(relay, stranger(1)).expect("the relay takes neighbours");
    loop {
        match link.receive().expect("it sends its list after the proof") {
            (kind::NAMES, body) if body.len() > 2 => return wire::frame(kind::NAMES, &body),
            _ => {}
        }
    }
}
