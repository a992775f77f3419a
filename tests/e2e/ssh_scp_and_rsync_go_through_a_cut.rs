//! ssh, scp and rsync to a real sshd, with `muses connect` as the ProxyCommand, all through the
//! same cuts.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::bytes::{digest, file};
use super::cluster::{MUSES, Plan, say};
use super::programs::{Run, Sshd, are_here, grown};

const SIZE: usize = 40 << 20;

#[test]
fn ssh_scp_and_rsync_go_through_a_cut() {
    let programs = ["ssh", "scp", "rsync", "sshd", "ssh-keygen"];
    if !are_here("ssh, scp and rsync", &programs) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let at = |word: &str| dir.path().join(word);
    let wanted = file(&at("source"), 2, SIZE);
    let sshd = Sshd::start(&at("ssh"));
    let mut cluster = Plan::default().service(sshd.port, sshd.port).start();
    let proxy = format!("{MUSES} --state {} connect %h %p", cluster.alice.state.display());
    let options = sshd.options(&proxy);

    // Paced, so that all of them are under way when the network goes.
    let mut ssh = Command::new("ssh");
    ssh.args(&options).args(["bob.muses", "cat >"]).arg(at("by-ssh"));
    let mut feed = Run::start(ssh.stdin(Stdio::piped()));
    let mut stdin = feed.stdin();
    let source = fs::read(at("source")).expect("just made");
    let feeder = super::sockets::spawn(move || {
        for part in source.chunks(SIZE / 40) {
            std::io::Write::write_all(&mut stdin, part).expect("ssh reads");
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    let mut scp = Command::new("scp");
    // In Kbit/s: about ten megabytes a second.
    scp.args(&options).args(["-q", "-l", "80000"]).arg(at("source"));
    let scp = Run::start(scp.arg(format!("bob.muses:{}", at("by-scp").display())));
    let mut rsync = Command::new("rsync");
    let shell: Vec<String> = options.iter().map(|word| format!("'{word}'")).collect();
    rsync.args(["--inplace", "--whole-file", "--bwlimit=10M", "-e"]);
    rsync.arg(format!("ssh {}", shell.join(" ")));
    let from = format!("bob.muses:{}", at("source").display());
    let rsync = Run::start(rsync.arg(from).arg(at("by-rsync")));

    for word in ["by-ssh", "by-scp", "by-rsync"] {
        grown(&at(word), 4 << 20);
    }
    cluster.cut_by_kill(Duration::from_secs(3));
    for word in ["by-ssh", "by-scp", "by-rsync"] {
        grown(&at(word), 20 << 20);
    }
    cluster.cut_by_stop(Duration::from_secs(4));
    feeder.join().expect("ssh takes all");
    let took = [feed, scp, rsync].map(|run| run.succeed().took);
    for word in ["by-ssh", "by-scp", "by-rsync"] {
        assert_eq!(digest(&at(word)), wanted, "{word}");
    }
    let epoch = cluster.alice.status().tunnels[0].epoch;
    assert!(epoch >= 2, "only {epoch} outages were noticed");
    say(&format!("ssh, scp and rsync of {} MiB through two cuts: {took:?}", SIZE >> 20));
}
