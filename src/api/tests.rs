//! The library against a daemon that is played line by line.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{Builder, JoinHandle};

use super::*;
use crate::base::ids::Name;
use crate::wire::reason::Reason;

/// The request expected, what is answered, and what is done with the connection then.
type Scene = (&'static str, String, fn(UnixStream));

/// Plays a daemon, a scene for each connection.
fn play<const N: usize>(scenes: [Scene; N]) -> (tempfile::TempDir, JoinHandle<()>) {
    let dir = tempfile::tempdir().expect("a directory");
    let listener = UnixListener::bind(dir.path().join("control")).expect("a short path");
    let mut kept = Vec::new();
    let daemon = move || {
        for (wanted, answer, then) in scenes {
            let (mut socket, _) = listener.accept().expect("the client");
            let mut line = String::new();
            BufReader::new(&socket).read_line(&mut line).expect("a request");
            assert_eq!(line.trim_end(), wanted);
            socket.write_all(answer.as_bytes()).expect("the client listens");
            then(socket.try_clone().expect("a handle"));
            kept.push(socket);
        }
    };
    (dir, Builder::new().spawn(daemon).expect("a thread"))
}

fn nothing(_: UnixStream) {}

#[test]
fn what_follows_the_answer_is_the_sessions_and_half_closes_are_exact() {
    let answer = "{\"is\":\"session\",\"session\":9}\n{\"is\":\"ok\"}\nearly".to_owned();
    let (dir, daemon) =
        play([(r#"{"do":"connect","name":"bob","port":22}"#, answer, |mut socket| {
            let mut text = String::new();
            socket.read_to_string(&mut text).expect("until our half-close");
            write!(socket, " got {text}").expect("the other half is open");
            socket.shutdown(Shutdown::Both).expect("open");
        })]);
    let mut stream = connect(Some(dir.path()), "bob", 22).expect("accepted");
    assert_eq!(stream.session(), 9);
    stream.write_all(b"ping").expect("open");
    stream.shutdown(Shutdown::Write).expect("open");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the answer");
    assert_eq!(text, "early got ping");
    daemon.join().expect("the scene");
}

#[test]
fn a_refusal_has_its_reason_and_an_absent_daemon_a_hint() {
    let refusal = "{\"is\":\"session\",\"session\":1}\n\
                   {\"is\":\"error\",\"error\":\"no\",\"reason\":\"not-allowed\"}\n";
    let (dir, daemon) =
        play([(r#"{"do":"connect","name":"bob","port":1}"#, refusal.to_owned(), nothing)]);
    let error = connect(Some(dir.path()), "bob", 1).expect_err("refused");
    assert_eq!((error.to_string().as_str(), error.reason()), ("no", Some(Reason::NotAllowed)));
    daemon.join().expect("the scene");
    let hint = kill(Some(dir.path()), 1).expect_err("nobody listens any more").to_string();
    let path = dir.path().display();
    assert_eq!(
        hint,
        format!(
            "no muses-node runs for this state directory ({path}): \
             start one with 'muses-node --state {path}'"
        )
    );
    fs::remove_file(dir.path().join("control")).expect("left behind");
    assert!(matches!(status(Some(dir.path())), Err(Error::NoDaemon(_))));
}

#[test]
fn a_listener_skips_what_its_peer_has_ended() {
    let name = Name::from_bytes([3; 32]);
    let incoming = |number: u64| {
        format!(
            "{{\"is\":\"incoming\",\"incoming\":{number},\"name\":\"{name}\",\"session\":{}}}\n",
            number + 100
        )
    };
    let announced = format!("{{\"is\":\"ok\"}}\n{}{}", incoming(1), incoming(2));
    let gone = "{\"is\":\"error\",\"error\":\"gone\"}\n".to_owned();
    let (dir, daemon) = play([
        (r#"{"do":"listen","port":7,"allow":["alice"]}"#, announced, nothing),
        (r#"{"do":"accept","incoming":1}"#, gone, nothing),
        (r#"{"do":"accept","incoming":2}"#, "{\"is\":\"ok\"}\nhello".to_owned(), nothing),
    ]);
    let mut listener = listen(Some(dir.path()), 7, &["alice"]).expect("served");
    let (mut stream, peer) = listener.accept().expect("the second");
    assert_eq!((peer, stream.session()), (Peer { name, session: 102 }, 102));
    let mut text = [0; 5];
    stream.read_exact(&mut text).expect("what followed");
    assert_eq!(&text, b"hello");
    daemon.join().expect("the scenes");
    assert!(matches!(listener.accept(), Err(Error::Gone)));
}

#[test]
fn orders_and_status_take_one_line() {
    let status_line = serde_json::to_string(&Reply::Status(Box::default())).expect("plain") + "\n";
    let (dir, daemon) = play([
        (r#"{"do":"kill","session":4}"#, "{\"is\":\"ok\"}\n".to_owned(), nothing),
        (r#"{"do":"reconnect"}"#, "gibberish\n".to_owned(), nothing),
        (r#"{"do":"status"}"#, status_line, nothing),
        (r#"{"do":"status"}"#, "{\"is\":\"stat".to_owned(), |socket| {
            socket.shutdown(Shutdown::Both).expect("open");
        }),
    ]);
    let state = Some(dir.path());
    kill(state, 4).expect("done");
    assert!(matches!(reconnect(state), Err(Error::Unexpected(text)) if text == "gibberish"));
    assert_eq!(status(state).expect("answered"), Status::default());
    assert!(matches!(status(state), Err(Error::Gone)));
    daemon.join().expect("the scenes");
}
