//! Names of links, given out by a core so that a stale one never means a new link.

use slab::Slab;

/// A link as the core and its driver know it: generation in the upper half, slot in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u64);

impl LinkId {
    /// The id with this number, as a tape or a driver's table keeps it.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The number of this id.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }
}

/// The links of a core: a slab whose keys carry a generation, so an id of a link that is gone
/// finds nothing even after its slot was taken again.
#[derive(Debug)]
pub struct Links<T> {
    slots: Slab<(u64, T)>,
    tag: u64,
    generation: u64,
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self::tagged(0)
    }
}

/// Slots are the low 32 bits of an id. Above the generation stand two bits that tell the tables of
/// one machine apart; the top bit is left to whoever composes two machines into one.
const SLOT_BITS: u32 = 32;
const GENERATION_BITS: u32 = 29;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

impl<T> Links<T> {
    /// An empty table whose ids are never those of a table with another tag (0 to 3).
    #[must_use]
    pub fn tagged(tag: u8) -> Self {
        let tag = u64::from(tag & 3) << GENERATION_BITS;
        Self { slots: Slab::new(), tag, generation: 0 }
    }

    /// Takes in a link and names it.
    pub fn insert(&mut self, link: T) -> LinkId {
        self.generation = (self.generation + 1) & GENERATION_MASK;
        let upper = self.tag | self.generation;
        let slot = self.slots.insert((upper, link));
        LinkId(upper << SLOT_BITS | slot as u64)
    }

    fn slot(&self, id: LinkId) -> Option<usize> {
        let slot = (id.0 & u64::from(u32::MAX)) as usize;
        let known = self.slots.get(slot)?;
        (known.0 == id.0 >> SLOT_BITS).then_some(slot)
    }

    /// The link, unless it is gone.
    #[must_use]
    pub fn get(&self, id: LinkId) -> Option<&T> {
        self.slot(id).map(|slot| &self.slots[slot].1)
    }

    /// The link, to be changed, unless it is gone.
    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut T> {
        let slot = self.slot(id)?;
        Some(&mut self.slots[slot].1)
    }

    /// Takes the link out; its id then finds nothing for ever.
    pub fn remove(&mut self, id: LinkId) -> Option<T> {
        let slot = self.slot(id)?;
        Some(self.slots.remove(slot).1)
    }

    /// All links in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &T)> {
        self.slots
            .iter()
            .map(|(slot, (generation, link))| (LinkId(generation << SLOT_BITS | slot as u64), link))
    }

    /// All links in slot order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (LinkId, &mut T)> {
        self.slots.iter_mut().map(|(slot, (generation, link))| {
            (LinkId(*generation << SLOT_BITS | slot as u64), link)
        })
    }

    /// How many links there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_id_never_finds_the_new_link_in_its_slot() {
        let mut links = Links::default();
        let old = links.insert("old");
        links.remove(old);
        let new = links.insert("new");
        assert_ne!(old, new);
        assert_eq!((links.get(old), links.get(new)), (None, Some(&"new")));
        assert_eq!(links.remove(old), None);
    }

    #[test]
    fn tables_of_one_machine_do_not_meet() {
        let (mut some, mut others) = (Links::tagged(0), Links::tagged(1));
        let (a, b) = (some.insert(1), others.insert(2));
        assert_ne!(a, b);
        assert_eq!((some.get(b), others.get(a)), (None, None));
    }
}
