//! Host names, looked up on threads of their own.
//!
//! The system's resolver blocks, for many seconds where the network is away, so each lookup has
//! its thread; the answer comes through a channel and the poll is woken. Nothing is kept: a name
//! is looked up anew each time it is dialled, because the node may be elsewhere by then.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use mio::{Token, Waker};

use crate::base::machine::Cause;

/// Lookups at a time; more wait.
const LOOKUPS_MAX: usize = 16;

/// What became of the question of a source.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) token: Token,
    /// Never empty where it is a success.
    pub(super) addresses: Result<Vec<SocketAddr>, Cause>,
}

#[derive(Debug)]
struct Question {
    token: Token,
    host: String,
    port: u16,
}

#[derive(Debug)]
pub(super) struct Resolver {
    waker: Arc<Waker>,
    sender: Sender<Answer>,
    receiver: Receiver<Answer>,
    running: usize,
    waiting: VecDeque<Question>,
}

impl Resolver {
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, receiver) = channel();
        Self { waker: Arc::new(waker), sender, receiver, running: 0, waiting: VecDeque::new() }
    }

    /// Looks a name up on behalf of the source with this token.
    pub(super) fn ask(&mut self, token: Token, host: String, port: u16) {
        self.waiting.push_back(Question { token, host, port });
        self.start();
    }

    fn start(&mut self) {
        while self.running < LOOKUPS_MAX {
            let Some(question) = self.waiting.pop_front() else { return };
            self.running += 1;
            let (sender, waker) = (self.sender.clone(), Arc::clone(&self.waker));
            let token = question.token;
            let answer = move |addresses| {
                // The reactor may be gone by now; then nobody wants to know.
                let _ = sender.send(Answer { token, addresses });
                let _ = waker.wake();
            };
            let failed = answer.clone();
            let thread = thread::Builder::new().name("resolver".to_owned());
            if thread.spawn(move || answer(lookup(&question.host, question.port))).is_err() {
                failed(Err(Cause::Denied));
            }
        }
    }

    /// An answer that has come in.
    pub(super) fn answer(&mut self) -> Option<Answer> {
        let answer = self.receiver.try_recv().ok()?;
        self.running -= 1;
        self.start();
        Some(answer)
    }
}

fn lookup(host: &str, port: u16) -> Result<Vec<SocketAddr>, Cause> {
    let found = (host, port).to_socket_addrs().map_err(|error| cause_of_lookup(&error))?;
    let addresses = alternate(found);
    if addresses.is_empty() { Err(Cause::NoSuchHost) } else { Ok(addresses) }
}

/// `getaddrinfo` has its own errors, of which the standard library gives only the text.
fn cause_of_lookup(error: &io::Error) -> Cause {
    let nobody_answered = error.to_string().contains("emporary failure");
    if nobody_answered { Cause::Unreachable } else { Cause::NoSuchHost }
}

/// Each address once, the families taking turns (RFC 8305 section 4): where one of them leads
/// nowhere, the other is tried second and not last.
fn alternate(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut found: Vec<_> = found.collect();
    let mut ordered = Vec::new();
    while !found.is_empty() {
        let other = |address: &SocketAddr| {
            ordered.last().is_none_or(|last: &SocketAddr| last.is_ipv4() != address.is_ipv4())
        };
        let next = found.remove(found.iter().position(other).unwrap_or(0));
        found.retain(|address| *address != next);
        ordered.push(next);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_each_address_comes_once() {
        let parse = |text: &str| text.parse::<SocketAddr>().expect("a test address");
        let found = ["[::1]:1", "[::2]:1", "[::1]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"];
        let ordered = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"];
        assert_eq!(alternate(found.iter().map(|a| parse(a))), ordered.map(parse));
    }

    #[test]
    fn a_name_without_address_says_so() {
        assert!(lookup("localhost", 1).is_ok());
        assert_eq!(lookup("not..a..name", 1), Err(Cause::NoSuchHost));
    }
}
