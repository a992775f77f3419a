//! What can go wrong between an application and its daemon.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::control::request::Reply;
use crate::wire::reason::Reason;

/// Why something was not done.
#[derive(Debug, Error)]
pub enum Error {
    /// Nobody listens on the control socket.
    #[error(
        "no muses-node runs for this state directory ({0}): start one with 'muses-node --state {0}'"
    )]
    NoDaemon(PathBuf),
    /// The control socket is another user's.
    #[error(
        "the daemon of {0} belongs to another user: start one of your own with 'muses-node --state DIR'"
    )]
    Denied(PathBuf),
    /// There is no default state directory.
    #[error("there is no default state directory, because HOME is not set: name one with --state")]
    NoHome,
    /// The daemon says no.
    #[error("{error}")]
    Refused {
        /// One line for a person.
        error: String,
        /// The far side's reason, where it gave one.
        reason: Option<Reason>,
    },
    /// The daemon ended before it had answered, or it takes nothing from this user, or nothing more
    /// at once.
    #[error(
        "the daemon closed the connection before it answered: look into its log, or try again if \
         very many ask it at once"
    )]
    Gone,
    /// The daemon is there and does not answer.
    #[error(
        "the muses-node of {0} has not answered for 10 s: is it stopped (kill -CONT goes on), or \
         very busy?"
    )]
    Mute(PathBuf),
    /// The daemon speaks otherwise than we do.
    #[error("the muses-node answered '{0}': are it and this program of one version?")]
    Unexpected(String),
    /// The socket failed.
    #[error("the connection to the muses-node failed: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// The far side's reason, where it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } => *reason,
            Self::NoDaemon(_)
            | Self::Denied(_)
            | Self::NoHome
            | Self::Gone
            | Self::Mute(_)
            | Self::Unexpected(_)
            | Self::Io(_) => None,
        }
    }

    /// For a reply that makes no sense here.
    pub(super) fn unexpected(reply: &Reply) -> Self {
        Self::Unexpected(serde_json::to_string(reply).unwrap_or_default())
    }
}
