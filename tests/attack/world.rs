//! The honest world: Alice and Bob, the relays between them, and two devices that come later.
//!
//! ```text
//! Alice - R1 (- R2 (- R3)) - Bob        attackers come to R1, or to any, from other addresses
//! ```

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use muses::crypto::identity::Identity;
use tempfile::TempDir;

use super::daemon::{CLOAK, Daemon, NODE, free_port};
use super::process::wait_for;

/// The seed's byte of an allowed peer that is hostile.
pub(crate) const MALLORY: u8 = 77;

/// How the daemons are wired up.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Beside the first one.
    more_relays: usize,
    has_clients: bool,
    is_static: bool,
    is_listening: bool,
    is_carol_above_bob: bool,
    relay_words: Vec<String>,
    delay: Option<Duration>,
    idle: Duration,
}

impl Plan {
    /// Bob and later devices are behind a second relay.
    pub(crate) fn two_relays(self) -> Self {
        Self { more_relays: 1, ..self }
    }

    /// Bob and later devices are behind a third relay, whose neighbour the first one is not.
    pub(crate) fn three_relays(self) -> Self {
        Self { more_relays: 2, ..self }
    }

    /// Devices use the relay's daemon (`--cloak`) instead of an embedded node.
    pub(crate) fn clients(self) -> Self {
        Self { has_clients: true, ..self }
    }

    /// The relays go by routes files.
    pub(crate) fn static_routes(self) -> Self {
        Self { is_static: true, ..self }
    }

    /// Bob has a port for neighbours.
    pub(crate) fn bob_listens(self) -> Self {
        Self { is_listening: true, ..self }
    }

    /// Carol's Name is above Bob's.
    pub(crate) fn carol_above_bob(self) -> Self {
        Self { is_carol_above_bob: true, ..self }
    }

    /// Alice's link has this delay, each way.
    pub(crate) fn delay(self, delay: Duration) -> Self {
        Self { delay: Some(delay), ..self }
    }

    /// Carol's application waits so long after her daemon's start.
    pub(crate) fn idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// More words for the relays and devices: options of the overlay.
    pub(crate) fn root(mut self, name: String) -> Self {
        self.relay_words.extend(["--root".to_owned(), name]);
        self
    }

    /// Starts the relays, Alice and Bob, and waits until they have met.
    pub(crate) fn start(self) -> World {
        self.start_in(TempDir::new().expect("a temporary directory"))
    }

    /// The same in a directory where some have their state already.
    pub(crate) fn start_in(self, dir: TempDir) -> World {
        let at = dir.path().to_owned();
        let relays = ["r1", "r2", "r3"].into_iter().take(1 + self.more_relays);
        let mut relays: Vec<Daemon> = relays.map(|who| Daemon::new(&at, who, CLOAK)).collect();
        let ports: Vec<_> = relays.iter().map(|_| format!("127.0.0.1:{}", free_port())).collect();
        for (number, relay) in relays.iter_mut().enumerate() {
            relay.add(&["--listen", &ports[number], "--local"]);
            relay.add(&[if self.has_clients { "127.0.0.1:0" } else { "none" }]);
            if self.is_static {
                let file = at.join(format!("r{number}.routes"));
                fs::write(&file, "# nobody\n").expect("a fresh directory takes files");
                relay.add(&["--routes", &file.to_string_lossy()]);
            }
            if let Some(nearer) = number.checked_sub(1) {
                relay.add(&["--peer", &ports[nearer]]);
            }
            relay.process.add(&self.relay_words);
            relay.start();
        }
        let [alice, bob] = ["alice", "bob"].map(|who| Daemon::new(&at, who, NODE));
        let carol = self.carol(&at, &bob);
        let received = Arc::new(AtomicU64::new(0));
        let (sink, echo) = (sink(Arc::clone(&received)), echo());
        let mut world = World { alice, bob, carol, relays, sink, echo, received, plan: self, dir };
        world.wire_up();
        world
    }

    fn carol(&self, at: &std::path::Path, bob: &Daemon) -> Daemon {
        loop {
            let carol = Daemon::new(at, "carol", NODE);
            if !self.is_carol_above_bob || carol.name > bob.name {
                return carol;
            }
            fs::remove_dir_all(&carol.state).expect("just made");
        }
    }
}

/// Everybody; gone with this value.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) alice: Daemon,
    pub(crate) bob: Daemon,
    /// Allowed at Bob, and not there before she is asked for.
    pub(crate) carol: Daemon,
    pub(crate) relays: Vec<Daemon>,
    sink: u16,
    echo: u16,
    /// Bytes that Bob's service has read of Alice's transfer.
    pub(crate) received: Arc<AtomicU64>,
    plan: Plan,
    pub(crate) dir: TempDir,
}

impl World {
    fn wire_up(&mut self) {
        let (alice, bob, carol) = (self.alice.text(), self.bob.text(), self.carol.text());
        let first = self.entrance(0);
        let last = self.entrance(self.relays.len() - 1);
        let way = if self.plan.has_clients { "--cloak" } else { "--peer" };
        let near = self.plan.delay.map_or(first, |delay| super::on_path::delay(first, delay));
        self.alice.add(&["--socks", "none", way, &near.to_string()]);
        self.bob.add(&["--socks", "none", way, &last.to_string()]);
        self.carol.add(&["--socks", "none"]);
        if self.plan.is_listening {
            self.bob.add(&["--listen", &format!("127.0.0.1:{}", free_port())]);
        }
        let (sink, echo) = (self.sink, self.echo);
        for device in [&mut self.alice, &mut self.carol] {
            device.add(&["--alias", &format!("bob={bob}")]);
            device.add(&["-L", &format!("0:bob:{sink}"), "-L", &format!("0:bob:{echo}")]);
        }
        for port in [sink, echo] {
            self.bob.add(&["--serve", &format!("{port}={port}")]);
        }
        // She is awaited at Carol's, and Carol may come to Bob.
        self.alice.add(&["--alias", &format!("carol={carol}"), "-L", &format!("0:carol:{echo}")]);
        let mallory = Identity::from_seed([MALLORY; 32]).name().to_string();
        self.bob.add(&["--allow", &alice, "--allow", &carol, "--allow", &mallory]);
        self.carol.add(&["--allow", &alice, "--serve", &format!("{echo}={echo}")]);
        if !self.plan.has_clients {
            for device in [&mut self.alice, &mut self.bob, &mut self.carol] {
                device.process.add(&self.plan.relay_words);
            }
        }
        self.bob.start();
        self.alice.start();
        wait_for("a first echo", || ping(self.to_echo(), Duration::from_secs(20)).ok());
    }

    /// Where devices come to a relay.
    pub(crate) fn entrance(&self, relay: usize) -> SocketAddr {
        let relay = &self.relays[relay];
        if self.plan.has_clients { relay.clients() } else { relay.neighbours() }
    }

    /// Where strangers come: the first relay's port for neighbours.
    pub(crate) fn victim(&self) -> SocketAddr {
        self.relays[0].neighbours()
    }

    /// Alice's way to Bob's echo.
    pub(crate) fn to_echo(&self) -> SocketAddr {
        self.alice.forward(&format!("bob:{}", self.echo))
    }

    /// Alice's way to Bob's sink.
    pub(crate) fn to_sink(&self) -> SocketAddr {
        self.alice.forward(&format!("bob:{}", self.sink))
    }

    /// Alice's way to Carol's echo.
    pub(crate) fn to_carol(&self) -> SocketAddr {
        self.alice.forward(&format!("carol:{}", self.echo))
    }

    /// The port of the echo.
    pub(crate) fn echo_port(&self) -> u16 {
        self.echo
    }

    /// Carol comes, by this entrance, and her application at once; how long its first echo took.
    pub(crate) fn carol_comes(
        &mut self,
        by: SocketAddr,
        most: Duration,
    ) -> Result<Duration, String> {
        let way = if self.plan.has_clients { "--cloak" } else { "--peer" };
        self.carol.add(&[way, &by.to_string()]);
        self.carol_returns(most)
    }

    /// Carol is started, and her application at once; how long its first echo took.
    pub(crate) fn carol_returns(&mut self, most: Duration) -> Result<Duration, String> {
        self.carol.start();
        thread::sleep(self.plan.idle);
        let to_bob = self.carol.forward(&format!("bob:{}", self.echo));
        ping(to_bob, most).map_err(|error| format!("Carol's application: {error}"))
    }

    /// All daemons that were started.
    pub(crate) fn everybody(&mut self) -> Vec<&mut Daemon> {
        let devices = [&mut self.alice, &mut self.bob, &mut self.carol];
        self.relays.iter_mut().chain(devices).collect()
    }

    /// Which daemon has ended or panicked, if one has.
    pub(crate) fn fault(&mut self) -> Option<String> {
        self.everybody().into_iter().find_map(|daemon| {
            let who = daemon.state.file_name()?.to_string_lossy().into_owned();
            let said = daemon.process.said();
            let has_panicked = said.contains("panicked");
            let has_started = daemon.state.join("control").exists();
            let is_gone = has_started && !daemon.process.runs();
            (has_panicked || is_gone).then(|| format!("{who} has ended: {}", last_line(&said)))
        })
    }

    /// Where the logs are.
    pub(crate) fn logs(&mut self) -> Vec<PathBuf> {
        let logs = self.everybody().into_iter().map(|daemon| daemon.process.log().to_owned());
        logs.collect()
    }
}

fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| line.contains("panicked")).unwrap_or_default()
}

/// Connects, says one byte and hears it again; how long that took.
pub(crate) fn ping(at: SocketAddr, most: Duration) -> Result<Duration, String> {
    let since = Instant::now();
    let mut stream = TcpStream::connect(at).map_err(|error| format!("no connection: {error}"))?;
    let _ = stream.set_read_timeout(Some(most));
    let failed = |error: std::io::Error| {
        if super::neighbour::is_pause(&error) {
            format!("nothing within {most:?}")
        } else {
            format!("after {:.1} s: {error}", since.elapsed().as_secs_f64())
        }
    };
    stream.write_all(b"?").map_err(failed)?;
    let mut answer = [0];
    stream.read_exact(&mut answer).map_err(failed)?;
    Ok(since.elapsed())
}

fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// A service that counts what it reads.
fn sink(received: Arc<AtomicU64>) -> u16 {
    serve(move |mut stream| {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            received.fetch_add(count as u64, Relaxed);
        }
    })
}

/// A service that gives back what it gets.
fn echo() -> u16 {
    serve(|mut stream| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
    })
}

fn serve(work: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let (listener, port) = listen();
    let work = Arc::new(work);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            let work = Arc::clone(&work);
            thread::spawn(move || work(stream));
        }
    });
    port
}
