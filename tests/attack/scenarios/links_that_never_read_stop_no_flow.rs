//! Seventy-five links that never read what another one sends to them, and answer pings all the
//! same (DO-04, DO-06): the relay's packet memory is not theirs.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER, stranger};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "links_that_never_read_stop_no_flow",
    row: "DO-04, DO-06",
    is_off_path: true,
    is_quick: true,
    run,
};

const LINKS: usize = 75;
/// More than one link's queue holds.
const BYTES_EACH: usize = 5 << 20;
/// An end that does not read says so this often, as a link held back does.
const ALIVE_EVERY: Duration = Duration::from_millis(200);

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let at = world.victim();
    let attack = move |control: &std::sync::Arc<Control>| {
        let Ok(mut source) = Link::fresh(at, STRANGER) else { return };
        let mut deaf: Vec<Link> =
            (0..LINKS).filter_map(|number| Link::fresh(at, stranger(number / 8)).ok()).collect();
        for link in &deaf {
            // Its own kernel is to hold little of what it does not read.
            let _ = socket2::SockRef::from(&link.stream).set_recv_buffer_size(4096);
        }
        let own = source.name();
        let payload = vec![0; 16 << 10];
        let _ = source.stream.set_write_timeout(Some(Duration::from_secs(2)));
        for link in &deaf {
            let header = wire::header(19, 1, 1, &wire::half_session());
            let packet = wire::packet(&link.name(), &own, &header, &payload);
            for _ in 0..BYTES_EACH / packet.len() {
                if control.is_over() || source.send(&packet).is_err() {
                    break;
                }
                control.sent(packet.len());
            }
        }
        let pong = wire::frame(kind::PONG, &[]);
        while !control.is_over() {
            deaf.iter_mut().for_each(|link| {
                control.sent(pong.len());
                let _ = link.send(&pong);
            });
            let _ = source.send(&pong);
            control.sleep(ALIVE_EVERY);
        }
    };
    trial.play(world, attack, |_, _| Ok(()))
}
