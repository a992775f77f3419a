//! Records of fresh Names for more than the table holds, over a few links (DH-08): the honest
//! ones that come afterwards have room, and are found.

use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, stranger};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "a_flood_of_stores_leaves_room_for_honest_records",
    row: "DH-08",
    is_off_path: true,
    is_quick: false,
    run,
};

const LINKS: usize = 12;
/// Enough for the tables of both relays and of the devices' own nodes.
const STORES_EACH: usize = 2600;
const TREES: u8 = 3;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().clients().two_relays().start();
    let (at, by) = (world.victim(), world.entrance(1));
    let attack = move |control: &std::sync::Arc<Control>| {
        let links = (0..LINKS).map_while(|number| Link::fresh(at, stranger(number)).ok());
        let mut links: Vec<Link> = links.collect();
        for round in 0..STORES_EACH / 8 {
            for link in &mut links {
                let signer = wire::fresh();
                let (name, record) = (wire::name_of(&signer), wire::record(&signer, 1, 3600));
                let source = wire::name_of(&link.key);
                for replica in 0..8 {
                    let key = wire::table_key(&name, replica);
                    let head = wire::route_to_key(&key, &source, replica, TREES);
                    let frame = wire::frame(kind::ERRAND, &[&head[..], &[1], &record].concat());
                    control.sent(frame.len());
                    if control.is_over() || link.send(&frame).is_err() {
                        return;
                    }
                }
            }
            // The burst at once, then as fast as errands are taken.
            if round > 125 {
                std::thread::sleep(Duration::from_millis(40));
            }
        }
        while !control.is_over() {
            control.sleep(Duration::from_millis(100));
        }
    };
    trial.play(world, attack, move |world, figures| {
        std::thread::sleep(Duration::from_secs(1));
        for relay in &world.relays {
            let records = relay.status().and_then(|status| status.overlay?.records);
            let records = records.ok_or("the relay does not answer")?;
            let (kept, bytes) = (records.kept, records.kept_bytes.held);
            figures.more.push(format!("{kept} records kept, {bytes} bytes"));
        }
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        let took = crate::world::ping(world.to_carol(), Duration::from_secs(8))
            .map_err(|why| format!("Alice does not find Carol: {why}"))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("found by Alice after {:.2} s", took.as_secs_f64()));
        for relay in &world.relays {
            let status = relay.status().ok_or("the relay does not answer")?;
            let full = status.counters.iter().filter(|(name, _)| name.starts_with("dht-"));
            figures.more.extend(full.map(|(name, count)| format!("{name} {count}")));
        }
        Ok(())
    })
}
