//! Both of Bob's ways have a round trip of up to ten seconds, as over a satellite or behind a full
//! queue: how long a first session takes to its first byte, and a second one; and a stream over a
//! path whose round trip grows to half a minute.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::scenario::{Goal, Scenario};
use crate::world::{Sender, World};

pub(crate) const RTT_600_MS: Scenario =
    session::<600>("a session over a round trip of 0.6 s", false);
pub(crate) const RTT_1500_MS: Scenario =
    session::<1500>("a session over a round trip of 1.5 s", true);
pub(crate) const RTT_3_S: Scenario = session::<3000>("a session over a round trip of 3 s", false);
pub(crate) const RTT_10_S: Scenario =
    session::<10_000>("a session over a round trip of 10 s", false);
pub(crate) const GROWS_TO_3_S: Scenario = growth::<3200>("the round trip grows to 3.2 s");
pub(crate) const GROWS_TO_30_S: Scenario = growth::<30_000>("the round trip grows to 30 s");

/// A session over a round trip of so many milliseconds.
const fn session<const RTT: u64>(name: &'static str, is_quick: bool) -> Scenario {
    let most = 4.0 * RTT as f64 / 1000.0 + 0.5;
    let goal = Some(Goal { others: "", median: most, worst: most });
    Scenario { name, goal, is_quick, run: |seed| opened(seed, RTT) }
}

/// A session whose round trip grows to so many milliseconds.
const fn growth<const RTT: u64>(name: &'static str) -> Scenario {
    Scenario { name, goal: None, is_quick: false, run: |seed| grows(seed, RTT) }
}

fn opened(seed: u64, rtt: u64) -> Outcome {
    let rtt = Duration::from_millis(rtt);
    let mut world = World::far(seed, rtt);
    // What the overlay has to say has arrived.
    thread::sleep(rtt * 4 + Duration::from_secs(1));
    let first = exchange(&world);
    let second = exchange(&world);
    world.bob.process.kill();
    let began = Instant::now();
    world.bob.start();
    let after_start = exchange(&world).map(|_| began.elapsed());
    let mut outcome = Outcome { memory: world.bob.process.memory().0 >> 10, ..Outcome::default() };
    for (what, took) in [("a second one", second), ("from the start", after_start)] {
        match took {
            Ok(took) => drop(outcome.more.insert(what, took.as_secs_f64())),
            Err(why) => outcome.fault = Some(format!("{what}: {why}")),
        }
    }
    match first {
        Ok(took) => outcome.back = took.as_secs_f64(),
        Err(why) => outcome.fault = Some(why),
    }
    outcome
}

/// Bob connects, says a word and hears it again; how long that takes.
fn exchange(world: &World) -> Result<Duration, String> {
    let began = Instant::now();
    let (mut bob, mut alice) = world.connect();
    let echo = thread::spawn(move || {
        let mut word = [0; 4];
        alice.read_exact(&mut word).and_then(|()| alice.write_all(&word))
    });
    let mut word = [0; 4];
    let heard = bob.write_all(b"word").and_then(|()| bob.read_exact(&mut word));
    let took = began.elapsed();
    let said = echo.join().expect("no panic");
    said.and(heard).map_err(|error| format!("after {took:?}: {error}"))?;
    if &word == b"word" { Ok(took) } else { Err(format!("other bytes came: {word:?}")) }
}

fn grows(seed: u64, rtt: u64) -> Outcome {
    let rtt = Duration::from_millis(rtt);
    let world = World::new(seed);
    let stream = world.stream(Sender::Alice, Some(16 * 1024));
    let began = Instant::now();
    world.set_rtt(rtt);
    thread::sleep(rtt * 2);
    // The old link is given up, and a fresh one takes four round trips to carry the first byte.
    let patience = rtt * 8;
    while stream.first_after(began + rtt * 2).is_none() && began.elapsed() < patience {
        thread::sleep(Duration::from_millis(20));
    }
    let settled = Instant::now();
    thread::sleep(rtt * 4);
    let stall = stream.longest_stall(settled, Instant::now());
    let mut outcome = Outcome {
        back: (settled - began).as_secs_f64(),
        stall: stall.as_secs_f64(),
        memory: world.bob.process.memory().0 >> 10,
        ..Outcome::default()
    };
    outcome.fault = stream.finish().err();
    outcome
}
