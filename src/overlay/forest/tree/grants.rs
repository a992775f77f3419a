//! Edges: wished for by a child, granted by a parent, signed by both.

use super::Tree;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{REFUSED_FOR, STANDING_EVERY};
use crate::overlay::forest::slots::{Slot, Slots, has};
use crate::overlay::source::SourceGroup;
use crate::wire::tree::{Edge, Grant, Wish};

impl Tree {
    /// A neighbour would be our child, or is it, or is it no more.
    pub(super) fn take_wish(&mut self, from: &Name, wish: Option<Wish>, size: u32, now: Time) {
        let Some(wish) = wish else {
            if let Some(neighbour) = self.neighbours.get_mut(from) {
                neighbour.refused = None;
            }
            if self.slots.leave(from, now) {
                self.grown(now);
            }
            return;
        };
        let present = self.slots.get(from).filter(|slot| slot.left.is_none());
        if present.is_some_and(|slot| slot.number == wish.number) {
            if self.slots.grown(from, size) {
                self.grown(now);
            }
            return;
        }
        // Whoever this node hangs from cannot hang from it. It will see that by itself.
        let is_above = self.claim.root == *from || self.edges.iter().any(|e| e.child == *from);
        if is_above && !self.is_root() {
            return;
        }
        let up = self.edges.last().map(|edge| edge.letter);
        let letter_for = |slots: &Slots| slots.letter_for(from, wish.letter, &wish.taken, up);
        let mut letter = letter_for(&self.slots);
        let source = self.neighbours.get(from).map(|neighbour| neighbour.source);
        let source = source.unwrap_or(SourceGroup::Neighbour(*from));
        if letter.is_none()
            && let Some(crowding) = self.slots.crowding(source)
        {
            self.turn_out(&crowding, now);
            letter = letter_for(&self.slots);
        }
        match letter {
            Some(letter) => {
                let ends = (&self.own(), from);
                let by_parent = self.notary.half(self.index, ends, letter, wish.number);
                let number = wish.number;
                let slot = Slot { letter, number, size, by_parent, left: None, source };
                self.slots.put(*from, slot);
                self.redirects.forget(letter);
                self.grown(now);
            }
            None => {
                if let Some(neighbour) = self.neighbours.get_mut(from) {
                    neighbour.refused = Some(wish.number);
                }
            }
        }
        self.tell(from, now);
    }

    /// A child has to give its place to one from another source.
    fn turn_out(&mut self, child: &Name, now: Time) {
        let Some(slot) = self.slots.remove(child).filter(|slot| slot.left.is_none()) else {
            return;
        };
        if let Some(neighbour) = self.neighbours.get_mut(child) {
            neighbour.refused = Some(slot.number);
        }
        self.redirects.forget(slot.letter);
        self.tell(child, now);
        self.grown(now);
    }

    /// What a neighbour that wished for a place is told.
    pub(super) fn grant_for(&self, name: &Name) -> Option<Grant> {
        let refused = self.neighbours.get(name).and_then(|neighbour| neighbour.refused);
        let slot = self.slots.get(name).filter(|slot| slot.left.is_none());
        match slot {
            Some(slot) => {
                let place = Some((slot.letter, slot.by_parent));
                Some(Grant { number: slot.number, place })
            }
            None => refused.map(|number| Grant { number, place: None }),
        }
    }

    /// Whom a neighbour may ask instead that this node refused: its children, those with the
    /// fewest below them first.
    #[must_use]
    pub fn instead(&self, refused: &Name) -> Vec<Name> {
        if self.neighbours.get(refused).is_none_or(|neighbour| neighbour.refused.is_none()) {
            return Vec::new();
        }
        let mut children: Vec<_> = self.children().map(|(name, _, size)| (size, *name)).collect();
        children.sort_unstable();
        children.into_iter().map(|(_, name)| name).collect()
    }

    /// Whether this node needs a place and the neighbour would not give it one.
    #[must_use]
    pub fn is_turned_away(&self, by: &Name) -> bool {
        let barred = self.neighbours.get(by).and_then(|neighbour| neighbour.barred);
        self.parent.is_none() && barred.is_some()
    }

    /// A neighbour answers our wish.
    pub(super) fn take_grant(&mut self, from: &Name, grant: &Grant, now: Time) {
        if self.parent == Some(*from) {
            let own = self.edges.last().filter(|edge| edge.number == grant.number);
            let letter = grant.place.map(|(letter, _)| letter);
            if own.is_some_and(|edge| letter != Some(edge.letter)) {
                self.lose_parent(now);
            }
        }
        let is_asked = |asked: &super::Asked| (asked.parent, asked.number) == (*from, grant.number);
        let Some(asked) = self.asked.take_if(|asked| is_asked(asked)) else { return };
        let Some((letter, by_parent)) = grant.place else {
            return self.bar(from, now + REFUSED_FOR);
        };
        let (child, number) = (self.own(), asked.number);
        let by_child = self.notary.half(self.index, (from, &child), letter, number);
        let edge = Edge { child, letter, number, by_parent, by_child };
        let above = self.neighbours.get(from);
        // A letter that follows itself leads back up: whoever believed it would have no place.
        let is_onward = above.is_some_and(|above| above.word.last() != Some(&letter));
        if !is_onward || !self.notary.is_granted(self.index, from, &edge) {
            return self.bar(from, now + REFUSED_FOR);
        }
        let is_free = !has(&self.slots.taken(), letter);
        let is_sound = self.neighbours.get(from).is_some_and(|above| self.is_sound(above, now));
        if !is_free || !is_sound {
            return self.bar(from, now + STANDING_EVERY);
        }
        // The old parent hears that its child is gone together with everybody.
        self.leave(now);
        (self.parent, self.orphan) = (Some(*from), None);
        self.follow(edge, now);
    }
}
