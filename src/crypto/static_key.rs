//! X25519: a device's static key for the handshake, and the exchange itself.

use std::fmt;

use openssl::derive::Deriver;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey};

use super::CryptoError;
use super::secret::Secret;

/// An X25519 private key with its public part.
#[derive(Clone)]
pub struct StaticKey {
    private: Secret,
    public: [u8; 32],
}

impl StaticKey {
    /// The key with these private bytes.
    pub fn from_secret(private: Secret) -> Result<Self, CryptoError> {
        let key = PKey::private_key_from_raw_bytes(private.as_bytes(), Id::X25519)?;
        let mut public = [0; 32];
        public.copy_from_slice(&key.raw_public_key()?);
        Ok(Self { private, public })
    }

    /// The public part.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(super) const fn private(&self) -> &Secret {
        &self.private
    }

    /// What both ends can compute and nobody else; `None` for a public key of small order, with
    /// which everybody could.
    pub(super) fn agree(&self, public: &[u8; 32]) -> Option<Secret> {
        let derive = || {
            let own = PKey::private_key_from_raw_bytes(self.private.as_bytes(), Id::X25519)?;
            let other = PKey::public_key_from_raw_bytes(public, Id::X25519)?;
            let mut deriver = Deriver::new(&own)?;
            deriver.set_peer(&other)?;
            let mut shared = [0; 32];
            deriver.derive(&mut shared)?;
            Ok::<_, ErrorStack>(Secret::from_bytes(shared))
        };
        // OpenSSL refuses an all-zero result itself; RFC 7748 section 6.1 leaves the check open,
        // so it is not left to one library.
        derive().ok().filter(|shared| *shared != Secret::from_bytes([0; 32]))
    }
}

impl fmt::Debug for StaticKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StaticKey(..)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::crypto::hex;

    /// Public keys with which every exchange ends in zero: the points of small order and their
    /// second encodings (<https://cr.yp.to/ecdh.html#validate>).
    pub(in crate::crypto) const SMALL_ORDER: [&str; 7] = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];

    fn key(text: &str) -> [u8; 32] {
        hex(text).try_into().expect("32 bytes")
    }

    // CR-18: RFC 7748 section 6.1.
    #[test]
    fn two_keys_agree_as_rfc_7748_says() {
        let with = |text| StaticKey::from_secret(Secret::from_bytes(key(text))).expect("a key");
        let alice = with("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = with("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let public = key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        assert_eq!(*alice.public(), public);
        let public = key("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(*bob.public(), public);
        let shared = key("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(alice.agree(bob.public()), Some(Secret::from_bytes(shared)));
        assert_eq!(bob.agree(alice.public()), Some(Secret::from_bytes(shared)));
    }

    // HS-11: a key of small order leads to no secret at all.
    #[test]
    fn points_of_small_order_are_refused() {
        let own = StaticKey::from_secret(Secret::from_bytes([7; 32])).expect("a key");
        for point in SMALL_ORDER {
            assert_eq!(own.agree(&key(point)), None, "{point}");
        }
    }
}
