//! The trees' root comes back with a clock that is an hour behind (FA-02, OV-09): its numbers are
//! below those that the others remember. It hears that, goes above them, and is the root again.

use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::daemon::{CLOAK, Daemon};
use crate::neighbour::{Link, STRANGER};
use crate::wire::{self, Standing};
use crate::world::{Plan, ping};

pub(super) const IT: Scenario = Scenario {
    name: "a_root_whose_clock_is_behind_is_followed_again",
    row: "FA-02, OV-09",
    is_off_path: true,
    is_quick: true,
    run,
};

/// What the earlier run's clock was ahead.
const AHEAD: u64 = 3_600_000;

fn run(trial: Trial) -> Aftermath {
    let dir = TempDir::new().expect("a temporary directory");
    let mut root = Daemon::new(dir.path(), "root", CLOAK);
    let world = Plan::default().root(root.text()).start_in(dir);
    let (at, key, name) = (world.victim(), root.stolen_key(), root.text());
    // The earlier run: it says that it is the root, by a clock that is ahead.
    let attack = move |_: &std::sync::Arc<Control>| {
        let earlier = Link::prove(at, STRANGER, key, wire::NEIGHBOUR);
        let mut earlier = earlier.expect("the root comes to the relay");
        for tree in 0..3 {
            let claim = wire::claim(&earlier.key, tree, crate::child::number_now() + AHEAD);
            let standing =
                Standing { tree, claim, size: 1, edges: vec![], wish: None, grant: None };
            earlier.send(&standing.emit()).expect("it is heard");
        }
        let _ = earlier.live(Duration::from_millis(1500), |_, _, _| Ok(()));
    };
    trial.play(world, attack, move |world, figures| {
        thread::sleep(Duration::from_secs(2));
        root.add(&["--local", "none", "--peer", &at.to_string(), "--root", &name]);
        root.start();
        let since = Instant::now();
        let roots = |daemon: &Daemon| {
            let trees = daemon.status().and_then(|status| status.overlay).map(|own| own.trees);
            let is_so = |tree: &muses::control::status::Tree| tree.root == name && tree.size <= 4;
            trees.is_some_and(|trees| trees.iter().all(is_so))
        };
        // The relay's status alone would show the ghost of the earlier run.
        let whole = |root: &Daemon| {
            let trees = root.status().and_then(|status| status.overlay).map(|own| own.trees);
            let has_all = |tree: &muses::control::status::Tree| tree.root == name && tree.size >= 4;
            trees.is_some_and(|trees| trees.len() == 3 && trees.iter().all(has_all))
        };
        let bound = Duration::from_secs(20);
        while !(roots(&world.relays[0]) && whole(&root)) && since.elapsed() < bound {
            thread::sleep(Duration::from_millis(100));
        }
        let took = since.elapsed().as_secs_f64();
        if since.elapsed() >= bound {
            return Err("nobody hangs below the root that came back, after 20 s".into());
        }
        figures.more.push(format!("all hang below the root again after {took:.1} s"));
        if trial.is_measured {
            // The ghost of the earlier run is given up now.
            thread::sleep(Duration::from_secs(80));
            ping(world.to_echo(), Duration::from_secs(5))?;
            if !whole(&root) {
                return Err("the overlay is in pieces after 80 s".into());
            }
        }
        Ok(())
    })
}
