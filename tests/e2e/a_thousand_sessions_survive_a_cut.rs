//! A thousand sessions between two nodes, a hundred of them busy, cut and resumed: every byte
//! once and in order, and memory within what was promised.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::bytes::Pattern;
use super::cluster::{Cluster, Plan, say};
use super::process::wait_for;
use super::sockets::{dial, echo_service, spawn};

const IDLE: usize = 900;
const BUSY: usize = 100;
/// Bytes of each busy session, each way: all together more than the budget.
const SIZE: usize = 1 << 20;
const BUDGET: u64 = 64 << 20;
/// What a daemon needs besides packet memory: itself, OpenSSL, and a thousand sessions' books.
const CONSTANT: u64 = 96 << 20;
const FILES: u64 = 8192;

fn raise_limit() -> bool {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= FILES) {
        return true;
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), ..limit }).is_ok()
}

/// Sends a stream and reads it back.
fn busy(seed: u64, stream: TcpStream, moved: Arc<AtomicUsize>) -> io::Result<()> {
    let mut up = stream.try_clone()?;
    let writer = spawn(move || {
        Pattern::new(seed).write(&mut up, SIZE)?;
        up.shutdown(Shutdown::Write)
    });
    let (mut pattern, mut down) = (Pattern::new(seed), &stream);
    for _ in 0..16 {
        pattern.expect(&mut down, SIZE / 16)?;
        moved.fetch_add(SIZE / 16, Ordering::Relaxed);
    }
    writer.join().expect("no panic")?;
    match down.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err(io::Error::other("more came back than was sent")),
    }
}

fn memory(cluster: &Cluster, when: &str) -> u64 {
    let both = [&cluster.alice, &cluster.bob].map(|daemon| daemon.process.memory());
    let [alice, bob] = both.map(|(now, peak)| format!("{} (peak {}) MiB", now >> 20, peak >> 20));
    say(&format!("memory {when}: Alice {alice}, Bob {bob}"));
    both.into_iter().map(|(_, peak)| peak).max().expect("two")
}

#[test]
fn a_thousand_sessions_survive_a_cut() {
    assert!(raise_limit(), "a thousand sessions need {FILES} files: raise 'ulimit -n'");
    let port = echo_service();
    let bound = ["--memory", "64M"];
    let plan = Plan::default().service(port, port).alice(&bound).bob(&bound);
    let mut cluster = plan.start();
    memory(&cluster, "before");
    let at = cluster.alice.forward(&format!("bob:{port}"));
    let since = Instant::now();
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| dial(at)).collect();
    let ask = |stream: &mut TcpStream, number: usize| {
        let question = number.to_be_bytes();
        stream.write_all(&question).expect("open");
        question
    };
    let listen = |stream: &mut TcpStream, question: [u8; 8]| {
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, question);
    };
    for (number, stream) in idle.iter_mut().enumerate() {
        let question = ask(stream, number);
        listen(stream, question);
    }
    say(&format!("{IDLE} sessions opened and answered in {:?}", since.elapsed()));

    let moved = Arc::new(AtomicUsize::new(0));
    let since = Instant::now();
    let start = |seed| {
        let (stream, moved) = (dial(at), Arc::clone(&moved));
        spawn(move || busy(seed, stream, moved))
    };
    let workers: Vec<_> = (0..BUSY as u64).map(start).collect();
    wait_for("a third of the bytes", || {
        (moved.load(Ordering::Relaxed) > BUSY * SIZE / 3).then_some(())
    });
    let sessions = |cluster: &Cluster| {
        cluster.alice.status().tunnels.iter().map(|tunnel| tunnel.sessions.len()).sum::<usize>()
    };
    assert!(sessions(&cluster) > IDLE, "{}", sessions(&cluster));
    cluster.r1.process.kill();
    cluster.suspended();
    thread::sleep(Duration::from_secs(2));
    let before = moved.load(Ordering::Relaxed);
    memory(&cluster, "in the outage");
    let back = Instant::now();
    cluster.r1.start();
    wait_for("a byte", || (moved.load(Ordering::Relaxed) > before).then_some(()));
    say(&format!("the first 64 KiB of one session after the return: {:?}", back.elapsed()));
    for (seed, worker) in workers.into_iter().enumerate() {
        worker.join().expect("no panic").unwrap_or_else(|error| panic!("session {seed}: {error}"));
    }
    say(&format!("{} MiB each way and a cut in {:?}", (BUSY * SIZE) >> 20, since.elapsed()));
    let questions: Vec<_> =
        idle.iter_mut().enumerate().map(|(number, stream)| ask(stream, number + IDLE)).collect();
    for (stream, question) in idle.iter_mut().zip(questions) {
        listen(stream, question);
    }
    let peak = memory(&cluster, "at the end");
    assert!(peak <= BUDGET + CONSTANT, "{} MiB", peak >> 20);
}
