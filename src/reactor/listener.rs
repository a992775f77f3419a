//! Listening sockets.

use std::io;
use std::net::SocketAddr;

use mio::net::{TcpListener, UnixListener};
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

    pub(super) fn accept(&self) -> io::Result<(Socket, Endpoint)> {
        match &self.kind {
            Kind::Tcp(socket) => {
                let (stream, from) = socket.accept()?;
                // A socket for both families shows IPv4 callers in IPv6's dress.
                let from = SocketAddr::new(from.ip().to_canonical(), from.port());
                Ok((stream.into(), Endpoint::Tcp(from)))
            }
            Kind::Unix(socket, _) => {
                let (stream, from) = socket.accept()?;
                let path = from.as_pathname().map(|path| path.to_string_lossy().into_owned());
                Ok((Socket::Unix(stream), Endpoint::Unix(path.unwrap_or_default())))
            }
        }
    }
}
