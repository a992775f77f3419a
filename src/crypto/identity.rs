//! Who a device is: an Ed25519 key made from a seed, whose public part is the Name.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::sha::sha256;
use openssl::sign::{Signer, Verifier};
use thiserror::Error;
use zeroize::Zeroizing;

use super::secret::Secret;
use super::static_key::StaticKey;
use crate::base::ids::Name;

/// First line of a key file.
const HEADER: &str = "MUSeS identity v1, secret";
/// What the checksum begins with, so that it is a hash of nothing else.
const CHECKSUM_DOMAIN: &[u8] = b"MUSeS identity checksum v1";
/// Bytes of the checksum: eight letters.
const CHECKSUM: usize = 5;

/// A device's identity: what signs for its Name, and the handshake's static key.
pub struct Identity {
    seed: Secret,
    key: PKey<Private>,
    name: Name,
    static_key: StaticKey,
}

impl Identity {
    /// The identity that this seed stands for.
    ///
    /// # Panics
    ///
    /// If OpenSSL has no Ed25519 or no X25519.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Secret::from_bytes(seed);
        let keyed = || {
            let key = PKey::private_key_from_raw_bytes(seed.as_bytes(), Id::ED25519)?;
            let mut public = [0; Name::LEN];
            public.copy_from_slice(&key.raw_public_key()?);
            Ok::<_, ErrorStack>((key, Name::from_bytes(public)))
        };
        let (key, name) = keyed().expect("OpenSSL has Ed25519");
        let static_key = StaticKey::from_secret(seed.derive("static key", &[]));
        let static_key = static_key.expect("OpenSSL has X25519");
        Self { seed, key, name, static_key }
    }

    /// The seed, for whoever hands the identity to a core.
    #[must_use]
    pub const fn seed(&self) -> &Secret {
        &self.seed
    }

    /// The Name: the public key.
    #[must_use]
    pub const fn name(&self) -> Name {
        self.name
    }

    /// The X25519 key of the handshake, derived from the seed.
    #[must_use]
    pub const fn static_key(&self) -> &StaticKey {
        &self.static_key
    }

    /// Signs `text`, which must begin with the domain it is meant for (HS-13). Equal texts get
    /// equal signatures: Ed25519 draws no random number.
    ///
    /// # Panics
    ///
    /// If OpenSSL cannot sign with a key that it accepted.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        let sign = || {
            let mut signature = [0; 64];
            Signer::new_without_digest(&self.key)?.sign_oneshot(&mut signature, text)?;
            Ok::<_, ErrorStack>(signature)
        };
        sign().expect("Ed25519 signs any text")
    }

    /// The text of the key file: a header, the seed, a checksum.
    ///
    /// The seed is in upper case, so that nobody takes it for a Name.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(BASE32_NOPAD.encode(self.seed.as_bytes()));
        let check = BASE32_NOPAD.encode(&checksum(self.seed.as_bytes()));
        Zeroizing::new(format!("{HEADER}\n{}\n{check}\n", *seed))
    }

    /// Reads the text of a key file.
    pub fn from_text(text: &str) -> Result<Self, IdentityError> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(IdentityError::Header);
        }
        let seed = decode(lines.next()).ok_or(IdentityError::Seed)?;
        let check = decode(lines.next()).ok_or(IdentityError::Checksum)?;
        if lines.next().is_some() {
            return Err(IdentityError::Trailing);
        }
        if checksum(&seed) != *check {
            return Err(IdentityError::Damaged);
        }
        Ok(Self::from_seed(*seed))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.name.short())
    }
}

/// Why a text is not an identity. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IdentityError {
    /// The first line is another one.
    #[error("the key file does not begin with '{HEADER}'")]
    Header,
    /// The second line is missing or not 52 letters of base32.
    #[error("line 2 of the key file is not a seed of 52 letters A-Z and 2-7")]
    Seed,
    /// The third line is missing or not 8 letters of base32.
    #[error("line 3 of the key file is not a checksum of 8 letters A-Z and 2-7")]
    Checksum,
    /// More than three lines.
    #[error("the key file has more than 3 lines")]
    Trailing,
    /// The checksum is another seed's.
    #[error("the key file is damaged: its seed does not fit its checksum")]
    Damaged,
}

fn decode<const N: usize>(line: Option<&str>) -> Option<Zeroizing<[u8; N]>> {
    let bytes = Zeroizing::new(BASE32_NOPAD.decode(line?.as_bytes()).ok()?);
    let mut array = Zeroizing::new([0; N]);
    (bytes.len() == N).then(|| array.copy_from_slice(&bytes))?;
    Some(array)
}

fn checksum(seed: &[u8; 32]) -> [u8; CHECKSUM] {
    let text = Zeroizing::new([CHECKSUM_DOMAIN, seed].concat());
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&sha256(&text)[..CHECKSUM]);
    checksum
}

/// Whether the device called `name` signed `text`.
///
/// There is one Name for a key and one signature for a text: keys and commitments of small order,
/// under which one signature fits many texts, and second encodings are refused, which OpenSSL
/// alone does not do.
#[must_use]
pub fn verify(name: &Name, text: &[u8], signature: &[u8; 64]) -> bool {
    let mut commitment = [0; 32];
    commitment.copy_from_slice(&signature[..32]);
    if !is_sound(name.as_bytes()) || !is_sound(&commitment) {
        return false;
    }
    let check = || {
        let key = PKey::public_key_from_raw_bytes(name.as_bytes(), Id::ED25519)?;
        Verifier::new_without_digest(&key)?.verify_oneshot(signature, text)
    };
    check().unwrap_or(false)
}

/// The `y` of the eight points of small order, without the sign of their `x`, little end first.
const SMALL_ORDER: [[u8; 32]; 5] = [
    little(0, 0, 0),
    little(1, 0, 0),
    little(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// The number with this first and last byte and the same byte everywhere between.
const fn little(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether an encoded point is the only encoding of its `y` and not of small order.
fn is_sound(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f;
    // The field's prime is 2^255 - 19: ed ff … ff 7f, little end first.
    let below_prime = y[31] != 0x7f || y[1..31].iter().any(|byte| *byte != 0xff) || y[0] < 0xed;
    below_prime && !SMALL_ORDER.contains(&y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;
    use quickcheck::quickcheck;

    quickcheck! {
        fn an_identity_survives_its_text(seed: u64) -> bool {
            let identity = Identity::from_seed(sha256(&seed.to_be_bytes()));
            let again = Identity::from_text(&identity.to_text());
            again.is_ok_and(|again| {
                again.name() == identity.name()
                    && again.static_key().public() == identity.static_key().public()
            })
        }

        fn a_signature_holds_for_its_text_and_name_only(text: Vec<u8>, bit: usize) -> bool {
            let identity = Identity::from_seed([1; 32]);
            let signature = identity.sign(&text);
            let (mut wrong, mut other) = (signature, text.clone());
            wrong[bit / 8 % 64] ^= 1 << (bit % 8);
            other.push(0);
            verify(&identity.name(), &text, &signature)
                && !verify(&identity.name(), &text, &wrong)
                && !verify(&identity.name(), &other, &signature)
                && !verify(&Identity::from_seed([2; 32]).name(), &text, &signature)
        }
    }

    // CR-18: RFC 8032 section 7.1, test 3.
    #[test]
    fn a_signature_is_what_rfc_8032_says() {
        let seed = hex("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
        let identity = Identity::from_seed(seed.try_into().expect("32 bytes"));
        let name = hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025");
        assert_eq!(identity.name().as_bytes().to_vec(), name);
        let expected = hex("6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
                            18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a");
        assert_eq!(identity.sign(&[0xaf, 0x82]).to_vec(), expected);
    }

    // A key file outlives versions: a seed stands for the same keys and text for ever. Computed by
    // a second implementation (Python: cryptography, hashlib, base64).
    #[test]
    fn what_a_seed_stands_for_is_fixed_for_ever() {
        let identity = Identity::from_seed(std::array::from_fn(|at| at as u8));
        let name = hex("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
        assert_eq!(identity.name().as_bytes().to_vec(), name);
        let public = hex("5abd472133ef3c60e0ebdb402405fa4c7ef1a5119e1e8ab73674d4418bb5b70c");
        assert_eq!(identity.static_key().public().to_vec(), public);
        let seed = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQTCQKRMFYYDENBWHA5DYPQ";
        assert_eq!(*identity.to_text(), format!("{HEADER}\n{seed}\nAVCMAQCJ\n"));
    }

    /// What OpenSSL alone says.
    fn lenient(name: &Name, text: &[u8], signature: &[u8; 64]) -> bool {
        let key = PKey::public_key_from_raw_bytes(name.as_bytes(), Id::ED25519).expect("a key");
        let mut verifier = Verifier::new_without_digest(&key).expect("a verifier");
        verifier.verify_oneshot(signature, text).unwrap_or(false)
    }

    // HS-14: under the neutral point as key, in any of its encodings, one signature fits every
    // text. OpenSSL accepts that, we do not.
    #[test]
    fn a_key_that_signs_everything_is_no_name() {
        let mut signature = [0; 64];
        signature[0] = 1;
        let encodings = [little(1, 0, 0), little(1, 0, 0x80), little(0xee, 0xff, 0x7f)];
        for encoding in encodings {
            let name = Name::from_bytes(encoding);
            assert!(lenient(&name, b"any text", &signature), "{encoding:x?}");
            assert!(!verify(&name, b"any text", &signature), "{encoding:x?}");
        }
    }

    // HS-14: every `y` from the prime upwards is a second encoding; all below it are not.
    #[test]
    fn second_encodings_are_refused() {
        for first in 0xed..=0xff {
            assert!(!is_sound(&little(first, 0xff, 0x7f)));
            assert!(!is_sound(&little(first, 0xff, 0xff)));
        }
        assert!(is_sound(&little(0xeb, 0xff, 0x7f)));
        assert!(is_sound(&little(0xed, 0xff, 0x7e)));
        assert!(SMALL_ORDER.iter().all(|point| !is_sound(point)));
    }

    // HS-14: the same signature with the group's order added to its second half.
    #[test]
    fn a_second_form_of_a_signature_is_refused() {
        let identity = Identity::from_seed([1; 32]);
        let mut signature = identity.sign(b"text");
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        assert!(!verify(&identity.name(), b"text", &signature));
    }

    // HS-15: a damaged key file is refused with a reason and never read as another identity.
    #[test]
    fn damage_to_the_key_file_is_noticed_and_named() {
        let text = Identity::from_seed([5; 32]).to_text();
        let read = |text: &str| Identity::from_text(text).map(|identity| identity.name());
        for (at, letter) in text.char_indices().filter(|(_, letter)| *letter != '\n') {
            let other = if letter == 'A' { "B" } else { "A" };
            let mut damaged = text.to_string();
            damaged.replace_range(at..=at, other);
            assert!(read(&damaged).is_err(), "letter {at}");
        }
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(read(""), Err(IdentityError::Header));
        assert_eq!(read(lines[0]), Err(IdentityError::Seed));
        assert_eq!(read(&lines[..2].join("\n")), Err(IdentityError::Checksum));
        assert_eq!(read(&format!("{}x", *text)), Err(IdentityError::Trailing));
        let mixed = [lines[0], lines[1], "AAAAAAAA"].join("\n");
        assert_eq!(read(&mixed), Err(IdentityError::Damaged));
        assert_eq!(read(&lines.join("\r\n")), read(&text));
    }

    // CR-14: neither the seed nor the static key reaches a log.
    #[test]
    fn an_identity_prints_its_name_only() {
        let identity = Identity::from_seed([5; 32]);
        assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.name().short()));
        assert_eq!(format!("{:?}", identity.static_key()), "StaticKey(..)");
    }
}
