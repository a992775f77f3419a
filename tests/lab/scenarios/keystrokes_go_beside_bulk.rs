//! Somebody types through a tunnel that is full of somebody's download, on 10 Mbit/s; then the path
//! is cut and comes back ten times slower.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::keys::Typist;
use crate::outage::Outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World, silence};

const SPAN: Duration = Duration::from_secs(10);

/// The 99th percentile of keystrokes alone, on a fresh world with this rate.
fn alone(world: &World, typist: &Typist, rate: &str) -> f64 {
    world.network.rate(rate, "50ms");
    let from = Instant::now();
    sleep(SPAN);
    typist.p99(from, Instant::now())
}

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "keystrokes beside bulk",
    goal: None,
    is_quick: false,
    run: |seed| {
        let world = World::new(seed);
        let (bob, alice) = world.connect();
        let typist = Typist::start(bob, alice);
        let slow_alone = alone(&world, &typist, "1mbit");
        let quick_alone = alone(&world, &typist, "10mbit");
        let outage = Outage::at_rate(world, Sender::Alice, None);
        let from = Instant::now();
        sleep(SPAN);
        let beside = typist.p99(from, Instant::now());
        let wide = outage.rate_over(SPAN) * 8.0 / 10e6;
        let (mut outcome, outage) = outage.run(
            Duration::from_secs(5),
            |world| silence(world, true),
            |world| {
                world.network.rate("1mbit", "50ms");
                let mark = Mark::now();
                silence(world, false);
                mark
            },
        );
        sleep(Duration::from_secs(2));
        let from = Instant::now();
        sleep(SPAN);
        let after = typist.p99(from, Instant::now());
        let narrow = outage.rate_over(SPAN) * 8.0 / 1e6;
        outcome.more.insert("p99 alone, 10 Mbit/s", quick_alone);
        outcome.more.insert("p99 beside bulk, 10 Mbit/s", beside);
        outcome.more.insert("p99 alone, 1 Mbit/s", slow_alone);
        outcome.more.insert("p99 beside bulk, 5 s after the return at 1 Mbit/s", after);
        outcome.more.insert("share of the path that bulk has, 10 Mbit/s", wide);
        outcome.more.insert("share of the path that bulk has, 1 Mbit/s", narrow);
        outcome.fault = typist.finish().err();
        outage.end(outcome)
    },
};
