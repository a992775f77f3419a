//! `kill -9` of Bob's node and a new start: what it knew is lost, and Alice's applications are
//! told so, once and soon, even those that only read; what is asked for next works at once.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::{Daemon, Plan, say};
use super::process::wait_for;
use super::programs::Run;
use super::sockets::{accept, dial, echo_service, service, socks, until_reset};

#[test]
fn bob_is_killed_and_comes_back() {
    let (listener, held) = service();
    let echo = echo_service();
    let mut cluster = Plan::default().service(held, held).service(echo, echo).start();
    let at = cluster.alice.forward(&format!("bob:{held}"));
    // One that waits for nothing, one in the middle of a question, one through the tool.
    let idle = dial(at);
    let idle_far = accept(&listener);
    let mut asking = dial(at);
    let asking_far = accept(&listener);
    let name = cluster.bob.name.clone();
    let by_name = socks(cluster.alice.socks(), &format!("{name}.muses"), held).expect("accepted");
    let by_name_far = accept(&listener);
    let mut tool = cluster.alice.tool(&["connect", "bob", &held.to_string()]);
    let mut tool = Run::start(tool.stdin(std::process::Stdio::piped()));
    let mut tool_far = accept(&listener);
    tool.stdin().write_all(b"hello").expect("open");
    tool_far.read_exact(&mut [0; 5]).expect("open");

    cluster.bob.process.kill();
    asking.write_all(b"are you there?").expect("the local socket never closes");
    thread::sleep(Duration::from_secs(2));
    let since = Instant::now();
    cluster.bob.start();
    let started = since.elapsed();
    let resets = [&asking, &idle, &by_name].map(|stream| {
        until_reset(stream);
        since.elapsed()
    });
    say(&format!("Bob is back: node up after {started:?}, three resets after {resets:?}"));
    assert!(resets.iter().all(|after| *after < Duration::from_secs(10)));
    // A Unix socket knows no reset, so the tool cannot say that this is not a proper end.
    tool.end();
    drop((idle_far, asking_far, by_name_far, tool_far));

    let since = Instant::now();
    let mut fresh = dial(cluster.alice.forward(&format!("bob:{echo}")));
    fresh.write_all(b"hello").expect("open");
    let mut answer = [0; 5];
    fresh.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"hello");
    say(&format!("a new connection answered after {:?}", since.elapsed()));
    assert!(since.elapsed() < Duration::from_secs(5));
}

/// Nobody on Alice's side says anything, so nothing but Bob's own word can tell her.
#[test]
fn bob_is_killed_and_comes_back_to_those_who_only_read() {
    let (listener, held) = service();
    let mut cluster = Plan::default().service(held, held).start();
    let at = cluster.alice.forward(&format!("bob:{held}"));
    let name = cluster.bob.name.clone();
    let by_name = socks(cluster.alice.socks(), &format!("{name}.muses"), held).expect("accepted");
    let mut readers = vec![(by_name, accept(&listener))];
    readers.extend((0..2).map(|_| (dial(at), accept(&listener))));
    for (reader, writer) in &mut readers {
        writer.write_all(b"news").expect("open");
        reader.read_exact(&mut [0; 4]).expect("news");
    }
    wait_for("silence", || is_silent(&cluster.alice).then_some(()));
    wait_for("silence", || is_silent(&cluster.bob).then_some(()));

    cluster.bob.process.kill();
    thread::sleep(Duration::from_secs(2));
    assert_eq!(cluster.alice.tunnel(), "flowing", "she cannot know");
    let since = Instant::now();
    cluster.bob.start();
    let resets: Vec<Duration> = readers
        .iter()
        .map(|(reader, _)| {
            assert_eq!(until_reset(reader), b"");
            since.elapsed()
        })
        .collect();
    say(&format!("Bob is back: those who only read were reset after {resets:?}"));
    assert!(resets.iter().all(|after| *after < Duration::from_secs(10)));
}

/// Whether its peer has everything, so that nothing waits for an answer.
fn is_silent(daemon: &Daemon) -> bool {
    let status = daemon.status();
    let mut sessions = status.tunnels.iter().flat_map(|tunnel| &tunnel.sessions);
    sessions.all(|session| session.unacknowledged == 0)
}
