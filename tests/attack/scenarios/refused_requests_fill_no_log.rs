//! An allowed peer asks without end for a port that is not served (DO-09, LO-09): the flow goes
//! on, and the log stays short.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::world::{Plan, ping};

pub(super) const IT: Scenario = Scenario {
    name: "refused_requests_fill_no_log",
    row: "DO-09, LO-09",
    is_off_path: true,
    is_quick: true,
    run,
};

const THREADS: usize = 4;
/// Lines a second that an outsider may cause.
const LINES: f64 = 3.0;

fn run(trial: Trial) -> Aftermath {
    let mut world = Plan::default().start();
    world.carol.add(&["-L", "0:bob:1", "-v"]);
    let by = world.entrance(0);
    if let Err(why) = world.carol_comes(by, Duration::from_secs(10)) {
        return Aftermath::failed(why);
    }
    let at = world.carol.forward("bob:1");
    let attack = move |control: &Arc<Control>| {
        let ask = |_| {
            let control = Arc::clone(control);
            thread::spawn(move || control.charged(|| ask(&control, at)))
        };
        let threads: Vec<_> = (0..THREADS).map(ask).collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    let bob = world.bob.process.log().to_owned();
    let lines = move || std::fs::read_to_string(&bob).map_or(0, |text| text.lines().count());
    let before = lines();
    trial.play(world, attack, move |_, figures| {
        thread::sleep(Duration::from_secs(3));
        let rate = (lines() - before) as f64 / 3.5;
        figures.more.push(format!("{rate:.1} lines a second in Bob's log"));
        if rate > LINES { Err(format!("{rate:.0} log lines a second")) } else { Ok(()) }
    })
}

fn ask(control: &Control, at: SocketAddr) {
    while !control.is_over() {
        let _ = ping(at, Duration::from_secs(1));
        control.sent(1);
    }
}
