//! A full stream is cut, and the path that returns is ten times slower, or 300 ms longer: what was
//! under way must neither flood it nor leave it empty.

use std::time::Duration;

use crate::outage::Outage;
use crate::outcome::Outcome;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World, silence};

const AWAY: Duration = Duration::from_secs(5);

pub(crate) const TEN_TIMES_SLOWER: Scenario = Scenario {
    name: "back ten times slower",
    goal: None,
    is_quick: false,
    run: |seed| worse(seed, 2e6, |world| world.network.rate("2mbit", "50ms")),
};

pub(crate) const LONGER: Scenario = Scenario {
    name: "back with 300 ms more",
    goal: None,
    is_quick: false,
    run: |seed| {
        let delay = |manner: &mut crate::wire::Manner| manner.delay = Duration::from_millis(150);
        worse(seed, 20e6, |world| world.network.left.set(|_, manner| delay(manner)))
    },
};

fn worse(seed: u64, rate: f64, change: impl FnOnce(&World)) -> Outcome {
    let world = World::new(seed);
    world.network.rate("20mbit", "50ms");
    let outage = Outage::at_rate(world, Sender::Alice, None);
    let (mut outcome, outage) = outage.run(
        AWAY,
        |world| silence(world, true),
        |world| {
            change(world);
            let mark = Mark::now();
            silence(world, false);
            mark
        },
    );
    std::thread::sleep(Duration::from_secs(7));
    let share = outage.rate_over(Duration::from_secs(5)) * 8.0 / rate;
    outcome.more.insert("share of the path used, from 5 to 10 s after the return", share);
    outage.end(outcome)
}
