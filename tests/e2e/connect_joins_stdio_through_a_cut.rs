//! `muses connect`: each direction of the pipe ends by itself, whatever the network does.

use std::io::Write;
use std::net::Shutdown;
use std::process::Stdio;
use std::time::Duration;

use super::bytes::Pattern;
use super::cluster::Plan;
use super::programs::Run;
use super::sockets::{accept, rest, service, spawn};

const SIZE: usize = 8 << 20;

#[test]
fn connect_joins_stdio_through_a_cut() {
    let (listener, port) = service();
    let mut cluster = Plan::default().service(port, port).start();
    let mut tool = cluster.alice.tool(&["connect", "bob.muses", &port.to_string()]);
    let mut tool = Run::start(tool.stdin(Stdio::piped()));
    let mut far = accept(&listener);
    let mut stdin = tool.stdin();
    let writer = spawn(move || Pattern::new(5).write(&mut stdin, SIZE));
    let mut pattern = Pattern::new(5);
    pattern.expect(&mut far, SIZE / 4).expect("the first quarter");
    cluster.r1.process.kill();
    cluster.suspended();
    cluster.r1.start();
    pattern.expect(&mut far, SIZE - SIZE / 4).expect("the rest");
    writer.join().expect("no panic").expect("the tool takes all");
    assert_eq!(rest(&far), b"", "the end of stdin is the end of our direction");

    // The answer begins only now: the other direction is still open, in another outage too.
    assert!(tool.runs());
    cluster.r2.process.kill();
    let answer = Pattern::take(6, 100_000);
    far.write_all(&answer).expect("open");
    far.shutdown(Shutdown::Write).expect("open");
    std::thread::sleep(Duration::from_secs(1));
    cluster.r2.start();
    let outcome = tool.succeed();
    assert!(outcome.stdout == answer, "{} bytes of {}", outcome.stdout.len(), answer.len());
    assert_eq!(outcome.stderr, "");
}
