//! A thousand connections to a device that say nothing, at the usual 1,024 descriptors (DO-02,
//! FA-08): sessions open all the same, and the log stays short.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{connect, stranger};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "silent_connections_leave_descriptors",
    row: "DO-02, FA-08",
    is_off_path: true,
    is_quick: true,
    run,
};

const CONNECTIONS: usize = 1000;
/// A connection is made anew before the device's patience with it ends.
const KEPT: Duration = Duration::from_secs(4);
/// Lines a second that an outsider may cause.
const LINES: f64 = 3.0;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().bob_listens().start();
    let at = world.bob.neighbours();
    let attack = move |control: &std::sync::Arc<Control>| {
        let mut open: std::collections::VecDeque<(Instant, TcpStream)> = Default::default();
        while !control.is_over() {
            while open.front().is_some_and(|(since, _)| since.elapsed() > KEPT) {
                open.pop_front();
            }
            if open.len() >= CONNECTIONS {
                control.sleep(Duration::from_millis(2));
            } else if let Ok(stream) = connect(at, stranger(open.len() % 16)) {
                // An end without a wait in the attacker's own kernel.
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                control.sent(3 * 60);
                open.push_back((Instant::now(), stream));
            }
        }
    };
    let mut aftermath = trial.play(world, attack, |world, figures| {
        let count = world.bob.process.descriptors().unwrap_or(0);
        figures.more.push(format!("{count} descriptors open at Bob"));
        std::thread::sleep(Duration::from_secs(4));
        Ok(())
    });
    let lines = aftermath.figures.log_lines;
    if lines > LINES {
        aftermath.figures.faults.push(format!("{lines:.0} log lines a second"));
    }
    aftermath
}
