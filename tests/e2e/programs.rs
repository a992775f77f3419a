//! Programs of other people, as they are installed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::cluster::{free_port, say};
use super::process::{Process, patiently, wait_for};
use super::sockets::{service, spawn};

/// Longest run of a program.
const RUN_MAX: Duration = Duration::from_secs(150);
/// Where distributions put servers, though a person's PATH may lack it.
const SERVERS: [&str; 3] = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/// Where a program is.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(SERVERS.map(PathBuf::from));
    dirs.map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// Whether all are installed; says which is not, and what is skipped for it.
pub(crate) fn are_here(scenario: &str, programs: &[&str]) -> bool {
    let missing: Vec<&str> =
        programs.iter().filter(|program| find(program).is_none()).copied().collect();
    if missing.is_empty() {
        return true;
    }
    let text = format!("SKIPPED: {scenario}: not installed: {}", missing.join(", "));
    assert!(std::env::var_os("MUSES_E2E_ALL").is_none(), "{text}");
    say(&text);
    false
}

/// A program that runs in the foreground of a test, its output kept.
#[derive(Debug)]
pub(crate) struct Run {
    what: String,
    child: Child,
    said: JoinHandle<Vec<u8>>,
    complained: JoinHandle<String>,
    since: Instant,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Run {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().expect("the program is there");
        let mut stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let said = spawn(move || {
            let mut bytes = Vec::new();
            let _ = stdout.read_to_end(&mut bytes);
            bytes
        });
        let complained = spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self { what, child, said, complained, since: Instant::now() }
    }

    pub(crate) fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("piped")
    }

    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Outcome {
        let status = patiently(RUN_MAX, || self.child.try_wait().ok().flatten());
        if status.is_none() {
            let _ = self.child.kill();
        }
        let took = self.since.elapsed();
        let stdout = self.said.join().expect("it only reads");
        let stderr = self.complained.join().expect("it only reads");
        let status = status.unwrap_or_else(|| panic!("{} did not end: {stderr}", self.what));
        Outcome { status, stdout, stderr, took }
    }

    /// Waits for its end, which must be a success.
    pub(crate) fn succeed(self) -> Outcome {
        let what = self.what.clone();
        let outcome = self.end();
        assert!(outcome.status.success(), "{what}: {}: {}", outcome.status, outcome.stderr);
        outcome
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Outcome {
    Run::start(command.stdin(Stdio::null())).end()
}

/// Waits until a file has grown so large: a transfer is under way.
pub(crate) fn grown(path: &Path, size: u64) {
    wait_for("a file that grows", || {
        fs::metadata(path).is_ok_and(|found| found.len() >= size).then_some(())
    });
}

/// Waits until somebody listens there.
fn listening(port: u16, server: &mut Process) {
    wait_for("a server", || {
        assert!(server.runs(), "a server ended:\n{}", server.said());
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
}

/// An HTTP server over a directory: Python's, or where there is none, thirty lines of our own.
pub(crate) fn http_server(dir: &Path) -> (Option<Process>, u16) {
    if find("python3").is_none() {
        say("no python3: files are served by the test itself");
        return (None, own_http_server(dir));
    }
    let port = free_port();
    let text = port.to_string();
    let line = ["-m", "http.server", &text, "--bind", "127.0.0.1", "--directory"].map(OsStr::new);
    let line = line.into_iter().chain([dir.as_os_str()]);
    let mut server = Process::new("python3", line, dir.join("http.log"));
    server.start();
    listening(port, &mut server);
    (Some(server), port)
}

fn own_http_server(dir: &Path) -> u16 {
    let (listener, port) = service();
    let dir = dir.to_owned();
    spawn(move || {
        for stream in listener.incoming().flatten() {
            let dir = dir.clone();
            spawn(move || own_http_answer(&dir, stream));
        }
    });
    port
}

fn own_http_answer(dir: &Path, mut stream: TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let name = head.split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let Ok(mut file) = File::open(dir.join(name)) else {
        let _ = stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n");
        return;
    };
    let size = file.metadata().map_or(0, |found| found.len());
    let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {size}\r\n\r\n");
    let _ = std::io::copy(&mut file, &mut stream);
}

/// A throw-away sshd with its own keys, and the options of a client that fits it.
#[derive(Debug)]
pub(crate) struct Sshd {
    _server: Process,
    pub(crate) port: u16,
    dir: PathBuf,
}

impl Sshd {
    /// Starts it; whatever it needs is in `dir`.
    pub(crate) fn start(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("a fresh directory");
        for key in ["host", "client"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.join(key));
            let made = run(&mut keygen);
            assert!(made.status.success(), "{}", made.stderr);
        }
        fs::copy(dir.join("client.pub"), dir.join("authorized")).expect("just made");
        // Started by root, sshd insists on this directory, which its own service would make.
        if rustix::process::geteuid().is_root() {
            let _ = fs::create_dir_all("/run/sshd");
        }
        let port = free_port();
        let at = dir.display();
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nPidFile none\n\
             AuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\nMaxStartups 50\n\
             PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
        );
        let config = dir.join("sshd_config");
        fs::write(&config, text).expect("a fresh directory");
        // It starts itself anew for each connection, and wants its whole path for that.
        let program = find("sshd").expect("asked before");
        let line = ["-D".into(), "-e".into(), "-f".into(), config.into_os_string()];
        let mut server = Process::new(program, line, dir.join("sshd.log"));
        server.start();
        listening(port, &mut server);
        Self { _server: server, port, dir: dir.to_owned() }
    }

    /// Options for ssh and scp, with `proxy` as the ProxyCommand.
    pub(crate) fn options(&self, proxy: &str) -> Vec<String> {
        let (key, hosts) = (self.dir.join("client"), self.dir.join("hosts"));
        let port = self.port;
        let option = |text: String| ["-o".to_owned(), text];
        let mut words = vec!["-F".to_owned(), "/dev/null".to_owned()];
        words.extend(option(format!("ProxyCommand={proxy}")));
        words.extend(option(format!("Port={port}")));
        words.extend(option(format!("IdentityFile={}", key.display())));
        words.extend(option("IdentitiesOnly=yes".into()));
        words.extend(option(format!("UserKnownHostsFile={}", hosts.display())));
        words.extend(option("StrictHostKeyChecking=no".into()));
        words.extend(option("BatchMode=yes".into()));
        words.extend(option("LogLevel=ERROR".into()));
        words
    }
}

/// A redis that keeps nothing.
pub(crate) fn redis(dir: &Path) -> (Process, u16) {
    let port = free_port();
    let text = port.to_string();
    let line = ["--port", &text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    let line = line.map(OsStr::new).into_iter().chain([OsStr::new("--dir"), dir.as_os_str()]);
    let mut server = Process::new("redis-server", line, dir.join("redis.log"));
    server.start();
    listening(port, &mut server);
    (server, port)
}
