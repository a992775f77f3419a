//! One stream socket, TCP or Unix, behind one face.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use super::failure::cause_of;
use crate::base::machine::Cause;

/// Unsent bytes the kernel may hold for us: the rest waits in our own, fair queues.
const NOTSENT_MAX: u32 = 128 * 1024;

/// The connection is on its way.
const EINPROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// An address that needs no lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Tcp(SocketAddr),
    /// Over the interface with this name instead of the one that the routes choose.
    Over(SocketAddr, String),
    Unix(String),
}

impl Target {
    /// Returns whether the interface is given.
    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over(..))
    }
}

/// How far an attempt at dialling has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    NotYet,
    There,
    Failed(Cause),
}

#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        // Both are wishes: a kernel that grants neither still carries the bytes.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(NOTSENT_MAX);
        // CR-12: should this process be killed, the kernel closes its sockets. What it cuts short
        // must end in a reset; only our own end of stream may look like one.
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        Self::Tcp(stream)
    }
}

impl Socket {
    /// Starts to dial; `WouldBlock` means try again later, everything else that it failed.
    pub(super) fn dial(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp(address) => TcpStream::connect(*address).map(Self::from),
            Target::Over(address, interface) => connect_over(*address, interface).map(Self::from),
            Target::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// Returns the local address of a TCP socket.
    pub(super) fn local_address(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok().map(|address| address.ip()),
            Self::Unix(_) => None,
        }
    }

    /// Registers for everything, once and for ever; edges then arrive without a system call.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => registry.register(stream, token, both),
            Self::Unix(stream) => registry.register(stream, token, both),
        }
    }

    /// Whether the dialling has ended; an event alone proves nothing.
    pub(super) fn arrival(&self) -> Arrival {
        let (error, there) = match self {
            Self::Tcp(stream) => (stream.take_error(), stream.peer_addr().map(drop)),
            Self::Unix(stream) => (stream.take_error(), stream.peer_addr().map(drop)),
        };
        if let Ok(Some(error)) | Err(error) = error {
            return Arrival::Failed(cause_of(&error));
        }
        match there {
            Ok(()) if self.is_own_peer() => Arrival::Failed(Cause::Refused),
            Ok(()) => Arrival::There,
            Err(error) if error.kind() == ErrorKind::NotConnected => Arrival::NotYet,
            Err(error) => Arrival::Failed(cause_of(&error)),
        }
    }

    /// Whoever dials a free local port long enough is at last given that port as its own and
    /// meets itself (TCP's simultaneous open): nobody listens there all the same.
    fn is_own_peer(&self) -> bool {
        let Self::Tcp(stream) = self else { return false };
        matches!((stream.local_addr(), stream.peer_addr()), (Ok(own), Ok(peer)) if own == peer)
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        })
    }

    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        uninterrupted(|| match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
        })
    }

    /// Sends our end of stream.
    pub(super) fn end(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                SockRef::from(stream).set_linger(None)?;
                stream.shutdown(Shutdown::Write)
            }
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Closes at once with a reset; a Unix socket knows no such thing and just closes.
    pub(super) fn reset(self) {
        if let Self::Tcp(stream) = self {
            // Again, because an end of stream may have been said before.
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Reads what lies ready and throws it away: at most `count` bytes.
    /// True once the far end has ended or failed; `WouldBlock` is passed on.
    pub(super) fn discard(&mut self, count: usize) -> io::Result<bool> {
        let mut waste = [0; 16 * 1024];
        let mut left = count;
        while left > 0 {
            match self.read(&mut waste) {
                Ok(0) => return Ok(true),
                Ok(count) => left = left.saturating_sub(count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                Err(_) => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// Starts to dial over one interface (`SO_BINDTODEVICE`, which needs no privilege).
#[cfg(any(target_os = "android", target_os = "linux"))]
fn connect_over(address: SocketAddr, interface: &str) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM.nonblocking(),
        Some(socket2::Protocol::TCP),
    )?;
    socket.bind_device(Some(interface.as_bytes()))?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => {}
        done => done?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn connect_over(_address: SocketAddr, _interface: &str) -> io::Result<TcpStream> {
    Err(ErrorKind::Unsupported.into())
}

/// Repeats a call that a signal interrupted.
pub(super) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
