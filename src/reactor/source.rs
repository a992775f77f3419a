//! What one token stands for: its readiness and its body.
//!
//! The two readiness bits are set by events and cleared only by `WouldBlock`: with edge-triggered
//! polling nothing else would ever set them again.

use mio::Token;
use mio::event::Event;

use super::dial::Dial;
use super::listener::Listener;
use super::paths::Paths;
use super::signals::Signals;
use super::sleep::SleepAlarm;
use super::socket::Socket;
use crate::base::clock::Time;
use crate::base::links::LinkId;
use crate::base::machine::Port;

#[derive(Debug)]
pub(super) struct Source {
    generation: u32,
    pub(super) can_read: bool,
    pub(super) can_write: bool,
    /// In the run queue.
    pub(super) queued: bool,
    /// Kept equal to its entry among the table's timers.
    pub(super) timer: Option<Time>,
    pub(super) body: Body,
}

/// The kinds of sources.
#[derive(Debug)]
pub(super) enum Body {
    /// Answers of the resolver wait.
    Waker,
    Signals(Signals),
    /// The machine woke from sleep.
    Sleep(SleepAlarm),
    /// Addresses or routes changed.
    Paths(Paths),
    Listener(Listener),
    /// A listening socket to be, whose host name is looked up.
    Naming(Port),
    /// A link to be; its sockets are the attempts.
    Dial(Dial),
    /// One socket of the dial with this token.
    Attempt(Token, Socket),
    Stream(Stream),
    /// Its end is known here and not yet to the core.
    Failed(LinkId),
    /// It was closed by the core and cannot be flushed: takes in what is left as if written, so
    /// that the core lets go of it in its usual way.
    Void(LinkId),
    /// Flushed and ended; reads on so that what the far end still sends does not make the
    /// kernel answer with a reset, which would destroy our last bytes on their way.
    Lingering(Socket),
    /// In the graveyard.
    Dead,
}

/// A connected link.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) link: LinkId,
    pub(super) socket: Socket,
    /// The far end will send no more.
    pub(super) eof: bool,
    /// Our end of stream goes out as soon as nothing is left to send.
    pub(super) ending: bool,
    /// Closed by the core: dead for inputs, flushed and then let go.
    pub(super) closing: bool,
}

impl Stream {
    pub(super) const fn new(link: LinkId, socket: Socket) -> Self {
        Self { link, socket, eof: false, ending: false, closing: false }
    }
}

impl Source {
    pub(super) const fn new(generation: u32, body: Body) -> Self {
        let (can_read, can_write) = (false, false);
        Self { generation, can_read, can_write, queued: false, timer: None, body }
    }

    /// The upper half of its token.
    pub(super) const fn generation(&self) -> usize {
        self.generation as usize
    }

    /// Takes in an event. A hang-up or an error is found by the read or write that follows.
    pub(super) fn merge(&mut self, event: &Event) {
        self.can_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.can_write |= event.is_writable() || event.is_write_closed() || event.is_error();
    }
}

impl Body {
    /// The link that the core knows this source by.
    pub(super) const fn link(&self) -> Option<LinkId> {
        match self {
            Self::Dial(dial) => Some(dial.link),
            Self::Stream(stream) => Some(stream.link),
            Self::Failed(link) | Self::Void(link) => Some(*link),
            Self::Waker
            | Self::Signals(_)
            | Self::Sleep(_)
            | Self::Paths(_)
            | Self::Listener(_)
            | Self::Naming(..)
            | Self::Attempt(..)
            | Self::Lingering(_)
            | Self::Dead => None,
        }
    }
}
