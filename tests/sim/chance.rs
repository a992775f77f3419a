//! The simulator's own chance: small, quick, and a function of the seed alone.

use std::time::Duration;

/// splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Self(seed ^ 0x6d75_7365_735f_7369);
        chance.u64();
        chance
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`; the bias of a remainder does no harm here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.u64() % bound.max(1)
    }

    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    pub(crate) fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// A time up to `most`, each order of magnitude down to a thousandth as likely as the next.
    pub(crate) fn span(&mut self, most: Duration) -> Duration {
        let scale = 1 << self.below(11);
        self.within(most / scale)
    }

    /// A time up to `most`, each equally likely.
    pub(crate) fn within(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.below(most.as_nanos() as u64 + 1))
    }

    /// A size up to `most`, each order of magnitude as likely as the next.
    pub(crate) fn size(&mut self, most: u64) -> u64 {
        let bits = u64::from(u64::BITS - most.leading_zeros());
        let width = self.below(bits + 1);
        self.below((1_u64 << width).min(most + 1).max(1))
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        seed.chunks_mut(8).for_each(|word| word.copy_from_slice(&self.u64().to_le_bytes()));
        seed
    }
}
