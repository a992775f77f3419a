//! Three strangers whose keys were chosen so that each is the root of one tree, each at another
//! relay of a chain: they give places and pass nothing on (OV-09, DH-07). Devices that have met go
//! on without a pause while they come, stay and leave; devices that have not find each other.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::daemon::Daemon;
use crate::neighbour::{Link, stranger};
use crate::wire::{self, NEIGHBOUR};
use crate::world::{Plan, ping};

pub(super) const IT: Scenario = Scenario {
    name: "strangers_that_become_roots_stop_no_session",
    row: "OV-09, DH-07",
    is_off_path: true,
    is_quick: true,
    run,
};

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().three_relays().start();
    let by = world.entrance(2);
    let honest: Vec<wire::Name> =
        world.relays.iter().chain([&world.alice, &world.bob]).map(|daemon| daemon.name).collect();
    let at: Vec<_> = world.relays.iter().map(Daemon::neighbours).collect();
    let attack = move |control: &Arc<Control>| {
        // All places change at once: the ends cannot tell each other by a tree that has not.
        let all = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..3)
            .map(|tree: u8| {
                let (control, at) = (Arc::clone(control), at[usize::from(tree)]);
                let all = Arc::clone(&all);
                let key = crate::child::key_above(tree, &honest);
                thread::spawn(move || {
                    let from = stranger(tree.into());
                    let link = Link::prove(at, from, key, NEIGHBOUR);
                    all.wait();
                    let Ok(mut link) = link else { return };
                    let _ = crate::child::reign(&control, &mut link, tree);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, move |world, figures| {
        thread::sleep(Duration::from_secs(1));
        let status = world.relays[2].status().ok_or("a relay does not answer")?;
        let names: Vec<String> =
            world.relays.iter().chain([&world.alice, &world.bob]).map(Daemon::text).collect();
        let trees = status.overlay.map_or(Vec::new(), |overlay| overlay.trees);
        let taken = trees.iter().filter(|tree| !names.contains(&tree.root)).count();
        figures.more.push(format!("strangers are the roots of {taken} trees"));
        if taken != 3 {
            return Err("the strangers did not become roots".into());
        }
        let took = ping(world.to_echo(), Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        figures.setups.push(took.as_secs_f64());
        let took = ping(world.to_carol(), Duration::from_secs(8))
            .map_err(|why| format!("Alice does not find Carol: {why}"))?;
        figures.more.push(format!("found by Alice after {:.2} s", took.as_secs_f64()));
        figures.setups.push(took.as_secs_f64());
        Ok(())
    })
}
