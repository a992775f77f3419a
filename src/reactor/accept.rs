//! Takes in the connections that wait on a listening socket.

use std::io::ErrorKind;
use std::time::Duration;

use mio::Token;

use super::drain;
use super::failure::words;
use super::outside::Outside;
use super::source::Body;
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
        match listener.accept() {
            Ok((socket, from)) => {
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
                _ => {
                    log::warn!("cannot accept connections for now: {}", words(&error));
                    source.can_read = false;
                    outside.table.set_timer(token, Some(outside.now + REST));
                    return;
                }
            },
        }
    }
    outside.table.enqueue(token);
}
