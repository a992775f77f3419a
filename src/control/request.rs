//! What a person's tool or an application asks of the daemon, and what it answers.

use serde::{Deserialize, Serialize};

use crate::base::ids::Name;
use crate::wire::reason::Reason;

use super::map::Map;
use super::status::Status;

/// One line to the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Open a session; the connection becomes its stream after [`Reply::Ok`].
    Connect {
        /// A Name, an alias, or either with `.muses` behind it.
        name: String,
        /// The far service's port.
        port: u16,
    },
    /// Serve a port for as long as this connection is open.
    Listen {
        /// The port; it must not be served already.
        port: u16,
        /// Names or aliases allowed besides those of `--allow`.
        #[serde(default)]
        allow: Vec<String>,
    },
    /// Take the session announced by [`Reply::Incoming`]; the connection becomes its stream.
    Accept {
        /// The number in the announcement.
        incoming: u64,
    },
    /// How is everything?
    Status,
    /// Which places of the overlay are known?
    Map {
        /// In this tree, counted from 0.
        tree: u8,
    },
    /// End a session on both sides.
    Kill {
        /// Its number in the status.
        session: u64,
    },
    /// Try everything again now.
    Reconnect,
}

/// One line from the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Reply {
    /// The session has this number; its outcome follows.
    Session {
        /// Number in the status.
        session: u64,
    },
    /// Done; what follows, if anything, is the session's stream.
    Ok,
    /// Not done.
    Error {
        /// One line for a person.
        error: String,
        /// The far side's reason, where it gave one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// A session arrived for a port this connection serves.
    Incoming {
        /// Number to [`Request::Accept`] it with.
        incoming: u64,
        /// Who opened it.
        name: Name,
        /// Number in the status.
        session: u64,
    },
    /// Answer to [`Request::Status`].
    Status(Box<Status>),
    /// Answer to [`Request::Map`].
    Map(Box<Map>),
}

impl From<Result<Map, String>> for Reply {
    /// The map, or one line for a person.
    fn from(map: Result<Map, String>) -> Self {
        match map {
            Ok(map) => Self::Map(Box::new(map)),
            Err(error) => Self::Error { error, reason: None },
        }
    }
}
