//! Who a device is: an Ed25519 key pair.

use openssl::pkey::{Id, PKey, Private};
use openssl::sign::{Signer, Verifier};

use crate::base::ids::Name;

/// The key pair of a device.
#[derive(Debug)]
pub struct Identity {
    key: PKey<Private>,
    name: Name,
}

impl Identity {
    /// The identity made of these secret bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = PKey::private_key_from_raw_bytes(&seed, Id::ED25519).expect("32 bytes are a key");
        let public = key.raw_public_key().expect("an Ed25519 key has a public half");
        let name = Name::from_bytes(public.try_into().expect("which has 32 bytes"));
        Self { key, name }
    }

    /// Its public half.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Signs `text`.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        let mut signer = Signer::new_without_digest(&self.key).expect("Ed25519 signs");
        let signature = signer.sign_oneshot_to_vec(text).expect("Ed25519 signs");
        signature.try_into().expect("64 bytes")
    }
}

/// Whether `signature` over `text` is by `name`.
#[must_use]
pub fn verify(name: &Name, text: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = PKey::public_key_from_raw_bytes(name.as_bytes(), Id::ED25519) else {
        return false;
    };
    Verifier::new_without_digest(&key)
        .and_then(|mut verifier| verifier.verify_oneshot(signature, text))
        .unwrap_or(false)
}
