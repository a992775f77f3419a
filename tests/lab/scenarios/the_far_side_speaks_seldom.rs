//! A session in which only the far side speaks, every few seconds, and a router that drops all for
//! a while: the device has nothing to send that would tell it that its path is gone, and who gave
//! its link up cannot say so.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, Usage};
use crate::process::wait_for;
use crate::scenario::{Goal, Scenario};
use crate::world::{Mark, Sender, World, silence};

const fn goal(others: &'static str) -> Option<Goal> {
    Some(Goal { others, median: 0.3, worst: 0.6 })
}

pub(crate) const EVERY_3_S: Scenario = Scenario {
    name: "a word every 3 s, silent for 20 s",
    goal: goal("ssh 8"),
    is_quick: true,
    run: |seed| seldom(seed, Sender::Alice, 3_000, 20),
};

pub(crate) const EVERY_10_S: Scenario = Scenario {
    name: "a word every 10 s, silent for 60 s",
    goal: goal("not measured"),
    is_quick: false,
    run: |seed| seldom(seed, Sender::Alice, 10_000, 60),
};

pub(crate) const EVERY_60_S: Scenario = Scenario {
    name: "a word every 60 s, silent for 75 s",
    goal: goal("not measured"),
    is_quick: false,
    run: |seed| seldom(seed, Sender::Alice, 60_000, 75),
};

pub(crate) const BOB_SPEAKS: Scenario = Scenario {
    name: "a word of the cut side every 3 s, silent for 20 s",
    goal: goal("not measured"),
    is_quick: false,
    run: |seed| seldom(seed, Sender::Bob, 3_000, 20),
};

/// When each word was said, and when it came.
type Words = Arc<Mutex<Vec<Instant>>>;

fn seldom(seed: u64, who: Sender, every: u64, seconds: u64) -> Outcome {
    let (world, every) = (World::new(seed), Duration::from_millis(every));
    let (bob, alice) = world.connect();
    let (from, to) = if who == Sender::Alice { (alice, bob) } else { (bob, alice) };
    let (said, came, over) = <(Words, Words, Arc<AtomicBool>)>::default();
    let speaker = {
        let (said, over) = (Arc::clone(&said), Arc::clone(&over));
        thread::spawn(move || speak(from, every, &said, &over))
    };
    let listener = {
        let came = Arc::clone(&came);
        thread::spawn(move || listen(to, &came))
    };
    wait_for("the first word", || (!came.lock().expect("no panic").is_empty()).then_some(()));
    // Two words more, and another phase each time.
    thread::sleep(every * 2 + every.mul_f64((seed as f64 * 0.618).fract()));

    silence(&world, true);
    let (began, before) = (Mark::now(), Usage::of(&world));
    thread::sleep(Duration::from_secs(seconds));
    let (packets_away, cpu_away) = Usage::of(&world).since(&before);
    silence(&world, false);
    let back = Mark::now();
    thread::sleep(every + Duration::from_secs(3));

    over.store(true, Ordering::Relaxed);
    let ended = speaker.join().expect("no panic").and(listener.join().expect("no panic"));
    let (said, came) = (said.lock().expect("no panic"), came.lock().expect("no panic"));
    let late = said.iter().zip(came.iter()).map(|(said, came)| {
        let possible = if *said >= began.at { (*said).max(back.at) } else { *said };
        came.saturating_duration_since(possible)
    });
    let lost = (said.len() != came.len())
        .then(|| format!("{} words were said and {} came", said.len(), came.len()));
    Outcome {
        fault: ended.err().or(lost),
        away: (back.at - began.at).as_secs_f64(),
        back: late.max().unwrap_or_default().as_secs_f64(),
        packets_away,
        cpu_away,
        memory: world.bob.process.memory().0 >> 10,
        ..Outcome::default()
    }
}

fn speak(
    mut to: TcpStream,
    every: Duration,
    said: &Mutex<Vec<Instant>>,
    over: &AtomicBool,
) -> Result<(), String> {
    while !over.load(Ordering::Relaxed) {
        said.lock().expect("no panic").push(Instant::now());
        to.write_all(b"word").map_err(|error| format!("speaking: {error}"))?;
        let next = Instant::now() + every;
        while Instant::now() < next && !over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn listen(mut from: TcpStream, came: &Mutex<Vec<Instant>>) -> Result<(), String> {
    let mut word = [0; 4];
    loop {
        match from.read(&mut word[..1]) {
            Ok(0) => return Ok(()),
            Ok(_) => from.read_exact(&mut word[1..]).map_err(|error| format!("a word: {error}"))?,
            Err(error) => return Err(format!("listening: {error}")),
        }
        if &word != b"word" {
            return Err(format!("other bytes came: {word:?}"));
        }
        came.lock().expect("no panic").push(Instant::now());
    }
}
