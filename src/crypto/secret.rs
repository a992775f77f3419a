//! A 32-byte secret and what is derived from it: HKDF-SHA256 (RFC 5869).

use std::fmt;

use openssl::memcmp;
use openssl::sha::Sha256;
use zeroize::Zeroize;

use super::hmac::{Digest, Hmac};

/// What every derivation begins with: keys of another protocol or version never equal ours.
const DOMAIN: &[u8] = b"MUSeS v1 ";

/// 32 secret bytes: wiped when dropped, never printed, compared in constant time.
#[derive(Clone)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// Bytes of a secret.
    pub const LEN: usize = 32;

    /// The secret with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// HKDF-Extract: one uniform secret from `material`.
    ///
    /// The parts are joined as they are, so each must have a length that both sides know.
    #[must_use]
    pub fn extract(salt: &[u8], material: &[&[u8]]) -> Self {
        Self(Hmac::<Sha256>::new(salt).compute(material))
    }

    /// HKDF-Expand: the secret for one purpose.
    ///
    /// Each part of the context carries its length, so no two contexts read alike.
    ///
    /// # Panics
    ///
    /// If a part of the context is longer than 65 535 bytes.
    #[must_use]
    pub fn derive(&self, label: &str, context: &[&[u8]]) -> Self {
        self.expand(|info| {
            info.absorb(DOMAIN);
            info.absorb(label.as_bytes());
            for part in context {
                let length = u16::try_from(part.len()).expect("a context of short parts");
                info.absorb(&length.to_be_bytes());
                info.absorb(part);
            }
        })
    }

    /// The first 32 bytes of HKDF-Expand: one block of SHA-256, so one step is all of it.
    fn expand(&self, info: impl FnOnce(&mut Sha256)) -> Self {
        let hmac = Hmac::<Sha256>::new(&self.0);
        let mut message = hmac.begin();
        info(&mut message);
        message.absorb(&[1]);
        Self(hmac.end(message))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        memcmp::eq(&self.0, &other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;

    // CR-18: RFC 5869 appendix A, cases 1 to 3. Our output is one block: the first 32 bytes.
    #[test]
    fn hkdf_gives_what_rfc_5869_says() {
        let run = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
        let cases = [
            (
                vec![0x0b; 22],
                run(0, 0x0c),
                run(0xf0, 0xf9),
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
            ),
            (
                run(0, 0x4f),
                run(0x60, 0xaf),
                run(0xb0, 0xff),
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
            ),
            (
                vec![0x0b; 22],
                vec![],
                vec![],
                "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d",
            ),
        ];
        for (material, salt, info, extracted, expanded) in cases {
            let secret = Secret::extract(&salt, &[&material]);
            assert_eq!(secret.as_bytes().to_vec(), hex(extracted));
            let key = secret.expand(|state| state.absorb(&info));
            assert_eq!(key.as_bytes().to_vec(), hex(expanded));
        }
    }

    // CR-18: computed by a second implementation (Python: cryptography's HKDFExpand).
    #[test]
    fn a_derived_key_is_what_the_protocol_says() {
        let secret = Secret::from_bytes(std::array::from_fn(|at| at as u8));
        let expected = hex("54e8c8c2586c2e33e5f34eacaef98a1d50a549dce9a641492f98d8eb81d8301b");
        assert_eq!(secret.derive("key", &[b"ab", b""]).as_bytes().to_vec(), expected);
    }

    #[test]
    fn a_label_and_every_part_of_the_context_make_another_key() {
        let secret = Secret::from_bytes([1; 32]);
        let contexts: [&[&[u8]]; 6] = [&[], &[b""], &[b"", b""], &[b"ab"], &[b"a", b"b"], &[b"b"]];
        let keys: Vec<Secret> = contexts.iter().map(|parts| secret.derive("key", parts)).collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "context {index}");
        }
        assert_ne!(secret.derive("a", &[]), secret.derive("b", &[]));
        assert_ne!(secret.derive("a", &[]), Secret::from_bytes([2; 32]).derive("a", &[]));
    }

    // CR-14: a secret does not reach a log.
    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::from_bytes([0xab; 32])), "Secret(..)");
    }
}
