//! Why something was refused, reset or ended: one code, one sentence for people.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::WireError;

/// The reason a peer gives. As [`std::error::Error`] it reads as a clause: "refused: {reason}".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reason {
    /// The Name is on no list of the far node.
    #[error("the far node does not allow this Name")]
    NotAllowed = 1,
    /// The far node serves nothing on that port.
    #[error("the far node serves nothing on this port")]
    NoService = 2,
    /// The far service refused the connection.
    #[error("the far service refused the connection")]
    Refused = 3,
    /// The far service's host could not be reached.
    #[error("the far service cannot be reached from its node")]
    Unreachable = 4,
    /// The far service did not answer.
    #[error("the far service did not answer")]
    TimedOut = 5,
    /// The far service's host name has no address.
    #[error("the far service's host name has no address")]
    NoSuchHost = 6,
    /// The two sides' pre-shared secrets differ.
    #[error("the pre-shared secrets of the two sides differ")]
    SecretDiffers = 7,
    /// One side has a pre-shared secret for the other, which has none.
    #[error("one side uses a pre-shared secret and the other does not")]
    SecretMissing = 8,
    /// No common suite or version.
    #[error("the two sides have no suite in common")]
    NoSuite = 9,
    /// A limit of the far node is reached.
    #[error("the far node is at its limit")]
    Full = 10,
    /// The application's connection was reset.
    #[error("the application reset the connection")]
    ByApplication = 16,
    /// A person ended the session.
    #[error("ended by 'muses kill'")]
    Killed = 17,
    /// The retention time is over.
    #[error("the peer was away longer than the retention time")]
    Expired = 18,
    /// The node was stopped.
    #[error("the far node was stopped")]
    Stopped = 19,
    /// The far node has lost the session's state.
    #[error("the far node was restarted and has lost the session")]
    Restarted = 20,
    /// The node runs on, but gave the tunnel up (its retention time was over, or its place needed).
    #[error("the far node has given the session up")]
    LetGo = 21,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::NotAllowed,
        Self::NoService,
        Self::Refused,
        Self::Unreachable,
        Self::TimedOut,
        Self::NoSuchHost,
        Self::SecretDiffers,
        Self::SecretMissing,
        Self::NoSuite,
        Self::Full,
        Self::ByApplication,
        Self::Killed,
        Self::Expired,
        Self::Stopped,
        Self::Restarted,
        Self::LetGo,
    ];

    /// Reads a body that is one reason and nothing else.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        match body {
            [code] => Self::ALL
                .into_iter()
                .find(|reason| *reason as u8 == *code)
                .ok_or(WireError::Unknown),
            [] => Err(WireError::Short),
            _ => Err(WireError::Trailing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_one_byte_and_no_other_byte_is_one() {
        for code in 0..=255 {
            let known = Reason::ALL.iter().any(|reason| *reason as u8 == code);
            assert_eq!(Reason::parse(&[code]).is_ok(), known);
        }
        assert_eq!(Reason::parse(&[1, 1]), Err(WireError::Trailing));
    }
}
