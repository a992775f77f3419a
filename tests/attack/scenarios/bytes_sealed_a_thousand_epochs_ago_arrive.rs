//! A hostile relay on the path lets nothing but Re-Hellos pass, for long enough that more epochs
//! are stepped than are kept (RS-06, RS-10): what waits arrives afterwards, or its end is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::on_path::{Verdict, relay};
use crate::wire::{self, contype, kind};
use crate::world::{Plan, ping};

pub(super) const IT: Scenario = Scenario {
    name: "bytes_sealed_a_thousand_epochs_ago_arrive",
    row: "RS-06, RS-10",
    is_off_path: false,
    is_quick: false,
    run,
};

/// One epoch more than are kept.
const EPOCHS: u32 = 1100;
const MOST: Duration = Duration::from_secs(600);

fn run(trial: Trial) -> Aftermath {
    let mut world = Plan::default().start();
    let is_closed = Arc::new(AtomicBool::new(false));
    let closed = Arc::clone(&is_closed);
    let by = relay(world.entrance(0), Duration::ZERO, move |_, found, body| {
        let types = [contype::RE_HELLO, contype::RE_HELLO_BACK];
        let is_let_pass = |body| wire::seen(body).is_some_and(|seen| types.contains(&seen.contype));
        let is_dropped = closed.load(Relaxed) && found == kind::PACKET && !is_let_pass(body);
        Verdict { is_dropped, ..Verdict::default() }
    });
    if let Err(why) = world.carol_comes(by, Duration::from_secs(10)) {
        return Aftermath::failed(why);
    }
    let to_bob = world.carol.forward(&format!("bob:{}", world.echo_port()));
    let attack = |control: &Arc<Control>| control.sleep(MOST);
    trial.play(world, attack, move |world, figures| {
        is_closed.store(true, Relaxed);
        // It waits for its echo all the while.
        let waiting = thread::spawn(move || ping(to_bob, MOST + Duration::from_secs(60)));
        let since = Instant::now();
        let epoch = |world: &crate::world::World| {
            let status = world.carol.status()?;
            status.tunnels.first().map(|tunnel| tunnel.epoch)
        };
        let first = epoch(world).ok_or("no tunnel")?;
        let mut last = first;
        while last < first + EPOCHS && since.elapsed() < MOST {
            thread::sleep(Duration::from_secs(1));
            last = epoch(world).unwrap_or(last);
        }
        figures.more.push(format!(
            "{} epochs in {:.0} s",
            last - first,
            since.elapsed().as_secs_f64()
        ));
        is_closed.store(false, Relaxed);
        let opened = Instant::now();
        while !waiting.is_finished() && opened.elapsed() < Duration::from_secs(15) {
            thread::sleep(Duration::from_millis(50));
        }
        if !waiting.is_finished() {
            return Err("what waited has not arrived 15 s after the relay let all pass".into());
        }
        let echo = waiting.join().map_err(|_| "it panicked")?;
        figures.more.push(format!("what waited: {:?} after the way was free", opened.elapsed()));
        echo.map(|_| ()).map_err(|why| format!("what waited: {why}"))
    })
}
