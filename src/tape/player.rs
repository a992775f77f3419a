//! Feeds a tape to a machine and finds the first difference.

use std::io::{self, Read};
use std::time::Duration;

use thiserror::Error;

use super::digest::Digest;
use super::event::Event;
use super::header::{FORMAT, Header, HeaderError};
use super::intake::Intake;
use super::parse::{Record, Stop, parse};
use crate::base::clock::Time;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Machine};

/// Actions shown of a record that differs.
const SHOWN_MAX: usize = 16;

/// Why a tape cannot be played.
#[derive(Debug, Error)]
pub enum TapeError {
    /// Reading failed.
    #[error("the tape cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It does not start as a tape does.
    #[error("this is not a tape")]
    NotATape,
    /// It is of another format.
    #[error("the tape has format {0}, this program plays format {FORMAT}")]
    Format(u16),
    /// No recorder writes this.
    #[error("record {record} is damaged: {what}")]
    Damaged {
        /// Its number, counted from 0.
        record: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The machine cannot be built from the tape's origin.
    #[error("{0}")]
    Build(String),
}

/// Where the machine did something else than on the tape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The record's number, counted from 0.
    pub record: u64,
    /// When it happened.
    pub time: Time,
    /// What happened, in words.
    pub input: String,
    /// What the tape says came of it.
    pub expected: String,
    /// What came of it now.
    pub found: String,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Version of the program that made the tape; where it is another, a divergence means changed
    /// behaviour and not lost determinism.
    pub version: String,
    /// Wall clock at the start, in seconds since 1970.
    pub started: u64,
    /// Records played.
    pub records: u64,
    /// Payload bytes that came in.
    pub bytes: u64,
    /// Time covered.
    pub span: Duration,
    /// The tape ends within a record: its writer was killed.
    pub torn: bool,
    /// The tape ends in good order; otherwise its writer was killed or its size was reached.
    pub ended: bool,
    /// The first difference.
    pub divergence: Option<Divergence>,
}

/// Plays a tape to the machine that `build` makes of its kind and origin.
///
/// A machine that panicked when it was recorded panics here as well: that is the reproduction.
pub fn play<M: Machine>(
    tape: impl Read,
    build: impl FnOnce(u8, &[u8]) -> Result<M, String>,
) -> Result<Report, TapeError> {
    let mut tape = Intake::new(tape);
    let (header, version) = Header::parse(&mut tape)?.map_err(|error| match error {
        HeaderError::NotATape => TapeError::NotATape,
        HeaderError::Format(format) => TapeError::Format(format),
    })?;
    let machine = build(header.kind, &header.origin).map_err(TapeError::Build)?;
    let mut player =
        Player { machine, digest: Digest::default(), now: Time::ZERO, shown: Vec::new() };
    let mut report = Report { version, started: header.started, ..Report::default() };
    while !report.ended && report.divergence.is_none() {
        match parse(&mut tape) {
            Ok((record, length)) => {
                report.divergence = player.play(&record, &tape.seen()[..length], report.records);
                report.records += 1;
                report.span = player.now.since(Time::ZERO);
                report.ended = matches!(record.event, Event::End(_));
                if let Event::Recv(_, bytes) = &record.event {
                    report.bytes += bytes.len() as u64;
                }
            }
            Err(Stop::Over) => break,
            Err(Stop::Torn) => {
                report.torn = true;
                break;
            }
            Err(Stop::Damaged(what)) => {
                return Err(TapeError::Damaged { record: report.records, what });
            }
            Err(Stop::Io(error)) => return Err(error.into()),
        }
    }
    Ok(report)
}

/// What the tape says and what is so.
type Difference = (String, String);

struct Player<M> {
    machine: M,
    digest: Digest,
    now: Time,
    /// The first actions that came of the record being played.
    shown: Vec<Action>,
}

impl<M: Machine> Player<M> {
    fn play(&mut self, record: &Record, bytes: &[u8], number: u64) -> Option<Divergence> {
        self.now = self.now + Duration::from_nanos(record.delta);
        self.digest.record(bytes);
        self.shown.clear();
        let fed = self.feed(&record.event);
        let same = fed.and_then(|()| self.compare(record.check));
        let (expected, found) = same.err()?;
        let input = describe(&record.event);
        Some(Divergence { record: number, time: self.now, input, expected, found })
    }

    fn compare(&mut self, check: Option<u32>) -> Result<(), Difference> {
        self.digest.deadline(self.machine.next_timeout());
        let (Some(expected), found) = (check, self.digest.check()) else { return Ok(()) };
        if expected == found {
            return Ok(());
        }
        let actions = match self.shown.len() {
            0 => "no actions".to_owned(),
            _ => format!("{:?}", self.shown),
        };
        Err((format!("outputs {expected:08x}"), format!("outputs {found:08x} with {actions}")))
    }

    /// Gives one record to the machine, exactly as its driver did.
    fn feed(&mut self, event: &Event<'_>) -> Result<(), Difference> {
        if let Some(input) = event.input() {
            self.machine.handle(input, self.now);
            self.drain();
            return Ok(());
        }
        match event {
            Event::Accept(port, from, given) => {
                let link = self.machine.accept(*port, from.clone(), self.now);
                self.drain();
                same("accepted as", given, &link)
            }
            Event::Recv(link, bytes) => self.receive(*link, bytes),
            Event::Sent(link, count) => self.send(*link, *count),
            Event::Paused(link) => same("bytes of room", &0, &self.machine.recv_space(*link).len()),
            Event::Room(link) => {
                let length = self.machine.recv_space(*link).len();
                self.digest.room(length);
                if length == 0 { Err(("some room".into(), "no room".into())) } else { Ok(()) }
            }
            Event::Mark(state) | Event::End(state) => {
                let found = self.machine.fingerprint().value();
                same("state", &format!("{state:016x}"), &format!("{found:016x}"))
            }
            // The control inputs, handled above.
            Event::Start
            | Event::Listening(..)
            | Event::ListenFailed(..)
            | Event::Connected(_)
            | Event::Eof(_)
            | Event::Closed(..)
            | Event::Timeout
            | Event::PathChanged
            | Event::Stop => Ok(()),
        }
    }

    fn receive(&mut self, link: LinkId, bytes: &[u8]) -> Result<(), Difference> {
        let space = self.machine.recv_space(link);
        let length = space.len();
        let Some(room) = space.get_mut(..bytes.len()) else {
            let expected = format!("room for {} bytes", bytes.len());
            return Err((expected, format!("room for {length} bytes")));
        };
        room.copy_from_slice(bytes);
        self.digest.room(length);
        self.machine.recv_commit(link, bytes.len(), self.now);
        self.drain();
        Ok(())
    }

    fn send(&mut self, link: LinkId, count: u64) -> Result<(), Difference> {
        let found = self.digest.sent(&self.machine, link, count);
        same("bytes to send", &count, &found)?;
        // What was found is in memory, so it is counted by a `usize`.
        self.machine.send_commit(link, found as usize, self.now);
        self.drain();
        Ok(())
    }

    fn drain(&mut self) {
        while let Some(action) = self.machine.poll() {
            self.digest.action(&action);
            if self.shown.len() < SHOWN_MAX {
                self.shown.push(action);
            }
        }
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    found: &T,
) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    Err((format!("{what}: {expected:?}"), format!("{what}: {found:?}")))
}

/// A record in words: payload is counted and not shown.
fn describe(event: &Event<'_>) -> String {
    let link = |link: &LinkId| format!("link {:x}", link.raw());
    match event {
        Event::Start => "start".to_owned(),
        Event::Listening(port, at) => format!("port {} listens at {at}", port.0),
        Event::ListenFailed(port, why) => format!("port {} cannot listen: {why}", port.0),
        Event::Accept(port, from, _) => format!("port {} was called from {from}", port.0),
        Event::Connected(id) => format!("{} is connected", link(id)),
        Event::Eof(id) => format!("{} was ended by the far side", link(id)),
        Event::Closed(id, cause) => format!("{} is gone: {cause:?}", link(id)),
        Event::Recv(id, bytes) => format!("{} received {} bytes", link(id), bytes.len()),
        Event::Sent(id, count) => format!("{} sent {count} bytes", link(id)),
        Event::Timeout => "the deadline is past".to_owned(),
        Event::PathChanged => "the path changed".to_owned(),
        Event::Stop => "asked to stop".to_owned(),
        Event::Paused(id) => format!("{} had no room", link(id)),
        Event::Room(id) => format!("{} had room and received nothing", link(id)),
        Event::Mark(_) => "comparison of the whole state".to_owned(),
        Event::End(_) => "comparison of the whole state at the end".to_owned(),
    }
}
