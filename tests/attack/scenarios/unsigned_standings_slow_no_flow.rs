//! Standings without a valid signature, each of which costs its reader the check of a signature
//! (DO-03, OV-11): what one neighbour can have checked is bounded, and who goes on loses its link.

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER, stranger};
use crate::wire::{self, Standing};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "unsigned_standings_slow_no_flow",
    row: "OV-11, DO-03",
    is_off_path: true,
    is_quick: true,
    run,
};

const LINKS: usize = 20;
/// On each link: a core's worth of signatures on all of them, twice over.
const PER_SECOND: u32 = 1000;
/// Announcements in one write: the attacker spends as little on each as it can.
const TOGETHER: u32 = 20;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let at = world.victim();
    let attack = move |control: &std::sync::Arc<Control>| {
        let threads: Vec<_> = (0..LINKS)
            .map(|number| {
                let control = std::sync::Arc::clone(control);
                std::thread::spawn(move || control.charged(|| flood(&control, at, number)))
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, |_, _| Ok(()))
}

fn flood(control: &Control, at: std::net::SocketAddr, number: usize) {
    let from = if number == 0 { STRANGER } else { stranger(number / 4) };
    let Ok(mut link) = Link::fresh(at, from) else { return };
    let mut serial = 0_u64;
    // The halves of a signature that is well formed and wrong.
    let half = [&wire::random::<31>()[..], &[0]].concat();
    control.every(PER_SECOND / TOGETHER, || {
        let mut frames = Vec::new();
        for _ in 0..TOGETHER {
            serial += 1;
            let claim = [&link.name()[..], &serial.to_be_bytes(), &half, &half].concat();
            let tree = (serial % 3) as u8;
            let standing =
                Standing { tree, claim, size: 1, edges: vec![], wish: None, grant: None };
            frames.extend(standing.emit());
        }
        control.sent(frames.len());
        if link.send(&frames).is_err() {
            // It comes again as soon as it is put out.
            match Link::fresh(at, from) {
                Ok(fresh) => link = fresh,
                Err(_) => control.sleep(std::time::Duration::from_millis(100)),
            }
        }
        true
    });
}
