//! HMAC (RFC 2104) with its two key blocks absorbed once.
//!
//! What a message costs is then the message and one block, and no allocation: the states are
//! plain memory and are copied for each message.

use std::hint::black_box;

use openssl::sha::{Sha1, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a block of SHA-1 and of SHA-256.
const BLOCK: usize = 64;

/// A hash function that can be stopped, copied and continued.
pub(super) trait Digest: Clone {
    /// The hash.
    type Output: AsRef<[u8]>;
    /// Nothing absorbed yet.
    fn start() -> Self;
    /// Takes bytes in.
    fn absorb(&mut self, bytes: &[u8]);
    /// The hash of all that was absorbed.
    fn output(self) -> Self::Output;
}

impl Digest for Sha1 {
    type Output = [u8; 20];

    fn start() -> Self {
        Self::new()
    }

    fn absorb(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn output(self) -> [u8; 20] {
        self.finish()
    }
}

impl Digest for Sha256 {
    type Output = [u8; 32];

    fn start() -> Self {
        Self::new()
    }

    fn absorb(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn output(self) -> [u8; 32] {
        self.finish()
    }
}

/// A keyed MAC, ready for any number of messages.
pub(super) struct Hmac<D: Digest> {
    inner: D,
    outer: D,
}

impl<D: Digest> Hmac<D> {
    pub(super) fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() <= BLOCK {
            block[..key.len()].copy_from_slice(key);
        } else {
            let mut digest = D::start();
            digest.absorb(key);
            let hash = digest.output();
            block[..hash.as_ref().len()].copy_from_slice(hash.as_ref());
        }
        let keyed = |pad: u8| {
            let mut padded = block.map(|byte| byte ^ pad);
            let mut state = D::start();
            state.absorb(&padded);
            padded.zeroize();
            state
        };
        Self { inner: keyed(0x36), outer: keyed(0x5c) }
    }

    /// Takes in bytes that every message begins with.
    pub(super) fn prefix(&mut self, bytes: &[u8]) {
        self.inner.absorb(bytes);
    }

    /// Begins a message; its parts are absorbed by the state returned.
    pub(super) fn begin(&self) -> D {
        self.inner.clone()
    }

    /// The MAC of a message begun by [`Hmac::begin`].
    pub(super) fn end(&self, message: D) -> D::Output {
        let mut outer = self.outer.clone();
        outer.absorb(message.output().as_ref());
        outer.output()
    }

    /// The MAC of a message in parts.
    pub(super) fn compute(&self, parts: &[&[u8]]) -> D::Output {
        let mut message = self.begin();
        for part in parts {
            message.absorb(part);
        }
        self.end(message)
    }
}

impl<D: Digest> Drop for Hmac<D> {
    fn drop(&mut self) {
        // The states stand for the key. Showing the fresh ones to `black_box` keeps the compiler
        // from leaving the overwriting out.
        (self.inner, self.outer) = (D::start(), D::start());
        black_box((&self.inner, &self.outer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    // CR-18: RFC 2202 section 3, test cases 1 to 7 for HMAC-SHA-1.
    #[test]
    fn hmac_sha1_gives_what_rfc_2202_says() {
        let counted: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str); 7] = [
            (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (&[0xaa; 20], &[0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (&counted, &[0xcd; 50], "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
            (&[0x0c; 20], b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
                "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
            ),
        ];
        for (key, text, mac) in cases {
            let hmac = Hmac::<Sha1>::new(key);
            assert_eq!(hmac.compute(&[text]).to_vec(), hex(mac));
            // The states outlive a message, and where a message is cut does not matter.
            assert_eq!(hmac.compute(&[&text[..3], &text[3..]]).to_vec(), hex(mac));
            let mut begun = Hmac::<Sha1>::new(key);
            begun.prefix(&text[..5]);
            assert_eq!(begun.compute(&[&text[5..]]).to_vec(), hex(mac));
        }
    }

    // CR-18: RFC 4231 test cases 2 and 6 for HMAC-SHA-256.
    #[test]
    fn hmac_sha256_gives_what_rfc_4231_says() {
        let short = Hmac::<Sha256>::new(b"Jefe").compute(&[b"what do ya want for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(short.to_vec(), hex(expected));
        let long = Hmac::<Sha256>::new(&[0xaa; 131])
            .compute(&[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(long.to_vec(), hex(expected));
    }
}
