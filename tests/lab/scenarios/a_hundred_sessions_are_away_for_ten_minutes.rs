//! A hundred idle connections and a stream, and no network for ten minutes.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use crate::outage::Outage;
use crate::scenario::Scenario;
use crate::world::{Mark, Sender, World};

pub(crate) const SCENARIO: Scenario = Scenario {
    name: "100 sessions away for 10 min",
    goal: None,
    is_quick: false,
    run: |seed| {
        let world = World::new(seed);
        let idle: Vec<_> = (0..100).map(|_| world.connect()).collect();
        let outage = Outage::of(world, Sender::Alice);
        let (before, mut grown) = (Cell::new(0), 0);
        let (mut outcome, outage) = outage.run(
            Duration::from_secs(600),
            |world| {
                world.network.bob.ip("link set eth0 down");
                // What was under way is kept once the outage is noticed, and nothing after it.
                sleep(Duration::from_secs(5));
                before.set(heap(world));
            },
            |world| {
                grown = heap(world).saturating_sub(before.get()) >> 10;
                let mark = Mark::now();
                world.network.bob.ip("link set eth0 up\nroute replace default via 10.5.0.1");
                mark
            },
        );
        outcome.more.insert("memory of both devices grown while away, KiB", grown as f64);
        outcome.fault = idle.into_iter().find_map(|pair| lives(pair).err());
        outage.end(outcome)
    },
};

/// What both devices hold: no part of a file, for a program's own pages come in as it runs them.
fn heap(world: &World) -> u64 {
    [&world.alice, &world.bob].iter().map(|device| device.process.field("RssAnon:")).sum()
}

/// A byte goes each way.
fn lives((mut bob, mut alice): (TcpStream, TcpStream)) -> Result<(), String> {
    let pass = |from: &mut TcpStream, to: &mut TcpStream| -> std::io::Result<()> {
        to.set_read_timeout(Some(Duration::from_secs(20)))?;
        from.write_all(b"x")?;
        to.read_exact(&mut [0])
    };
    let both = pass(&mut bob, &mut alice).and_then(|()| pass(&mut alice, &mut bob));
    both.map_err(|error| format!("an idle connection: {error}"))
}
