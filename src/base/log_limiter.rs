//! Lines of the log that an outsider can cause, bounded in number.
//!
//! Of each kind one source gets [`LOG_BURST`] lines at once. What follows within the interval is
//! counted; at its end the first of those is said with the number of those it stands
//! for. While the source goes on the interval doubles, from [`LOG_EVERY`] to [`LOG_EVERY_MAX`]; one
//! that was quiet for [`LOG_QUIET`] and for the interval begins anew. Of
//! each kind [`LOG_SOURCES`] sources are told apart at a time; what others cause is counted
//! together, so that fresh Names or addresses gain nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use log::Level;

use super::clock::Time;
use super::ids::Name;
use super::limits::{LOG_BURST, LOG_EVERY, LOG_EVERY_MAX, LOG_QUIET, LOG_SOURCES};
use super::machine::Deadline;

/// What caused a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogSource {
    /// A device or overlay node.
    Name(Name),
    /// A machine.
    Address(IpAddr),
    /// A program of this machine.
    Local,
    /// All sources of a kind beyond those that are told apart.
    Others,
}

/// What one source has said of one kind lately.
#[derive(Debug)]
struct Recent {
    since: Time,
    /// When the newest line came.
    last: Time,
    every: Duration,
    lines: u32,
    /// Lines that were not said, and the first of them.
    held: u64,
    level: Level,
    text: String,
}

/// Lets lines through, or counts them.
#[derive(Debug, Default)]
pub struct LogLimiter {
    recent: BTreeMap<(&'static str, LogSource), Recent>,
}

impl LogLimiter {
    /// Logs a line of this kind, unless its source has had its share: then it is counted.
    pub fn log(
        &mut self,
        level: Level,
        kind: &'static str,
        source: LogSource,
        now: Time,
        text: impl FnOnce() -> String,
    ) {
        self.tick(now);
        if let Some(line) = self.admit(level, kind, source, now, text) {
            log::log!(level, "{line}");
        }
    }

    /// The line, where it may be said.
    fn admit(
        &mut self,
        level: Level,
        kind: &'static str,
        source: LogSource,
        now: Time,
        text: impl FnOnce() -> String,
    ) -> Option<String> {
        let source = self.told_apart(kind, source);
        let recent = self.recent.entry((kind, source)).or_insert_with(|| Recent {
            since: now,
            last: now,
            every: LOG_EVERY,
            lines: 0,
            held: 0,
            level,
            text: String::new(),
        });
        recent.last = now;
        if recent.lines < LOG_BURST && recent.held == 0 {
            recent.lines += 1;
            return Some(text());
        }
        if recent.held == 0 {
            (recent.level, recent.text) = (level, text());
        }
        recent.held = recent.held.saturating_add(1);
        None
    }

    /// The source, or the one that stands for all others.
    fn told_apart(&self, kind: &'static str, source: LogSource) -> LogSource {
        let mut known = self.recent.range((kind, FIRST)..=(kind, LogSource::Others));
        let is_known = self.recent.contains_key(&(kind, source));
        if is_known || known.nth(LOG_SOURCES - 1).is_none() { source } else { LogSource::Others }
    }

    /// Says what was counted in the intervals that are over.
    pub fn tick(&mut self, now: Time) {
        for (level, line) in self.due(now) {
            log::log!(level, "{line}");
        }
    }

    fn due(&mut self, now: Time) -> Vec<(Level, String)> {
        let mut lines = Vec::new();
        self.recent.retain(|(_, source), recent| {
            if recent.since + recent.every > now {
                return true;
            }
            let held = std::mem::take(&mut recent.held);
            // One that goes on slowly has no other burst for that.
            let goes_on = recent.last + recent.every.max(LOG_QUIET) > now;
            if held == 0 {
                return goes_on;
            }
            let stands = StandsFor { held, source: *source, span: now.since(recent.since) };
            lines.push((recent.level, format!("{}{stands}", recent.text)));
            (recent.since, recent.lines) = (now, LOG_BURST);
            recent.every = (recent.every * 2).min(LOG_EVERY_MAX);
            goes_on
        });
        lines
    }

    /// When something that was counted is to be said.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let held = self.recent.values().filter(|recent| recent.held > 0);
        let at = held.map(|recent| recent.since + recent.every).min()?;
        Some(Deadline { at, why: "say how many lines were not logged" })
    }
}

/// The least source.
const FIRST: LogSource = LogSource::Name(Name::from_bytes([0; Name::LEN]));

/// How many lines one stands for.
struct StandsFor {
    held: u64,
    source: LogSource,
    span: Duration,
}

impl fmt::Display for StandsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The line itself is one of them.
        let more = self.held - 1;
        if more == 0 {
            return Ok(());
        }
        write!(f, " (and {} more", grouped(more))?;
        if self.source == LogSource::Others {
            f.write_str(" of others")?;
        }
        match self.span.as_secs_f64().round() as u64 {
            0 | 1 => f.write_str(" in the last second)"),
            seconds => write!(f, " in the last {} s)", grouped(seconds)),
        }
    }
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const KIND: &str = "a kind";

    fn name(byte: u8) -> LogSource {
        LogSource::Name(Name::from_bytes([byte; 32]))
    }

    fn lines(limiter: &mut LogLimiter, source: LogSource, count: usize, now: Time) -> Vec<String> {
        let due: Vec<String> = limiter.due(now).into_iter().map(|(_, line)| line).collect();
        let said = (0..count).filter_map(|at| {
            limiter.admit(Level::Info, KIND, source, now, || format!("line {at}"))
        });
        due.into_iter().chain(said).collect()
    }

    // Row 18 of the faults, DO-11: 11,433 lines a second of one peer.
    #[test]
    fn a_flood_of_one_source_is_a_few_lines_that_say_how_many_they_stand_for() {
        let mut limiter = LogLimiter::default();
        let burst = LOG_BURST as usize;
        let said = lines(&mut limiter, name(1), 11_437, Time::ZERO);
        assert_eq!(said.len(), burst);
        assert_eq!(limiter.next_timeout().map(|due| due.at), Some(Time::ZERO + LOG_EVERY));
        let said = lines(&mut limiter, name(1), 5_000, Time::ZERO + SECOND);
        let more = grouped(11_437 - LOG_BURST as u64 - 1);
        assert_eq!(said, [format!("line {burst} (and {more} more in the last second)")]);
        // Twice the interval, and no burst, for a source that goes on.
        assert!(lines(&mut limiter, name(1), 0, Time::ZERO + 2 * SECOND).is_empty());
        let said = lines(&mut limiter, name(1), 0, Time::ZERO + 3 * SECOND);
        assert_eq!(said, ["line 0 (and 4,999 more in the last 2 s)"]);
        // A source that has stopped begins anew, and nothing of it is kept.
        assert!(lines(&mut limiter, name(1), 0, Time::ZERO + 60 * SECOND).is_empty());
        assert!(limiter.recent.is_empty() && limiter.next_timeout().is_none());
        assert_eq!(lines(&mut limiter, name(1), 3, Time::ZERO + 60 * SECOND).len(), 3);
    }

    /// DO-11: two lines a second, without end.
    #[test]
    fn a_source_that_goes_on_slowly_has_few_lines_as_well() {
        let (mut limiter, mut said) = (LogLimiter::default(), 0);
        for half in 0..7_200 {
            said += lines(&mut limiter, name(1), 1, Time::ZERO + SECOND * half / 2).len();
        }
        assert!((60..80).contains(&said), "{said} lines in an hour");
        let later = Time::ZERO + SECOND * 3_800;
        assert_eq!(lines(&mut limiter, name(1), 3, later).len(), 4, "the last of those, and three");
    }

    #[test]
    fn sources_beyond_those_told_apart_share_their_lines() {
        let mut limiter = LogLimiter::default();
        let mut said = 0;
        for source in 0..=255 {
            said += lines(&mut limiter, name(source), 100, Time::ZERO).len();
        }
        assert_eq!(said, (LOG_SOURCES + 1) * LOG_BURST as usize);
        assert_eq!(limiter.recent.len(), LOG_SOURCES + 1);
        let due = limiter.due(Time::ZERO + LOG_EVERY);
        assert!(due.iter().any(|(_, line)| line.contains(" more of others in the last second)")));
        // Another kind has lines of its own.
        let other = || String::from("other");
        assert!(limiter.admit(Level::Info, "other", name(255), Time::ZERO, other).is_some());
    }

    #[test]
    fn a_line_that_stands_for_itself_alone_says_no_number() {
        let mut limiter = LogLimiter::default();
        lines(&mut limiter, name(1), LOG_BURST as usize + 1, Time::ZERO);
        let due = limiter.due(Time::ZERO + LOG_EVERY);
        assert_eq!(due, [(Level::Info, format!("line {LOG_BURST}"))]);
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(
            (grouped(12), grouped(123), grouped(1_000)),
            ("12".into(), "123".into(), "1,000".into())
        );
    }
}
