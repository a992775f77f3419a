//! A relay on the path that answers each Hello itself, before the genuine answer (HS-07, HS-08):
//! the handshake is done all the same, and not begun a thousand times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::on_path::{Verdict, relay};
use crate::wire::{self, contype, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "false_answers_to_hellos_cost_little",
    row: "HS-07, HS-08",
    is_off_path: false,
    is_quick: true,
    run,
};

/// Hellos a second that a device may be made to send.
const HELLOS: f64 = 20.0;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let hellos = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&hellos);
    let control = Arc::new(Control::default());
    let charged = Arc::clone(&control);
    let by = relay(world.entrance(0), Duration::ZERO, move |is_caller, found, body| {
        let seen = if found == kind::PACKET { wire::seen(body) } else { None };
        let Some(seen) = seen.filter(|seen| is_caller && seen.contype == contype::HELLO) else {
            return Verdict::default();
        };
        count.fetch_add(1, Relaxed);
        let Some(answer) = wire::false_hello_back(&seen) else { return Verdict::default() };
        charged.sent(answer.len());
        Verdict { back: vec![answer], ..Verdict::default() }
    });
    let attack = |control: &Arc<Control>| control.sleep(Duration::from_secs(60));
    trial.play(world, attack, move |world, figures| {
        let comes = world.carol_comes(by, Duration::from_secs(6));
        let rate = hellos.load(Relaxed) as f64 / 6.0;
        figures.more.push(format!(
            "{} Hellos, {} bytes answered",
            hellos.load(Relaxed),
            control.cost().0
        ));
        let took = comes?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        if rate > HELLOS { Err(format!("{rate:.0} Hellos a second")) } else { Ok(()) }
    })
}
