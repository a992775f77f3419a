//! Dialling: one link to be, several addresses, the first that answers wins.
//!
//! The addresses are tried in order; the next one starts when the one before has failed or has
//! been silent for a moment (RFC 8305's idea), so that a dead IPv6 path costs a quarter of a
//! second and not two minutes. Before that the same address is tried over the other interfaces
//! ([`alternates`]).

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

use mio::{Registry, Token};

use super::alternate_interfaces::alternates;
use super::failure::cause_of;
use super::socket::{Arrival, Socket, Target};
use super::source::{Body, Stream};
use super::table::Table;
use crate::base::clock::Time;
use crate::base::limits::ALTERNATES_AFTER;
use crate::base::links::LinkId;
use crate::base::machine::Cause;

/// A silent attempt gets company after this long.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// A local socket with a full queue, and a system out of ports, are asked again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(super) struct Dial {
    pub(super) link: LinkId,
    /// Asked for by the core while there was no socket yet.
    pub(super) ending: bool,
    waiting: VecDeque<Target>,
    attempts: Vec<Token>,
    /// The latest failure: the one that is told if none succeeds.
    last: Cause,
}

/// How a dial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Connected(Token, LinkId),
    Failed(Cause),
}

impl Dial {
    pub(super) const fn new(link: LinkId) -> Self {
        Self {
            link,
            ending: false,
            waiting: VecDeque::new(),
            attempts: Vec::new(),
            last: Cause::Offline,
        }
    }
}

fn dial_of(table: &mut Table, token: Token) -> Option<&mut Dial> {
    match &mut table.get_mut(token)?.body {
        Body::Dial(dial) => Some(dial),
        _ => None,
    }
}

/// Adds addresses and tries the first.
pub(super) fn add(
    table: &mut Table,
    registry: &Registry,
    token: Token,
    targets: impl IntoIterator<Item = Target>,
    now: Time,
) -> Progress {
    if let Some(dial) = dial_of(table, token) {
        dial.waiting.extend(targets);
    }
    next(table, registry, token, now)
}

/// Tries the next address that can be tried at all.
pub(super) fn next(table: &mut Table, registry: &Registry, token: Token, now: Time) -> Progress {
    loop {
        let Some(dial) = dial_of(table, token) else { return Progress::Waiting };
        let Some(target) = dial.waiting.pop_front() else {
            let failed = dial.attempts.is_empty();
            return if failed { Progress::Failed(dial.last) } else { Progress::Waiting };
        };
        match Socket::dial(&target) {
            Ok(socket) => {
                let over = over_alternates(&target, &socket);
                let is_more = dial.waiting.front().is_some_and(Target::is_over);
                let after = if over.is_empty() { NEXT_AFTER } else { ALTERNATES_AFTER };
                over.into_iter().for_each(|target| dial.waiting.push_front(target));
                match attempt(table, registry, token, socket) {
                    // The other interfaces are tried together.
                    Ok(()) if target.is_over() && is_more => {}
                    Ok(()) => {
                        table.set_timer(token, Some(now + after));
                        return Progress::Waiting;
                    }
                    Err(cause) => failed(table, token, cause),
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                dial.waiting.push_front(target);
                table.set_timer(token, Some(now + AGAIN_AFTER));
                return Progress::Waiting;
            }
            Err(error) => match (cause_of(&error), target) {
                // Refused by this machine's own routes; what a network said before weighs more.
                (_, Target::Over(..)) | (Cause::Unreachable, Target::Tcp(_)) => {}
                (cause, _) => dial.last = cause,
            },
        }
    }
}

/// The same address over the other interfaces.
fn over_alternates(target: &Target, socket: &Socket) -> Vec<Target> {
    let (Target::Tcp(address), Some(own)) = (target, socket.local_address()) else {
        return Vec::new();
    };
    alternates(*address, own).into_iter().map(|name| Target::Over(*address, name)).collect()
}

fn failed(table: &mut Table, token: Token, cause: Cause) {
    if let Some(dial) = dial_of(table, token) {
        dial.last = cause;
    }
}

/// Registers a socket on its way as an attempt of the dial.
fn attempt(
    table: &mut Table,
    registry: &Registry,
    token: Token,
    mut socket: Socket,
) -> Result<(), Cause> {
    let child = table.insert(Body::Waker);
    if let Err(error) = socket.register(registry, child) {
        table.kill(child);
        return Err(cause_of(&error));
    }
    table.replace(child, Body::Attempt(token, socket));
    if let Some(dial) = dial_of(table, token) {
        dial.attempts.push(child);
    }
    Ok(())
}

/// Something happened to the socket of the attempt `child`.
pub(super) fn stirred(
    table: &mut Table,
    registry: &Registry,
    child: Token,
    now: Time,
) -> (Token, Progress) {
    let Some(Body::Attempt(parent, socket)) = table.get(child).map(|source| &source.body) else {
        return (child, Progress::Waiting);
    };
    let parent = *parent;
    match socket.arrival() {
        Arrival::NotYet => (parent, Progress::Waiting),
        Arrival::There => (parent, connected(table, parent, child)),
        Arrival::Failed(cause) => {
            table.kill(child);
            if let Some(dial) = dial_of(table, parent) {
                dial.attempts.retain(|attempt| *attempt != child);
                dial.last = cause;
            }
            (parent, next(table, registry, parent, now))
        }
    }
}

/// The attempt becomes the link's stream; the dial and its other attempts go.
fn connected(table: &mut Table, parent: Token, child: Token) -> Progress {
    let Some(Body::Dial(dial)) = table.kill(parent) else { return Progress::Waiting };
    for other in dial.attempts {
        if other != child {
            table.kill(other);
        }
    }
    let Some(Body::Attempt(_, socket)) = table.replace(child, Body::Dead) else {
        return Progress::Waiting;
    };
    let mut stream = Stream::new(dial.link, socket);
    stream.ending = dial.ending;
    table.replace(child, Body::Stream(stream));
    table.name_link(dial.link, child);
    Progress::Connected(child, dial.link)
}

/// The core does not want the link any more: all attempts go.
pub(super) fn call_off(table: &mut Table, dial: &Dial) {
    for attempt in &dial.attempts {
        table.kill(*attempt);
    }
}
