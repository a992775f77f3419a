//! The three programs as a shell meets them: exit codes, one-line errors, help, key files.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const NODE: &str = env!("CARGO_BIN_EXE_muses-node");
const CLOAK: &str = env!("CARGO_BIN_EXE_cloak-node");
const MUSES: &str = env!("CARGO_BIN_EXE_muses");
const COMMANDS: [&str; 13] = [
    "connect",
    "send",
    "recv",
    "status",
    "sessions",
    "overlay",
    "map",
    "kill",
    "reconnect",
    "key",
    "replay",
    "demo",
    "sim",
];

fn run(program: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).env_remove("MUSES_LOG");
    // Nothing here may touch the state of whoever runs the tests.
    command.env("XDG_STATE_HOME", "/nonexistent/state").output().expect("built by cargo")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The one line that a program says on its way out.
fn error(program: &str, words: &[&str], code: i32) -> String {
    let output = run(program, words);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(output.stdout.is_empty(), "{words:?}");
    assert_eq!(said.lines().count(), 1, "{words:?}: {said}");
    said.trim_end().to_owned()
}

fn key(state: &Path) -> String {
    let output = run(MUSES, &["--state", &state.display().to_string(), "key"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn every_program_helps_and_says_its_version() {
    let mut lines: Vec<(&str, Vec<&str>)> = vec![(NODE, vec![]), (CLOAK, vec![]), (MUSES, vec![])];
    lines.extend(COMMANDS.map(|command| (MUSES, vec![command])));
    for (program, words) in &lines {
        let output = run(program, &[&words[..], &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        let help = text(&output.stdout);
        assert!(help.contains("Usage: ") && help.contains("\nExamples:\n"), "{help}");
        assert!(output.stderr.is_empty(), "{words:?}");
    }
    for program in [NODE, CLOAK, MUSES] {
        let version = text(&run(program, &["--version"]).stdout);
        assert!(version.trim_end().ends_with(env!("CARGO_PKG_VERSION")), "{version}");
        assert!(text(&run(program, &["--man"]).stdout).starts_with(".TH "));
    }
}

#[test]
fn help_wins_over_errors() {
    let output = run(NODE, &["--nonsense", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).starts_with("muses-node: "));
}

#[test]
fn a_wrong_command_line_is_one_line_and_code_2() {
    for (program, words, wanted) in [
        (
            NODE,
            &["--nonsense"][..],
            "muses-node: unknown option --nonsense: see 'muses-node --help'",
        ),
        (
            NODE,
            &["--memory", "12Q"],
            "muses-node: '12Q' is not a number of bytes (--memory): write",
        ),
        (
            NODE,
            &["-L", "x"],
            "muses-node: 'x' is not a forward (--forward): write [BIND:]PORT:NAME:PORT",
        ),
        (NODE, &["extra"], "muses-node: unexpected argument 'extra': see 'muses-node --help'"),
        (CLOAK, &["--serve", "22=22"], "cloak-node: unknown option --serve"),
        (MUSES, &[], "muses: no command is given: see 'muses --help'"),
        (
            MUSES,
            &["map", "--tree", "x"],
            "muses map: 'x' is not the number of a tree (--tree): write",
        ),
        (MUSES, &["map", "a", "b"], "muses map: unexpected argument 'b': see 'muses map --help'"),
        (MUSES, &["kill", "x"], "muses kill: 'x' is not the number of a session: 'muses sessions'"),
        (
            MUSES,
            &["demo", "--size", "1K"],
            "muses demo: the cuts would not hit so small a file (--size)",
        ),
    ] {
        let said = error(program, words, 2);
        assert!(said.starts_with(wanted), "{said}");
    }
}

#[test]
fn a_wrong_configuration_file_names_its_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("node.toml");
    let path = file.display().to_string();
    for (content, wanted) in [
        (
            "# fine\nlisten = '7001'\npeeer = ['a:1']\n",
            "unknown key 'peeer' (PATH line 3): did you mean 'peer'?",
        ),
        ("peer = [\n  'a:1',\n  'b',\n]\n", "(PATH line 3, peer): "),
        ("memory = '1K'\n", "'1K' is out of bounds (PATH line 1, memory): give 16384K or more"),
        ("peer = \n", "(PATH line 1): mend the TOML"),
    ] {
        fs::write(&file, content).expect("writable");
        let said = error(NODE, &["--config", &path], 2);
        let wanted = wanted.replace("PATH", &path);
        assert!(said.starts_with("muses-node: ") && said.contains(&wanted), "{said}");
    }
    fs::remove_file(&file).expect("there");
    let said = error(NODE, &["--config", &path], 2);
    assert!(said.contains("cannot read") && said.contains("(--config)"), "{said}");
}

#[test]
fn the_key_is_made_once_for_us_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    let name = key(&state);
    assert_eq!(name.trim_end().len(), 52);
    assert_eq!(key(&state), name);
    let mode = |path: &Path| path.metadata().expect("there").mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join("identity"))), (0o700, 0o600));
}

/// HS-15: whatever is wrong with a key file, no new identity takes its place.
#[test]
fn a_key_file_that_cannot_be_trusted_is_refused_and_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().join("state");
    let words = ["--state", &state.display().to_string(), "key"];
    key(&state);
    let file = state.join("identity");
    let whole = fs::read(&file).expect("ours");
    let chmod = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("ours");

    chmod(0o644);
    assert!(error(MUSES, &words, 1).contains("can be read by other users: run 'chmod 600"));
    chmod(0o600);
    for damaged in [&whole[..whole.len() / 2], &whole[1..], b"", b"\xff\xff"] {
        fs::write(&file, damaged).expect("ours");
        let said = error(MUSES, &words, 1);
        assert!(said.contains("is damaged: put a copy back"), "{said}");
        assert!(!said.contains(&*String::from_utf8_lossy(&whole[20..40])), "no key on stderr");
        assert_eq!(fs::read(&file).expect("ours"), damaged);
    }
    fs::write(&file, &whole).expect("ours");
    key(&state);
    fs::set_permissions(&state, fs::Permissions::from_mode(0o777)).expect("ours");
    assert!(error(MUSES, &words, 1).contains("run 'chmod 700"));
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let name = key(&dir.path().join("other"));
    let file = dir.path().join("psk");
    fs::write(&file, "correct horse battery staple").expect("writable");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("ours");
    let pair = format!("{}={}", name.trim_end(), file.display());
    let said = error(NODE, &["--psk", &pair], 2);
    assert!(said.contains("chmod 600") && said.contains("(--psk)"), "{said}");
    assert!(!said.contains("horse"));
}

#[test]
fn without_a_daemon_every_command_says_how_to_start_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = dir.path().display().to_string();
    let hint = format!("start one with 'muses-node --state {state}'");
    for words in [
        &["status"][..],
        &["sessions", "--json"],
        &["overlay", "--json"],
        &["map"],
        &["kill", "1"],
        &["reconnect"],
        &["connect", "bob", "22"],
        &["recv"],
        &["send", "Cargo.toml", "bob"],
    ] {
        let said = error(MUSES, &[&["--state", &state][..], words].concat(), 1);
        assert!(said.contains(&hint), "{said}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (near, far) = UnixStream::pair().expect("a pair");
    drop(far);
    let output = Command::new(MUSES)
        .arg("--man")
        .stdout(OwnedFd::from(near))
        .output()
        .expect("built by cargo");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}
