//! Local applications: the two ends of each session, with habits of their own.

use std::time::Duration;

use muses::base::clock::Time;
use muses::base::machine::Slices;

use crate::greet::{Greeting, Verdict};
use crate::net::{ConnId, Net};

/// How an application reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Fast,
    /// So many bytes, then a rest.
    Slow(usize, Duration),
    /// Not at all before this instant.
    From(Time),
}

/// How an application ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Says its end of stream after its last byte, and reads to the other's.
    Fin,
    /// Waits for the other's end of stream before its own.
    FinLast,
    /// Resets once it has written so many bytes.
    Reset(u64),
    /// Says its end of stream and goes, whatever the other still has to say.
    Drop,
}

/// What an application does.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) total: u64,
    pub(crate) chunk: usize,
    /// Rests up to so long between two chunks.
    pub(crate) rest: Duration,
    pub(crate) reading: Reading,
    pub(crate) ending: Ending,
}

impl Script {
    /// Writes `total` bytes as fast as it can, reads as fast as it can, ends in order.
    pub(crate) fn plain(total: u64) -> Self {
        let (reading, ending) = (Reading::Fast, Ending::Fin);
        Self { total, chunk: 64 << 10, rest: Duration::ZERO, reading, ending }
    }
}

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) session: usize,
    pub(crate) is_client: bool,
    pub(crate) process: usize,
    pub(crate) conn: Option<(ConnId, usize)>,
    pub(crate) script: Script,
    pub(crate) greeting: Greeting,
    pub(crate) written: u64,
    pub(crate) read: u64,
    pub(crate) last_read: Time,
    pub(crate) has_finished: bool,
    pub(crate) saw_fin: bool,
    pub(crate) saw_reset: bool,
    pub(crate) did_reset: bool,
    /// The node at its side died: what it sees says nothing.
    pub(crate) is_orphan: bool,
    pub(crate) is_done: bool,
    next_write: Time,
    next_read: Time,
}

/// The byte at a place of a stream, which both ends know.
pub(crate) fn byte_at(session: usize, is_client: bool, at: u64) -> u8 {
    let mixed = (at as u32 ^ (session as u32) << 20).wrapping_mul(0x9e37_79b1);
    (mixed >> 24) as u8 ^ u8::from(is_client)
}

/// When it wants to go on by itself, and what it saw that cannot be.
pub(crate) type Step = Result<Option<Time>, String>;

impl App {
    pub(crate) fn new(session: usize, is_client: bool, process: usize, script: Script) -> Self {
        Self {
            session,
            is_client,
            process,
            conn: None,
            script,
            greeting: Greeting::None,
            written: 0,
            read: 0,
            last_read: Time::ZERO,
            has_finished: false,
            saw_fin: false,
            saw_reset: false,
            did_reset: false,
            is_orphan: false,
            is_done: false,
            next_write: Time::ZERO,
            next_read: Time::ZERO,
        }
    }

    /// Does what can be done now. Once it is `calm`, it reads and writes without rest.
    pub(crate) fn step(&mut self, net: &mut Net, calm: bool, now: Time) -> Step {
        let Some((conn, end)) = self.conn.filter(|_| !self.is_done) else { return Ok(None) };
        let again = self.take_in(net, conn, end, calm, now)?;
        if self.is_done {
            return Ok(None);
        }
        let write = self.put_out(net, conn, end, calm, now);
        self.conclude(net, conn, end, now);
        Ok([again, write].into_iter().flatten().min().filter(|_| !self.is_done))
    }

    fn take_in(
        &mut self,
        net: &mut Net,
        conn: ConnId,
        end: usize,
        calm: bool,
        now: Time,
    ) -> Step {
        let (most, rest) = match self.script.reading {
            Reading::Slow(most, rest) if !calm => (most, Some(rest)),
            Reading::From(at) if !calm && now < at => return Ok(Some(at)),
            _ => (usize::MAX, None),
        };
        if rest.is_some() && now < self.next_read {
            return Ok(Some(self.next_read));
        }
        let mut left = most;
        let mut chunk = [0; 16 << 10];
        while left > 0 && net.readable(conn, end) > 0 {
            let room = chunk.len().min(left);
            let count = net.read(conn, end, &mut chunk[..room], now);
            left -= count;
            self.heed(&chunk[..count], now)?;
        }
        if net.readable(conn, end) > 0 {
            self.next_read = now + rest.unwrap_or_default();
            return Ok(Some(self.next_read));
        }
        if net.is_reset(conn, end) {
            self.saw_reset = true;
            self.is_done = true;
            net.leave(conn, end, false, now);
        } else if net.is_ended(conn, end) {
            self.saw_fin = true;
        }
        Ok(None)
    }

    fn heed(&mut self, bytes: &[u8], now: Time) -> Result<(), String> {
        let bytes = self.greeting.feed(bytes)?;
        for byte in bytes {
            let expected = byte_at(self.session, !self.is_client, self.read);
            if *byte != expected {
                return Err(format!("{}: byte {} is wrong", self.word(), self.read));
            }
            self.read += 1;
        }
        if !bytes.is_empty() {
            self.last_read = now;
        }
        Ok(())
    }

    fn put_out(
        &mut self,
        net: &mut Net,
        conn: ConnId,
        end: usize,
        calm: bool,
        now: Time,
    ) -> Option<Time> {
        while self.greeting.has_words() {
            let mut slices = Slices::default();
            slices.push(self.greeting.words());
            let count = net.write(conn, end, &slices, now);
            self.greeting.said(count);
            if count == 0 {
                return None;
            }
        }
        let last = match self.script.ending {
            Ending::Reset(at) => at.min(self.script.total),
            _ => self.script.total,
        };
        while self.written < last && self.greeting.may_write() && !self.has_finished {
            if !calm && now < self.next_write {
                return Some(self.next_write);
            }
            let count = (last - self.written).min(self.script.chunk as u64);
            let chunk: Vec<u8> = (self.written..self.written + count)
                .map(|at| byte_at(self.session, self.is_client, at))
                .collect();
            let mut slices = Slices::default();
            slices.push(&chunk);
            let count = net.write(conn, end, &slices, now);
            self.written += count as u64;
            if count == 0 {
                return None;
            }
            if self.script.rest > Duration::ZERO {
                self.next_write = now + net.chance.within(self.script.rest);
            }
        }
        None
    }

    fn conclude(&mut self, net: &mut Net, conn: ConnId, end: usize, now: Time) {
        if self.greeting.verdict() == Verdict::Refused {
            net.leave(conn, end, false, now);
            self.is_done = true;
            return;
        }
        let may_end = self.greeting.verdict() == Verdict::Accepted;
        match self.script.ending {
            Ending::Reset(at) if self.written >= at.min(self.script.total) && may_end => {
                self.did_reset = true;
                self.is_done = true;
                net.leave(conn, end, true, now);
                return;
            }
            Ending::FinLast if !self.saw_fin => return,
            _ if self.written < self.script.total || !may_end => return,
            _ => {}
        }
        if !self.has_finished {
            self.has_finished = true;
            net.end(conn, end, now);
        }
        if self.script.ending == Ending::Drop {
            self.did_reset = true;
            self.is_done = true;
            net.leave(conn, end, false, now);
            net.desert(conn, end);
        } else if self.saw_fin {
            self.is_done = true;
            net.leave(conn, end, false, now);
        }
    }

    pub(crate) fn word(&self) -> String {
        let side = if self.is_client { "client" } else { "server" };
        format!("{side} of session {}", self.session)
    }
}
