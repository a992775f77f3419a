//! One turn of a connected link: first writing, which frees memory, then reading.
//!
//! Each direction has a budget, so that a busy link holds up neither the others nor its own other
//! direction; what is left over is queued for the next turn.

use std::io::ErrorKind;

use mio::Token;

use super::drain;
use super::failure::cause_of;
use super::outside::Outside;
use super::source::Body;
use crate::base::machine::{Cause, Machine, Slices};

const BYTES_MAX: usize = 256 * 1024;
const CALLS_MAX: usize = 16;

/// What one direction may still do in this turn.
struct Budget {
    bytes: usize,
    calls: usize,
}

impl Budget {
    const fn new() -> Self {
        Self { bytes: BYTES_MAX, calls: CALLS_MAX }
    }

    const fn is_spent(&self) -> bool {
        self.bytes == 0 || self.calls == 0
    }

    const fn spend(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.calls -= 1;
    }
}

pub(super) fn serve<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    write(machine, outside, token);
    read(machine, outside, token);
}

fn write<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    let mut budget = Budget::new();
    loop {
        let Some(source) = outside.table.get_mut(token) else { return };
        let Body::Stream(stream) = &mut source.body else { return };
        let mut slices = Slices::default();
        machine.send_slices(stream.link, &mut slices);
        if slices.is_empty() {
            return outside.flushed(token);
        }
        if !source.can_write {
            return;
        }
        if budget.is_spent() {
            return outside.table.enqueue(token);
        }
        match stream.socket.write(&slices) {
            Ok(0) => return outside.failed(token, Cause::Reset),
            Ok(count) => {
                let link = stream.link;
                budget.spend(count);
                machine.send_commit(link, count, outside.now);
                drain(machine, outside);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                source.can_write = false;
                return;
            }
            Err(error) => return outside.failed(token, cause_of(&error)),
        }
    }
}

fn read<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    let mut budget = Budget::new();
    loop {
        let Some(source) = outside.table.get_mut(token) else { return };
        let Body::Stream(stream) = &mut source.body else { return };
        if !source.can_read || stream.eof {
            return;
        }
        if stream.closing {
            // Nobody wants it, and unread it could keep the far end from reading our last bytes.
            return discard(outside, token);
        }
        if budget.is_spent() {
            return outside.table.enqueue(token);
        }
        let space = machine.recv_space(stream.link);
        if space.is_empty() {
            return;
        }
        let link = stream.link;
        match stream.socket.read(space) {
            Ok(0) => {
                stream.eof = true;
                return outside.ended(token, link);
            }
            Ok(count) => {
                budget.spend(count);
                machine.recv_commit(link, count, outside.now);
                drain(machine, outside);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                source.can_read = false;
                return;
            }
            Err(error) => return outside.failed(token, cause_of(&error)),
        }
    }
}

/// Throws away what a closed link still receives. True once its far end has ended.
fn discard(outside: &mut Outside, token: Token) {
    let Some(source) = outside.table.get_mut(token) else { return };
    let (socket, eof) = match &mut source.body {
        Body::Stream(stream) => (&mut stream.socket, Some(&mut stream.eof)),
        Body::Lingering(socket) => (socket, None),
        _ => return,
    };
    match (socket.discard(BYTES_MAX), eof) {
        (Err(_), _) => source.can_read = false,
        (Ok(false), _) => outside.table.enqueue(token),
        (Ok(true), Some(eof)) => *eof = true,
        (Ok(true), None) => drop(outside.table.kill(token)),
    }
}

/// One turn of a flushed and ended link.
pub(super) fn linger(outside: &mut Outside, token: Token) {
    let Some(source) = outside.table.get(token) else { return };
    if source.can_read && matches!(source.body, Body::Lingering(_)) {
        discard(outside, token);
    }
}

/// One turn of a closed link that has lost its socket: all that is left counts as written.
pub(super) fn swallow<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    for _ in 0..CALLS_MAX {
        let Some(Body::Void(link)) = outside.table.get(token).map(|source| &source.body) else {
            return;
        };
        let link = *link;
        let mut slices = Slices::default();
        machine.send_slices(link, &mut slices);
        let count: usize = slices.iter().map(|slice| slice.len()).sum();
        if count == 0 {
            outside.table.kill(token);
            return;
        }
        machine.send_commit(link, count, outside.now);
        drain(machine, outside);
    }
    outside.table.enqueue(token);
}

/// The last turn: writes what the kernel takes at once, then ends the stream so that it arrives.
pub(super) fn farewell<M: Machine>(machine: &mut M, outside: &mut Outside, token: Token) {
    loop {
        let Some(source) = outside.table.get_mut(token) else { return };
        let Body::Stream(stream) = &mut source.body else { return };
        let mut slices = Slices::default();
        machine.send_slices(stream.link, &mut slices);
        let written = if slices.is_empty() { Ok(0) } else { stream.socket.write(&slices) };
        match written {
            Ok(count) if count > 0 => {
                machine.send_commit(stream.link, count, outside.now);
                // It has finished: what it still wants cannot be had.
                while machine.poll().is_some() {}
            }
            // Ended, then emptied: unread bytes would turn the close into a reset.
            _ => {
                let _ = stream.socket.end();
                let _ = stream.socket.discard(BYTES_MAX);
                return;
            }
        }
    }
}
