//! A session as an application holds it.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A blocking stream of bytes to another device, whole and in order through any outage.
///
/// Dropping it ends the session as closing a socket would.
#[derive(Debug)]
pub struct Stream {
    socket: UnixStream,
    session: u64,
}

impl Stream {
    pub(super) const fn new(socket: UnixStream, session: u64) -> Self {
        Self { socket, session }
    }

    /// The same under the number that its announcement gave.
    pub(super) fn numbered(self, session: u64) -> Self {
        Self { session, ..self }
    }

    /// The session's number in the status.
    #[must_use]
    pub const fn session(&self) -> u64 {
        self.session
    }

    /// Ends one direction, or both. The far application sees the end of the stream, after all
    /// that was written before.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Another handle to the same session.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()?, session: self.session })
    }

    /// Bounds how long a read waits. An outage is not an error: with a bound, the application
    /// decides when to stop believing in the peer's return.
    pub fn set_read_timeout(&self, bound: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(bound)
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.socket.read(into)
    }
}

impl Read for &Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(into)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.socket).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&self.socket).flush()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
