//! What a node says of a tree, and when.

use super::{Said, Tree, wish};
use crate::base::clock::{Time, earliest};
use crate::base::ids::Name;
use crate::base::limits::{ROOT_PULSE, STANDING_EVERY};
use crate::base::machine::Deadline;
use crate::overlay::dht::placement;
use crate::overlay::forest::slots::mark;
use crate::wire::tree::{Pulse, Standing, Wish};

impl Tree {
    /// A neighbour is to hear how we stand, at once: it or we wait for that.
    pub(super) fn tell(&mut self, name: &Name, now: Time) {
        if let Some(neighbour) = self.neighbours.get_mut(name) {
            neighbour.due = Some(now);
        }
    }

    /// Everybody is to hear how we stand.
    pub(super) fn tell_all(&mut self, now: Time) {
        for neighbour in self.neighbours.values_mut() {
            let earliest = neighbour.told.map_or(now, |told| now.max(told + STANDING_EVERY));
            neighbour.due.get_or_insert(earliest);
        }
    }

    /// The subtree changed: the parent hears of it if what was announced is no longer near.
    pub(super) fn grown(&mut self, now: Time) {
        self.shape = self.shape.saturating_add(1);
        let size = placement::announced(self.size_told, self.size());
        if size != self.size_told
            && let Some(parent) = self.parent
        {
            self.tell(&parent, now);
        }
    }

    /// The root's newer number goes on to everybody but where it came from.
    pub(super) fn pass_pulse(&mut self, but: Option<&Name>) {
        let pulse = Pulse { tree: self.index, claim: self.claim, hung: None };
        let others = self.neighbours.iter().filter(|(name, neighbour)| {
            let known = neighbour.standing.as_ref().map(|standing| &standing.claim);
            let knows = known.is_some_and(|claim| {
                claim.root == pulse.claim.root && claim.number >= pulse.claim.number
            });
            Some(*name) != but && neighbour.due.is_none() && !knows
        });
        self.said.extend(others.map(|(name, _)| (*name, Said::Pulse(pulse))));
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        self.slots.tick(now);
        self.redirects.tick(now);
        self.tick_wish(now);
        let mut is_open_again = false;
        for neighbour in self.neighbours.values_mut() {
            is_open_again |= neighbour.barred.take_if(|until| *until <= now).is_some();
        }
        if is_open_again {
            self.decide(now);
        }
        if self.hold.take_if(|(_, until)| *until <= now).is_some() {
            self.decide(now);
        }
        if self.orphan.take_if(|until| *until <= now).is_some() && self.parent.is_none() {
            self.become_root(now);
            self.decide(now);
        }
        if self.parent.is_some() && !self.roots.is_alive(&self.claim.root, now) {
            self.decide(now);
        }
        if self.is_root() && self.asked.is_none() && self.pulse_at <= now {
            let number = self.next_number(now);
            self.claim = self.notary.claim(self.index, number);
            self.pulse_at = now + ROOT_PULSE;
            self.pass_pulse(None);
        }
        self.tell_former(now);
        self.speak(now);
    }

    fn speak(&mut self, now: Time) {
        let due: Vec<Name> = self
            .neighbours
            .iter_mut()
            .filter_map(|(name, neighbour)| {
                neighbour.due.take_if(|due| *due <= now)?;
                neighbour.told = Some(now);
                Some(*name)
            })
            .collect();
        for name in due {
            let standing = self.standing_for(&name);
            self.said.push_back((name, Said::Standing(standing)));
        }
    }

    #[cfg(test)]
    pub(in crate::overlay::forest) fn standing_to(&mut self, name: &Name) -> Standing {
        self.standing_for(name)
    }

    fn standing_for(&mut self, name: &Name) -> Standing {
        let asked = self.asked.filter(|asked| asked.parent == *name);
        let own = self.edges.last().filter(|_| self.parent == Some(*name));
        let wish = match (asked, own) {
            (Some(asked), _) => Some(self.new_wish(name, asked.number)),
            (None, Some(edge)) => Some(wish(edge.number, Some(edge.letter), &self.slots)),
            (None, None) => None,
        };
        if wish.is_some() {
            self.size_told = placement::announced(self.size_told, self.size());
        }
        let size = self.size_told;
        let (claim, edges) = (self.claim, self.edges.clone());
        let grant = self.grant_for(name);
        Standing { tree: self.index, claim, edges, size, wish, grant }
    }

    /// A subtree that re-hangs from below turns the edges on the way to its old top round. They
    /// keep their letters, so that it keeps its form and one redirect is true for all of it.
    fn new_wish(&self, parent: &Name, number: u64) -> Wish {
        let turned = self.slots.get(parent).map(|slot| slot.letter);
        let mut wish = wish(number, turned, &self.slots);
        // The edge above may turn round next: its letter must not be this node's new one.
        if let Some(edge) = self.edges.last().filter(|_| self.above() != Some(*parent)) {
            mark(&mut wish.taken, edge.letter);
        }
        wish
    }

    /// The next thing to be said.
    pub fn poll(&mut self) -> Option<(Name, Said)> {
        self.said.pop_front()
    }

    /// When [`Tree::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let at = |at: Time, why| Some(Deadline { at, why });
        let due = self.neighbours.values().filter_map(|neighbour| neighbour.due).min();
        let mut next = due.and_then(|due| at(due, "news of a tree"));
        let wish = self.wish_ends().and_then(|ends| at(ends, "answer of a parent"));
        next = earliest(next, wish);
        if let Some((_, until)) = self.hold {
            next = earliest(next, at(until, "another way to the root"));
        }
        if let Some(until) = self.orphan {
            next = earliest(next, at(until, "another parent"));
        }
        if self.is_root() && self.asked.is_none() && !self.neighbours.is_empty() {
            next = earliest(next, at(self.pulse_at, "pulse of a root"));
        }
        // An orphan waits for somebody else.
        if self.parent.is_some() {
            let expiry = self.roots.expires(&self.claim.root);
            next = earliest(next, expiry.and_then(|expiry| at(expiry, "pulse of the root")));
        }
        next =
            earliest(next, self.formers.due().and_then(|due| at(due, "news for a former place")));
        let barred = self.neighbours.values().filter_map(|neighbour| neighbour.barred).min();
        earliest(next, barred.and_then(|barred| at(barred, "a neighbour that refused")))
    }
}

const _: () = assert!(ROOT_PULSE.as_millis() > STANDING_EVERY.as_millis());
