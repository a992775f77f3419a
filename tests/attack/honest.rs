//! The honest pair at work: a transfer without an end, and new sessions again and again.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::world::{World, ping};

/// A new session this often.
const SESSION_EVERY: Duration = Duration::from_millis(250);
/// One that takes longer has failed.
const SESSION_MAX: Duration = Duration::from_secs(10);
const BLOCK: usize = 64 << 10;
/// Bytes in a second where only the flow's life is asked for, not its speed.
const LEISURELY: u64 = 4 << 20;

type Setup = (Instant, Result<Duration, String>);

/// The pair's applications, until they are told to stop.
pub(crate) struct Honest {
    is_over: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    setups: Arc<Mutex<Vec<Setup>>>,
    reset: Arc<Mutex<Option<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Honest {
    /// Starts both. `is_measured`: the transfer is as fast as it can be.
    pub(crate) fn start(world: &World, is_measured: bool) -> Self {
        let mut this = Self {
            is_over: Arc::default(),
            received: Arc::clone(&world.received),
            setups: Arc::default(),
            reset: Arc::default(),
            threads: Vec::new(),
        };
        let stream = TcpStream::connect(world.to_sink()).expect("Alice listens");
        let _ = stream.set_write_timeout(Some(Duration::from_millis(500)));
        let (over, reset) = (Arc::clone(&this.is_over), Arc::clone(&this.reset));
        this.threads.push(thread::spawn(move || transfer(stream, &over, &reset, is_measured)));
        let (at, over, into) =
            (world.to_echo(), Arc::clone(&this.is_over), Arc::clone(&this.setups));
        this.threads.push(thread::spawn(move || {
            while !over.load(Relaxed) {
                let since = Instant::now();
                let setup = ping(at, SESSION_MAX);
                into.lock().expect("no panic").push((since, setup));
                thread::sleep(SESSION_EVERY.saturating_sub(since.elapsed()));
            }
        }));
        this
    }

    /// Bytes that have arrived so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Bytes a second over so long from now.
    pub(crate) fn rate(&self, time: Duration) -> f64 {
        let (since, before) = (Instant::now(), self.received());
        thread::sleep(time);
        (self.received() - before) as f64 / since.elapsed().as_secs_f64()
    }

    /// The sessions that were begun between these instants.
    pub(crate) fn setups(&self, from: Instant, to: Instant) -> Vec<Result<Duration, String>> {
        let setups = self.setups.lock().expect("no panic");
        let within = setups.iter().filter(|(at, _)| (from..to).contains(at));
        within.map(|(_, setup)| setup.clone()).collect()
    }

    /// What ended the transfer, if anything did.
    pub(crate) fn reset(&self) -> Option<String> {
        self.reset.lock().expect("no panic").clone()
    }

    /// Both stop.
    pub(crate) fn stop(self) {
        self.is_over.store(true, Relaxed);
        // They end within their own bounds; the daemons need not wait for that.
        drop(self.threads);
    }
}

fn transfer(
    mut stream: TcpStream,
    over: &AtomicBool,
    reset: &Mutex<Option<String>>,
    is_measured: bool,
) {
    let (block, since, mut sent) = (vec![0x5a; BLOCK], Instant::now(), 0_u64);
    while !over.load(Relaxed) {
        let due = (since.elapsed().as_secs_f64() * LEISURELY as f64) as u64;
        if !is_measured && sent > due {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        match stream.write(&block) {
            Ok(count) => sent += count as u64,
            Err(error) if super::neighbour::is_pause(&error) => {}
            Err(error) => {
                *reset.lock().expect("no panic") = Some(error.to_string());
                return;
            }
        }
    }
}
