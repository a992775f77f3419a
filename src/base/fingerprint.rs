//! A running 64-bit digest of values, for replay: equal histories give equal fingerprints.
//!
//! It is fast and fixed for ever, and it is *not* a security hash: nothing secret or hostile is
//! decided by it.

/// The digest so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Self(0x6d75_7365_735f_7461)
    }
}

impl Fingerprint {
    /// The digest as a number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Folds one number in.
    pub fn fold(&mut self, value: u64) {
        // The finaliser of splitmix64: every input bit reaches every output bit.
        let mut mixed = self.0 ^ value.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ mixed >> 31;
    }

    /// Folds bytes in, together with their number.
    pub fn fold_bytes(&mut self, bytes: &[u8]) {
        self.fold(bytes.len() as u64);
        for word in bytes.chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            self.fold(u64::from_le_bytes(padded));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_length_and_every_byte_count() {
        let digest = |parts: &[&[u8]]| {
            let mut digest = Fingerprint::default();
            parts.iter().for_each(|part| digest.fold_bytes(part));
            digest
        };
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"ab"]), digest(&[b"ba"]));
        assert_ne!(digest(&[b"a"]), digest(&[b"a\0"]));
    }
}
