//! A port that an application serves.

use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::base::ids::Name;
use crate::control::request::{Reply, Request};

use super::control::{Control, read_line};
use super::error::Error;
use super::stream::Stream;

/// Who opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The device, proved.
    pub name: Name,
    /// The session's number in the status.
    pub session: u64,
}

/// Takes the sessions that other devices open to a port. The port is free again when it is
/// dropped; sessions taken before go on.
#[derive(Debug)]
pub struct Listener {
    announced: BufReader<UnixStream>,
    state: PathBuf,
}

impl Listener {
    pub(super) fn open(control: Control, request: &Request) -> Result<Self, Error> {
        debug_assert!(control.state().is_absolute(), "accept must find the same daemon");
        let (announced, state) = control.into_replies(request)?;
        Ok(Self { announced, state })
    }

    /// Waits for a session and takes it. An error here means that no more will come.
    pub fn accept(&mut self) -> Result<(Stream, Peer), Error> {
        loop {
            let reply = read_line(&mut self.announced)?;
            let Reply::Incoming { incoming, name, session } = reply else {
                return Err(Error::unexpected(&reply));
            };
            let taken = Control::open(&self.state)?.into_stream(&Request::Accept { incoming });
            match taken {
                Ok(stream) => return Ok((stream.numbered(session), Peer { name, session })),
                // Its peer has ended it in the meantime: that is no reason to serve no others.
                Err(Error::Refused { error, .. }) => log::debug!("session {session}: {error}"),
                Err(error) => return Err(error),
            }
        }
    }
}
