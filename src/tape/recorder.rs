//! A machine that writes down what happens to it.

use std::borrow::Cow;
use std::io::{self, Write};

use super::digest::Digest;
use super::event::{self, Event};
use super::header::Header;
use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline, Input, Machine, Port, Slices};

/// Records between two fingerprints of the whole state.
pub(super) const MARK_EVERY: u64 = 1024;

/// The tape being written: one record at a time is open, until all its outputs are known.
#[derive(Debug)]
struct Book<S> {
    sink: S,
    digest: Digest,
    time: Time,
    records: u64,
    open: Vec<u8>,
    /// Nothing more is written: the end was, or the sink refused.
    over: bool,
}

impl<S: Write> Book<S> {
    fn begin(&mut self, event: &Event<'_>, now: Time) {
        let delta = now.as_nanos().saturating_sub(self.time.as_nanos());
        self.time = self.time.max(now);
        event.emit(delta, &mut self.open);
    }

    /// The open record is complete but for its outputs.
    fn fold(&mut self) {
        self.digest.record(&self.open);
    }

    /// Closes the open record; true if a mark is due.
    fn close(&mut self, deadline: Option<Deadline>) -> bool {
        if self.open.is_empty() {
            return false;
        }
        self.digest.deadline(deadline);
        self.open.extend(self.digest.check().to_be_bytes());
        if !self.over
            && let Err(error) = self.sink.write_all(&self.open)
        {
            log::warn!("the recording stops here: {error}");
            self.over = true;
        }
        self.open.clear();
        self.records += 1;
        self.records.is_multiple_of(MARK_EVERY)
    }

    /// The last record before the machine panicked, which nothing can be told of but its input.
    fn abandon(&mut self) -> io::Result<()> {
        if let Some(kind) = self.open.first_mut().filter(|_| !self.over) {
            *kind |= event::UNFINISHED;
            self.open.extend([0; 4]);
            self.sink.write_all(&self.open)?;
        }
        self.sink.flush()
    }
}

/// Forwards everything to a machine and writes it to `S`. The driver does not notice, and a
/// tape that cannot be written any more (disk full, size reached) does not disturb the machine.
#[derive(Debug)]
pub struct Recorded<M: Machine, S: Write> {
    machine: M,
    book: Book<S>,
    /// This link was lent so much room, and nothing has happened since.
    lent: Option<(LinkId, usize)>,
    /// This link had no room, and nothing has happened since.
    paused: Option<LinkId>,
}

impl<M: Machine, S: Write> Recorded<M, S> {
    /// Begins a tape of a machine that nothing has happened to yet.
    pub fn new(machine: M, header: &Header, mut sink: S) -> io::Result<Self> {
        sink.write_all(&header.emit())?;
        let (digest, time, open) = (Digest::default(), Time::ZERO, Vec::new());
        let book = Book { sink, digest, time, records: 0, open, over: false };
        Ok(Self { machine, book, lent: None, paused: None })
    }

    /// The machine itself.
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// Ends the tape in good order. Dropping does the same but keeps errors to itself.
    pub fn finish(&mut self) -> io::Result<()> {
        self.settle();
        self.note(&Event::End(self.machine.fingerprint().value()));
        self.book.over = true;
        self.book.sink.flush()
    }

    fn close(&mut self) {
        if self.book.close(self.machine.next_timeout()) {
            self.note(&Event::Mark(self.machine.fingerprint().value()));
        }
    }

    /// Writes down a record that has no outputs of its own.
    fn note(&mut self, event: &Event<'_>) {
        self.book.begin(event, self.book.time);
        self.book.fold();
        if let (Event::Room(_), Some((_, length))) = (event, self.lent) {
            self.book.digest.room(length);
        }
        self.close();
    }

    /// Writes down what is known only now that something else happens.
    fn settle(&mut self) {
        self.close();
        self.paused = None;
        if let Some((link, _)) = self.lent {
            self.note(&Event::Room(link));
            self.lent = None;
        }
    }
}

impl<M: Machine, S: Write> Machine for Recorded<M, S> {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        self.settle();
        self.book.begin(&Event::of(&input), now);
        self.book.fold();
        self.machine.handle(input, now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        self.settle();
        self.book.begin(&Event::Accept(on, from.clone(), None), now);
        let link = self.machine.accept(on, from, now);
        event::answer(link, &mut self.book.open);
        self.book.fold();
        link
    }

    fn poll(&mut self) -> Option<Action> {
        let action = self.machine.poll();
        match &action {
            Some(action) => self.book.digest.action(action),
            None => self.close(),
        }
        action
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.machine.next_timeout()
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        let asked_again =
            self.paused == Some(link) || self.lent.is_some_and(|(lent, _)| lent == link);
        if !asked_again {
            self.settle();
        }
        let length = self.machine.recv_space(link).len();
        if length > 0 {
            self.lent = Some((link, length));
        } else if !asked_again {
            self.note(&Event::Paused(link));
            self.paused = Some(link);
        }
        self.machine.recv_space(link)
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        if self.lent.is_some_and(|(lent, _)| lent == link) {
            self.lent = None;
        }
        self.settle();
        // The same room again, with what the driver has put there.
        let space = self.machine.recv_space(link);
        let (length, bytes) = (space.len(), Cow::Borrowed(&space[..count]));
        self.book.begin(&Event::Recv(link, bytes), now);
        self.book.fold();
        self.book.digest.room(length);
        self.machine.recv_commit(link, count, now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        self.machine.send_slices(link, into);
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        self.settle();
        self.book.begin(&Event::Sent(link, count as u64), now);
        self.book.fold();
        self.book.digest.sent(&self.machine, link, count as u64);
        self.machine.send_commit(link, count, now);
    }

    fn fingerprint(&self) -> Fingerprint {
        self.machine.fingerprint()
    }
}

impl<M: Machine, S: Write> Drop for Recorded<M, S> {
    fn drop(&mut self) {
        // A machine that has panicked is not asked anything more.
        let done = if std::thread::panicking() {
            self.book.abandon()
        } else if self.book.over {
            self.book.sink.flush()
        } else {
            self.finish()
        };
        if let Err(error) = done {
            log::warn!("the end of the recording is lost: {error}");
        }
    }
}
