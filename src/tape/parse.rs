//! Reading records: each whole, or the reason why there is none.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use super::event::{CAUSES, Event, UNFINISHED};
use super::intake::Intake;
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::Port;

/// Longer texts or reads are no machine's.
const LENGTH_MAX: u64 = 64 << 20;

/// Why there is no further record.
#[derive(Debug)]
pub(super) enum Stop {
    /// The tape ends between two records.
    Over,
    /// The tape ends within a record.
    Torn,
    /// No recorder writes this.
    Damaged(&'static str),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A record as read.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) event: Event<'static>,
    pub(super) delta: u64,
    /// `None` for a record that was not finished.
    pub(super) check: Option<u32>,
}

/// Reads the next record; its bytes but for the check are then the tape's `seen` up to `body`.
pub(super) fn parse<R: Read>(tape: &mut Intake<R>) -> Result<(Record, usize), Stop> {
    tape.forget();
    let kind = tape.u8()?.ok_or(Stop::Over)?;
    let delta = varint(tape)?;
    let event = body(tape, kind & !UNFINISHED)?;
    let length = tape.seen().len();
    let check = u32::from_be_bytes(array(tape)?);
    let check = (kind & UNFINISHED == 0).then_some(check);
    Ok((Record { event, delta, check }, length))
}

fn body<R: Read>(tape: &mut Intake<R>, kind: u8) -> Result<Event<'static>, Stop> {
    Ok(match kind {
        0 => Event::Start,
        1 => Event::Listening(port(tape)?, endpoint(tape)?),
        2 => Event::ListenFailed(port(tape)?, text(tape)?.into()),
        3 => Event::Accept(port(tape)?, endpoint(tape)?, given(tape)?),
        4 => Event::Connected(link(tape)?),
        5 => Event::Eof(link(tape)?),
        6 => {
            let link = link(tape)?;
            let [number] = array(tape)?;
            let cause = CAUSES.get(usize::from(number)).ok_or(Stop::Damaged("no such cause"))?;
            Event::Closed(link, *cause)
        }
        7 => Event::Recv(link(tape)?, bytes(tape)?.into()),
        8 => Event::Sent(link(tape)?, varint(tape)?),
        9 => Event::Timeout,
        10 => Event::PathChanged,
        11 => Event::Stop,
        12 => Event::Paused(link(tape)?),
        13 => Event::Room(link(tape)?),
        14 => Event::Mark(u64::from_be_bytes(array(tape)?)),
        15 => Event::End(u64::from_be_bytes(array(tape)?)),
        _ => return Err(Stop::Damaged("no such kind of record")),
    })
}

fn array<R: Read, const N: usize>(tape: &mut Intake<R>) -> Result<[u8; N], Stop> {
    tape.array()?.ok_or(Stop::Torn)
}

fn varint<R: Read>(tape: &mut Intake<R>) -> Result<u64, Stop> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = array(tape)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Stop::Damaged("a number is too large"))
}

fn link<R: Read>(tape: &mut Intake<R>) -> Result<LinkId, Stop> {
    Ok(LinkId::from_raw(u64::from_be_bytes(array(tape)?)))
}

fn port<R: Read>(tape: &mut Intake<R>) -> Result<Port, Stop> {
    Ok(Port(u32::from_be_bytes(array(tape)?)))
}

fn given<R: Read>(tape: &mut Intake<R>) -> Result<Option<LinkId>, Stop> {
    let [given] = array(tape)?;
    let link = link(tape)?;
    Ok((given != 0).then_some(link))
}

fn bytes<R: Read>(tape: &mut Intake<R>) -> Result<Vec<u8>, Stop> {
    let length = varint(tape)?;
    if length > LENGTH_MAX {
        return Err(Stop::Damaged("a length is too large"));
    }
    tape.bytes(length)?.ok_or(Stop::Torn)
}

fn text<R: Read>(tape: &mut Intake<R>) -> Result<String, Stop> {
    String::from_utf8(bytes(tape)?).map_err(|_| Stop::Damaged("a text is not UTF-8"))
}

fn endpoint<R: Read>(tape: &mut Intake<R>) -> Result<Endpoint, Stop> {
    let [tag] = array(tape)?;
    Ok(match tag {
        4 => {
            let ip = Ipv4Addr::from(array::<R, 4>(tape)?);
            Endpoint::Tcp(SocketAddrV4::new(ip, u16::from_be_bytes(array(tape)?)).into())
        }
        6 => {
            let ip = Ipv6Addr::from(array::<R, 16>(tape)?);
            let port = u16::from_be_bytes(array(tape)?);
            let flow = u32::from_be_bytes(array(tape)?);
            let scope = u32::from_be_bytes(array(tape)?);
            Endpoint::Tcp(SocketAddrV6::new(ip, port, flow, scope).into())
        }
        b'h' => {
            let host = text(tape)?;
            Endpoint::Host(host, u16::from_be_bytes(array(tape)?))
        }
        b'u' => Endpoint::Unix(text(tape)?),
        _ => return Err(Stop::Damaged("no such kind of endpoint")),
    })
}
