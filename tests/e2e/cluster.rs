//! Alice, Bob and the two relays between them.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use muses::api;
use muses::control::status::Status;
use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, wait_for};

pub(crate) const NODE: &str = env!("CARGO_BIN_EXE_muses-node");
pub(crate) const CLOAK: &str = env!("CARGO_BIN_EXE_cloak-node");
pub(crate) const MUSES: &str = env!("CARGO_BIN_EXE_muses");
const LOG_LINES: usize = 60;

/// A daemon and where it is spoken to.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) state: PathBuf,
    /// Its Name.
    pub(crate) name: String,
}

impl Daemon {
    pub(crate) fn new(dir: &Path, who: &str, program: &str) -> Self {
        let state = dir.join(who);
        let line = ["--state".into(), state.clone().into_os_string()];
        let process = Process::new(program, line, dir.join(format!("{who}.log")));
        Self { name: key(&state), process, state }
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

    fn listener(&self, purpose: &str, to: &str) -> String {
        let status = self.status();
        let found = status.listeners.iter().find(|at| at.purpose == purpose && at.to == to);
        found.unwrap_or_else(|| panic!("no {purpose} {to} in {:?}", status.listeners)).at.clone()
    }

    /// Where it serves SOCKS5.
    pub(crate) fn socks(&self) -> SocketAddr {
        self.listener("socks", "").parse().expect("a TCP address")
    }

    /// Where it awaits neighbours.
    pub(crate) fn neighbours(&self) -> String {
        self.listener("neighbours", "")
    }

    /// Where its forward to this service listens.
    pub(crate) fn forward(&self, to: &str) -> SocketAddr {
        self.listener("forward", to).parse().expect("a TCP address")
    }

    /// `muses --state DIR …`.
    pub(crate) fn tool(&self, words: &[&str]) -> Command {
        let mut command = Command::new(MUSES);
        command.arg("--state").arg(&self.state).args(words).env_remove("MUSES_LOG");
        command
    }

    /// The state of its first tunnel.
    pub(crate) fn tunnel(&self) -> String {
        let status = self.status();
        status.tunnels.first().map(|tunnel| tunnel.wait.state.clone()).unwrap_or_default()
    }
}

/// The Name that belongs to a state directory; made, if there is none.
pub(crate) fn key(state: &Path) -> String {
    let output = Command::new(MUSES).arg("--state").arg(state).arg("key").output();
    let output = output.expect("built by cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a Name").trim().to_owned()
}

/// A port that is free now and outside the range from which the system takes its own, so that
/// it is still free when a relay comes back to it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = 10_000 + u16::try_from(std::process::id() % 200).expect("below 200") * 100;
    loop {
        let port = base + NEXT.fetch_add(1, Ordering::Relaxed) % 2000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// What the daemons are started with besides what wires them up.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    alice: Vec<String>,
    bob: Vec<String>,
    record: bool,
    daemon: bool,
    is_static: bool,
    is_nameless: bool,
}

impl Plan {
    /// Options of Alice's node. `bob` is Bob.
    pub(crate) fn alice(mut self, words: &[&str]) -> Self {
        self.alice.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Options of Bob's node. `alice` is Alice.
    pub(crate) fn bob(mut self, words: &[&str]) -> Self {
        self.bob.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Bob serves this port of this machine to Alice, and she forwards a port of her own to it.
    pub(crate) fn service(self, port: u16, target: impl ToString) -> Self {
        let serve = format!("{port}={},allow=alice", target.to_string());
        self.alice(&["-L", &format!("0:bob:{port}")]).bob(&["--serve", &serve])
    }

    /// Everybody records a tape beside the log.
    pub(crate) fn record(self) -> Self {
        Self { record: true, ..self }
    }

    /// Alice uses a cloak-node instead of the embedded one.
    pub(crate) fn daemon(self) -> Self {
        Self { daemon: true, ..self }
    }

    /// The cloak-nodes go by routes files.
    pub(crate) fn static_routes(self) -> Self {
        Self { is_static: true, ..self }
    }

    /// Alice has no alias of her own for Bob, who registers his.
    pub(crate) fn nameless(self) -> Self {
        Self { is_nameless: true, ..self }.bob(&["--register", "bob"])
    }

    /// Starts everybody, and waits until all links are up.
    pub(crate) fn start(self) -> Cluster {
        let dir = TempDir::new().expect("a temporary directory");
        let at = dir.path();
        let [mut r1, mut r2] = ["r1", "r2"].map(|who| Daemon::new(at, who, CLOAK));
        let [mut alice, mut bob] = ["alice", "bob"].map(|who| Daemon::new(at, who, NODE));
        let [first, second] = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        // Both ways of naming the next hop.
        if self.is_static {
            route(at, &mut r1, &format!("{} via {second}\n", bob.name));
            route(at, &mut r2, &format!("# back\n{} via {}\n", alice.name, r1.name));
        }
        add(&mut r1, &["--local", "none", "--listen", &first, "--peer", &second]);
        add(&mut r2, &["--local", "none", "--listen", &second]);
        let mut own = None;
        if self.daemon {
            let mut cloak = Daemon::new(at, "cloak", CLOAK);
            let local = format!("127.0.0.1:{}", free_port());
            if self.is_static {
                route(at, &mut cloak, &format!("default via {first}\n"));
            }
            add(&mut cloak, &["--local", &local, "--peer", &first]);
            add(&mut alice, &["--cloak", &local]);
            own = Some(cloak);
        } else {
            add(&mut alice, &["--peer", &first]);
        }
        add(&mut alice, &["--socks", "127.0.0.1:0"]);
        if !self.is_nameless {
            add(&mut alice, &["--alias", &format!("bob={}", bob.name)]);
        }
        add(&mut bob, &["--socks", "none", "--peer", &second]);
        add(&mut bob, &["--alias", &format!("alice={}", alice.name)]);
        add(&mut alice, &self.alice);
        add(&mut bob, &self.bob);
        let mut cluster = Cluster { dir, alice, bob, r1, r2, cloak: own };
        if self.record {
            let at = cluster.dir.path().to_owned();
            for daemon in cluster.everybody() {
                let tape = daemon.state.file_name().expect("a word").to_string_lossy().into_owned();
                add(daemon, &["--record", &at.join(tape + ".tape").to_string_lossy()]);
            }
        }
        cluster.everybody().into_iter().for_each(Daemon::start);
        cluster.settle();
        cluster
    }
}

pub(crate) fn add<W: AsRef<str>>(daemon: &mut Daemon, words: &[W]) {
    daemon.process.add(words.iter().map(|word| word.as_ref()));
}

fn route(dir: &Path, daemon: &mut Daemon, text: &str) {
    let who = daemon.state.file_name().expect("a word").to_string_lossy().into_owned();
    let file = dir.join(who + ".routes");
    fs::write(&file, text).expect("a fresh directory takes files");
    add(daemon, &["--routes", &file.to_string_lossy()]);
}

/// Everybody; gone with this value.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) dir: TempDir,
    pub(crate) alice: Daemon,
    pub(crate) bob: Daemon,
    pub(crate) r1: Daemon,
    pub(crate) r2: Daemon,
    /// Alice's own cloak-node.
    pub(crate) cloak: Option<Daemon>,
}

impl Cluster {
    pub(crate) fn everybody(&mut self) -> Vec<&mut Daemon> {
        let all = [&mut self.r1, &mut self.r2].into_iter().chain(&mut self.cloak);
        all.chain([&mut self.alice, &mut self.bob]).collect()
    }

    /// Waits until every link is up.
    pub(crate) fn settle(&mut self) {
        wait_for("all links", || {
            self.everybody().into_iter().all(|daemon| has_links(daemon)).then_some(())
        });
    }

    pub(crate) fn path(&self, word: &str) -> PathBuf {
        self.dir.path().join(word)
    }

    /// A relay is killed and started again after so long.
    pub(crate) fn cut_by_kill(&mut self, away: Duration) {
        self.r1.process.kill();
        thread::sleep(away);
        self.r1.start();
    }

    /// A relay is stopped, and continued after so long.
    pub(crate) fn cut_by_stop(&mut self, away: Duration) {
        self.r2.process.signal(Signal::STOP);
        thread::sleep(away);
        self.r2.process.signal(Signal::CONT);
    }

    /// Waits until both sides know of the outage.
    pub(crate) fn suspended(&self) {
        wait_for("Alice's suspended tunnel", || (self.alice.tunnel() == "suspended").then_some(()));
    }
}

pub(crate) fn has_links(daemon: &Daemon) -> bool {
    let status = daemon.status();
    let uplink = status.uplink.is_none_or(|uplink| uplink.state == "up");
    let is_up = |overlay: &muses::control::status::Overlay| {
        let mut neighbours = overlay.neighbours.iter();
        !overlay.neighbours.is_empty() && neighbours.all(|neighbour| neighbour.wait.state == "up")
    };
    uplink && status.overlay.is_none_or(|overlay| is_up(&overlay))
}

impl Drop for Cluster {
    /// Whoever reads of a failure wants to know what the daemons thought of it.
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for daemon in self.everybody() {
            let log = daemon.process.said();
            let lines: Vec<&str> = log.lines().collect();
            let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
            say(&format!("--- {}\n{}", daemon.process.log().display(), last.join("\n")));
            let status = daemon.tool(&["status"]).output().map(|output| output.stdout);
            say(&String::from_utf8_lossy(&status.unwrap_or_default()));
        }
    }
}

/// Says something past the test runner, which would keep it to itself.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
