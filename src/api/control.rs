//! One connection to the daemon's control socket.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::request::{Reply, Request};

use super::error::Error;
use super::stream::Stream;

/// Bytes of a reply before a stream, at most.
const SHORT_MAX: usize = 16 << 10;
/// Bytes of any other reply, at most: a status of very many sessions.
const LONG_MAX: u64 = 64 << 20;

/// A daemon that lives answers in milliseconds.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The connection, before it is anything else.
#[derive(Debug)]
pub(super) struct Control {
    socket: UnixStream,
    state: PathBuf,
}

impl Control {
    /// Connects to the daemon of a state directory.
    pub(super) fn open(state: &Path) -> Result<Self, Error> {
        // A hint that names the directory must hold wherever it is followed.
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        match UnixStream::connect(state.join("control")) {
            Ok(socket) => Ok(Self { socket, state }),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    Error::NoDaemon(state)
                }
                io::ErrorKind::PermissionDenied => Error::Denied(state),
                _ => Error::Io(error),
            }),
        }
    }

    /// The state directory of the daemon at the other end.
    pub(super) fn state(&self) -> &Path {
        &self.state
    }

    fn send(&mut self, request: &Request) -> Result<(), Error> {
        let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
        line.push(b'\n');
        self.socket.write_all(&line).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::Gone,
            _ => Error::Io(error),
        })
    }

    /// Asks, and takes one reply.
    pub(super) fn ask(mut self, request: &Request) -> Result<Reply, Error> {
        self.socket.set_read_timeout(Some(ANSWER_MAX))?;
        self.send(request)?;
        let reply = read_line(&mut BufReader::new(&self.socket).take(LONG_MAX));
        reply.map_err(|error| match error {
            Error::Io(why) if why.kind() == io::ErrorKind::WouldBlock => Error::Mute(self.state),
            other => other,
        })
    }

    /// Asks for something that is done or refused.
    pub(super) fn order(self, request: &Request) -> Result<(), Error> {
        match self.ask(request)? {
            Reply::Ok => Ok(()),
            other => Err(Error::unexpected(&other)),
        }
    }

    /// Asks for a session; the connection becomes its stream.
    pub(super) fn into_stream(mut self, request: &Request) -> Result<Stream, Error> {
        self.send(request)?;
        let mut number = 0;
        loop {
            match read_exactly_a_line(&self.socket)? {
                Reply::Session { session } => number = session,
                Reply::Ok => return Ok(Stream::new(self.socket, number)),
                other => return Err(Error::unexpected(&other)),
            }
        }
    }

    /// Asks for something that goes on; further replies are read from the result.
    pub(super) fn into_replies(
        mut self,
        request: &Request,
    ) -> Result<(BufReader<UnixStream>, PathBuf), Error> {
        self.send(request)?;
        let mut replies = BufReader::new(self.socket);
        match read_line(&mut replies)? {
            Reply::Ok => Ok((replies, self.state)),
            other => Err(Error::unexpected(&other)),
        }
    }
}

fn parse(line: &[u8]) -> Result<Reply, Error> {
    if !line.ends_with(b"\n") {
        return Err(Error::Gone);
    }
    match serde_json::from_slice(line) {
        Ok(Reply::Error { error, reason }) => Err(Error::Refused { error, reason }),
        Ok(reply) => Ok(reply),
        Err(_) => Err(Error::Unexpected(String::from_utf8_lossy(line).trim_end().to_owned())),
    }
}

/// Reads a reply; [`Reply::Error`] comes as an error.
pub(super) fn read_line(from: &mut impl BufRead) -> Result<Reply, Error> {
    let mut line = Vec::new();
    from.read_until(b'\n', &mut line).map_err(lost)?;
    parse(&line)
}

/// The same, byte by byte: what stands behind the line belongs to the application.
fn read_exactly_a_line(mut socket: &UnixStream) -> Result<Reply, Error> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < SHORT_MAX && line.last() != Some(&b'\n') {
        match socket.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(lost(error)),
        }
    }
    parse(&line)
}

fn lost(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset => Error::Gone,
        _ => Error::Io(error),
    }
}
