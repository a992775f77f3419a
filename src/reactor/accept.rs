//! Takes in the connections that wait on a listening socket.

use std::io::ErrorKind;
use std::time::Duration;

use log::Level;
use mio::Token;

use super::drain;
use super::failure::words;
use super::listener::Caller;
use super::outside::Outside;
use super::source::Body;
use crate::base::log_limiter::LogSource;
use crate::base::machine::Machine;

/// Connections taken from one socket in one turn; the rest follow in the next.
const ACCEPTS_MAX: usize = 64;

/// Out of descriptors or memory: the same connection would be offered again at once, for ever.
const REST: Duration = Duration::from_millis(100);

pub(super) fn serve<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    for _ in 0..ACCEPTS_MAX {
        let Some(source) = outside.table.get_mut(token) else { return };
        let Body::Listener(listener) = &source.body else { return };
        if !source.can_read {
            return;
        }
        let port = listener.port;
        if listener.is_public() && !outside.descriptors.has_room(listener) {
            return rest(outside, token, "no descriptor is left for callers");
        }
        match listener.accept() {
            Ok(Caller::OtherUser(user)) => refused(outside, user),
            Ok(Caller::Known(socket, from)) => {
                if let Some(link) = machine.accept(port, from, outside.now) {
                    outside.adopt(link, socket);
                }
                drain(machine, outside);
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    source.can_read = false;
                    return;
                }
                // The caller gave up while waiting.
                ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                _ => return rest(outside, token, &words(&error)),
            },
        }
    }
    outside.table.enqueue(token);
}

/// Nothing is accepted for a moment, or until a descriptor is free: the callers wait in the
/// kernel's queue meanwhile.
fn rest(outside: &mut Outside, token: Token, why: &str) {
    if let Some(source) = outside.table.get_mut(token) {
        source.can_read = false;
    }
    outside.table.set_timer(token, Some(outside.now + REST));
    outside.resting.push(token);
    outside.logged.log(Level::Warn, "accept", LogSource::Local, outside.now, || {
        format!("cannot accept connections for now: {why}")
    });
}

/// LO-03: another user of this machine got nothing.
fn refused(outside: &mut Outside, user: u32) {
    outside.logged.log(Level::Warn, "other-user", LogSource::Local, outside.now, || {
        format!("the user with the id {user} was refused on a Unix socket of this daemon")
    });
}
