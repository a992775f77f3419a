//! The library for applications: the paper's `connect`, `listen` and `accept`.
//!
//! It speaks to the `muses-node` of this device over its control socket, and hands out blocking
//! [`Stream`]s that are `Read + Write`. What happens below them, a night's sleep or a dead relay,
//! an application sees as a long read and nothing else.
//!
//! ```no_run
//! use std::io::{Read, Write};
//!
//! // On Bob's device:
//! let mut listener = muses::api::listen(None, 7, &["alice"])?;
//! let (mut stream, peer) = listener.accept()?;
//! println!("{} is here", peer.name);
//! stream.write_all(b"hello")?;
//! # drop(stream);
//!
//! // On Alice's:
//! let mut stream = muses::api::connect(None, "bob", 7)?;
//! let mut text = String::new();
//! stream.read_to_string(&mut text)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `state` is the daemon's state directory everywhere; `None` means the default one.
#![allow(clippy::wildcard_enum_match_arm, reason = "any other reply or error is handled alike")]

mod control;
mod error;
mod listener;
mod stream;

use std::path::{Path, PathBuf};

use crate::control::map::Map;
use crate::control::request::{Reply, Request};
use crate::control::status::Status;

use control::Control;
pub use error::Error;
pub use listener::{Listener, Peer};
pub use stream::Stream;

/// The state directory that `program` (`muses`, `cloak`) has where none is named:
/// `$XDG_STATE_HOME/PROGRAM`, or else `~/.local/state/PROGRAM`.
pub fn default_state(program: &str) -> Result<PathBuf, Error> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    // The XDG specification: a relative path is to be ignored.
    if let Some(base) = variable("XDG_STATE_HOME").filter(|path| path.is_absolute()) {
        return Ok(base.join(program));
    }
    let home = variable("HOME").filter(|path| path.is_absolute()).ok_or(Error::NoHome)?;
    Ok(home.join(".local/state").join(program))
}

fn control(state: Option<&Path>) -> Result<Control, Error> {
    match state {
        Some(state) => Control::open(state),
        None => Control::open(&default_state("muses")?),
    }
}

/// Opens a session to a service of another device. Returns once the far service has accepted.
pub fn connect(state: Option<&Path>, name: &str, port: u16) -> Result<Stream, Error> {
    let request = Request::Connect { name: name.to_owned(), port };
    control(state)?.into_stream(&request)
}

/// Serves a port to other devices for as long as the listener lives. `allow` are Names or
/// aliases besides those of the daemon's `--allow`.
pub fn listen(state: Option<&Path>, port: u16, allow: &[&str]) -> Result<Listener, Error> {
    let allow = allow.iter().map(|name| (*name).to_owned()).collect();
    Listener::open(control(state)?, &Request::Listen { port, allow })
}

/// How is everything?
pub fn status(state: Option<&Path>) -> Result<Status, Error> {
    match control(state)?.ask(&Request::Status)? {
        Reply::Status(status) => Ok(*status),
        other => Err(Error::unexpected(&other)),
    }
}

/// The places of a tree of the overlay, counted from 0, that the daemon's overlay node knows.
pub fn map(state: Option<&Path>, tree: u8) -> Result<Map, Error> {
    match control(state)?.ask(&Request::Map { tree })? {
        Reply::Map(map) => Ok(*map),
        other => Err(Error::unexpected(&other)),
    }
}

/// Ends a session on both sides; the number is the status's.
pub fn kill(state: Option<&Path>, session: u64) -> Result<(), Error> {
    control(state)?.order(&Request::Kill { session })
}

/// Tries everything again now.
pub fn reconnect(state: Option<&Path>) -> Result<(), Error> {
    control(state)?.order(&Request::Reconnect)
}

#[cfg(test)]
mod tests;
