//! `muses connect` against a daemon that is played: each direction ends on its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

struct Scene {
    _dir: tempfile::TempDir,
    tool: Child,
    /// The daemon's end of the session.
    session: UnixStream,
}

fn scene() -> Scene {
    let dir = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(dir.path().join("control")).expect("a short path");
    let tool = Command::new(env!("CARGO_BIN_EXE_muses"))
        .arg("--state")
        .arg(dir.path())
        .args(["connect", "bob.muses", "22"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("built by cargo");
    let (mut session, _) = listener.accept().expect("the tool");
    let mut request = String::new();
    BufReader::new(&session).read_line(&mut request).expect("a request");
    assert_eq!(request, "{\"do\":\"connect\",\"name\":\"bob.muses\",\"port\":22}\n");
    session.write_all(b"{\"is\":\"session\",\"session\":1}\n").expect("open");
    Scene { _dir: dir, tool, session }
}

fn accepted() -> Scene {
    let mut scene = scene();
    scene.session.write_all(b"{\"is\":\"ok\"}\n").expect("open");
    scene
}

fn ended(mut tool: Child) -> (Option<i32>, String) {
    let mut said = String::new();
    let stderr = tool.stderr.as_mut().expect("piped");
    stderr.read_to_string(&mut said).expect("text");
    (tool.wait().expect("ours").code(), said)
}

#[test]
fn the_end_of_stdin_ends_our_direction_only() {
    let Scene { _dir, mut tool, mut session } = accepted();
    let mut stdin = tool.stdin.take().expect("piped");
    stdin.write_all(b"question").expect("open");
    drop(stdin);
    let mut question = String::new();
    session.read_to_string(&mut question).expect("until the half-close");
    assert_eq!(question, "question");
    let answer = vec![b'a'; 300_000];
    let writer = std::thread::Builder::new().spawn(move || session.write_all(&answer));
    let mut got = Vec::new();
    tool.stdout.take().expect("piped").read_to_end(&mut got).expect("open");
    assert_eq!(got.len(), 300_000);
    writer.expect("a thread").join().expect("no panic").expect("open");
    assert_eq!(ended(tool), (Some(0), String::new()));
}

#[test]
fn the_far_end_is_passed_on_at_once_and_ends_their_direction_only() {
    let Scene { _dir, mut tool, mut session } = accepted();
    session.write_all(b"greeting").expect("open");
    session.shutdown(Shutdown::Write).expect("open");
    let mut got = String::new();
    tool.stdout
        .take()
        .expect("piped")
        .read_to_string(&mut got)
        .expect("its end, though stdin is open");
    assert_eq!(got, "greeting");
    let mut stdin = tool.stdin.take().expect("piped");
    stdin.write_all(b"a late word").expect("still read");
    drop(stdin);
    let mut late = String::new();
    session.read_to_string(&mut late).expect("until the half-close");
    assert_eq!(late, "a late word");
    assert_eq!(ended(tool), (Some(0), String::new()));
}

#[test]
fn a_session_that_is_over_ends_the_tool_though_stdin_is_open() {
    let Scene { _dir, mut tool, session } = accepted();
    let stdin = tool.stdin.take();
    drop(session);
    assert_eq!(ended(tool), (Some(0), String::new()));
    drop(stdin);
}

#[test]
fn a_refusal_is_one_line_with_its_reason() {
    let Scene { _dir, tool, mut session } = scene();
    let refusal = "{\"is\":\"error\",\"error\":\"bob: the far node does not allow this Name\",\
                   \"reason\":\"not-allowed\"}\n";
    session.write_all(refusal.as_bytes()).expect("open");
    let said = "muses connect: bob: the far node does not allow this Name\n".to_owned();
    assert_eq!(ended(tool), (Some(1), said));
}
