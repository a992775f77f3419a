//! Which scenarios run, how often, and beside which others.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::outcome::Outcome;
use super::report::{self, Row};
use super::scenario::Scenario;
use super::scenarios::ALL;

/// What was asked for.
struct Wish {
    scenarios: Vec<&'static Scenario>,
    runs: usize,
    jobs: usize,
    /// Where the report goes, if one is wanted.
    report: Option<PathBuf>,
}

impl Wish {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut filters, mut is_all) = (Vec::new(), false);
        let (mut runs, mut jobs, mut report) = (None, None, None);
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut number = || words.next().and_then(|word| word.parse().ok());
            match word.as_str() {
                "--all" => is_all = true,
                "--runs" => runs = Some(number().ok_or("--runs wants a number")?),
                "--jobs" => jobs = Some(number().ok_or("--jobs wants a number")?),
                "--write" => report = Some(words.next().ok_or("--write wants a directory")?.into()),
                // The test runner's own words mean nothing here.
                option if option.starts_with('-') => {}
                filter => filters.push(filter.to_owned()),
            }
        }
        let is_wanted = |scenario: &&Scenario| match filters.as_slice() {
            [] => is_all || scenario.is_quick,
            filters => filters.iter().any(|filter| scenario.name.contains(filter.as_str())),
        };
        let scenarios = ALL.iter().filter(is_wanted).collect();
        let runs = runs.unwrap_or(if is_all { 5 } else { 1 });
        // Those that take longest mostly wait.
        let jobs = jobs.unwrap_or(if is_all { 8 } else { 4 });
        Ok(Self { scenarios, runs, jobs, report })
    }
}

/// Why nothing can run here, if so.
fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        Some("it needs root")
    } else if !Path::new("/dev/net/tun").exists() {
        Some("there is no /dev/net/tun")
    } else if std::process::Command::new("ip").arg("-V").output().is_err() {
        Some("there is no ip program (iproute2)")
    } else {
        None
    }
}

pub(crate) fn main() -> ExitCode {
    let wish = match Wish::parse(env::args().skip(1)) {
        Ok(wish) => wish,
        Err(why) => {
            println!("lab: {why}");
            return ExitCode::from(2);
        }
    };
    if let Some(why) = obstacle() {
        println!("lab: skipped: {why}");
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} scenarios, {} times", wish.scenarios.len(), wish.runs);
    let rows = run(&wish);
    let faults = rows.iter().map(Row::faults).sum::<usize>();
    if let Some(Err(error)) = wish.report.as_deref().map(|into| report::write(&rows, into)) {
        println!("lab: the report cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    let verdict = if faults == 0 { "ok" } else { "FAILED" };
    println!("\nlab result: {verdict}. {} runs, {faults} failed", wish.runs * rows.len());
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs all, some beside others: they mostly wait.
fn run(wish: &Wish) -> Vec<Row> {
    let tasks: Vec<_> = (0..wish.runs).flat_map(|_| wish.scenarios.iter().copied()).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..wish.jobs {
            scope.spawn(|| {
                while let Some(scenario) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let seed = next.load(Ordering::Relaxed) as u64;
                    let outcome = attempt(scenario, seed);
                    tell(scenario, &outcome);
                    done.lock().expect("no panic").push((scenario.name, outcome));
                }
            });
        }
    });
    let done = done.into_inner().expect("no panic");
    let of = |scenario: &'static Scenario| {
        let runs = done.iter().filter(|(name, _)| *name == scenario.name);
        Row::new(scenario, runs.map(|(_, outcome)| outcome.clone()).collect())
    };
    wish.scenarios.iter().copied().map(of).collect()
}

fn attempt(scenario: &Scenario, seed: u64) -> Outcome {
    let run = AssertUnwindSafe(|| (scenario.run)(seed));
    panic::catch_unwind(run).unwrap_or_else(|why| {
        let why = why.downcast::<String>().map_or("it panicked".to_owned(), |text| *text);
        Outcome { fault: Some(why), ..Outcome::default() }
    })
}

fn tell(scenario: &Scenario, outcome: &Outcome) {
    if let Some(why) = outcome.skipped {
        return println!("{:<32} skipped: {why}", scenario.name);
    }
    let split = outcome.split.map_or(String::new(), |split| {
        format!(" (link {:.3}, overlay {:.3}, MUSeS {:.3})", split.link, split.overlay, split.muses)
    });
    let fault = outcome.fault.as_deref().map_or(String::new(), |fault| format!(" FAILED: {fault}"));
    println!(
        "{:<32} away {:.1} s, back in {:.3} s{split}, stall {:.3} s, sent again {} B, away: {} packets, \
         {:.2} % of a core, {} KiB{fault}",
        scenario.name,
        outcome.away,
        outcome.back,
        outcome.stall,
        outcome.sent_again,
        outcome.packets_away,
        outcome.cpu_away * 100.0,
        outcome.memory,
    );
    for (what, value) in &outcome.more {
        println!("    {what}: {value:.4}");
    }
}
