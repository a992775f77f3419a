//! The daemons of the laboratory, each in its own namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use muses::api;
use muses::control::status::Status;

use super::namespace::Namespace;
use super::process::{Process, wait_for};

const NODE: &str = env!("CARGO_BIN_EXE_muses-node");
const CLOAK: &str = env!("CARGO_BIN_EXE_cloak-node");
const MUSES: &str = env!("CARGO_BIN_EXE_muses");

/// A daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    state: PathBuf,
    log: PathBuf,
    /// Its Name.
    pub(crate) name: String,
}

impl Daemon {
    /// A device with a MUSeS node, CLOAK embedded.
    pub(crate) fn device(dir: &Path, who: &str, at: &Namespace) -> Self {
        Self::new(dir, who, at, NODE)
    }

    /// A node of the overlay alone.
    pub(crate) fn relay(dir: &Path, who: &str, at: &Namespace) -> Self {
        let mut this = Self::new(dir, who, at, CLOAK);
        this.add(&["--local", "none", "--listen", "0.0.0.0:7001"]);
        this
    }

    fn new(dir: &Path, who: &str, at: &Namespace, program: &str) -> Self {
        let (state, log) = (dir.join(who), dir.join(format!("{who}.log")));
        let line = ["netns", "exec", at.name(), program, "-v", "--state"];
        let mut process = Process::new("ip", line, &log);
        process.add([state.as_os_str()]);
        Self { process, name: key(&state), state, log }
    }

    pub(crate) fn add(&mut self, words: &[&str]) {
        self.process.add(words.iter().copied());
    }

    /// Starts it, and waits until it can be asked.
    pub(crate) fn start(&mut self) {
        self.process.start();
        wait_for("a daemon", || {
            assert!(self.process.runs(), "a daemon ended:\n{}", self.process.said());
            api::status(Some(&self.state)).ok()
        });
    }

    pub(crate) fn status(&self) -> Status {
        api::status(Some(&self.state)).expect("the daemon runs")
    }

    /// Seconds of processor time that it has used.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.pid()));
        let stat = stat.expect("it runs");
        // Its own name may hold anything but ends at the last bracket.
        let fields = stat.rsplit_once(')').expect("a name in brackets").1;
        let tick = |at: usize| fields.split_whitespace().nth(at)?.parse::<f64>().ok();
        let ticks = tick(11).zip(tick(12)).map(|(user, system)| user + system);
        ticks.expect("two numbers") / rustix::param::clock_ticks_per_second() as f64
    }

    /// Lines of its log since an instant, each with its instant.
    pub(crate) fn said_since(&self, since: SystemTime) -> Vec<(SystemTime, String)> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let (stamp, rest) = line.split_once(' ')?;
            Some((on_this_day(stamp, since)?, rest.trim().to_owned()))
        });
        lines.filter(|(at, _)| *at >= since).collect()
    }
}

const DAY: f64 = 86_400.0;

/// The instant of a log's `HH:MM:SS.mmm` that is nearest to another one.
fn on_this_day(stamp: &str, near: SystemTime) -> Option<SystemTime> {
    let mut parts = stamp.splitn(3, ':').map(str::parse::<f64>);
    let mut part = || parts.next()?.ok();
    let seconds = part()? * 3600.0 + part()? * 60.0 + part()?;
    let epoch = near.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
    let ahead = (seconds - epoch % DAY + 1.5 * DAY) % DAY - DAY / 2.0;
    Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs_f64(epoch + ahead))
}

/// The Name that belongs to a state directory; made, if there is none.
fn key(state: &Path) -> String {
    let output = Command::new(MUSES).arg("--state").arg(state).arg("key").output();
    let output = output.expect("built by cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a Name").trim().to_owned()
}
