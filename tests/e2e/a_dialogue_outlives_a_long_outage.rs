//! A redis-cli and an ssh left open: the network is away for minutes, and they see a slow answer.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::{Daemon, MUSES, Plan, say};
use super::process::PATIENCE;
use super::programs::{Sshd, are_here, redis};
use super::sockets::spawn;

/// An interactive program: lines in, lines out.
struct Dialogue {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<(String, Instant)>,
}

impl Dialogue {
    fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program is there");
        let stdin = child.stdin.take().expect("piped");
        let stdout: ChildStdout = child.stdout.take().expect("piped");
        let (tell, lines) = channel();
        spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send((line, Instant::now()));
            }
        });
        Self { child, stdin, lines }
    }

    fn ask(&mut self, question: &str) {
        self.stdin.write_all(question.as_bytes()).expect("it reads");
    }

    fn answer(&self) -> (String, Instant) {
        self.lines.recv_timeout(PATIENCE).expect("an answer")
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().expect("ours").success());
    }
}

fn ssh(alice: &Daemon, sshd: &Sshd) -> Dialogue {
    let proxy = format!("{MUSES} --state {} connect %h %p", alice.state.display());
    Dialogue::start(Command::new("ssh").args(sshd.options(&proxy)).args(["bob.muses", "cat"]))
}

#[test]
fn a_dialogue_outlives_a_long_outage() {
    let seconds = std::env::var("MUSES_E2E_OUTAGE").ok().and_then(|text| text.parse().ok());
    let away = Duration::from_secs(seconds.unwrap_or(120));
    let programs = ["redis-server", "redis-cli", "ssh", "sshd", "ssh-keygen"];
    if !are_here("a dialogue through a long outage", &programs) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (_server, port) = redis(dir.path());
    let sshd = Sshd::start(&dir.path().join("ssh"));
    let plan = Plan::default().service(port, port).service(sshd.port, sshd.port);
    let mut cluster = plan.start();
    let at = cluster.alice.forward(&format!("bob:{port}"));
    let mut cli = Command::new("redis-cli");
    let mut redis = Dialogue::start(cli.args(["-h", "127.0.0.1", "-p", &at.port().to_string()]));
    let mut shell = ssh(&cluster.alice, &sshd);
    redis.ask("SET sea blue\n");
    assert_eq!(redis.answer().0, "OK");
    shell.ask("one\n");
    assert_eq!(shell.answer().0, "one");

    cluster.r1.process.kill();
    redis.ask("GET sea\n");
    shell.ask("two\n");
    thread::sleep(away);
    assert!(redis.lines.try_recv().is_err() && shell.lines.try_recv().is_err());
    let since = Instant::now();
    cluster.r1.start();
    let up = since.elapsed();
    let (answer, told) = redis.answer();
    assert_eq!(answer, "blue");
    let (echoed, heard) = shell.answer();
    assert_eq!(echoed, "two");
    say(&format!(
        "dialogues through {away:?}: relay up {up:?} after its start, redis-cli answered after \
         {:?}, ssh after {:?}",
        told.duration_since(since),
        heard.duration_since(since)
    ));
    redis.ask("INCR count\n");
    assert_eq!(redis.answer().0, "1");
    redis.end();
    shell.end();
}
