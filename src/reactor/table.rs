//! All that is registered with the poll: one slab, one kind of token.
//!
//! A token is generation and slot, so an event of a source that is gone finds nothing, even when
//! its slot was taken again within one batch. What dies stays in the graveyard (its descriptor
//! closed, its slot held) until the turn is over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mio::Token;
use slab::Slab;

use super::source::{Body, Source};
use crate::base::clock::Time;
use crate::base::links::LinkId;
use crate::base::machine::Port;

const SLOT_BITS: u32 = 32;
const _: () = assert!(usize::BITS == 64, "a token holds a generation and a slot");

#[derive(Debug, Default)]
pub(super) struct Table {
    sources: Slab<Source>,
    generation: u32,
    links: BTreeMap<LinkId, Token>,
    ports: BTreeMap<Port, Token>,
    timers: BTreeSet<(Time, Token)>,
    queue: VecDeque<Token>,
    graveyard: Vec<Token>,
}

fn slot(token: Token) -> usize {
    token.0 & u32::MAX as usize
}

impl Table {
    pub(super) fn insert(&mut self, body: Body) -> Token {
        self.generation = self.generation.wrapping_add(1);
        let slot = self.sources.insert(Source::new(self.generation, body));
        Token((self.generation as usize) << SLOT_BITS | slot)
    }

    pub(super) fn get(&self, token: Token) -> Option<&Source> {
        let source = self.sources.get(slot(token))?;
        (source.generation() == token.0 >> SLOT_BITS).then_some(source)
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Source> {
        let source = self.sources.get_mut(slot(token))?;
        (source.generation() == token.0 >> SLOT_BITS).then_some(source)
    }

    /// Puts another body in place of a source's present one, which is returned.
    pub(super) fn replace(&mut self, token: Token, body: Body) -> Option<Body> {
        Some(std::mem::replace(&mut self.get_mut(token)?.body, body))
    }

    /// Ends a source: its names and its timer go now, its slot at the end of the turn.
    pub(super) fn kill(&mut self, token: Token) -> Option<Body> {
        self.set_timer(token, None);
        let body = self.replace(token, Body::Dead)?;
        match &body {
            Body::Dead => return None,
            Body::Listener(listener) => self.forget_port(listener.port, token),
            Body::Naming(port) => self.forget_port(*port, token),
            body => {
                if let Some(link) = body.link() {
                    self.forget_link(link, token);
                }
            }
        }
        self.graveyard.push(token);
        Some(body)
    }

    fn forget_port(&mut self, port: Port, token: Token) {
        if self.ports.get(&port) == Some(&token) {
            self.ports.remove(&port);
        }
    }

    /// The source stays, but nothing the core says of this link reaches it any more.
    pub(super) fn forget_link(&mut self, link: LinkId, token: Token) {
        if self.links.get(&link) == Some(&token) {
            self.links.remove(&link);
        }
    }

    /// Frees the slots of what died in this turn; whether anything did.
    pub(super) fn bury(&mut self) -> bool {
        let has_died = !self.graveyard.is_empty();
        for token in self.graveyard.drain(..) {
            self.sources.try_remove(slot(token));
        }
        has_died
    }

    pub(super) fn name_link(&mut self, link: LinkId, token: Token) {
        self.links.insert(link, token);
    }

    pub(super) fn name_port(&mut self, port: Port, token: Token) {
        self.ports.insert(port, token);
    }

    pub(super) fn of_link(&self, link: LinkId) -> Option<Token> {
        self.links.get(&link).copied()
    }

    pub(super) fn of_port(&self, port: Port) -> Option<Token> {
        self.ports.get(&port).copied()
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        let token =
            |(slot, source): (usize, &Source)| Token(source.generation() << SLOT_BITS | slot);
        self.sources.iter().map(token).collect()
    }

    /// Gives a source its turn, once however often it is asked for.
    pub(super) fn enqueue(&mut self, token: Token) {
        let Some(source) = self.get_mut(token) else { return };
        if !std::mem::replace(&mut source.queued, true) {
            self.queue.push_back(token);
        }
    }

    /// The run queue as it stands; what is queued from now on belongs to the next turn.
    pub(super) fn steal_queue(&mut self) -> VecDeque<Token> {
        let queue = std::mem::take(&mut self.queue);
        for token in &queue {
            if let Some(source) = self.get_mut(*token) {
                source.queued = false;
            }
        }
        queue
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// Sets or clears a source's one timer.
    pub(super) fn set_timer(&mut self, token: Token, at: Option<Time>) {
        let Some(source) = self.get_mut(token) else { return };
        let before = std::mem::replace(&mut source.timer, at);
        if let Some(before) = before {
            self.timers.remove(&(before, token));
        }
        if let Some(at) = at {
            self.timers.insert((at, token));
        }
    }

    pub(super) fn next_timer(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// A source whose timer is past; its timer is cleared.
    pub(super) fn pop_timer(&mut self, now: Time) -> Option<Token> {
        let (at, token) = self.timers.first().copied()?;
        if at > now {
            return None;
        }
        self.set_timer(token, None);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_token_never_finds_the_new_source_in_its_slot() {
        let mut table = Table::default();
        let old = table.insert(Body::Waker);
        table.kill(old);
        let other = table.insert(Body::Waker);
        assert_ne!(slot(old), slot(other), "the dead hold their slot until the turn is over");
        table.bury();
        let new = table.insert(Body::Waker);
        assert_eq!(slot(old), slot(new));
        assert!(table.get(old).is_none() && table.get(new).is_some());
        assert!(table.kill(old).is_none());
        table.bury();
        assert!(table.get(new).is_some());
    }

    #[test]
    fn a_source_is_queued_once_and_stolen_once() {
        let mut table = Table::default();
        let token = table.insert(Body::Waker);
        table.enqueue(token);
        table.enqueue(token);
        assert_eq!(table.steal_queue(), [token]);
        assert!(table.is_idle());
        table.enqueue(token);
        assert!(!table.is_idle());
    }

    #[test]
    fn a_timer_dies_with_its_source() {
        let mut table = Table::default();
        let (first, second) = (table.insert(Body::Waker), table.insert(Body::Waker));
        table.set_timer(first, Some(Time::from_nanos(1)));
        table.set_timer(second, Some(Time::from_nanos(2)));
        table.kill(first);
        assert_eq!(table.pop_timer(Time::from_nanos(1)), None);
        assert_eq!(table.pop_timer(Time::from_nanos(2)), Some(second));
        assert_eq!(table.next_timer(), None);
    }
}
