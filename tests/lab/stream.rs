//! An application's connection: one end sends, the other writes down when how much has come.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use openssl::sha::Sha256;

/// How much at once.
const CHUNK: usize = 4096;

/// A connection that is under way.
#[derive(Debug)]
pub(crate) struct Stream {
    over: Arc<AtomicBool>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    sender: JoinHandle<Result<End, String>>,
    receiver: JoinHandle<Result<End, String>>,
}

/// Bytes that came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) bytes: usize,
}

/// What an end saw of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    bytes: u64,
    digest: [u8; 32],
}

impl Stream {
    /// Sends so many bytes a second, or as many as go through.
    pub(crate) fn start(from: TcpStream, to: TcpStream, rate: Option<usize>, seed: u64) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let (until, into) = (Arc::clone(&over), Arc::clone(&arrivals));
        let sender = thread::spawn(move || send(from, rate, seed, &until));
        let receiver = thread::spawn(move || receive(to, &into));
        Self { over, arrivals, sender, receiver }
    }

    /// When the next bytes came after an instant; `None` if nothing did yet.
    pub(crate) fn first_after(&self, instant: Instant) -> Option<Instant> {
        let arrivals = self.arrivals.lock().expect("no panic");
        let first = arrivals.partition_point(|arrival| arrival.at < instant);
        arrivals.get(first).map(|arrival| arrival.at)
    }

    /// All that came so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().expect("no panic").clone()
    }

    /// The longest time without a byte between these instants.
    pub(crate) fn longest_stall(&self, from: Instant, to: Instant) -> Duration {
        let arrivals = self.arrivals();
        let within = arrivals.iter().map(|arrival| arrival.at).filter(|at| (from..to).contains(at));
        let edges: Vec<Instant> = [from].into_iter().chain(within).chain([to]).collect();
        edges.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }

    /// Ends the stream in order; what went wrong, if anything did.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.over.store(true, Ordering::Relaxed);
        let sent = self.sender.join().expect("no panic");
        let received = self.receiver.join().expect("no panic");
        match (sent?, received?) {
            (sent, received) if sent == received => Ok(()),
            (sent, received) => Err(format!("{} bytes sent, {} came", sent.bytes, received.bytes)),
        }
    }
}

fn send(
    mut to: TcpStream,
    rate: Option<usize>,
    seed: u64,
    over: &AtomicBool,
) -> Result<End, String> {
    let (mut digest, mut bytes, mut dice) = (Sha256::new(), 0_u64, seed | 1);
    let mut chunk = [0; CHUNK];
    while !over.load(Ordering::Relaxed) {
        for word in chunk.chunks_exact_mut(8) {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            word.copy_from_slice(&dice.to_le_bytes());
        }
        to.write_all(&chunk).map_err(|error| format!("sending: {error}"))?;
        digest.update(&chunk);
        bytes += CHUNK as u64;
        if let Some(rate) = rate {
            // A sender that was held up goes on at its rate and does not make up for it.
            let due = Duration::from_secs_f64(CHUNK as f64 / rate as f64);
            thread::sleep(due.min(Duration::from_secs(1)));
        }
    }
    to.shutdown(Shutdown::Write).map_err(|error| format!("ending: {error}"))?;
    // The far end's own end, so that nothing is closed before all was read.
    let mut rest = [0; 1];
    match to.read(&mut rest) {
        Ok(0) => Ok(End { bytes, digest: digest.finish() }),
        Ok(_) => Err("bytes came back that nobody sent".into()),
        Err(error) => Err(format!("after the end: {error}")),
    }
}

fn receive(mut from: TcpStream, into: &Mutex<Vec<Arrival>>) -> Result<End, String> {
    let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
    let mut space = vec![0; 64 * 1024];
    loop {
        match from.read(&mut space) {
            Ok(0) => break,
            Ok(count) => {
                let arrival = Arrival { at: Instant::now(), bytes: count };
                into.lock().expect("no panic").push(arrival);
                digest.update(&space[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("receiving: {error}")),
        }
    }
    Ok(End { bytes, digest: digest.finish() })
}
