//! Random bytes from a seed.

use openssl::sha::sha256;

/// A generator.
#[derive(Debug)]
pub struct Rng {
    seed: [u8; 32],
    count: u64,
}

impl Rng {
    /// The generator with this seed.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self { seed, count: 0 }
    }

    /// Fills `into`.
    pub fn fill(&mut self, into: &mut [u8]) {
        for part in into.chunks_mut(32) {
            self.count += 1;
            let block = sha256(&[&self.seed[..], &self.count.to_be_bytes()].concat());
            part.copy_from_slice(&block[..part.len()]);
        }
    }

    /// The next bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// The next number.
    pub fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.u64() % bound
    }

    /// Another generator.
    pub fn child(&mut self) -> Self {
        Self::new(self.array())
    }
}
