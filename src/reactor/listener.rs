//! Listening sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use mio::net::{TcpListener, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use super::failure::words;
use super::socket::Socket;
use super::socketfile::{self, SocketFile};
use crate::base::ids::Endpoint;
use crate::base::machine::Port;

#[derive(Debug)]
enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, #[expect(dead_code, reason = "held for its drop")] SocketFile),
}

/// Who came.
#[derive(Debug)]
pub(super) enum Caller {
    /// A connection, and where it comes from.
    Known(Socket, Endpoint),
    /// Another user of this machine came to a Unix socket: the connection is closed.
    OtherUser(u32),
}

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) port: Port,
    kind: Kind,
}

impl Listener {
    /// Opens a TCP socket, with `SO_REUSEADDR` so that a restarted daemon gets its port back;
    /// gives the address really taken as well.
    pub(super) fn tcp(port: Port, address: SocketAddr) -> Result<(Self, Endpoint), String> {
        let open = || -> io::Result<_> {
            let socket = TcpListener::bind(address)?;
            let actual = socket.local_addr()?;
            Ok((Self { port, kind: Kind::Tcp(socket) }, Endpoint::Tcp(actual)))
        };
        open().map_err(|error| words(&error))
    }

    pub(super) fn unix(port: Port, path: &str) -> Result<(Self, Endpoint), String> {
        let (socket, file) = socketfile::listen(path)?;
        let actual = Endpoint::Unix(path.to_owned());
        Ok((Self { port, kind: Kind::Unix(socket, file) }, actual))
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        match &mut self.kind {
            Kind::Tcp(socket) => registry.register(socket, token, Interest::READABLE),
            Kind::Unix(socket, _) => registry.register(socket, token, Interest::READABLE),
        }
    }

    /// Whether callers from other machines, or other users of this one, can come here.
    pub(super) const fn is_public(&self) -> bool {
        matches!(self.kind, Kind::Tcp(_))
    }

    pub(super) fn accept(&self) -> io::Result<Caller> {
        match &self.kind {
            Kind::Tcp(socket) => {
                let (stream, from) = socket.accept()?;
                // A socket for both families shows IPv4 callers in IPv6's dress.
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                Ok(Caller::Known(stream.into(), Endpoint::Tcp(from)))
            }
            Kind::Unix(socket, _) => {
                let (stream, from) = socket.accept()?;
                if let Some(other) = other_user(&stream)? {
                    return Ok(Caller::OtherUser(other));
                }
                let path = from.as_pathname().map(|path| path.to_string_lossy().into_owned());
                let from = Endpoint::Unix(path.unwrap_or_default());
                Ok(Caller::Known(Socket::Unix(stream), from))
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(socket) => socket.as_fd(),
            Kind::Unix(socket, _) => socket.as_fd(),
        }
    }
}

/// The user on the other end of a Unix socket, where that is neither this process' nor root. The
/// file's mode says the same, but a person, a backup or a container can change that.
fn other_user(stream: &UnixStream) -> io::Result<Option<u32>> {
    let user = rustix::net::sockopt::socket_peercred(stream)?.uid;
    let is_allowed = user.is_root() || user == rustix::process::geteuid();
    Ok((!is_allowed).then(|| user.as_raw()))
}
