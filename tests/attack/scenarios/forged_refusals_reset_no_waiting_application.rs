//! Forged refusals under the Name of an absent peer that an application waits for (HS-16, RL-09):
//! it goes on waiting, and is served when the peer comes.

use std::thread;
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire;
use crate::world::{Plan, ping};

pub(super) const IT: Scenario = Scenario {
    name: "forged_refusals_reset_no_waiting_application",
    row: "HS-16, RL-09",
    is_off_path: true,
    is_quick: true,
    run,
};

/// Reasons that a handshake may be refused for, and one beyond them.
const REASONS: [u8; 6] = [1, 7, 8, 9, 10, 20];

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let (at, by) = (world.victim(), world.entrance(0));
    let (alice, carol) = (world.alice.name, world.carol.name);
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut link) = Link::fresh(at, STRANGER) else { return };
        let mut number = 0;
        control.every(50, || {
            number += 1;
            let reason = REASONS[number % REASONS.len()];
            let refused = wire::refused_packet(&alice, &carol, &wire::half_session(), reason);
            control.sent(refused.len());
            link.send(&refused).is_ok()
        });
    };
    trial.play(world, attack, move |world, figures| {
        let to_carol = world.to_carol();
        let waiting = thread::spawn(move || ping(to_carol, Duration::from_secs(30)));
        thread::sleep(Duration::from_secs(2));
        if waiting.is_finished() {
            let end = waiting.join().map_err(|_| "it panicked")?;
            return Err(format!("who waits for an absent peer heard: {end:?}"));
        }
        world.carol_comes(by, Duration::from_secs(8))?;
        let took = waiting.join().map_err(|_| "it panicked")?;
        let took = took.map_err(|why| format!("who waited for Carol: {why}"))?;
        figures.more.push(format!("who waited was served after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}
