//! A program that runs beside the test, and never outlives it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What is not there after this long will not come: generous, for busy machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const TURN: Duration = Duration::from_millis(2);

/// A program with its arguments, running or not.
#[derive(Debug)]
pub(crate) struct Process {
    program: PathBuf,
    line: Vec<OsString>,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Does not start it yet. What it says goes to the end of `log`.
    pub(crate) fn new<W: Into<OsString>>(
        program: impl Into<PathBuf>,
        line: impl IntoIterator<Item = W>,
        log: impl Into<PathBuf>,
    ) -> Self {
        let line = line.into_iter().map(Into::into).collect();
        Self { program: program.into(), line, log: log.into(), child: None }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.program.display());
        let log = || File::options().append(true).create(true).open(&self.log);
        let mut command = Command::new(&self.program);
        command.args(&self.line).stdin(Stdio::null()).env_remove("MUSES_LOG");
        if let Some(filter) = std::env::var_os("MUSES_E2E_LOG") {
            command.env("MUSES_LOG", filter);
        }
        command.stdout(log().expect("a fresh directory takes logs"));
        command.stderr(log().expect("a fresh directory takes logs"));
        self.child = Some(command.spawn().expect("the program is there"));
    }

    /// More words behind the others.
    pub(crate) fn add<W: Into<OsString>>(&mut self, words: impl IntoIterator<Item = W>) {
        self.line.extend(words.into_iter().map(Into::into));
    }

    /// The same, started by another program with these words before its own.
    pub(crate) fn under(&mut self, program: &str, words: &[&str]) {
        let own = std::mem::replace(&mut self.program, program.into());
        let words = words.iter().map(OsString::from).chain([own.into_os_string()]);
        self.line = words.chain(std::mem::take(&mut self.line)).collect();
    }

    /// The same with another word in place of one.
    pub(crate) fn replace(&mut self, word: &str, by: impl Into<OsString>) {
        let place = self.line.iter_mut().find(|given| *given == word);
        *place.expect("the word was given") = by.into();
    }

    /// The same without an option and its value.
    pub(crate) fn remove(&mut self, option: &str) {
        let at = self.line.iter().position(|given| given == option);
        let at = at.expect("the option was given");
        self.line.drain(at..at + 2);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("our own child");
    }

    /// SIGKILL: it has no time for anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and how it ended.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.ended(PATIENCE)
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self, bound: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let status = patiently(bound, || match child.try_wait() {
            Ok(Some(status)) => Some(status),
            _ => None,
        });
        status.unwrap_or_else(|| {
            let _ = child.kill();
            let _ = child.wait();
            panic!("{} did not end; it said:\n{}", self.program.display(), self.said());
        })
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Everything it ever said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said this.
    pub(crate) fn says(&self, text: &str) {
        if patiently(PATIENCE, || self.said().contains(text).then_some(())).is_none() {
            panic!("{} never said '{text}':\n{}", self.program.display(), self.said());
        }
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Bytes of memory in use (`VmRSS`) and at the peak (`VmHWM`).
    pub(crate) fn memory(&self) -> (u64, u64) {
        (self.field("VmRSS:"), self.field("VmHWM:"))
    }

    /// Descriptors in use; of a daemon that confines itself only root can know.
    pub(crate) fn descriptors(&self) -> Option<usize> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.pid())).ok()?.count())
    }

    /// Time of a processor that it has spent.
    pub(crate) fn spent(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()));
        let stat = stat.expect("Linux tells of its processes");
        let behind_name = stat.rsplit_once(')').expect("a name in brackets").1;
        let fields: Vec<&str> = behind_name.split_whitespace().collect();
        // Hundredths of a second in this process and in the kernel: fields 14 and 15.
        let ticks = |at: usize| fields[at].parse::<u64>().expect("a number");
        Duration::from_millis(10 * (ticks(11) + ticks(12)))
    }

    /// Bytes that `/proc` states under a name.
    pub(crate) fn field(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("Linux tells of its processes");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.and_then(|number| number.parse::<u64>().ok()).expect("a number of kB") << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Tries until there is something, or for so long.
pub(crate) fn patiently<T>(bound: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let since = Instant::now();
    loop {
        if let Some(found) = attempt() {
            return Some(found);
        }
        if since.elapsed() > bound {
            return None;
        }
        thread::sleep(TURN);
    }
}

/// The same; that there is nothing in the end fails the test.
pub(crate) fn wait_for<T>(what: &str, attempt: impl FnMut() -> Option<T>) -> T {
    patiently(PATIENCE, attempt).unwrap_or_else(|| panic!("waited in vain for {what}"))
}
