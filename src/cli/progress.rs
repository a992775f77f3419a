//! How far a transfer is, and what it waits for: a bar on a terminal, plain lines elsewhere.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::api;
use crate::control::status::Status;

use super::failure::one_line;
use super::units;

const EVERY: Duration = Duration::from_secs(1);
/// Turns between two plain lines that say the same.
const PLAIN_EVERY: u64 = 10;
const FORM: &str = "{prefix} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta} {msg}";

/// What a transfer is called and whom to ask about it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// File and peer.
    pub what: String,
    /// Bytes in all.
    pub size: u64,
    /// State directory of the daemon.
    pub state: Option<PathBuf>,
    /// The session's number in its status.
    pub session: u64,
}

/// A transfer on display.
#[derive(Debug)]
pub struct Progress {
    moved: Arc<AtomicU64>,
    bar: Option<ProgressBar>,
    end: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to show a transfer; `bars` are the other transfers of this program.
    #[must_use]
    pub fn start(subject: Subject, bars: &MultiProgress) -> Self {
        let moved = Arc::new(AtomicU64::new(0));
        let bar = io::stderr().is_terminal().then(|| {
            let bar = bars.add(ProgressBar::new(subject.size));
            if let Ok(style) = ProgressStyle::with_template(FORM) {
                bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
            bar.set_prefix(one_line(&subject.what));
            bar
        });
        let (end, ended) = channel();
        let (shown, count) = (bar.clone(), Arc::clone(&moved));
        let watch = move || {
            let mut plain = Plain::default();
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let status = api::status(subject.state.as_deref());
                let note = status.map_or_else(
                    |_| "no answer from muses-node".to_owned(),
                    |status| note(&status, subject.session),
                );
                match &shown {
                    Some(bar) => bar.set_message(note),
                    None => plain.tell(&subject, count.load(Ordering::Relaxed), note),
                }
            }
        };
        let thread = Builder::new().name("progress".into()).spawn(watch);
        Self { moved, bar, end: thread.ok().map(|thread| (end, thread)) }
    }

    /// So many bytes more.
    pub fn moved(&self, count: usize) {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(bar) = &self.bar {
            bar.inc(count as u64);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.end.take() {
            drop(end);
            // It holds nothing that could fail.
            let _ = thread.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What keeps a session, in a few words; nothing if it flows.
#[must_use]
pub fn note(status: &Status, session: u64) -> String {
    for tunnel in &status.tunnels {
        let Some(found) = tunnel.sessions.iter().find(|found| found.session == session) else {
            continue;
        };
        let wait = if tunnel.wait.state == "suspended" { &tunnel.wait } else { &found.wait };
        if wait.state != "suspended" {
            return String::new();
        }
        let why = if wait.why.is_empty() { String::new() } else { format!(" ({})", wait.why) };
        let seconds = wait.since_ms / 1000;
        return one_line(&format!("suspended {seconds} s, waiting for the overlay{why}"));
    }
    String::new()
}

/// Lines for a log: when something changes, and now and then.
#[derive(Debug, Default)]
struct Plain {
    turns: u64,
    was: bool,
    before: u64,
}

impl Plain {
    fn tell(&mut self, subject: &Subject, moved: u64, note: String) {
        if let Some(line) = self.line(subject, moved, note) {
            // A log that nobody takes is no reason to end the transfer.
            let _ = writeln!(io::stderr(), "{}", one_line(&line));
        }
    }

    fn line(&mut self, subject: &Subject, moved: u64, note: String) -> Option<String> {
        let turn = self.turns;
        self.turns += 1;
        let changed = self.was == note.is_empty();
        if !changed && !turn.is_multiple_of(PLAIN_EVERY) {
            return None;
        }
        self.was = !note.is_empty();
        let rate = moved.saturating_sub(self.before) / if turn == 0 { 1 } else { PLAIN_EVERY };
        if !changed || turn == 0 {
            self.before = moved;
        }
        let how = if self.was { note } else { format!("{}/s", units::bytes(rate)) };
        let (moved, size) = (units::bytes(moved), units::bytes(subject.size));
        Some(format!("{}: {moved} of {size}, {how}", subject.what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::status::{Session, Tunnel, Wait};

    fn status(tunnel: &str) -> Status {
        let wait = Wait {
            state: tunnel.into(),
            since_ms: 12_700,
            why: "no link".into(),
            ..Wait::default()
        };
        let sessions = vec![Session { session: 3, ..Session::default() }];
        Status {
            tunnels: vec![Tunnel { wait, sessions, ..Tunnel::default() }],
            ..Status::default()
        }
    }

    #[test]
    fn an_outage_is_said_and_nothing_else() {
        let text = "suspended 12 s, waiting for the overlay (no link)";
        assert_eq!(note(&status("suspended"), 3), text);
        assert_eq!(note(&status("flowing"), 3), "");
        assert_eq!(note(&status("suspended"), 4), "");
    }

    #[test]
    fn plain_lines_come_at_changes_and_now_and_then() {
        let subject = Subject { what: "f to b".into(), size: 2048, state: None, session: 3 };
        let mut plain = Plain::default();
        let mut line = |moved, note: &str| plain.line(&subject, moved, note.to_owned());
        assert_eq!(line(1024, "").as_deref(), Some("f to b: 1.0K of 2.0K, 1.0K/s"));
        assert_eq!(line(1024, ""), None);
        assert_eq!(line(1024, "away").as_deref(), Some("f to b: 1.0K of 2.0K, away"));
        assert_eq!(line(1024, "away still"), None);
        assert!(line(1024, "").is_some());
    }
}
