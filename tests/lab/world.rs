//! A network with its daemons, an application's stream through it, and what a scenario does to it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;

use super::devices::Daemon;
use super::network::{CAROL, DAVE, ERIN, Network};
use super::process::wait_for;
use super::stream::Stream;

/// Bob's end of his forward to Alice.
const FORWARD: u16 = 9000;
/// Alice's service.
const SERVICE: u16 = 8000;
/// A stream's rate where a scenario does not ask for another, in bytes a second.
pub(crate) const RATE: usize = 256 * 1024;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Alice,
    Bob,
}

/// When the network went and came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) clock: SystemTime,
}

impl Mark {
    pub(crate) fn now() -> Self {
        Self { at: Instant::now(), clock: SystemTime::now() }
    }
}

/// Everything of one run; gone with this value.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) alice: Daemon,
    pub(crate) bob: Daemon,
    pub(crate) carol: Daemon,
    pub(crate) dave: Daemon,
    pub(crate) erin: Daemon,
    pub(crate) frank: Daemon,
    pub(crate) network: Network,
    service: TcpListener,
    _dir: TempDir,
}

impl World {
    /// Builds the network, starts all daemons, waits until everybody has links.
    pub(crate) fn new(seed: u64) -> Self {
        Self::on(network(seed))
    }

    /// The same with rules of `nft` in router R5, which is Bob's NAT.
    pub(crate) fn behind_nat(seed: u64, rules: &str) -> Self {
        let network = network(seed);
        network.routers[4].run(&["nft", rules]);
        network.routers[4].sysctl("netfilter/nf_conntrack_tcp_loose", "0");
        Self::on(network)
    }

    /// The same with such a round trip on both of Bob's ways.
    pub(crate) fn far(seed: u64, rtt: Duration) -> Self {
        let network = network(seed);
        set_rtt(&network, rtt);
        Self::on(network)
    }

    /// The same where Bob has a second interface, at router R4; his routes prefer the first.
    pub(crate) fn with_two_ways(seed: u64) -> Self {
        let network = network(seed);
        network.add_a_way_for_bob();
        Self::on(network)
    }

    /// Changes the round trip on both of Bob's ways.
    pub(crate) fn set_rtt(&self, rtt: Duration) {
        set_rtt(&self.network, rtt);
    }

    fn on(network: Network) -> Self {
        let dir = directory();
        let at = dir.path();
        let relay = |who, host| Daemon::relay(at, who, host);
        let mut carol = relay("carol", &network.carol);
        let mut dave = relay("dave", &network.dave);
        let mut erin = relay("erin", &network.erin);
        let mut frank = relay("frank", &network.frank);
        let mut alice = Daemon::device(at, "alice", &network.alice);
        let mut bob = Daemon::device(at, "bob", &network.bob);
        let [to_carol, to_dave, to_erin] = [CAROL, DAVE, ERIN].map(|host| format!("{host}:7001"));
        dave.add(&["--peer", &to_carol]);
        // Erin and Frank are the roots of all trees while they live.
        erin.add(&["--peer", &to_carol, "--peer", &to_dave]);
        frank.add(&["--peer", &to_carol, "--peer", &to_dave, "--peer", &to_erin]);
        let roots = [erin.name.clone(), frank.name.clone()];
        for daemon in [&mut alice, &mut bob, &mut carol, &mut dave, &mut erin, &mut frank] {
            daemon.add(&["--root", &roots[0], "--root", &roots[1]]);
        }
        for device in [&mut alice, &mut bob] {
            device.add(&["--peer", &to_carol, "--peer", &to_dave, "--socks", "none"]);
        }
        alice.add(&["--serve", &format!("80=127.0.0.1:{SERVICE},allow={}", bob.name)]);
        bob.add(&["-L", &format!("{FORWARD}:{}:80", alice.name)]);
        let service = network.alice.inside(|| TcpListener::bind((Ipv4Addr::LOCALHOST, SERVICE)));
        let service = service.expect("a fresh namespace has all its ports");
        let mut this = Self { alice, bob, carol, dave, erin, frank, network, service, _dir: dir };
        this.daemons().into_iter().for_each(Daemon::start);
        wait_for("all links", || this.is_linked().then_some(()));
        this
    }

    fn daemons(&mut self) -> [&mut Daemon; 6] {
        [
            &mut self.carol,
            &mut self.dave,
            &mut self.erin,
            &mut self.frank,
            &mut self.alice,
            &mut self.bob,
        ]
    }

    fn is_linked(&self) -> bool {
        [&self.alice, &self.bob, &self.frank].iter().all(|daemon| {
            let overlay = daemon.status().overlay.expect("a CLOAK node");
            overlay.neighbours.iter().all(|neighbour| neighbour.wait.state == "up")
        })
    }

    /// Opens a connection of Bob's application to Alice's service: his end and hers.
    pub(crate) fn connect(&self) -> (TcpStream, TcpStream) {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, FORWARD));
        let bob = self.network.bob.inside(move || TcpStream::connect(at));
        let bob = bob.expect("Bob's node listens");
        let (alice, _) = self.service.accept().expect("Alice's node dials");
        let _ = (bob.set_nodelay(true), alice.set_nodelay(true));
        (bob, alice)
    }

    /// Starts a stream, and waits until it has flowed for a while.
    pub(crate) fn stream(&self, sender: Sender, rate: Option<usize>) -> Stream {
        let (bob, alice) = self.connect();
        let (from, to) = if sender == Sender::Alice { (alice, bob) } else { (bob, alice) };
        let stream = Stream::start(from, to, rate, 0x1234_5678_9abc_def1);
        wait_for("the first bytes", || (!stream.arrivals().is_empty()).then_some(()));
        thread::sleep(Duration::from_secs(2));
        stream
    }

    /// Packets that Bob's interface has sent.
    pub(crate) fn packets_of_bob(&self) -> u64 {
        self.network.bob.statistic("eth0", "sent packets")
    }
}

fn set_rtt(network: &Network, rtt: Duration) {
    for wire in [&network.left, &network.right] {
        wire.set(|_, manner| manner.delay = rtt / 2);
    }
}

/// Silence or sound in both directions of both of Bob's wires.
pub(crate) fn silence(world: &World, is_silent: bool) {
    for wire in [&world.network.left, &world.network.right] {
        wire.set(|_, manner| manner.silent = is_silent);
    }
}

/// Where the daemons' state and logs are: kept in `MUSES_LAB_KEEP`, if that names a directory.
fn directory() -> TempDir {
    let keep = std::env::var_os("MUSES_LAB_KEEP");
    let dir = match &keep {
        Some(keep) => tempfile::Builder::new().disable_cleanup(true).tempdir_in(keep),
        None => TempDir::new(),
    };
    dir.expect("a directory that can be written to")
}

fn network(seed: u64) -> Network {
    static SERIAL: AtomicU64 = AtomicU64::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    Network::new(&format!("{}-{serial}", std::process::id()), seed)
}
