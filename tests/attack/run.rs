//! Which attacks run, and what is said of them.

use std::env;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::figures::Figures;
use super::report;
use super::scenarios::{ALL, Scenario};
use super::trial::{Aftermath, Trial};

/// Attacks at once where nothing is measured: they mostly wait.
const JOBS: usize = 4;

/// What was asked for.
#[derive(Default)]
struct Wish {
    filters: Vec<String>,
    is_all: bool,
    is_list: bool,
    jobs: Option<usize>,
    report: Option<PathBuf>,
}

impl Wish {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut this = Self::default();
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--all" => this.is_all = true,
                "--list" => this.is_list = true,
                "--jobs" => {
                    let jobs = words.next().and_then(|word| word.parse().ok());
                    this.jobs = Some(jobs.ok_or("--jobs wants a number")?);
                }
                "--write" => {
                    this.report = Some(words.next().ok_or("--write wants a directory")?.into());
                }
                // The test runner's own words mean nothing here.
                option if option.starts_with('-') => {}
                filter => this.filters.push(filter.to_owned()),
            }
        }
        Ok(this)
    }

    fn scenarios(&self) -> Vec<&'static Scenario> {
        let is_wanted = |scenario: &&Scenario| match self.filters.as_slice() {
            [] => self.is_all || scenario.is_quick,
            filters => filters.iter().any(|filter| scenario.name.contains(filter.as_str())),
        };
        ALL.iter().filter(is_wanted).collect()
    }
}

pub(crate) fn main() -> ExitCode {
    let wish = match Wish::parse(env::args().skip(1)) {
        Ok(wish) => wish,
        Err(why) => {
            println!("attack: {why}");
            return ExitCode::from(2);
        }
    };
    let scenarios = wish.scenarios();
    if wish.is_list {
        scenarios.iter().for_each(|scenario| println!("{}: test", scenario.name));
        return ExitCode::SUCCESS;
    }
    raise_own_limit();
    let since = Instant::now();
    println!("\nrunning {} tests", scenarios.len());
    let jobs = wish.jobs.unwrap_or(if wish.is_all { 1 } else { JOBS });
    let rows = run(&scenarios, Trial { is_measured: wish.is_all }, jobs);
    let mut failed = 0;
    println!();
    for (scenario, figures) in &rows {
        let broken = scenario.broken(figures, wish.is_all);
        failed += usize::from(!broken.is_empty());
        broken.iter().for_each(|why| println!("{}: {why}", scenario.name));
    }
    if let Some(Err(error)) = wish.report.as_deref().map(|into| report::write(&rows, into)) {
        println!("attack: the report cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        rows.len() - failed,
        ALL.len() - rows.len(),
        since.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An attacker has as many descriptors as it likes; the daemons are given the usual number.
fn raise_own_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

type Row = (&'static Scenario, Figures);

fn run(scenarios: &[&'static Scenario], trial: Trial, jobs: usize) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let aftermath = attempt(scenario, trial);
                    tell(scenario, &aftermath.figures, trial, jobs == 1);
                    done.lock().expect("no panic").push((*scenario, aftermath));
                }
            });
        }
    });
    let done = done.into_inner().expect("no panic");
    done.into_iter().map(|(scenario, aftermath)| (scenario, aftermath.settle())).collect()
}

fn attempt(scenario: &Scenario, trial: Trial) -> Aftermath {
    let run = AssertUnwindSafe(|| (scenario.run)(trial));
    panic::catch_unwind(run).unwrap_or_else(|why| {
        let why = why.downcast::<String>().map_or("it panicked".to_owned(), |text| *text);
        Aftermath::failed(why)
    })
}

fn tell(scenario: &Scenario, figures: &Figures, trial: Trial, is_told_all: bool) {
    let broken = scenario.broken(figures, trial.is_measured);
    let verdict = if broken.is_empty() { "ok" } else { "FAILED" };
    println!("test {} ... {verdict}", scenario.name);
    if is_told_all || !broken.is_empty() {
        println!("    {}", report::line(figures));
        broken.iter().for_each(|why| println!("    {why}"));
    }
}
