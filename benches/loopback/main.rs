//! One session over loopback against a plain TCP relay, both as real processes.
//!
//! `cargo bench --bench loopback [-- --gb 1 --rounds 5 --only gcm --quick --json]`
//!
//! ```text
//! MUSeS      writer -> muses-node -> cloak-node -> cloak-node -> muses-node -> reader
//! plain-2    writer ->               relay      -> relay      ->               reader
//! plain-4    writer -> relay      -> relay      -> relay      -> relay      -> reader
//! ```
//!
//! A plain relay is a blocking copy loop and gives nothing that MUSeS is for: plain-2 is what the
//! network itself costs, plain-4 the same with as many processes. All are measured in turn, round
//! by round, so that what else the machine does meets them alike. CPU time of the writer and the
//! reader is not counted.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark prints what it measured"
)]
// A benchmark measures with the clock that the cores may not know, and has threads.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::process::ExitCode;

use muses::crypto::suite::Suite;

mod load;
mod path;
mod plain;
#[path = "../support/mod.rs"]
mod support;

use load::Load;
use path::Path;
use support::{flag, median, option, percentile, print};

const COLUMNS: [&str; 11] = [
    "path",
    "Gbit/s",
    "CPU s/GB",
    "ends s/GB",
    "relays s/GB",
    "times plain-2",
    "relays times plain-2",
    "ping p50 us",
    "ping p99 us",
    "first byte p50 us",
    "first byte p99 us",
];

/// What was measured of one path.
#[derive(Default)]
struct Figures {
    rate: Vec<f64>,
    ends: Vec<f64>,
    relays: Vec<f64>,
    pings: Vec<f64>,
    first_bytes: Vec<f64>,
}

impl Figures {
    fn measure(&mut self, path: &Path, load: &Load) -> std::io::Result<()> {
        let before = path.cpu();
        self.rate.push(load.transfer(path)?);
        let after = path.cpu();
        let spent = |group: usize| (after[group] - before[group]) / load.gigabytes;
        self.ends.push(spent(0));
        self.relays.push(spent(1));
        self.pings.extend(load.pings(path)?);
        self.first_bytes.extend(load.first_bytes(path)?);
        Ok(())
    }

    fn cpu(&self) -> Vec<f64> {
        self.ends.iter().zip(&self.relays).map(|(ends, relays)| ends + relays).collect()
    }

    fn row(self, name: &str, plain: &[f64]) -> Vec<String> {
        let cpu = self.cpu();
        // A plain path is relays and nothing else.
        let times =
            |own: &[f64]| median(own.iter().zip(plain).map(|(own, plain)| own / plain).collect());
        let micros = |figures: &Vec<f64>, percent| {
            format!("{:.0}", percentile(figures.clone(), percent) * 1e6)
        };
        vec![
            name.to_owned(),
            format!("{:.2}", median(self.rate.clone())),
            format!("{:.2}", median(cpu.clone())),
            format!("{:.2}", median(self.ends.clone())),
            format!("{:.2}", median(self.relays.clone())),
            format!("{:.2}", times(&cpu)),
            format!("{:.2}", times(&self.relays)),
            micros(&self.pings, 50),
            micros(&self.pings, 99),
            micros(&self.first_bytes, 50),
            micros(&self.first_bytes, 99),
        ]
    }
}

fn number(word: &str, default: f64) -> f64 {
    option(word).and_then(|given| given.parse().ok()).unwrap_or(default)
}

fn run() -> std::io::Result<()> {
    let load = Load::new(number("--gb", 1.0), if flag("--quick") { 200 } else { 2000 });
    let only = option("--only").unwrap_or_default();
    let mut paths = vec![("plain-2".to_owned(), Path::plain(2)?)];
    paths.push(("plain-4".to_owned(), Path::plain(4)?));
    for suite in Suite::ALL.into_iter().filter(|suite| suite.to_string().contains(&only)) {
        paths.push((format!("MUSeS {suite}"), Path::muses(suite)?));
    }
    let mut all: Vec<Figures> = paths.iter().map(|_| Figures::default()).collect();
    for _ in 0..number("--rounds", 5.0) as usize {
        for (figures, (_, path)) in all.iter_mut().zip(&paths) {
            figures.measure(path, &load)?;
        }
    }
    let plain = all[0].cpu();
    let named = all.into_iter().zip(&paths);
    let rows: Vec<Vec<String>> =
        named.map(|(figures, (name, _))| figures.row(name, &plain)).collect();
    let title = format!("one session over loopback, {} GB a round", load.gigabytes);
    print(&title, &COLUMNS, &rows);
    Ok(())
}

fn main() -> ExitCode {
    let result = match option(plain::WORD) {
        Some(between) => plain::relay(&between),
        None => run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loopback: {error}");
            ExitCode::FAILURE
        }
    }
}
