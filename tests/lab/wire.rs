//! A wire between two hosts that can be made bad: delay, jitter, loss, reorder, silence.
//!
//! A pair of TUN interfaces with a thread between them (netem is missing on many machines). Rate is
//! the kernel's own `tbf` on the interfaces.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::namespace::Namespace;
use super::tun;

/// Packets on the way in one direction, at most.
const LIMIT: usize = 1000;
/// The longest sleep of the thread: how late it hears of its end.
const TURN: Duration = Duration::from_millis(20);
const MTU: usize = 1500;

/// What happens to the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Manner {
    /// One way.
    pub(crate) delay: Duration,
    /// Up to so much more or less.
    pub(crate) jitter: Duration,
    /// Lost, of a hundred.
    pub(crate) loss: f64,
    /// Whether a packet that is quicker may overtake.
    pub(crate) reorder: bool,
    /// Nothing passes, and nobody is told.
    pub(crate) silent: bool,
}

#[derive(Debug, Default)]
struct Shared {
    manners: Mutex<[Manner; 2]>,
    over: AtomicBool,
}

/// The wire; cut with this value.
#[derive(Debug)]
pub(crate) struct Wire {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// An end: the host, its interface, its address.
pub(crate) type End<'a> = (&'a Namespace, &'static str, String);

impl Wire {
    /// Joins two hosts; direction 0 is from the first one to the second.
    pub(crate) fn new(a: &End<'_>, b: &End<'_>, seed: u64) -> Self {
        let files = [a, b].map(|(at, name, address)| tun::open(at, name, address));
        let shared = Arc::new(Shared::default());
        let pump = Pump {
            files,
            queues: Default::default(),
            last: [Instant::now(); 2],
            serial: 0,
            dice: seed | 1,
            shared: Arc::clone(&shared),
        };
        let thread = std::thread::Builder::new().name("wire".into()).spawn(|| pump.run());
        Self { shared, thread: Some(thread.expect("a thread")) }
    }

    /// Changes what happens to packets, in each direction.
    pub(crate) fn set(&self, change: impl Fn(usize, &mut Manner)) {
        let mut manners = self.shared.manners.lock().expect("no panic");
        manners.iter_mut().enumerate().for_each(|(at, manner)| change(at, manner));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

type Parcel = Reverse<(Instant, u64, Vec<u8>)>;

struct Pump {
    files: [File; 2],
    queues: [BinaryHeap<Parcel>; 2],
    /// When the last packet of each direction is due.
    last: [Instant; 2],
    serial: u64,
    dice: u64,
    shared: Arc<Shared>,
}

impl Pump {
    /// From 0 up to 1 (xorshift64).
    fn draw(&mut self) -> f64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        (self.dice >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn run(mut self) {
        while !self.shared.over.load(Ordering::Relaxed) {
            self.sleep();
            for from in 0..2 {
                self.take(from);
                self.give(from);
            }
        }
    }

    fn sleep(&self) {
        let heads = self.queues.iter().filter_map(|queue| queue.peek());
        let due = heads.map(|Reverse((due, ..))| *due).min();
        let wait = due.map_or(TURN, |due| due.saturating_duration_since(Instant::now()).min(TURN));
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        let mut polled = self.files.each_ref().map(|file| PollFd::new(file, PollFlags::IN));
        let _ = poll(&mut polled, Some(&wait));
    }

    fn take(&mut self, from: usize) {
        let mut packet = [0; MTU];
        for _ in 0..64 {
            let Ok(len) = self.files[from].read(&mut packet) else { return };
            let manner = self.shared.manners.lock().expect("no panic")[from];
            let is_lost = manner.silent || self.draw() * 100.0 < manner.loss;
            if is_lost || self.queues[from].len() >= LIMIT {
                continue;
            }
            let spread = (manner.jitter * 2).mul_f64(self.draw());
            let mut due = Instant::now() + (manner.delay + spread).saturating_sub(manner.jitter);
            if !manner.reorder {
                due = due.max(self.last[from]);
                self.last[from] = due;
            }
            self.serial += 1;
            self.queues[from].push(Reverse((due, self.serial, packet[..len].to_vec())));
        }
    }

    fn give(&mut self, from: usize) {
        let now = Instant::now();
        while self.queues[from].peek().is_some_and(|Reverse((due, ..))| *due <= now) {
            let Some(Reverse((.., packet))) = self.queues[from].pop() else { return };
            // What does not fit is lost, as on any wire.
            let _ = self.files[1 - from].write(&packet);
        }
    }
}
