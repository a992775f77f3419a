//! A daemon of the program, as a person starts it: with the usual 1,024 descriptors.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use muses::api;
use muses::control::status::Status;
use muses::crypto::identity::Identity;

use super::process::{Process, wait_for};
use super::wire::{self, Name};

pub(crate) const NODE: &str = env!("CARGO_BIN_EXE_muses-node");
pub(crate) const CLOAK: &str = env!("CARGO_BIN_EXE_cloak-node");
const MUSES: &str = env!("CARGO_BIN_EXE_muses");
/// The shell gives its process to the daemon, so the process id stays.
const USUAL_LIMIT: &str = "ulimit -Sn 1024; exec \"$0\" \"$@\"";

/// A daemon and where it is spoken to.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) process: Process,
    pub(crate) state: PathBuf,
    /// Its Name.
    pub(crate) name: Name,
}

impl Daemon {
    /// Makes its identity; it does not run yet.
    pub(crate) fn new(dir: &Path, who: &str, program: &str) -> Self {
        let state = dir.join(who);
        let name = key(&state);
        let state_text = state.to_string_lossy().into_owned();
        let program = build_of(program);
        let line = ["-c", USUAL_LIMIT, &program, "--state", &state_text].map(str::to_owned);
        let process = Process::new("/bin/sh", line, dir.join(format!("{who}.log")));
        Self { process, state, name }
    }

    pub(crate) fn add(&mut self, words: &[&str]) {
        self.process.add(words.iter().copied());
    }

    /// Its Name as letters.
    pub(crate) fn text(&self) -> String {
        wire::text_of(&self.name)
    }

    /// Starts it, and waits until it can be asked.
    pub(crate) fn start(&mut self) {
        self.process.start();
        wait_for("a daemon", || {
            assert!(self.process.runs(), "a daemon ended:\n{}", self.process.said());
            self.status()
        });
    }

    /// How it says that it is, if it says so.
    pub(crate) fn status(&self) -> Option<Status> {
        api::status(Some(&self.state)).ok()
    }

    fn listener(&self, purpose: &str, to: &str) -> SocketAddr {
        let status = self.status().expect("the daemon runs");
        let found = status.listeners.iter().find(|at| at.purpose == purpose && at.to == to);
        let found = found.unwrap_or_else(|| panic!("no {purpose} {to} in {:?}", status.listeners));
        found.at.parse().expect("a TCP address")
    }

    /// Where its forward to this service listens.
    pub(crate) fn forward(&self, to: &str) -> SocketAddr {
        self.listener("forward", to)
    }

    /// Where it awaits neighbours.
    pub(crate) fn neighbours(&self) -> SocketAddr {
        self.listener("neighbours", "")
    }

    /// Where it awaits clients.
    pub(crate) fn clients(&self) -> SocketAddr {
        self.listener("clients", "")
    }

    /// Its key, for an attacker who plays an earlier run of it.
    pub(crate) fn stolen_key(&self) -> Identity {
        let text = fs::read_to_string(self.state.join("identity")).expect("made before");
        Identity::from_text(&text).expect("an identity")
    }
}

/// The program to be attacked: cargo's own, or that of another build.
fn build_of(program: &str) -> String {
    let Some(dir) = std::env::var_os("MUSES_ATTACK_BIN") else { return program.to_owned() };
    let name = Path::new(program).file_name().expect("a file");
    Path::new(&dir).join(name).to_string_lossy().into_owned()
}

/// The Name that belongs to a state directory; made, if there is none.
fn key(state: &Path) -> Name {
    let output = Command::new(MUSES).arg("--state").arg(state).arg("key").output();
    let output = output.expect("built by cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    wire::name_from(String::from_utf8(output.stdout).expect("a Name").trim())
}

/// A port that is free now and outside the range from which the system takes its own, so that
/// it is still free when a daemon comes back to it.
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
