//! A thousand proved links that say nothing, more than a relay has places (DO-01, DO-02): devices
//! come in, come back, and the relay's own control socket answers.

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

const LINKS: usize = 1100;
/// From so many addresses: as many as a bound on each would have to be answered by.
const ADDRESSES: usize = 64;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let (at, by) = (world.victim(), world.entrance(0));
    let attack = move |control: &std::sync::Arc<Control>| {
        let mut links: Vec<Link> = Vec::new();
        let mut tries = 0;
        while !control.is_over() {
            if links.len() < LINKS && tries < 4 * LINKS {
                tries += 1;
                if let Ok(link) = Link::fresh(at, stranger(tries % ADDRESSES)) {
                    control.sent(71 + 69);
                    let _ = link.stream.set_nonblocking(true);
                    links.push(link);
                }
                continue;
            }
            // What the relay asks is answered, so that the links are well.
            links.retain_mut(|link| answers(link).is_ok());
            control.sleep(Duration::from_millis(200));
        }
    };
    trial.play(world, attack, move |world, figures| {
        // Time to fill every place there is.
        std::thread::sleep(Duration::from_secs(3));
        let since = Instant::now();
        let status = world.relays[0].status().ok_or("the relay's control socket is refused")?;
        let count = status.overlay.map_or(0, |overlay| overlay.neighbours.len());
        figures.more.push(format!("{count} neighbours at once, said in {:?}", since.elapsed()));
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        world.carol.process.kill();
        let took = world.carol_returns(Duration::from_secs(8))?;
        figures.more.push(format!("come back, after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
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
