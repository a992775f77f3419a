//! `muses demo`: real processes on loopback, a file between them, and two cuts of the path.
//!
//! ```text
//! muses send -> muses-node (Alice) - R1 - R2 - muses-node (Bob) -> muses recv
//! ```
//!
//! It draws throughput against time, as the paper's Figure 7 does, and succeeds only if the
//! network was really away twice, both returns were quick, and the file arrived whole.

mod chart;
mod cuts;
mod meter;
mod source;
mod world;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use data_encoding::HEXLOWER;
use openssl::sha::Sha256;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::api::{self, Listener, Stream};

use crate::base::ids::Name;

use super::clock::Stopwatch;
use super::failure::Failure;
use super::programs::print;
use super::transfer::{self, Moved, Outgoing};
use super::units;

use chart::Chart;
use cuts::Cut;
use meter::Meter;
use source::Paced;
use world::World;

/// A smaller file would be over before the second cut.
pub const SIZE_MIN: u64 = 64 << 20;
/// From the network's return to the first byte: what we aim at …
const TARGET: Duration = Duration::from_millis(250);
/// … and what the paper's prototype needed; more is a failure.
const PAPER: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes a second that the sender reads at most.
    pub rate: Option<u64>,
    /// Whether files and logs stay behind.
    pub keep: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { size: 256 << 20, rate: Some(100 << 20), keep: false }
    }
}

/// Runs it.
pub fn run(plan: &Plan) -> Result<(), Failure> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut world = World::new(plan.keep, ended)?;
    let outcome = play(plan, &mut world);
    if outcome.is_err() {
        print(&world.logs())?;
    }
    if plan.keep {
        print(&format!("files and logs are in {}\n", world.dir().display()))?;
    }
    outcome
}

fn play(plan: &Plan, world: &mut World) -> Result<(), Failure> {
    print(&format!(
        "Alice -- R1 -- R2 -- Bob, five processes on loopback; a file of {} bytes, {}.\n",
        units::bytes(plan.size),
        match plan.rate {
            Some(rate) => format!(
                "read at {}/s at most so that the picture is readable (--rate)",
                units::bytes(rate)
            ),
            None => "read as fast as it goes".to_owned(),
        }
    ))?;
    let file = world.dir().join("file");
    source::write(&file, plan.size)?;
    world.start()?;
    let listener = api::listen(Some(&world.state("bob")), transfer::PORT, &[]);
    let meter = Meter::start();
    let listener = listener.map_err(Failure::run)?;
    let (moved, cuts) = transfer_through_cuts(plan, world, &meter, listener)?;
    let received = world.inbox().join(&moved.name);
    let whole = digest(&file)? == moved.digest && digest(&received)? == moved.digest;
    report(plan, &meter, &cuts, &moved, whole)
}

/// The transfer, both ends in this process so that arrivals are measured where they arrive.
fn transfer_through_cuts(
    plan: &Plan,
    world: &mut World,
    meter: &Meter,
    mut listener: Listener,
) -> Result<(Moved, Vec<Cut>), Failure> {
    let (file, inbox) = (world.dir().join("file"), world.inbox());
    let (alice, bob) = (world.state("alice"), world.name("bob"));
    let given_up = AtomicBool::new(false);
    let given_up = &given_up;
    thread::scope(|scope| {
        let receiver = scope.spawn(move || {
            let (stream, _) = listener.accept().map_err(Failure::run)?;
            transfer::receive(&inbox, stream, |_, _| |count| meter.add(count)).map_err(Failure::run)
        });
        let sender = scope.spawn(move || {
            let stream = dial(&alice, bob, given_up)?;
            let (source, size) = transfer::open(&file).map_err(Failure::run)?;
            let mut source = Paced::new(source, plan.rate);
            let outgoing = Outgoing { name: "received".into(), size, source: &mut source };
            transfer::send(outgoing, stream, |_| ()).map_err(Failure::run)
        });
        let over = || sender.is_finished() || receiver.is_finished();
        let cuts = cuts::make(world, meter, plan.size, &over).and_then(|cuts| {
            let finished = || sender.is_finished() && receiver.is_finished();
            cuts::rest(world, meter, &finished).map(|()| cuts)
        });
        if cuts.is_err() {
            // Whatever still waits for the other end hears of its death and ends too.
            given_up.store(true, Ordering::Relaxed);
            world.kill_all();
        }
        let crashed = || Err(Failure::run("a thread panicked"));
        let sent = sender.join().unwrap_or_else(|_| crashed());
        let received = receiver.join().unwrap_or_else(|_| crashed());
        match (cuts, sent, received) {
            (Ok(cuts), Ok(moved), Ok(_)) => Ok((moved, cuts)),
            (cuts, sent, received) => {
                let errors = [
                    cuts.err().map(|error| error.to_string()),
                    sent.err().map(|error| format!("the sender: {error}")),
                    received.err().map(|error| format!("the receiver: {error}")),
                ];
                Err(Failure::Run(errors.into_iter().flatten().collect::<Vec<_>>().join("; ")))
            }
        }
    })
}

/// Opens the session; the first attempts may come before the overlay stands.
fn dial(alice: &Path, bob: Name, given_up: &AtomicBool) -> Result<Stream, Failure> {
    let clock = Stopwatch::start();
    loop {
        match api::connect(Some(alice), &bob.to_string(), transfer::PORT) {
            Ok(stream) => return Ok(stream),
            Err(error) if given_up.load(Ordering::Relaxed) || clock.elapsed() > PATIENCE => {
                return Err(Failure::run(error));
            }
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn digest(path: &Path) -> Result<String, Failure> {
    let mut file = File::open(path)?;
    let (mut digest, mut chunk) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(HEXLOWER.encode(&digest.finish())),
            Ok(count) => digest.update(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn report(
    plan: &Plan,
    meter: &Meter,
    cuts: &[Cut],
    moved: &Moved,
    whole: bool,
) -> Result<(), Failure> {
    let arrivals = meter.arrivals();
    let mut text = format!("\n{}\n", Chart::new(&arrivals, cuts).text());
    let mut bad = Vec::new();
    for cut in cuts {
        let wait = cut.wait();
        let verdict = if wait < TARGET { "PASS" } else { "-" };
        let _ = writeln!(
            text,
            "{}: the network was away {:.2} s;\n       \
             first byte {:.0} ms after its return: {verdict} (target {} ms; the paper: {} s)",
            cut.what,
            cut.away().as_secs_f64(),
            wait.as_secs_f64() * 1e3,
            TARGET.as_millis(),
            PAPER.as_secs(),
        );
        if wait > PAPER {
            bad.push(format!("the first byte after '{}' came late", cut.what));
        }
        if !cut.was_quiet(&arrivals) {
            bad.push(format!("bytes went on arriving during '{}'", cut.what));
        }
    }
    let verdict = if whole { "PASS" } else { "FAIL" };
    let _ = writeln!(text, "sha256 of {} bytes equal at both ends: {verdict}", moved.size);
    let _ = writeln!(text, "       {}", moved.digest);
    print(&text)?;
    if !whole || moved.size != plan.size {
        bad.push("the file did not arrive whole".to_owned());
    }
    if bad.is_empty() { Ok(()) } else { Err(Failure::run(bad.join(", "))) }
}
