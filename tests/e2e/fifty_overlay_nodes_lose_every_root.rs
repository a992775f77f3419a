//! Fifty cloak-nodes form their trees; twenty transfers run through them. Five nodes are killed
//! at once, the roots of all trees among them, and every byte still arrives.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use muses::base::ids::Name;
use muses::crypto::rng::Rng;
use muses::overlay::forest::rank::Rank;

use super::bytes::Pattern;
use super::cluster::{CLOAK, Daemon, NODE, add, free_port, has_links, say};
use super::process::{patiently, wait_for};
use super::sockets::{accept, dial, service, socks, spawn};

const NODES: usize = 50;
const VICTIMS: usize = 5;
/// As cloak-node has them where nothing is said.
const TREES: u8 = 3;
/// Devices with applications; each reads from two others.
const DEVICES: usize = 10;
const STEPS: [usize; 2] = [1, 3];
/// The port of the service that each device offers.
const PORT: u16 = 900;
/// A transfer is no shorter than this, and goes on for so much after the deaths.
const SIZE: usize = 8 << 20;
const REST: usize = 4 << 20;
/// Bytes at a time before the deaths, and the pause between two of them.
const CHUNK: usize = 16 << 10;
const PACE: Duration = Duration::from_millis(30);
/// Longest stall that counts as carrying on: a dead path is found within three seconds.
const STALL_MAX: Duration = Duration::from_secs(20);
const SEED: [u8; 32] = [50; 32];

/// Who is linked with whom: each node dials two or three that were there before it.
fn graph() -> Vec<Vec<usize>> {
    let mut rng = Rng::new(SEED);
    let mut peers = vec![Vec::new()];
    for node in 1..NODES {
        let count = (2 + rng.below(2) as usize).min(node);
        let mut chosen = BTreeSet::new();
        while chosen.len() < count {
            chosen.insert(rng.below(node as u64) as usize);
        }
        peers.push(chosen.into_iter().collect());
    }
    peers
}

/// The largest part of the overlay that is connected without some nodes.
fn survivors(peers: &[Vec<usize>], dead: &BTreeSet<usize>) -> BTreeSet<usize> {
    let links = |node: usize| {
        let calls = move |other: &usize| peers[*other].contains(&node);
        peers[node].iter().copied().chain((0..peers.len()).filter(calls))
    };
    let part = |start: usize| {
        let (mut found, mut open) = (BTreeSet::from([start]), vec![start]);
        while let Some(node) = open.pop() {
            for other in links(node).filter(|other| !dead.contains(other)) {
                if found.insert(other) {
                    open.push(other);
                }
            }
        }
        found
    };
    let alive = (0..peers.len()).filter(|node| !dead.contains(node));
    alive.map(part).max_by_key(BTreeSet::len).expect("some live")
}

/// The roots of all trees, and others to make them five.
fn victims(nodes: &[Daemon]) -> BTreeSet<usize> {
    let names: Vec<Name> = nodes.iter().map(|node| node.name.parse().expect("a Name")).collect();
    let root = |tree: u8| (0..NODES).min_by_key(|node| Rank::new(tree, &names[*node], &[]));
    let mut dead: BTreeSet<usize> = (0..TREES).filter_map(root).collect();
    let mut rng = Rng::new(SEED);
    while dead.len() < VICTIMS {
        dead.insert(rng.below(NODES as u64) as usize);
    }
    dead
}

struct Town {
    nodes: Vec<Daemon>,
    devices: Vec<Daemon>,
    victims: BTreeSet<usize>,
}

impl Town {
    /// Starts everybody, and waits until every link is up.
    fn start(dir: &Path, service: u16) -> Self {
        let peers = graph();
        let mut nodes: Vec<Daemon> =
            (0..NODES).map(|node| Daemon::new(dir, &format!("cloak{node}"), CLOAK)).collect();
        let victims = victims(&nodes);
        let homes: Vec<usize> = survivors(&peers, &victims).into_iter().rev().collect();
        let homes: Vec<usize> = homes.into_iter().step_by(3).take(DEVICES).collect();
        assert_eq!(homes.len(), DEVICES, "the overlay hangs together without its roots");
        let at: Vec<String> = (0..NODES).map(|_| format!("127.0.0.1:{}", free_port())).collect();
        let mut devices = Vec::new();
        for (node, daemon) in nodes.iter_mut().enumerate() {
            add(daemon, &["--listen", &at[node]]);
            peers[node].iter().for_each(|peer| add(daemon, &["--peer", &at[*peer]]));
            let local = match homes.contains(&node) {
                true => format!("127.0.0.1:{}", free_port()),
                false => "none".to_owned(),
            };
            add(daemon, &["--local", &local]);
            if local != "none" {
                let mut device = Daemon::new(dir, &format!("device{node}"), NODE);
                add(&mut device, &["--cloak", &local, "--socks", "127.0.0.1:0"]);
                devices.push(device);
            }
        }
        let names: Vec<String> = devices.iter().map(|device| device.name.clone()).collect();
        for (at, device) in devices.iter_mut().enumerate() {
            add(device, &["--serve", &format!("{PORT}=127.0.0.1:{service}")]);
            names.iter().for_each(|name| add(device, &["--allow", name]));
            for other in targets(at) {
                add(device, &["-L", &format!("0:{}:{PORT}", names[other])]);
            }
        }
        let mut town = Self { nodes, devices, victims };
        town.nodes.iter_mut().chain(&mut town.devices).for_each(Daemon::start);
        town
    }

    fn settle(&self) {
        wait_for("all links", || {
            self.nodes.iter().chain(&self.devices).all(has_links).then_some(())
        });
    }

    /// Every device reaches every other: the trees are one overlay.
    fn reach_all(&self) {
        let ask = |from: &Daemon, to: &Daemon| {
            let (at, host) = (from.socks(), format!("{}.muses", to.name));
            spawn(move || {
                let found = patiently(Duration::from_secs(30), || {
                    let mut stream = socks(at, &host, PORT).ok()?;
                    stream.write_all(&[0; 8]).ok()?;
                    stream.read_exact(&mut [0; CHUNK]).ok()
                });
                assert!(found.is_some(), "{host} is not reached");
            })
        };
        let everybody = || self.devices.iter();
        let pairs = everybody().flat_map(|from| everybody().map(move |to| (from, to)));
        let pairs = pairs.filter(|(from, to)| from.name != to.name);
        let asked: Vec<_> = pairs.map(|(from, to)| ask(from, to)).collect();
        asked.into_iter().for_each(|one| one.join().expect("it is reached"));
    }

    fn kill(&mut self) {
        for victim in &self.victims {
            self.nodes[*victim].process.kill();
        }
    }
}

/// Whom a device reads from.
fn targets(device: usize) -> [usize; 2] {
    STEPS.map(|step| (device + step) % DEVICES)
}

/// The service: eight bytes choose the stream, which goes on until the deaths are over.
fn serve(listener: TcpListener, are_dead: Arc<AtomicBool>) {
    spawn(move || {
        loop {
            let stream = accept(&listener);
            let are_dead = Arc::clone(&are_dead);
            spawn(move || pour(stream, &are_dead));
        }
    });
}

fn pour(mut stream: TcpStream, are_dead: &AtomicBool) -> io::Result<()> {
    let mut seed = [0; 8];
    stream.read_exact(&mut seed)?;
    let (mut pattern, mut sent) = (Pattern::new(u64::from_be_bytes(seed)), 0);
    while !are_dead.load(Ordering::Relaxed) {
        pattern.write(&mut stream, CHUNK)?;
        sent += CHUNK;
        thread::sleep(PACE);
    }
    pattern.write(&mut stream, REST.max(SIZE.saturating_sub(sent)))
}

/// One transfer, as the application that reads it sees it.
struct Reader {
    stream: TcpStream,
    last: Instant,
    /// When the longest silence began, and how long it was.
    longest: (Instant, Duration),
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(into)?;
        let silence = self.last.elapsed();
        if silence > self.longest.1 {
            self.longest = (self.last, silence);
        }
        self.last = Instant::now();
        Ok(count)
    }
}

/// What a transfer came to: bytes, and its longest silence.
type Told = io::Result<(usize, (Instant, Duration))>;

fn transfer(at: SocketAddr, seed: u64, begun: Arc<AtomicUsize>) -> JoinHandle<Told> {
    spawn(move || {
        let mut stream = dial(at);
        stream.write_all(&seed.to_be_bytes())?;
        let now = Instant::now();
        let mut reader = Reader { stream, last: now, longest: (now, Duration::ZERO) };
        let mut pattern = Pattern::new(seed);
        pattern.expect(&mut reader, 4 * CHUNK)?;
        reader.longest = (reader.last, Duration::ZERO);
        begun.fetch_add(1, Ordering::Relaxed);
        let (mut count, mut wanted, mut chunk) = (4 * CHUNK, vec![0; CHUNK], vec![0; CHUNK]);
        loop {
            let got = reader.read(&mut chunk)?;
            pattern.fill(&mut wanted[..got]);
            if got == 0 {
                return Ok((count, reader.longest));
            }
            if chunk[..got] != wanted[..got] {
                let text = format!("a wrong byte after {count} of stream {seed}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            count += got;
        }
    })
}

/// Whoever reads of a failure wants to know what the overlay was then.
impl Drop for Town {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for device in &self.devices {
            let status = device.tool(&["status"]).output().map(|output| output.stdout);
            say(&String::from_utf8_lossy(&status.unwrap_or_default()));
        }
    }
}

/// OV-09
#[test]
fn fifty_overlay_nodes_lose_every_root() {
    let since = Instant::now();
    let dir = tempfile::tempdir().expect("a directory");
    let (listener, port) = service();
    let are_dead = Arc::new(AtomicBool::new(false));
    serve(listener, Arc::clone(&are_dead));
    let mut town = Town::start(dir.path(), port);
    let started = since.elapsed();
    town.settle();
    let linked = since.elapsed();
    town.reach_all();
    let formed = since.elapsed();

    let begun = Arc::new(AtomicUsize::new(0));
    let mut transfers = Vec::new();
    for (device, daemon) in town.devices.iter().enumerate() {
        for other in targets(device) {
            let at = daemon.forward(&format!("{}:{PORT}", &town.devices[other].name[..8]));
            let seed = (device * DEVICES + other) as u64;
            transfers.push(transfer(at, seed, Arc::clone(&begun)));
        }
    }
    let count = transfers.len();
    wait_for("all transfers", || (begun.load(Ordering::Relaxed) == count).then_some(()));
    thread::sleep(Duration::from_secs(1));
    let killed = Instant::now();
    town.kill();
    are_dead.store(true, Ordering::Relaxed);

    let told: Vec<(usize, (Instant, Duration))> =
        transfers.into_iter().map(|one| one.join().expect("no panic").expect("whole")).collect();
    let bytes: usize = told.iter().map(|(bytes, _)| bytes).sum();
    assert!(told.iter().all(|(bytes, _)| *bytes >= SIZE));
    let mut stalls: Vec<Duration> = told.iter().map(|(_, (_, longest))| *longest).collect();
    stalls.sort_unstable();
    let (began, longest) =
        told.iter().map(|(_, stall)| *stall).max_by_key(|stall| stall.1).expect("some");
    say(&format!(
        "{NODES} cloak-nodes started in {started:?}, linked after {linked:?}, every pair of \
         {DEVICES} devices reached after {formed:?}; {count} transfers of {} MiB in all lived \
         through the deaths of {VICTIMS} nodes with all roots: longest stalls median {:?}, worst \
         {longest:?} (begun {:?} after the deaths), all done {:?} after them, {:?} in all",
        bytes >> 20,
        stalls[count / 2],
        began.saturating_duration_since(killed),
        killed.elapsed(),
        since.elapsed()
    ));
    assert!(longest < STALL_MAX, "a transfer stood still for {longest:?}");
}
