//! LO-11: what a daemon that was taken over could still do, tried from outside and from within.

use std::ffi::c_long;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use muses::base::ids::Endpoint;
use muses::cli::sandbox::{Files, confine};

use super::cluster::{Daemon, NODE, Plan, add};
use super::sockets::spawn;

/// What `/proc` says of each thread of a daemon under this word.
fn of_all_threads(daemon: &Daemon, word: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.process.pid())).expect("Linux");
    let status = tasks.map(|task| {
        let path = task.expect("a thread").path().join("status");
        let text = fs::read_to_string(path).expect("readable by all");
        let line = text.lines().find_map(|line| line.strip_prefix(word)).map(str::trim);
        line.unwrap_or_default().to_owned()
    });
    status.collect()
}

#[test]
fn every_daemon_is_confined_unless_it_is_told_not_to_be() {
    let mut cluster = Plan::default().start();
    for daemon in cluster.everybody() {
        for (word, wanted) in [("NoNewPrivs:", "1"), ("Seccomp:", "2")] {
            let found = of_all_threads(daemon, word);
            assert!(!found.is_empty() && found.iter().all(|found| found == wanted), "{found:?}");
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.process.pid()));
        let limits = limits.expect("readable by its owner");
        let limit = |word: &str| limits.lines().find(|line| line.starts_with(word));
        let core = limit("Max core file size").expect("a limit");
        assert_eq!(core.split_whitespace().rev().nth(2), Some("0"), "{core}");
        let open = limit("Max open files").expect("a limit");
        let words: Vec<&str> = open.split_whitespace().collect();
        assert_eq!(words[3], words[4], "row 13: the soft limit is the hard one");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut open = Daemon::new(dir.path(), "open", NODE);
    add(&mut open, &["--socks", "none", "--no-sandbox"]);
    open.start();
    assert_eq!(of_all_threads(&open, "Seccomp:"), ["0"]);
    open.process.says("--no-sandbox");
}

#[allow(unsafe_code, reason = "calls that no safe function makes are what is tried here")]
mod raw {
    use super::c_long;

    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }

    /// A call whose arguments are all wrong, so that one that is not denied does nothing.
    pub(super) fn call(number: c_long) -> std::io::Error {
        let wrong: c_long = -1;
        // SAFETY: no address is among the arguments that the kernel would use.
        let result = unsafe { syscall(number, wrong, wrong, wrong, wrong, wrong, wrong) };
        assert_eq!(result, -1, "call {number} was done");
        std::io::Error::last_os_error()
    }
}

/// Calls, and their numbers on the two architectures.
const CALLS: [(&str, c_long, c_long); 26] = [
    ("execve", 59, 221),
    ("execveat", 322, 281),
    ("ptrace", 101, 117),
    ("process_vm_readv", 310, 270),
    ("process_vm_writev", 311, 271),
    ("pidfd_getfd", 438, 438),
    ("mount", 165, 40),
    ("umount2", 166, 39),
    ("chroot", 161, 51),
    ("setns", 308, 268),
    ("unshare", 272, 97),
    ("init_module", 175, 105),
    ("finit_module", 313, 273),
    ("kexec_load", 246, 104),
    ("bpf", 321, 280),
    ("perf_event_open", 298, 241),
    ("userfaultfd", 323, 282),
    ("add_key", 248, 217),
    ("keyctl", 250, 219),
    ("io_uring_setup", 425, 425),
    ("open_by_handle_at", 304, 265),
    ("setuid", 105, 146),
    ("capset", 126, 91),
    ("personality", 135, 92),
    ("process_madvise", 440, 440),
    ("kill", 62, 129),
];

fn number(x86: c_long, arm: c_long) -> c_long {
    if cfg!(target_arch = "aarch64") { arm } else { x86 }
}

#[test]
fn a_confined_thread_can_do_nothing_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let [state, outside] = ["state", "outside"].map(|word| dir.path().join(word));
    fs::create_dir(&state).expect("a fresh directory");
    fs::write(&outside, "precious").expect("a fresh directory");
    // Confined for good is the thread alone, with all that it starts.
    let confined = spawn(move || {
        let sockets: [Endpoint; 0] = [];
        let lacking = confine(&Files::new(&state, &sockets));
        if lacking.is_empty() {
            what_is_denied(&outside);
        }
        what_is_needed(&state);
        lacking
    });
    let lacking = confined.join().expect("no panic");
    assert!(
        lacking.is_empty() || std::env::var_os("MUSES_E2E_ALL").is_none(),
        "the kernel confines nothing: {lacking:?}"
    );
}

fn is_denied<T>(outcome: io::Result<T>) -> bool {
    outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn what_is_denied(outside: &Path) {
    for (name, x86, arm) in CALLS {
        let error = raw::call(number(x86, arm));
        assert_eq!(error.raw_os_error(), Some(1), "{name}: {error}");
    }
    assert!(is_denied(Command::new("/bin/true").status()), "a program was started");
    assert!(is_denied(fs::read(outside)), "a file was read");
    assert!(is_denied(fs::write(outside, "no more")), "a file was written");
    assert!(is_denied(fs::remove_file(outside)), "a file was removed");
    assert!(is_denied(fs::read("/proc/self/environ")), "the process was read");
    assert!(is_denied(fs::read_dir("/")), "a directory was read");
    let beside = outside.with_extension("new");
    assert!(is_denied(fs::write(&beside, "")), "a file was made");
    assert!(is_denied(fs::create_dir(&beside)), "a directory was made");
    assert!(is_denied(UnixListener::bind(&beside)), "a socket was made");
    // AF_PACKET sees what others send and receive.
    let packet = socket2::Socket::new(17.into(), socket2::Type::DGRAM, None);
    assert!(is_denied(packet), "a packet socket was opened");
}

fn what_is_needed(state: &Path) {
    let file = state.join("file");
    fs::write(&file, "new").expect("the state directory takes files");
    fs::rename(&file, state.join("renamed")).expect("and names");
    assert_eq!(fs::read(state.join("renamed")).expect("and gives them back"), b"new");
    fs::remove_file(state.join("renamed")).expect("and up");
    drop(UnixListener::bind(state.join("control")).expect("and sockets"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("any port");
    let at = listener.local_addr().expect("bound");
    TcpStream::connect(at).expect("any host");
    let found = spawn(|| ("localhost", 1).to_socket_addrs().map(Iterator::count));
    assert!(found.join().expect("a thread").expect("a lookup") > 0);
    fs::read("/etc/resolv.conf").map(drop).or_else(missing).expect("the resolver's file");
    assert!(Path::new("/etc").read_dir().is_ok(), "whatever file resolv.conf is tomorrow");
}

fn missing(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
