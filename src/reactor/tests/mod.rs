//! The reactor over real sockets of this machine.

mod toy;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use self::toy::{Mode, QUIT, Seen, Toy};
use super::*;
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Cause, Port};

const PATIENCE: Duration = Duration::from_secs(30);

/// A reactor in a thread, and what its machine tells.
struct Running {
    thread: Option<JoinHandle<(Toy, Option<String>)>>,
    seen: Receiver<Seen>,
    quit: SocketAddr,
    doors: Vec<Endpoint>,
}

#[expect(clippy::disallowed_methods, reason = "the test is the other side of the sockets")]
fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    std::thread::spawn(work)
}

/// Starts a toy and waits until its sockets are open.
fn start(prepare: impl FnOnce(&mut Toy) + Send + 'static) -> Running {
    let (sender, seen) = channel();
    let mut toy = Toy::new(sender);
    prepare(&mut toy);
    let doors = toy.listen.len();
    let run = move || Reactor::new(toy).expect("a poll").run().expect("a clean run");
    let quit = "0.0.0.0:0".parse().expect("an address");
    let mut running = Running { thread: Some(spawn(run)), seen, quit, doors: Vec::new() };
    assert_eq!(running.next(), Seen::Start);
    while running.doors.len() < doors || running.quit.port() == 0 {
        match running.next() {
            Seen::Listening(QUIT, Endpoint::Tcp(address)) => running.quit = address,
            Seen::Listening(_, endpoint) => running.doors.push(endpoint),
            other => panic!("{other:?}"),
        }
    }
    running
}

/// Starts a toy with one TCP door.
fn start_with(mode: Mode) -> Running {
    start(move |toy| toy.listen.push((Port(1), anywhere(), mode)))
}

fn anywhere() -> Endpoint {
    Endpoint::Tcp(([127, 0, 0, 1], 0).into())
}

impl Running {
    fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("something to happen")
    }

    fn address(&self) -> SocketAddr {
        let Endpoint::Tcp(address) = &self.doors[0] else { panic!("no TCP door") };
        *address
    }

    fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("the door to be open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout to be set");
        stream
    }

    /// Ends the reactor; what the machine saw until then.
    fn quit(self) -> Vec<Seen> {
        self.quit_with_links().0
    }

    /// The same, and how many links the machine still had.
    fn quit_with_links(mut self) -> (Vec<Seen>, usize) {
        drop(TcpStream::connect(self.quit));
        let thread = self.thread.take().expect("a thread");
        let (toy, words) = thread.join().expect("no panic");
        assert_eq!(words.as_deref(), Some("asked to"));
        (self.seen.try_iter().collect(), toy.link_count())
    }
}

fn pattern(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| byte()).collect()
}

/// Sends all and half-closes on one thread, reads to the end on this one.
fn exchange<S: Read + Write + Send + 'static>(
    mut reader: S,
    mut writer: S,
    end: impl FnOnce(&S) + Send + 'static,
    bytes: &[u8],
) -> Vec<u8> {
    let sent = bytes.to_vec();
    let sender = spawn(move || {
        writer.write_all(&sent).expect("to be taken in");
        end(&writer);
    });
    let mut got = Vec::new();
    reader.read_to_end(&mut got).expect("an orderly end");
    sender.join().expect("no panic");
    got
}

fn exchange_tcp(stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let writer = stream.try_clone().expect("a second handle");
    let end = |stream: &TcpStream| stream.shutdown(Shutdown::Write).expect("a half-close");
    exchange(stream, writer, end, bytes)
}

#[test]
fn fifty_mebibytes_come_back_whole_through_random_pauses() {
    let running = start_with(Mode::Echo);
    let bytes = pattern(50 << 20);
    assert!(exchange_tcp(running.dial(), &bytes) == bytes);
    assert_eq!(running.quit(), [Seen::Eof]);
}

#[test]
fn a_unix_socket_carries_the_same() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("door").to_string_lossy().into_owned();
    let door = Endpoint::Unix(path.clone());
    let running = start(move |toy| toy.listen.push((Port(1), door, Mode::Echo)));
    let stream = UnixStream::connect(&path).expect("the door to be open");
    let writer = stream.try_clone().expect("a second handle");
    let end = |stream: &UnixStream| stream.shutdown(Shutdown::Write).expect("a half-close");
    let bytes = pattern(3 << 20);
    assert!(exchange(stream, writer, end, &bytes) == bytes);
    running.quit();
    assert!(!std::fs::exists(&path).expect("a directory"), "the socket's file is left behind");
}

#[test]
fn a_relay_passes_bytes_and_half_closes_both_ways() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("door").to_string_lossy().into_owned();
    let far = Endpoint::Unix(path);
    let echo = {
        let far = far.clone();
        start(move |toy| toy.listen.push((Port(1), far, Mode::Echo)))
    };
    let relay = start_with(Mode::Relay(far));
    let bytes = pattern(2 << 20);
    assert!(exchange_tcp(relay.dial(), &bytes) == bytes);
    assert_eq!(relay.quit(), [Seen::Connected, Seen::Eof, Seen::Eof]);
    echo.quit();
}

#[test]
fn two_hundred_links_at_once() {
    let running = start_with(Mode::Echo);
    let clients: Vec<_> = (0..200)
        .map(|number| {
            let stream = running.dial();
            spawn(move || {
                let bytes = pattern(20_000 + number);
                exchange_tcp(stream, &bytes) == bytes
            })
        })
        .collect();
    for client in clients {
        assert!(client.join().expect("no panic"));
    }
    assert_eq!(running.quit().len(), 200);
}

#[test]
fn what_was_flushed_before_a_close_arrives_although_the_caller_still_talks() {
    let bytes = pattern(8 << 20);
    let running = start_with(Mode::Greet(bytes.clone()));
    for _ in 0..4 {
        let mut stream = running.dial();
        // Never read by the core: a hasty close would answer these with a reset.
        let mut talker = stream.try_clone().expect("a second handle");
        let talking = spawn(move || while talker.write_all(&[1; 4096]).is_ok() {});
        let mut got = vec![0; bytes.len()];
        stream.read_exact(&mut got).expect("all that was flushed");
        assert!(got == bytes);
        assert_eq!(stream.read(&mut [0]).expect("an orderly end"), 0);
        stream.shutdown(Shutdown::Both).expect("to hang up");
        talking.join().expect("no panic");
    }
    assert_eq!(running.quit(), [], "a closed link is dead for inputs");
}

#[test]
fn a_closed_link_that_breaks_is_drained_of_what_it_had_to_send() {
    // The reset needs a moment to be noticed, on a busy machine a longer one.
    let left = [100, 400, 1600, 6400].map(Duration::from_millis).into_iter().map(|moment| {
        let running = start_with(Mode::Greet(pattern(16 << 20)));
        let stream = running.dial();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("to be set");
        drop(stream);
        std::thread::sleep(moment);
        running.quit_with_links()
    });
    assert!(left.into_iter().any(|left| left == (Vec::new(), 0)));
}

#[test]
fn a_paused_link_reads_nothing_and_resumes() {
    let running = start_with(Mode::Hold(Duration::from_millis(200)));
    let began = Clock::start();
    let mut stream = running.dial();
    stream.write_all(b"held").expect("room in the kernel");
    let mut got = [0; 4];
    stream.read_exact(&mut got).expect("an echo");
    let mut began = began;
    assert!(began.read().0.since(crate::base::clock::Time::ZERO) >= Duration::from_millis(190));
    assert_eq!(&got, b"held");
    running.quit();
}

#[test]
fn a_reset_is_told_once_and_given_once() {
    let running = start_with(Mode::Sink);
    let stream = running.dial();
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("to be set");
    drop(stream);
    assert_eq!(running.next(), Seen::Closed(Cause::Reset));
    assert_eq!(running.quit(), []);

    let running = start_with(Mode::Abort);
    let error = running.dial().read(&mut [0]).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(running.quit(), []);
}

#[test]
fn a_caller_who_is_not_let_in_is_hung_up_on() {
    let running = start_with(Mode::Refuse);
    assert!(matches!(running.dial().read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(running.quit(), []);
}

/// A port on which nobody listens.
fn closed_port() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("its address")
}

#[test]
fn a_refused_dial_says_why() {
    let closed = closed_port();
    let missing = Endpoint::Unix("/nonexistent/socket".to_owned());
    for endpoint in
        [Endpoint::Tcp(closed), missing, Endpoint::Host("localhost".to_owned(), closed.port())]
    {
        let running = start(move |toy| toy.dial.push(endpoint));
        assert_eq!(running.next(), Seen::Closed(Cause::Refused));
        running.quit();
    }
    let nowhere = Endpoint::Host("not..a..name".to_owned(), 1);
    let running = start(move |toy| toy.dial.push(nowhere));
    assert_eq!(running.next(), Seen::Closed(Cause::NoSuchHost));
    running.quit();
}

#[test]
fn a_host_name_is_found_at_whichever_of_its_addresses_answers() {
    let far = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = far.local_addr().expect("its address").port();
    let running = start(move |toy| toy.dial.push(Endpoint::Host("localhost".to_owned(), port)));
    assert_eq!(running.next(), Seen::Connected);
    drop(far.accept().expect("the caller"));
    running.quit();
}

#[test]
fn a_host_name_can_be_listened_on() {
    let door = Endpoint::Host("localhost".to_owned(), 0);
    let running = start(move |toy| toy.listen.push((Port(1), door, Mode::Echo)));
    assert_eq!(exchange_tcp(running.dial(), b"hello"), b"hello");
    running.quit();
}

#[test]
fn a_socket_that_cannot_be_opened_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let door = Endpoint::Tcp(taken.local_addr().expect("its address"));
    let (sender, seen) = channel();
    let mut toy = Toy::new(sender);
    toy.quit = door;
    toy.dial.push(Endpoint::Tcp(closed_port()));
    let mut reactor = Reactor::new(toy).expect("a poll");
    reactor.tell(Input::Start);
    reactor.tell_news();
    let why = "address already in use".to_owned();
    assert!(seen.try_iter().any(|seen| seen == Seen::ListenFailed(QUIT, why.clone())));
}

#[test]
fn last_words_leave_before_the_end() {
    let words = pattern(60_000);
    let running = start_with(Mode::Exit(words.clone()));
    let mut stream = running.dial();
    stream.write_all(b"unread").expect("room in the kernel");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("an orderly end");
    assert!(got == words);
    running.quit();
}

#[test]
fn what_the_machine_has_let_go_is_news_no_more() {
    let (sender, seen) = channel();
    let mut reactor = Reactor::new(Toy::new(sender)).expect("a poll");
    let missing = || Endpoint::Unix("/nonexistent/socket".to_owned());
    let wants = |number: u64, then: fn(LinkId) -> Action| {
        let link = LinkId::from_raw(number);
        [Action::Connect(link, missing()), then(link)]
    };
    let wanted = [wants(1, Action::Abort), wants(2, Action::Close), wants(3, Action::Flush)];
    wanted.into_iter().flatten().for_each(|action| reactor.outside.act(action));
    reactor.outside.act(Action::Listen(Port(1), missing()));
    reactor.outside.act(Action::Unlisten(Port(1)));
    reactor.outside.act(Action::Listen(Port(1), missing()));
    assert_eq!(reactor.outside.news_count(), 5);
    reactor.tell_news();
    let why = "no such file or directory".to_owned();
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(seen, [Seen::Stale, Seen::ListenFailed(Port(1), why)]);
}

#[test]
fn a_tape_of_real_sockets_plays() {
    let header = crate::tape::Header::default();
    let (sender, seen) = channel();
    let mut toy = Toy::new(sender.clone());
    toy.listen.push((Port(1), anywhere(), Mode::Echo));
    let mut other = Toy::new(sender);
    other.listen.clone_from(&toy.listen);
    let mut tape = Vec::new();
    let recorded = crate::tape::Recorded::new(toy, &header, &mut tape).expect("memory");
    let reactor = Reactor::new(recorded).expect("a poll");
    let client = spawn(move || {
        let mut door = || match seen.recv_timeout(PATIENCE).expect("a door") {
            Seen::Listening(_, Endpoint::Tcp(address)) => Some(address),
            _ => None,
        };
        let doors: Vec<_> = std::iter::repeat_with(&mut door).flatten().take(2).collect();
        let bytes = pattern(2 << 20);
        let stream = TcpStream::connect(doors[1]).expect("the door to be open");
        assert!(exchange_tcp(stream, &bytes) == bytes);
        drop(TcpStream::connect(doors[0]));
    });
    let (recorded, _) = reactor.run().expect("a clean run");
    client.join().expect("no panic");
    drop(recorded);
    let report = crate::tape::play(&tape[..], |_, _| Ok(other)).expect("a tape");
    assert_eq!(report.divergence, None);
    assert!(report.ended && report.bytes == 2 << 20, "{report:?}");
}

/// Set in the process that the test below starts.
const ALONE: &str = "MUSES_TEST_ALONE";

/// Lowers a limit of the whole process, so it does nothing but in one of its own: see below.
#[test]
fn out_of_descriptors() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let running = start_with(Mode::Echo);
    let late = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let late = late.expect("a socket");
    let open = std::fs::read_dir("/proc/self/fd").expect("a list of descriptors").count() as u64;
    let limit = Rlimit { current: Some(open + 40), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(running.address()) {
        clients.push(client);
        std::thread::sleep(Duration::from_millis(2));
    }
    late.connect(&running.address().into()).expect("room in the queue");
    let mut late = TcpStream::from(late);
    late.write_all(b"hello").expect("room in the kernel");
    let spent = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let before = spent();
    std::thread::sleep(Duration::from_millis(500));
    let after = spent();
    let nanos = (after.tv_sec - before.tv_sec) * 1_000_000_000 + after.tv_nsec - before.tv_nsec;
    assert!(nanos < 100_000_000, "it spins: {nanos} ns of half a second");
    assert!(clients.len() > 10, "{} clients", clients.len());
    clients.truncate(5);
    late.read_exact(&mut [0; 5]).expect("to be served after all");
    running.quit();
}

/// Runs one test of this file in a process of its own.
fn alone(test: &str) -> std::process::Output {
    let own = std::env::current_exe().expect("this test's own file");
    let test = format!("reactor::tests::{test}");
    let mut command = std::process::Command::new(own);
    command.args(["--exact", &test]).env(ALONE, "1").output().expect("to be started")
}

#[test]
fn without_descriptors_the_queue_waits_and_nothing_spins() {
    let output = alone("out_of_descriptors");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

// FA-14: the thread ends with it, and in a daemon that is the process.
#[test]
fn a_panic_of_the_core_ends_the_driver() {
    let mut running = start_with(Mode::Panic);
    drop(running.dial());
    let thread = running.thread.take().expect("a thread");
    assert!(thread.join().is_err(), "it goes on with half a state");
}

#[test]
fn stop_asked_twice() {
    if std::env::var_os(ALONE).is_some() {
        let (sender, _seen) = channel();
        let _idle = Reactor::new(Toy::new(sender)).and_then(Reactor::with_signals);
        for _ in 0..2 {
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM).expect("to be raised");
        }
    }
}

#[test]
fn a_second_signal_ends_even_a_machine_that_is_stuck() {
    use std::os::unix::process::ExitStatusExt;
    let status = alone("stop_asked_twice").status;
    assert_eq!(status.signal(), Some(signal_hook::consts::SIGTERM));
}

#[test]
fn signals_are_wishes() {
    let (sender, seen) = channel();
    let reactor = Reactor::new(Toy::new(sender)).and_then(Reactor::with_signals);
    let reactor = reactor.expect("signals to be heeded");
    let raise = |signal| signal_hook::low_level::raise(signal).expect("to be raised");
    raise(signal_hook::consts::SIGHUP);
    raise(signal_hook::consts::SIGTERM);
    let (_, why) = reactor.run().expect("a clean run");
    let seen: Vec<_> = seen.try_iter().collect();
    assert_eq!(why, None);
    assert!(seen.contains(&Seen::PathChanged) && seen.last() == Some(&Seen::Stop), "{seen:?}");
}
