//! The contract between a core and whatever drives it.
//!
//! A [`Machine`] is a pure state machine: no clock, socket, file, thread, environment or hidden
//! randomness. The daemon's reactor, the simulator, the fuzzer and a replayed tape all drive it
//! through this one trait, so what they find is true of the others.
//!
//! # The laws
//! 1. `now` never goes back.
//! 2. Every mutation (`handle`, `accept`, `recv_commit`, `send_commit`) is followed by a full
//!    drain of [`Machine::poll`] before the next one.
//! 3. At most what was lent is committed.
//! 4. [`Machine::send_slices`] has no effect; [`Machine::recv_space`] only makes room: asked
//!    twice it lends the same memory, and neither `poll` nor `next_timeout` answers otherwise.
//! 5. What an action leads to (`Connected`, `Closed`, `Listening`, …) comes as a later input, in
//!    order. After [`Action::Close`] only `send_slices` and `send_commit` follow for that link.
//!
//! Control is *pulled* (`poll` returns small owned values), payload is *lent*: the driver reads
//! straight into [`Machine::recv_space`] and writes straight from [`Machine::send_slices`].
//! An empty space means "do not read now": that is the whole of backpressure.

use std::io::IoSlice;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::fingerprint::Fingerprint;
use super::ids::Endpoint;
use super::links::LinkId;

/// A listening socket as the core knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub u32);

/// Why a link or an attempt at one ended without an orderly close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The far socket was reset, or an error that means the same.
    Reset,
    /// Nobody listens there.
    Refused,
    /// No route to the host or network.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The host name has no address.
    NoSuchHost,
    /// The driver may not do this (permission, out of descriptors).
    Denied,
    /// This machine has no way there, so nothing was sent; [`Input::PathChanged`] says when it may
    /// have one.
    Offline,
}

/// What happens to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// The first input, once.
    Start,
    /// The socket asked for by [`Action::Listen`] is open at this endpoint.
    Listening(Port, Endpoint),
    /// It could not be opened, for the reason given in words.
    ListenFailed(Port, &'a str),
    /// The attempt asked for by [`Action::Connect`] succeeded.
    Connected(LinkId),
    /// The far end will send no more.
    Eof(LinkId),
    /// The link is gone; its id is dead.
    Closed(LinkId, Cause),
    /// The deadline is past.
    Timeout,
    /// Addresses, routes or wakefulness changed: what was tried in vain may work now.
    PathChanged,
    /// A person asked for the end: say goodbye and finish.
    Stop,
}

/// What a machine wants to find again at its next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Memory {
    /// The Names that aliases are pinned to.
    Pins,
    /// What an overlay node knows of the overlay.
    Overlay,
}

/// What a machine wants done.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a listening socket.
    Listen(Port, Endpoint),
    /// Close a listening socket.
    Unlisten(Port),
    /// Dial.
    Connect(LinkId, Endpoint),
    /// `recv_space` of this link is no longer empty.
    Resume(LinkId),
    /// `send_slices` of this link is no longer empty.
    Flush(LinkId),
    /// Send our end-of-stream once `send_slices` is empty.
    Shutdown(LinkId),
    /// Close once `send_slices` is empty; the id is dead for inputs.
    Close(LinkId),
    /// Reset at once; the id is dead.
    Abort(LinkId),
    /// Keep these bytes in place of those that were kept before; a driver that cannot does not.
    Keep(Memory, Vec<u8>),
    /// The machine has finished; a text says why where it was not asked to.
    Exit(Option<String>),
}

/// When a machine wants [`Input::Timeout`], and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// The instant.
    pub at: Time,
    /// What is due then, for people who wonder at a wakeup.
    pub why: &'static str,
}

/// Slices one `writev(2)` takes: more gains nothing once packets are 16 KiB.
pub const SLICES_MAX: usize = 16;

/// Borrowed bytes for one vectored write.
#[derive(Debug)]
pub struct Slices<'a> {
    parts: [IoSlice<'a>; SLICES_MAX],
    count: usize,
}

impl Default for Slices<'_> {
    fn default() -> Self {
        Self { parts: [IoSlice::new(&[]); SLICES_MAX], count: 0 }
    }
}

impl<'a> Slices<'a> {
    /// Adds bytes; false once there is no place for more.
    pub fn push(&mut self, bytes: &'a [u8]) -> bool {
        if self.count == SLICES_MAX {
            return false;
        }
        if !bytes.is_empty() {
            self.parts[self.count] = IoSlice::new(bytes);
            self.count += 1;
        }
        self.count < SLICES_MAX
    }
}

impl<'a> Deref for Slices<'a> {
    type Target = [IoSlice<'a>];

    fn deref(&self) -> &[IoSlice<'a>] {
        &self.parts[..self.count]
    }
}

/// A pure state machine; the module's text has the laws.
pub trait Machine {
    /// Control in.
    fn handle(&mut self, input: Input<'_>, now: Time);
    /// A connection arrived on a listening socket; `None` refuses it.
    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId>;
    /// Control out; drain to `None` after every mutation.
    fn poll(&mut self) -> Option<Action>;
    /// When it wants to be woken.
    fn next_timeout(&self) -> Option<Deadline>;
    /// Where the next bytes of a link belong; empty means paused.
    fn recv_space(&mut self, link: LinkId) -> &mut [u8];
    /// So many bytes were put there.
    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time);
    /// What a link wants written.
    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>);
    /// So many bytes of it were written.
    fn send_commit(&mut self, link: LinkId, count: usize, now: Time);
    /// A digest of the whole state, for replay.
    fn fingerprint(&self) -> Fingerprint;
}

impl<M: Machine + ?Sized> Machine for Box<M> {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        (**self).handle(input, now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        (**self).accept(on, from, now)
    }

    fn poll(&mut self) -> Option<Action> {
        (**self).poll()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        (**self).next_timeout()
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        (**self).recv_space(link)
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        (**self).recv_commit(link, count, now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        (**self).send_slices(link, into);
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        (**self).send_commit(link, count, now);
    }

    fn fingerprint(&self) -> Fingerprint {
        (**self).fingerprint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_stop_at_their_bound_and_skip_what_is_empty() {
        let mut slices = Slices::default();
        assert!(slices.push(b""));
        assert_eq!(slices.len(), 0);
        for _ in 1..SLICES_MAX {
            assert!(slices.push(b"x"));
        }
        assert!(!slices.push(b"last"));
        assert!(!slices.push(b"too many"));
        assert_eq!(slices.len(), SLICES_MAX);
    }
}
