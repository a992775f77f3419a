//! DO-13: a daemon whose disk is full starts and goes on in memory, says so, and keeps what it
//! learnt as soon as there is room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::{CLOAK, Daemon, NODE, add, free_port, has_links, say};
use super::process::wait_for;
use super::programs::{are_here, run};

/// A tiny file system; gone with this value.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir(at).expect("a fresh directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"]).arg(at);
        run(&mut mount).status.success().then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg("-l").arg(&self.0));
    }
}

#[test]
fn what_is_learnt_while_the_disk_is_full_is_kept_later() {
    let scenario = "disks_are_full";
    if !are_here(scenario, &["mount", "umount"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let Some(disk) = Disk::mount(&dir.path().join("node")) else {
        return say(&format!("SKIPPED: {scenario}: no file system can be mounted here"));
    };
    let mut node = Daemon::new(dir.path(), "node", NODE);
    let mut relay = Daemon::new(dir.path(), "relay", CLOAK);
    let at = format!("127.0.0.1:{}", free_port());
    add(&mut relay, &["--local", "none", "--listen", &at]);
    add(&mut node, &["--socks", "none", "--peer", &at]);
    node.start();
    assert!(node.process.terminate().success());
    // Without a block of its own, so that nothing can be written into it.
    fs::write(disk.0.join("lock"), "").expect("there is room");
    let filler = disk.0.join("filler");
    assert!(fs::write(&filler, vec![0; 1 << 20]).is_err(), "the disk is full");
    node.start();
    // Within a second it wants its own numbers kept, and more within a minute.
    relay.start();
    wait_for("a link", || has_links(&node).then_some(()));
    node.process.says("what was learnt is in memory only");
    fs::remove_file(&filler).expect("ours");
    node.process.says("what was learnt is kept again");
    let kept = fs::read_to_string(disk.0.join("overlay.json")).expect("kept");
    assert!(kept.contains("\"own\""), "{kept}");
    assert!(has_links(&node) && node.process.terminate().success());
}
