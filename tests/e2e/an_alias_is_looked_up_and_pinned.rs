//! Bob registers `bob`, and Alice knows nothing of him but that word: her node asks the overlay,
//! and from then on the word is his alone, whoever else registers it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::bytes::{digest, file};
use super::cluster::{Cluster, Daemon, MUSES, NODE, Plan, add, say};
use super::process::wait_for;
use super::programs::{Outcome, Sshd, are_here, http_server, run};
use super::sockets::{service, spawn};

const SIZE: usize = 1 << 20;

fn fetch(cluster: &Cluster, into: &Path, seconds: &str) -> Outcome {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--max-time", seconds, "--socks5-hostname"]);
    curl.arg(cluster.alice.socks().to_string()).arg("--output").arg(into);
    run(curl.arg("http://bob.muses/file"))
}

/// Another device with the same word, in an overlay that has forgotten Bob: nobody there has been
/// running since he left.
fn usurp(cluster: &mut Cluster, serve: &str) -> Daemon {
    for daemon in cluster.everybody() {
        daemon.process.kill();
    }
    for daemon in [&mut cluster.r1, &mut cluster.r2, &mut cluster.alice] {
        daemon.start();
    }
    let mut mallory = Daemon::new(cluster.dir.path(), "mallory", NODE);
    add(&mut mallory, &["--socks", "none", "--register", "bob", "--serve", serve]);
    add(&mut mallory, &["--peer", &cluster.r2.neighbours(), "--allow", &cluster.alice.name]);
    mallory.start();
    mallory
}

#[test]
fn ssh_dials_by_alias_and_by_name() {
    if !are_here("ssh by an alias of the overlay", &["ssh", "sshd", "ssh-keygen"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let sshd = Sshd::start(dir.path());
    let serve = format!("{0}=127.0.0.1:{0}", sshd.port);
    let words = ["--serve", &serve, "--allow", "alice"];
    let cluster = Plan::default().nameless().bob(&words).start();
    let proxy = format!("{MUSES} --state {} connect %h %p", cluster.alice.state.display());
    for host in ["bob", "bob.muses", &cluster.bob.name] {
        let mut ssh = Command::new("ssh");
        let outcome = run(ssh.args(sshd.options(&proxy)).args([host, "echo here"]));
        assert_eq!(outcome.stdout, b"here\n", "{host}: {}", outcome.stderr);
    }
}

#[test]
fn connect_dials_by_alias_and_by_name() {
    let (listener, port) = service();
    let serve = format!("{port}=127.0.0.1:{port}");
    let words = ["--serve", &serve, "--allow", "alice"];
    let cluster = Plan::default().nameless().bob(&words).start();
    let greeter = spawn(move || {
        for stream in listener.incoming().take(3) {
            std::io::Write::write_all(&mut stream.expect("accepted"), b"here").expect("open");
        }
    });
    for host in ["bob", "bob.muses", &cluster.bob.name] {
        let outcome = run(&mut cluster.alice.tool(&["connect", host, &port.to_string()]));
        assert_eq!(outcome.stdout, b"here", "{host}: {}", outcome.stderr);
    }
    greeter.join().expect("three came");
    let outcome = run(&mut cluster.alice.tool(&["connect", "carol.muses", "22"]));
    assert!(!outcome.status.success() && outcome.stderr.contains("'carol'"), "{}", outcome.stderr);
}

#[test]
fn an_alias_is_looked_up_and_pinned() {
    if !are_here("curl by an alias of the overlay", &["curl"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let wanted = file(&dir.path().join("file"), 1, SIZE);
    let got = dir.path().join("got");
    let (_server, port) = http_server(dir.path());
    let serve = format!("80=127.0.0.1:{port}");
    let words = ["--serve", &serve, "--allow", "alice"];
    let mut cluster = Plan::default().nameless().bob(&words).start();

    let outcome = fetch(&cluster, &got, "60");
    assert!(outcome.status.success(), "{}", outcome.stderr);
    assert_eq!(digest(&got), wanted);
    say(&format!("curl by an alias that nobody knew: {:?}", outcome.took));
    let bob = cluster.bob.name.clone();
    let pins = fs::read_to_string(cluster.alice.state.join("pins.json")).expect("kept at once");
    assert!(pins.contains(&format!("\"bob\": \"{bob}\"")), "{pins}");

    // Bob is away; the overlay and Alice's node start anew, and only somebody else claims the word.
    let mallory = usurp(&mut cluster, &serve);
    let refused = wait_for("a refusal", || {
        let outcome = fetch(&cluster, &got, "3");
        assert!(!outcome.status.success(), "opened");
        // SOCKS5's code 2: not allowed.
        outcome.stderr.contains("(2)").then_some(outcome)
    });
    assert_eq!(refused.status.code(), Some(97), "{}", refused.stderr);
    let told = run(&mut cluster.alice.tool(&["connect", "bob", "80"]));
    assert!(!told.status.success());
    let log = cluster.alice.process.said();
    for text in [&told.stderr, &log] {
        let meant = format!("the alias 'bob' meant {bob}");
        let mend = format!("--alias bob={}", mallory.name);
        assert!(text.contains(&meant) && text.contains(&mend), "{text}");
    }
    assert_eq!(told.stderr.trim().lines().count(), 1, "{}", told.stderr);
    assert!(mallory.status().tunnels.is_empty(), "something was opened");

    // He comes back, and nobody has to say anything.
    cluster.bob.start();
    wait_for("Bob's claim", || fetch(&cluster, &got, "60").status.success().then_some(()));
    assert_eq!(digest(&got), wanted);
    assert!(mallory.status().tunnels.is_empty(), "something was opened");
}
