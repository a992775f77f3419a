//! A host of the laboratory: a network namespace of its own.
//!
//! A socket belongs for ever to the namespace it was made in, so a thread that has entered makes
//! it and everybody may use it.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A namespace, gone with this value.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one, its loopback up.
    pub(crate) fn new(name: String) -> Self {
        run("ip", &["netns", "add", &name]);
        let this = Self { name };
        this.ip("link set lo up");
        this
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs lines of `ip`, all of which must succeed.
    pub(crate) fn ip(&self, lines: &str) {
        let mut command = Command::new("ip");
        command.args(["-n", &self.name, "-batch", "-"]);
        let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("iproute2 is there");
        let mut input = child.stdin.take().expect("piped");
        input.write_all(lines.as_bytes()).expect("ip reads");
        drop(input);
        let output = child.wait_with_output().expect("ip ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {lines}\n{said}", self.name);
    }

    /// Runs a program inside, which must succeed.
    pub(crate) fn run(&self, words: &[&str]) {
        let line = [&["netns", "exec", &self.name], words].concat();
        run("ip", &line);
    }

    /// Sets a switch of the kernel's network for this namespace alone.
    pub(crate) fn sysctl(&self, path: &str, value: &str) {
        let (path, value) = (format!("/proc/sys/net/{path}"), value.to_owned());
        self.inside(move || fs::write(&path, value).unwrap_or_else(|e| panic!("{path}: {e}")));
    }

    /// Does something in a thread that has entered.
    pub(crate) fn inside<R: Send + 'static>(&self, act: impl FnOnce() -> R + Send + 'static) -> R {
        let at = format!("/run/netns/{}", self.name);
        let thread = thread::spawn(move || {
            let file = File::open(&at).expect("the namespace is there");
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), kind).expect("root may enter");
            act()
        });
        thread.join().expect("it does not panic")
    }

    /// A number that the kernel keeps of an interface.
    pub(crate) fn statistic(&self, interface: &str, what: &'static str) -> u64 {
        let interface = interface.to_owned();
        // Read through the thread's own mount of /proc: /sys shows the namespace it was mounted in.
        let table = self.inside(|| fs::read_to_string("/proc/thread-self/net/dev"));
        let table = table.expect("Linux tells of its interfaces");
        let line = table.lines().find_map(|line| {
            let (name, rest) = line.split_once(':')?;
            (name.trim() == interface).then(|| rest.to_owned())
        });
        let column = match what {
            "sent packets" => 9,
            "sent bytes" => 8,
            _ => panic!("'{what}' is not asked for"),
        };
        let line = line.unwrap_or_else(|| panic!("no {interface} in {}", self.name));
        let number = line.split_whitespace().nth(column).and_then(|word| word.parse().ok());
        number.expect("a number")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {}\n{said}", words.join(" "));
}

/// Whether a program can be run.
pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok()
}
