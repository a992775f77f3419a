//! An errand whose destination is a client of a relay that goes by a routes file (OV-14): the
//! client does not get it, and its uplink stays.

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "an_errand_to_a_client_breaks_no_uplink",
    row: "OV-14, FR-06",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().clients().static_routes().start();
    let (at, bob) = (world.victim(), world.bob.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        let own = link.name();
        control.every(20, || {
            let find = [&[2][..], &wire::random::<8>(), &[1], &own].concat();
            let body = [wire::route(&bob, &own), find].concat();
            let frame = wire::frame(kind::ERRAND, &body);
            control.sent(frame.len());
            link.send(&frame).is_ok()
        });
    };
    trial.play(world, attack, move |world, _| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let uplink = world.bob.status().and_then(|status| status.uplink).ok_or("no uplink")?;
        let is_old = uplink.state == "up" && uplink.since_ms > 2000;
        let broken = format!("the uplink is {} for {} ms", uplink.state, uplink.since_ms);
        if is_old { Ok(()) } else { Err(broken) }
    })
}
