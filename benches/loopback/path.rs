//! The processes between the writer and the reader, and what they have cost so far.

use std::fs;
use std::io::{Error, ErrorKind, Read, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use muses::base::ids::Name;
use muses::crypto::suite::Suite;
use tempfile::TempDir;

use super::plain;

const NODE: &str = env!("CARGO_BIN_EXE_muses-node");
const CLOAK: &str = env!("CARGO_BIN_EXE_cloak-node");
const TOOL: &str = env!("CARGO_BIN_EXE_muses");
/// A path that is not open after this long never will be.
const READY: Duration = Duration::from_secs(15);
/// Clock ticks a second, in which the kernel accounts CPU time to processes.
const TICKS: f64 = 100.0;

/// A running path.
pub(crate) struct Path {
    /// Where the writer connects.
    pub(crate) entry: SocketAddr,
    /// Where the path connects for each of those.
    pub(crate) exit: TcpListener,
    /// Ends first, then relays.
    children: [Vec<Child>; 2],
    _state: Option<TempDir>,
}

/// A port of loopback that was free a moment ago.
fn free() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn spawn(command: &mut Command) -> Result<Child> {
    // Warnings are wanted, the daemons' own story is not.
    command.env("MUSES_LOG", "warn").stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

impl Path {
    /// A chain of so many plain relays.
    pub(crate) fn plain(count: usize) -> Result<Self> {
        let exit = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (mut relays, mut to) = (Vec::new(), exit.local_addr()?);
        for _ in 0..count {
            let listen = free()?;
            let mut command = Command::new(std::env::current_exe()?);
            relays.push(spawn(command.arg(plain::WORD).arg(format!("{listen},{to}")))?);
            to = listen;
        }
        Self { entry: to, exit, children: [Vec::new(), relays], _state: None }.opened()
    }

    /// Two devices and two relays between them, routed by the overlay.
    pub(crate) fn muses(suite: Suite) -> Result<Self> {
        let state = TempDir::new()?;
        let dir = |who: &str| state.path().join(who);
        let exit = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (entry, r1, r2) = (free()?, free()?, free()?);
        let (alice, bob) = (key(dir("alice"))?, key(dir("bob"))?);
        let relay = |who: &str, listen: SocketAddr, peer: Option<SocketAddr>| {
            let mut command = Command::new(CLOAK);
            command.arg("--state").arg(dir(who)).args(["--local", "none"]);
            command.args(["--listen", &listen.to_string()]);
            if let Some(peer) = peer {
                command.args(["--peer", &peer.to_string()]);
            }
            spawn(&mut command)
        };
        let relays = vec![relay("r2", r2, None)?, relay("r1", r1, Some(r2))?];
        let node = |who: &str, peer: SocketAddr, option: &str, value: String| {
            let mut command = Command::new(NODE);
            command.arg("--state").arg(dir(who)).args(["--socks", "none", option, &value]);
            command.args(["--peer", &peer.to_string(), "--suite", &suite.to_string()]);
            spawn(&mut command)
        };
        let service = format!("80={},allow={alice}", exit.local_addr()?);
        let ends = vec![
            node("bob", r2, "--serve", service)?,
            node("alice", r1, "-L", format!("{entry}:{bob}:80"))?,
        ];
        Self { entry, exit, children: [ends, relays], _state: Some(state) }.opened()
    }

    /// Waits until a connection goes through. None may be left behind that comes through later.
    fn opened(self) -> Result<Self> {
        let since = Instant::now();
        self.exit.set_nonblocking(true)?;
        while since.elapsed() < READY {
            thread::sleep(Duration::from_millis(5));
            let Ok(mut connection) = TcpStream::connect(self.entry) else { continue };
            connection.set_read_timeout(Some(Duration::from_millis(5)))?;
            let mut is_refused = false;
            while since.elapsed() < READY && !is_refused {
                if self.exit.accept().is_ok() {
                    self.exit.set_nonblocking(false)?;
                    return Ok(self);
                }
                let heard = connection.read(&mut [0]).map_err(|error| error.kind());
                is_refused = !matches!(heard, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut));
            }
        }
        Err(Error::other("the path does not open"))
    }

    /// CPU seconds so far: of the ends, and of the relays.
    pub(crate) fn cpu(&self) -> [f64; 2] {
        self.children.each_ref().map(|group| group.iter().map(seconds).sum())
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            // One that ended before has already been seen to.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes the identity in a state directory; its Name.
fn key(state: PathBuf) -> Result<Name> {
    let out = Command::new(TOOL).arg("--state").arg(state).arg("key").output()?;
    let text = String::from_utf8_lossy(&out.stdout);
    text.trim().parse().map_err(|_| Error::other(format!("no Name from 'muses key': {text}")))
}

/// User and system time of a process, the 14th and 15th word of its `stat`: the second one, in
/// brackets, may itself hold blanks.
fn seconds(child: &Child) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    let words = behind.split_whitespace().skip(11).take(2);
    words.filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / TICKS
}
