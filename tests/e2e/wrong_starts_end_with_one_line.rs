//! What keeps a daemon from its work is one line that says how to mend it, and an exit code.

use std::path::Path;
use std::process::Command;

use super::cluster::{CLOAK, MUSES, NODE, Plan};
use super::programs::run;
use super::sockets::service;

/// The one line that a program ends with.
fn complaint(program: &str, state: &Path, words: &[&str], code: i32) -> String {
    let mut command = Command::new(program);
    let outcome = run(command.arg("--state").arg(state).args(words).env("MUSES_LOG", "off"));
    let said = outcome.stderr;
    assert_eq!(outcome.status.code(), Some(code), "{words:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{words:?}: {said}");
    said.trim_end().to_owned()
}

#[test]
fn wrong_starts_end_with_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let fresh = dir.path().join("fresh");
    let (_held, port) = service();
    let port = port.to_string();

    let said = complaint(NODE, &fresh, &["--socks", &port], 1);
    assert!(said.contains(&port) && said.contains("--socks"), "{said}");
    let bob = "a".repeat(52);
    let forward = format!("{port}:{bob}:22");
    let said = complaint(NODE, &fresh, &["--socks", "none", "-L", &forward], 1);
    assert!(said.contains(&port) && said.contains("-L"), "{said}");
    for option in ["--listen", "--local"] {
        let other: &[&str] = if option == "--listen" { &["--local", "none"] } else { &[] };
        let said = complaint(CLOAK, &fresh, &[&[option, &port], other].concat(), 1);
        assert!(said.contains(&port) && said.contains(option), "{said}");
    }
    let said = complaint(NODE, &fresh, &["--serve", "nonsense"], 2);
    assert!(said.contains("PORT=TARGET"), "{said}");
    let routes = dir.path().join("routes");
    std::fs::write(&routes, "to nowhere\n").expect("a fresh directory");
    let routes = routes.to_string_lossy();
    let said = complaint(CLOAK, &fresh, &["--local", "none", "--routes", &routes], 2);
    assert!(said.contains("line 1") && said.contains("--routes"), "{said}");
    complaint(CLOAK, &fresh, &["--local", "none", "--routes", "/nonexistent/routes"], 2);
    let said = complaint(MUSES, &fresh, &["status"], 1);
    assert!(said.contains("muses-node --state"), "{said}");
    complaint(MUSES, &fresh, &["connect", "bob"], 2);
    complaint(MUSES, &fresh, &["replay", "/nonexistent/tape"], 1);

    let cluster = Plan::default().start();
    let state = cluster.alice.state.clone();
    let said = complaint(NODE, &state, &["--socks", "none"], 1);
    assert!(said.contains("already runs"), "{said}");
    let said = complaint(MUSES, &state, &["connect", "carol", "22"], 1);
    assert!(said.contains("carol"), "{said}");
    let said = complaint(MUSES, &state, &["connect", "bob", "22"], 1);
    assert!(said.contains("does not allow this Name"), "{said}");
    complaint(MUSES, &state, &["kill", "12345"], 1);
}
