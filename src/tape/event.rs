//! The records of a tape: kind, time since the record before, body, check.
//!
//! Numbers are big-endian; lengths, counts and times are LEB128 varints, because most are small.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::{Cause, Input, Port};

/// Set in the kind of a record that the recorder could not finish, because the machine panicked:
/// its check means nothing, and playing it is the reproduction.
pub(super) const UNFINISHED: u8 = 0x80;

/// Bytes of the answer to a caller.
const GIVEN_LEN: usize = 1 + 8;

/// One record's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Start,
    Listening(Port, Endpoint),
    ListenFailed(Port, Cow<'a, str>),
    /// A caller and the name it was given; `None` refused it.
    Accept(Port, Endpoint, Option<LinkId>),
    Connected(LinkId),
    Eof(LinkId),
    Closed(LinkId, Cause),
    Recv(LinkId, Cow<'a, [u8]>),
    Sent(LinkId, u64),
    Timeout,
    PathChanged,
    Stop,
    /// `recv_space` was empty.
    Paused(LinkId),
    /// `recv_space` was not empty, and nothing was put there.
    Room(LinkId),
    /// The fingerprint of the whole state.
    Mark(u64),
    /// The same, at the orderly end.
    End(u64),
}

/// The causes by their number on tape.
pub(super) const CAUSES: [Cause; 7] = [
    Cause::Reset,
    Cause::Refused,
    Cause::Unreachable,
    Cause::TimedOut,
    Cause::NoSuchHost,
    Cause::Denied,
    Cause::Offline,
];

fn cause_number(cause: Cause) -> u8 {
    match cause {
        Cause::Reset => 0,
        Cause::Refused => 1,
        Cause::Unreachable => 2,
        Cause::TimedOut => 3,
        Cause::NoSuchHost => 4,
        Cause::Denied => 5,
        Cause::Offline => 6,
    }
}

fn emit_varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn emit_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    emit_varint(bytes.len() as u64, into);
    into.extend_from_slice(bytes);
}

pub(super) fn emit_endpoint(endpoint: &Endpoint, into: &mut Vec<u8>) {
    match endpoint {
        Endpoint::Tcp(SocketAddr::V4(address)) => {
            into.push(4);
            into.extend(address.ip().octets());
            into.extend(address.port().to_be_bytes());
        }
        Endpoint::Tcp(SocketAddr::V6(address)) => {
            into.push(6);
            into.extend(address.ip().octets());
            into.extend(address.port().to_be_bytes());
            into.extend(address.flowinfo().to_be_bytes());
            into.extend(address.scope_id().to_be_bytes());
        }
        Endpoint::Host(host, port) => {
            into.push(b'h');
            emit_bytes(host.as_bytes(), into);
            into.extend(port.to_be_bytes());
        }
        Endpoint::Unix(path) => {
            into.push(b'u');
            emit_bytes(path.as_bytes(), into);
        }
    }
}

impl<'a> Event<'a> {
    /// The record of a control input.
    pub(super) fn of(input: &Input<'a>) -> Self {
        match input {
            Input::Start => Self::Start,
            Input::Listening(port, endpoint) => Self::Listening(*port, endpoint.clone()),
            Input::ListenFailed(port, why) => Self::ListenFailed(*port, Cow::Borrowed(why)),
            Input::Connected(link) => Self::Connected(*link),
            Input::Eof(link) => Self::Eof(*link),
            Input::Closed(link, cause) => Self::Closed(*link, *cause),
            Input::Timeout => Self::Timeout,
            Input::PathChanged => Self::PathChanged,
            Input::Stop => Self::Stop,
        }
    }

    /// The control input of a record, if it is one.
    pub(super) fn input(&self) -> Option<Input<'_>> {
        Some(match self {
            Self::Start => Input::Start,
            Self::Listening(port, endpoint) => Input::Listening(*port, endpoint.clone()),
            Self::ListenFailed(port, why) => Input::ListenFailed(*port, why),
            Self::Connected(link) => Input::Connected(*link),
            Self::Eof(link) => Input::Eof(*link),
            Self::Closed(link, cause) => Input::Closed(*link, *cause),
            Self::Timeout => Input::Timeout,
            Self::PathChanged => Input::PathChanged,
            Self::Stop => Input::Stop,
            Self::Accept(..)
            | Self::Recv(..)
            | Self::Sent(..)
            | Self::Paused(_)
            | Self::Room(_)
            | Self::Mark(_)
            | Self::End(_) => return None,
        })
    }

    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Start => 0,
            Self::Listening(..) => 1,
            Self::ListenFailed(..) => 2,
            Self::Accept(..) => 3,
            Self::Connected(_) => 4,
            Self::Eof(_) => 5,
            Self::Closed(..) => 6,
            Self::Recv(..) => 7,
            Self::Sent(..) => 8,
            Self::Timeout => 9,
            Self::PathChanged => 10,
            Self::Stop => 11,
            Self::Paused(_) => 12,
            Self::Room(_) => 13,
            Self::Mark(_) => 14,
            Self::End(_) => 15,
        }
    }

    /// Writes all but the check.
    pub(super) fn emit(&self, delta: u64, into: &mut Vec<u8>) {
        into.push(self.kind());
        emit_varint(delta, into);
        let mut u64 = |value: u64| into.extend(value.to_be_bytes());
        match self {
            Self::Start | Self::Timeout | Self::PathChanged | Self::Stop => {}
            Self::Connected(link) | Self::Eof(link) | Self::Paused(link) | Self::Room(link) => {
                u64(link.raw());
            }
            Self::Mark(value) | Self::End(value) => u64(*value),
            Self::Closed(link, cause) => {
                u64(link.raw());
                into.push(cause_number(*cause));
            }
            Self::Recv(link, bytes) => {
                u64(link.raw());
                emit_bytes(bytes, into);
            }
            Self::Sent(link, count) => {
                u64(link.raw());
                emit_varint(*count, into);
            }
            Self::Listening(Port(port), endpoint) => {
                into.extend(port.to_be_bytes());
                emit_endpoint(endpoint, into);
            }
            Self::ListenFailed(Port(port), why) => {
                into.extend(port.to_be_bytes());
                emit_bytes(why.as_bytes(), into);
            }
            Self::Accept(Port(port), endpoint, link) => {
                into.extend(port.to_be_bytes());
                emit_endpoint(endpoint, into);
                emit_given(*link, into);
            }
        }
    }
}

/// Puts the answer to a caller, known after the rest, in place of the one at the record's end.
pub(super) fn answer(link: Option<LinkId>, record: &mut Vec<u8>) {
    record.truncate(record.len() - GIVEN_LEN);
    emit_given(link, record);
}

fn emit_given(link: Option<LinkId>, into: &mut Vec<u8>) {
    into.push(u8::from(link.is_some()));
    into.extend(link.map_or(0, LinkId::raw).to_be_bytes());
}
