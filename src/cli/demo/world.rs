//! The processes of the demonstration, and the end of every one of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::api;
use crate::base::ids::Name;

use super::super::clock::Stopwatch;
use super::super::failure::Failure;
use super::super::state::StateDir;

const ACTORS: [&str; 4] = ["r1", "r2", "alice", "bob"];
const RELAYS: [&str; 2] = ["r1", "r2"];
/// A process that is not ready after this long never will be.
const READY: Duration = Duration::from_secs(15);
const TURN: Duration = Duration::from_millis(1);
/// Lines of each log that are shown when something went wrong.
const LOG_LINES: usize = 8;

/// All of it.
#[derive(Debug)]
pub(super) struct World {
    dir: PathBuf,
    programs: PathBuf,
    keep: bool,
    ended: Arc<AtomicBool>,
    names: BTreeMap<&'static str, Name>,
    ports: BTreeMap<&'static str, u16>,
    children: BTreeMap<&'static str, Child>,
}

impl World {
    /// A directory with an identity for each, and nothing running yet. `ended` is set when a
    /// person wants the end.
    pub(super) fn new(keep: bool, ended: Arc<AtomicBool>) -> Result<Self, Failure> {
        let own = std::env::current_exe()?;
        let programs = own.parent().unwrap_or(Path::new("")).to_owned();
        for program in ["muses-node", "cloak-node"] {
            if !programs.join(program).exists() {
                let place = programs.display();
                let text = format!("{program} is not beside muses in {place}: run 'make demo'");
                return Err(Failure::Run(text));
            }
        }
        let dir = std::env::temp_dir().join(format!("muses-demo-{}", std::process::id()));
        let mut world = Self {
            dir: dir.clone(),
            programs,
            keep,
            ended,
            names: BTreeMap::new(),
            ports: BTreeMap::new(),
            children: BTreeMap::new(),
        };
        StateDir::open(&dir).map_err(Failure::run)?;
        fs::create_dir(world.inbox())?;
        for actor in ACTORS {
            let state = StateDir::open(&world.state(actor)).map_err(Failure::run)?;
            world.names.insert(actor, state.identity().map_err(Failure::run)?.name());
        }
        // Held open together, so that the system does not give one port twice.
        let mut held = Vec::new();
        for relay in RELAYS {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            world.ports.insert(relay, listener.local_addr()?.port());
            held.push(listener);
        }
        Ok(world)
    }

    /// Where everything is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the file arrives.
    pub(super) fn inbox(&self) -> PathBuf {
        self.dir.join("inbox")
    }

    /// An actor's state directory.
    pub(super) fn state(&self, actor: &str) -> PathBuf {
        self.dir.join(actor)
    }

    /// An actor's Name.
    pub(super) fn name(&self, actor: &str) -> Name {
        self.names[actor]
    }

    fn at(&self, relay: &str) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[relay]))
    }

    /// Starts everybody, and waits until all are ready.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        for relay in RELAYS {
            self.spawn(relay)?;
        }
        for relay in RELAYS {
            self.await_port(relay)?;
        }
        for node in ["alice", "bob"] {
            self.spawn(node)?;
            let state = self.state(node);
            self.patiently(READY, node, || {
                api::status(Some(&state)).map(|_| ()).map_err(|error| error.to_string())
            })?;
        }
        Ok(())
    }

    /// Starts a process.
    pub(super) fn spawn(&mut self, actor: &'static str) -> Result<(), Failure> {
        let relay = RELAYS.contains(&actor);
        let program = if relay { "cloak-node" } else { "muses-node" };
        let mut command = Command::new(self.programs.join(program));
        command.arg("--state").arg(self.state(actor));
        let at = |relay| self.at(relay).to_string();
        match actor {
            "r1" => command.args(["--listen", &at("r1"), "--peer", &at("r2")]),
            "r2" => command.args(["--listen", &at("r2")]),
            "alice" => command.args(["--peer", &at("r1")]),
            _ => command.args(["--peer", &at("r2"), "--allow", &self.name("alice").to_string()]),
        };
        if relay {
            command.args(["--local", "none"]);
        } else {
            command.args(["--socks", "none"]);
        }
        let log = File::options().append(true).create(true).open(self.log(actor))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command
            .spawn()
            .map_err(|error| Failure::Run(format!("cannot start {program}: {error}")))?;
        self.children.insert(actor, child);
        Ok(())
    }

    fn log(&self, actor: &str) -> PathBuf {
        self.dir.join(format!("{actor}.log"))
    }

    /// Waits until a relay takes connections.
    pub(super) fn await_port(&self, relay: &'static str) -> Result<(), Failure> {
        let at = self.at(relay);
        self.patiently(READY, relay, || {
            TcpStream::connect(at).map(|_| ()).map_err(|error| error.to_string())
        })
    }

    /// Tries until it succeeds, or for so long.
    pub(super) fn patiently<T>(
        &self,
        bound: Duration,
        what: &str,
        mut attempt: impl FnMut() -> Result<T, String>,
    ) -> Result<T, Failure> {
        let clock = Stopwatch::start();
        loop {
            let error = match attempt() {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            if clock.elapsed() > bound {
                let seconds = bound.as_secs();
                return Err(Failure::Run(format!("no {what} within {seconds} s {error}")));
            }
            self.rest(TURN)?;
        }
    }

    /// Sleeps, unless a person wants the end.
    pub(super) fn rest(&self, span: Duration) -> Result<(), Failure> {
        let clock = Stopwatch::start();
        loop {
            if self.ended.load(Ordering::Relaxed) {
                return Err(Failure::run("ended by a signal"));
            }
            let left = span.saturating_sub(clock.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// Sends a signal.
    pub(super) fn signal(&self, actor: &str, signal: Signal) -> Result<(), Failure> {
        let child = self.children.get(actor).map(|child| child.id() as i32);
        let pid = child.and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| Failure::Run(format!("{actor} does not run")))?;
        kill_process(pid, signal).map_err(|error| Failure::from(io::Error::from(error)))
    }

    /// Kills a process (SIGKILL) and waits for its end.
    pub(super) fn kill(&mut self, actor: &str) -> Result<(), Failure> {
        if let Some(mut child) = self.children.remove(actor) {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Kills everybody.
    pub(super) fn kill_all(&mut self) {
        for child in self.children.values_mut() {
            // One that has ended already needs no killing.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.children.clear();
    }

    /// The last lines of every log, for whoever wonders what went wrong.
    pub(super) fn logs(&self) -> String {
        let mut text = String::new();
        for actor in ACTORS {
            let log = fs::read_to_string(self.log(actor)).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
                text.push_str(&format!("{actor:>6} | {line}\n"));
            }
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill_all();
        if !self.keep {
            // What cannot be removed is in the system's directory for such things.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
