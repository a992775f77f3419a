//! The core's only source of random bytes: a generator that is a function of its seed.
//!
//! AES-256-CTR with fast key erasure: each refill of the pool makes the next key first, and bytes
//! handed out are wiped from the pool. What is read from memory later tells nothing about what
//! was drawn before.

use std::fmt;

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a seed and of the key that begins each pool.
const KEY: usize = 32;
/// Bytes made at once, the next key included.
const POOL: usize = 512;

/// A deterministic generator of random bytes.
pub struct Rng {
    /// Holds the key; the key itself is in no other place.
    cipher: CipherCtx,
    pool: [u8; POOL],
    /// Everything before this is handed out and wiped.
    at: usize,
}

impl Rng {
    /// The generator with this seed: equal seeds give equal bytes for ever.
    ///
    /// # Panics
    ///
    /// If OpenSSL has no AES-256-CTR. A generator that cannot generate must not go on.
    #[must_use]
    pub fn new(seed: [u8; KEY]) -> Self {
        let seed = Zeroizing::new(seed);
        let keyed = || {
            let mut cipher = CipherCtx::new()?;
            cipher.encrypt_init(Some(Cipher::aes_256_ctr()), Some(&*seed), None)?;
            Ok::<_, ErrorStack>(cipher)
        };
        let cipher = keyed().expect("OpenSSL has AES-256-CTR");
        Self { cipher, pool: [0; POOL], at: POOL }
    }

    /// Fills `into` with random bytes.
    pub fn fill(&mut self, mut into: &mut [u8]) {
        while !into.is_empty() {
            if self.at == POOL {
                self.refill().expect("AES-256-CTR works after it worked once");
            }
            let count = into.len().min(POOL - self.at);
            let (now, later) = into.split_at_mut(count);
            let drawn = &mut self.pool[self.at..self.at + count];
            now.copy_from_slice(drawn);
            drawn.zeroize();
            self.at += count;
            into = later;
        }
    }

    /// Random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A random number.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A random number below `bound`, each equally likely.
    ///
    /// # Panics
    ///
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        // Below this many of the 2^64 numbers do not divide evenly; drawing one of them is drawn
        // again, which happens less than once on average.
        let uneven = bound.wrapping_neg() % bound;
        loop {
            let drawn = self.u64();
            if drawn >= uneven {
                return drawn % bound;
            }
        }
    }

    /// Another generator, seeded from this one.
    pub fn child(&mut self) -> Self {
        Self::new(self.array())
    }

    fn refill(&mut self) -> Result<(), ErrorStack> {
        self.pool.fill(0);
        self.cipher.encrypt_init(None, None, Some(&[0; 16]))?;
        self.cipher.cipher_update_inplace(&mut self.pool, POOL)?;
        let (key, _) = self.pool.split_at_mut(KEY);
        self.cipher.encrypt_init(None, Some(key), None)?;
        key.zeroize();
        self.at = KEY;
        Ok(())
    }
}

impl Drop for Rng {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;
    use quickcheck::quickcheck;

    quickcheck! {
        fn how_bytes_are_asked_for_does_not_change_them(sizes: Vec<u8>) -> bool {
            let (mut parts, mut whole) = (Rng::new([3; KEY]), Rng::new([3; KEY]));
            let drawn: Vec<u8> = sizes.iter().flat_map(|size| {
                let mut bytes = vec![0; usize::from(*size)];
                parts.fill(&mut bytes);
                bytes
            }).collect();
            let mut expected = vec![0; drawn.len()];
            whole.fill(&mut expected);
            drawn == expected
        }

        fn a_number_is_below_its_bound(seed: u8, bound: u64) -> bool {
            let bound = bound.max(1);
            Rng::new([seed; KEY]).below(bound) < bound
        }
    }

    // Tapes are replayed by later versions: these bytes stay. Computed by a second implementation
    // (Python: cryptography), over the first refill.
    #[test]
    fn the_bytes_of_a_seed_are_fixed_for_ever() {
        let mut rng = Rng::new(std::array::from_fn(|at| at as u8));
        let drawn: [u8; 488] = rng.array();
        assert_eq!(drawn[..16].to_vec(), hex("0ebcb5deb52c83bd08a8a935182c9199"));
        assert_eq!(drawn[472..].to_vec(), hex("0d4acfc8977900729720e40516407d2c"));
    }

    // CR-17: what was handed out is nowhere in the generator any more, nor is the key it came from.
    #[test]
    fn what_was_drawn_is_gone() {
        let mut rng = Rng::new([1; KEY]);
        let drawn: [u8; 100] = rng.array();
        assert!(drawn.iter().any(|byte| *byte != 0));
        assert!(rng.pool[..KEY + 100].iter().all(|byte| *byte == 0));
        assert!(rng.pool[KEY + 100..].iter().any(|byte| *byte != 0));
    }

    #[test]
    fn seeds_and_children_differ() {
        let mut rng = Rng::new([1; KEY]);
        let (mut child, mut other) = (rng.child(), Rng::new([2; KEY]));
        let drawn = [rng.u64(), child.u64(), other.u64(), rng.child().u64()];
        assert!((0..4).all(|i| !drawn[..i].contains(&drawn[i])), "{drawn:x?}");
    }

    #[test]
    fn every_small_number_is_equally_likely() {
        let (mut rng, mut counts) = (Rng::new([9; KEY]), [0_u32; 6]);
        for _ in 0..60_000 {
            counts[rng.below(6) as usize] += 1;
        }
        // Standard deviation 91; the seed is fixed, so this passes always or never.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 400), "{counts:?}");
        // Half of all numbers are uneven here: without drawing again the lower half would win.
        let bound = (1 << 63) + 1;
        let low = (0..10_000).filter(|_| rng.below(bound) < bound / 2).count();
        assert!(low.abs_diff(5_000) < 250, "{low}");
    }
}
