//! The letters a parent has given: one for each child, kept for a while for one that left.

use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{CHILDREN_MAX, LETTER_LEASE};
use crate::overlay::source::SourceGroup;
use crate::overlay::word::Letter;

/// Letters there are; the last is kept back.
const LETTERS: u16 = 255;

/// A child's place.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// Its edge's letter.
    pub letter: Letter,
    /// The number of its edge.
    pub number: u64,
    /// Nodes below and including it, as it says.
    pub size: u32,
    /// This node's signature under the edge.
    pub by_parent: [u8; 64],
    /// When it left; `None` while it is here.
    pub left: Option<Time>,
    /// Where its link came from.
    pub source: SourceGroup,
}

/// All places of a node's children.
#[derive(Debug)]
pub struct Slots {
    given: BTreeMap<Name, Slot>,
    /// Children at most.
    most: u8,
}

impl Default for Slots {
    fn default() -> Self {
        Self { given: BTreeMap::new(), most: CHILDREN_MAX }
    }
}

/// Whether a bit map has a letter.
#[must_use]
pub fn has(taken: &[u8; 32], letter: Letter) -> bool {
    taken.get(usize::from(letter / 8)).is_some_and(|bits| bits & 1 << (letter % 8) != 0)
}

/// Puts a letter into a bit map.
pub fn mark(taken: &mut [u8; 32], letter: Letter) {
    if let Some(bits) = taken.get_mut(usize::from(letter / 8)) {
        *bits |= 1 << (letter % 8);
    }
}

impl Slots {
    /// Takes no more than so many children from now on.
    pub fn limit(&mut self, most: u8) {
        self.most = most;
    }

    /// The child with this Name, here or lately gone.
    #[must_use]
    pub fn get(&self, child: &Name) -> Option<&Slot> {
        self.given.get(child)
    }

    /// The children that are here.
    pub fn present(&self) -> impl Iterator<Item = (&Name, &Slot)> + Clone {
        self.given.iter().filter(|(_, slot)| slot.left.is_none())
    }

    /// The child behind a letter, if it is here.
    #[must_use]
    pub fn child(&self, letter: Letter) -> Option<&Name> {
        self.present().find(|(_, slot)| slot.letter == letter).map(|(name, _)| name)
    }

    /// Nodes below all children.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.present().fold(0, |sum: u32, (_, slot)| sum.saturating_add(slot.size))
    }

    /// Letters in use, one bit each: those of the children that are here.
    #[must_use]
    pub fn taken(&self) -> [u8; 32] {
        let mut taken = [0; 32];
        self.present().for_each(|(_, slot)| mark(&mut taken, slot.letter));
        taken
    }

    /// A letter for a child: the one it has or had here, else the one it wishes, else one that its
    /// Name leads to. It is none of another child's, not `up` (this node's own edge) and none that
    /// the child cannot take. None if all places are taken.
    #[must_use]
    pub fn letter_for(
        &self,
        child: &Name,
        wished: Option<Letter>,
        taken: &[u8; 32],
        up: Option<Letter>,
    ) -> Option<Letter> {
        let is_free = |letter: &Letter| {
            let used =
                self.given.iter().any(|(name, slot)| name != child && slot.letter == *letter);
            !used && Some(*letter) != up && !has(taken, *letter) && u16::from(*letter) < LETTERS
        };
        let is_new = self.get(child).is_none_or(|slot| slot.left.is_some());
        if is_new && self.present().count() >= usize::from(self.most) {
            return None;
        }
        let had = self.given.get(child).map(|slot| slot.letter);
        let start = u16::from(child.as_bytes()[0]) % LETTERS;
        let others = (0..LETTERS).map(|at| (start.saturating_add(at) % LETTERS) as Letter);
        had.into_iter().chain(wished).chain(others).find(is_free)
    }

    /// Puts a child in its place.
    pub fn put(&mut self, child: Name, slot: Slot) {
        self.given.insert(child, slot);
    }

    /// Whose letter another child from `source` may have where none is left: that of a child from
    /// the source with most of them, unless it is the same or has no more than its share. One that
    /// is gone is taken first, then one with few below it.
    #[must_use]
    pub fn crowding(&self, source: SourceGroup) -> Option<Name> {
        let mut counts: BTreeMap<SourceGroup, usize> = BTreeMap::new();
        for slot in self.given.values() {
            let count = counts.entry(slot.source).or_default();
            *count = count.saturating_add(1);
        }
        let own = counts.get(&source).copied().unwrap_or(0);
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let (most, _) = most.filter(|(_, count)| *count >= own.saturating_add(2))?;
        let of_most = self.given.iter().filter(|(_, slot)| slot.source == most);
        let order = |(_, slot): &(&Name, &Slot)| (slot.left.is_none(), slot.left, slot.size);
        of_most.min_by_key(order).map(|(name, _)| *name)
    }

    /// Takes a child's place away, or the letter that is kept for it.
    pub fn remove(&mut self, child: &Name) -> Option<Slot> {
        self.given.remove(child)
    }

    /// A child says how many are below it. Whether that is news.
    pub fn grown(&mut self, child: &Name, size: u32) -> bool {
        let Some(slot) = self.given.get_mut(child) else { return false };
        std::mem::replace(&mut slot.size, size) != size
    }

    /// A child is gone; its letter is kept for it. Whether it was here.
    pub fn leave(&mut self, child: &Name, now: Time) -> bool {
        let Some(slot) = self.given.get_mut(child).filter(|slot| slot.left.is_none()) else {
            return false;
        };
        slot.left = Some(now);
        true
    }

    /// Frees the letters of children that are gone for good.
    pub fn tick(&mut self, now: Time) {
        self.given.retain(|_, slot| slot.left.is_none_or(|left| now.since(left) < LETTER_LEASE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(letter: Letter) -> Slot {
        let source = SourceGroup::Address(u64::from(letter));
        Slot { letter, number: 1, size: 1, by_parent: [0; 64], left: None, source }
    }

    #[test]
    fn no_letter_is_given_twice_and_one_that_left_finds_its_own_again() {
        let mut slots = Slots::default();
        let names: Vec<Name> = (0..=255).map(|fill| Name::from_bytes([fill; 32])).collect();
        for name in &names {
            if let Some(letter) = slots.letter_for(name, Some(3), &[0; 32], Some(9)) {
                assert!(letter != 9 && slots.child(letter).is_none());
                slots.put(*name, slot(letter));
            }
        }
        assert_eq!(slots.present().count(), 254, "all but the last letter and the own edge's");
        let letter = slots.get(&names[40]).map(|slot| slot.letter);
        assert!(slots.leave(&names[40], Time::ZERO) && !slots.leave(&names[40], Time::ZERO));
        assert_eq!(slots.letter_for(&names[255], None, &[0; 32], Some(9)), None, "a lease holds");
        assert_eq!(slots.letter_for(&names[40], None, &[0; 32], Some(9)), letter);
        slots.tick(Time::ZERO + LETTER_LEASE);
        assert_eq!(slots.letter_for(&names[255], None, &[0; 32], Some(9)), letter);
    }

    #[test]
    fn no_more_children_are_taken_than_are_wanted() {
        let mut slots = Slots::default();
        slots.limit(1);
        let [first, second] = [1, 2].map(|fill| Name::from_bytes([fill; 32]));
        let letter = |slots: &Slots, name| slots.letter_for(name, None, &[0; 32], None);
        slots.put(first, slot(letter(&slots, &first).expect("room")));
        assert!(letter(&slots, &second).is_none() && letter(&slots, &first).is_some());
        slots.leave(&first, Time::ZERO);
        slots.put(second, slot(letter(&slots, &second).expect("room again")));
        assert_eq!(letter(&slots, &first), None, "a lease is of a letter, not of a place");
    }

    // A bound whose being full is the denial: 254 strangers of one address.
    #[test]
    fn one_source_gives_way_to_another_until_each_has_its_share() {
        let mut slots = Slots::default();
        let [crowd, other] = [1, 2].map(SourceGroup::Address);
        for fill in 0..=253 {
            slots.put(Name::from_bytes([fill; 32]), Slot { source: crowd, ..slot(fill) });
        }
        assert_eq!(slots.crowding(crowd), None);
        slots.leave(&Name::from_bytes([7; 32]), Time::ZERO);
        assert_eq!(slots.crowding(other), Some(Name::from_bytes([7; 32])), "gone already");
        let mut given = 0;
        while let Some(name) = slots.crowding(other) {
            let letter = slots.remove(&name).expect("it is there").letter;
            slots.put(name, Slot { source: other, ..slot(letter) });
            given += 1;
        }
        assert_eq!(given, 127);
    }

    #[test]
    fn what_the_child_cannot_take_is_not_given() {
        let mut taken = [0xff; 32];
        taken[1] = !2;
        let name = Name::from_bytes([0; 32]);
        assert_eq!(Slots::default().letter_for(&name, Some(0), &taken, None), Some(9));
        assert!(has(&taken, 8) && !has(&taken, 9));
    }
}
