//! Hundreds of clients that come to a relay's daemon and leave (DH-12, DO-08): their records are
//! stored no more, and the list of them does not grow.

use std::thread;
use std::time::{Duration, Instant};

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "clients_that_left_leave_nothing",
    row: "DH-12, DO-08",
    is_off_path: true,
    is_quick: false,
    run,
};

/// As many as come in ten seconds; then their records have to go.
const CLIENTS: usize = 200;

fn run(trial: Trial) -> Aftermath {
    let mut world = Plan::default().clients().two_relays().start();
    let (at, by) = (world.relays[0].clients(), world.entrance(0));
    let own = |world: &crate::world::World| {
        let records = world.relays[0].status()?.overlay?.records?;
        Some(records.own.held)
    };
    let before = own(&world).unwrap_or(0);
    // A real device among them: it has a record in the table and then leaves.
    if let Err(why) = world.carol_comes(by, Duration::from_secs(10)) {
        return Aftermath::failed(why);
    }
    let with_carol = own(&world).unwrap_or(0);
    world.carol.process.terminate();
    let _ = std::fs::remove_file(world.carol.state.join("control"));
    let attack = move |control: &std::sync::Arc<Control>| {
        let mut left = CLIENTS;
        control.every(20, || {
            let signer = wire::fresh();
            let record = wire::frame(kind::RECORD, &wire::record(&signer, 1, 3600));
            if let Ok(mut link) = Link::prove(at, STRANGER, signer, wire::CLIENT) {
                control.sent(140 + record.len());
                let _ = link.send(&record);
            }
            left -= 1;
            left > 0
        });
    };
    trial.play(world, attack, move |world, figures| {
        let (since, bound) = (Instant::now(), Duration::from_secs(60));
        while own(world) > Some(before) && since.elapsed() < bound {
            thread::sleep(Duration::from_millis(200));
        }
        let now = own(world).ok_or("the relay does not answer")?;
        figures.more.push(format!("own records: {before}, with Carol {with_carol}, later {now}"));
        let too_many = now > before + 1;
        if too_many { Err(format!("{now} records are stored again for ever")) } else { Ok(()) }
    })
}
