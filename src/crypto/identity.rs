//! Placeholder until the crypto layer is merged: an identity as the key file needs it.

use std::fmt;

use data_encoding::HEXLOWER;
use openssl::pkey::{Id, PKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::base::ids::Name;

/// A device's key pair.
pub struct Identity {
    seed: Zeroizing<[u8; 32]>,
    name: Name,
}

/// Why a text is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key's text is damaged")]
pub struct IdentityError;

impl Identity {
    /// The identity that this seed determines.
    ///
    /// # Panics
    /// If OpenSSL lacks Ed25519.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = PKey::private_key_from_raw_bytes(&seed, Id::ED25519).expect("32 bytes");
        let public = key.raw_public_key().expect("an Ed25519 key");
        let name = Name::from_bytes(public.try_into().expect("32 bytes"));
        Self { seed: Zeroizing::new(seed), name }
    }

    /// Its Name.
    #[must_use]
    pub const fn name(&self) -> Name {
        self.name
    }

    /// The text of a key file.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("muses-identity {} {}\n", self.name, HEXLOWER.encode(&*self.seed))
    }

    /// Reads the text of a key file.
    pub fn from_text(text: &str) -> Result<Self, IdentityError> {
        let mut words = text.split_whitespace();
        let mut next = || words.next().ok_or(IdentityError);
        if next()? != "muses-identity" {
            return Err(IdentityError);
        }
        let (name, seed) = (next()?, HEXLOWER.decode(next()?.as_bytes()));
        let seed = seed.map_err(|_| IdentityError)?.try_into().map_err(|_| IdentityError)?;
        let read = Self::from_seed(seed);
        if read.name.to_string() == name { Ok(read) } else { Err(IdentityError) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.name.short())
    }
}
