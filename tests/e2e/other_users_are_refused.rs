//! LO-03: the Unix sockets of a daemon serve its own user and root, whatever their modes say.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::cluster::{MUSES, Plan, say};
use super::programs::run;

const OTHER: u32 = 65_534;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
}

#[test]
fn another_user_gets_nothing_on_a_socket_that_is_open_to_all() {
    if !rustix::process::geteuid().is_root() {
        return say("SKIPPED: other_users_are_refused: only root can be two users");
    }
    let cluster = Plan::default().start();
    let (home, state) = (cluster.dir.path(), cluster.alice.state.clone());
    let tool = home.join("muses");
    fs::copy(MUSES, &tool).expect("a fresh directory");
    chmod(home, 0o711);
    chmod(&state, 0o711);
    chmod(&state.join("control"), 0o666);
    chmod(&tool, 0o755);
    let status = |user: u32| {
        let mut command = Command::new(&tool);
        command.arg("--state").arg(&state).arg("status").uid(user).gid(user);
        run(&mut command)
    };
    let other = status(OTHER);
    assert!(!other.status.success() && other.stdout.is_empty(), "{}", other.stderr);
    cluster.alice.process.says(&format!("the user with the id {OTHER} was refused"));
    let own = status(0);
    assert!(own.status.success(), "{}", own.stderr);
}
