//! Keystrokes: a byte each way every 50 ms, and how long each echo took.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(50);

/// Somebody types, and sees the far end's echo of it.
#[derive(Debug)]
pub(crate) struct Typist {
    over: Arc<AtomicBool>,
    echoes: Arc<Mutex<Vec<(Instant, Duration)>>>,
    threads: [JoinHandle<Result<(), String>>; 2],
}

impl Typist {
    /// Types at the near end of a connection; the far end echoes.
    pub(crate) fn start(near: TcpStream, far: TcpStream) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let echoes = Arc::new(Mutex::new(Vec::new()));
        let (until, into) = (Arc::clone(&over), Arc::clone(&echoes));
        let echo = thread::spawn(move || echo(far));
        let keys = thread::spawn(move || strike(near, &until, &into));
        Self { over, echoes, threads: [keys, echo] }
    }

    /// Round trips of the keys struck between these instants, in seconds: the 99th percentile.
    pub(crate) fn p99(&self, from: Instant, to: Instant) -> f64 {
        let echoes = self.echoes.lock().expect("no panic");
        let within = echoes.iter().filter(|(at, _)| (from..to).contains(at));
        let mut trips: Vec<Duration> = within.map(|(_, trip)| *trip).collect();
        trips.sort();
        let at = (trips.len() * 99).div_ceil(100).saturating_sub(1);
        trips.get(at).map_or(f64::NAN, Duration::as_secs_f64)
    }

    /// Ends the connection in order; what went wrong, if anything did.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.over.store(true, Ordering::Relaxed);
        self.threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    }
}

fn strike(
    mut near: TcpStream,
    over: &AtomicBool,
    into: &Mutex<Vec<(Instant, Duration)>>,
) -> Result<(), String> {
    let mut serial = 0_u8;
    while !over.load(Ordering::Relaxed) {
        let (at, mut answer) = (Instant::now(), [0]);
        serial = serial.wrapping_add(1);
        near.write_all(&[serial]).map_err(|error| format!("a keystroke: {error}"))?;
        near.read_exact(&mut answer).map_err(|error| format!("its echo: {error}"))?;
        if answer != [serial] {
            return Err(format!("keystroke {serial} came back as {}", answer[0]));
        }
        into.lock().expect("no panic").push((at, at.elapsed()));
        thread::sleep(EVERY.saturating_sub(at.elapsed()));
    }
    Ok(())
}

fn echo(mut far: TcpStream) -> Result<(), String> {
    let mut key = [0];
    loop {
        match far.read(&mut key) {
            Ok(0) => return Ok(()),
            Ok(_) => far.write_all(&key).map_err(|error| format!("an echo: {error}"))?,
            Err(error) => return Err(format!("the far end: {error}")),
        }
    }
}
