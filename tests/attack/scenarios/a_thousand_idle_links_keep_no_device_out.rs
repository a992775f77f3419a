//! A thousand proved links that say nothing, more than a relay has places (DO-01, DO-02): devices
//! come in, come back, and the relay's own control socket answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, stranger};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_thousand_idle_links_keep_no_device_out",
    row: "DO-01, DO-02",
    is_off_path: true,
    is_quick: true,
    run,
};

const LINKS: usize = 1104;
const THREADS: usize = 8;
/// From so many addresses: as many as a bound on each would have to be answered by.
const ADDRESSES: usize = 64;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let (at, by) = (world.victim(), world.entrance(0));
    let attack = move |control: &Arc<Control>| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let control = Arc::clone(control);
                thread::spawn(move || control.charged(|| occupy(&control, at, number)))
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, move |world, figures| {
        let since = Instant::now();
        let status = world.relays[0].status().ok_or("the relay's control socket is refused")?;
        let count = status.overlay.map_or(0, |overlay| overlay.neighbours.len());
        figures.more.push(format!("{count} neighbours at once, said in {:?}", since.elapsed()));
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        world.carol.process.kill();
        let took = world.carol_returns(Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("come back, after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}

/// Takes its part of the places, and then keeps them.
fn occupy(control: &Control, at: SocketAddr, number: usize) {
    let mut links: Vec<Link> = Vec::new();
    for attempt in 0..2 * LINKS / THREADS {
        if control.is_over() || links.len() == LINKS / THREADS {
            break;
        }
        if let Ok(link) = Link::fresh(at, stranger((attempt * THREADS + number) % ADDRESSES)) {
            control.sent(71 + 69);
            let _ = link.stream.set_nonblocking(true);
            links.push(link);
        }
    }
    while !control.is_over() {
        // What the relay asks is answered, so that the links are well.
        links.retain_mut(|link| answers(link).is_ok());
        control.sleep(Duration::from_millis(200));
    }
}

fn answers(link: &mut Link) -> std::io::Result<()> {
    loop {
        match link.receive() {
            Ok((kind::PING, _)) => link.send(&wire::frame(kind::PONG, &[]))?,
            Ok(_) => {}
            Err(error) if crate::neighbour::is_pause(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}
