//! Inputs that are on their way to the machine.

use super::source::Body;
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::{Cause, Input, Port};

/// An input that an action or a socket caused.
#[derive(Debug)]
pub(super) enum News {
    Listening(Port, Endpoint),
    ListenFailed(Port, String),
    Connected(LinkId),
    Eof(LinkId),
    Closed(LinkId, Cause),
}

impl News {
    pub(super) fn input(&self) -> Input<'_> {
        match self {
            Self::Listening(port, endpoint) => Input::Listening(*port, endpoint.clone()),
            Self::ListenFailed(port, why) => Input::ListenFailed(*port, why),
            Self::Connected(link) => Input::Connected(*link),
            Self::Eof(link) => Input::Eof(*link),
            Self::Closed(link, cause) => Input::Closed(*link, *cause),
        }
    }

    /// Whether it still holds for its source, and for a source the machine has not let go.
    pub(super) const fn is_true_of(&self, body: &Body) -> bool {
        match (self, body) {
            (Self::Listening(..), Body::Listener(_))
            | (Self::ListenFailed(..), Body::Naming(..))
            | (Self::Closed(..), Body::Failed(_)) => true,
            (Self::Connected(_) | Self::Eof(_), Body::Stream(stream)) => !stream.closing,
            // It failed right after: the machine must hear of both, in order.
            (Self::Connected(_) | Self::Eof(_), Body::Failed(_)) => true,
            _ => false,
        }
    }

    /// Whether its source ends with it.
    pub(super) const fn is_last(&self) -> bool {
        matches!(self, Self::ListenFailed(..) | Self::Closed(..))
    }
}
