//! The suites: which cipher and which MAC seal a packet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::base::limits::ICV_MAX;

/// A cipher and a MAC. There is no suite without either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suite {
    /// AES-256-CTR, then HMAC-SHA1 over the ciphertext: the paper's, and the default.
    #[default]
    AesCtrHmacSha1 = 1,
    /// AES-256-GCM.
    AesGcm = 2,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305 = 3,
}

impl Suite {
    /// All suites, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::AesCtrHmacSha1, Self::AesGcm, Self::ChaCha20Poly1305];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The suite with this number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.number() == number)
    }

    /// Bytes of the Integrity Check Value that ends each packet.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        match self {
            Self::AesCtrHmacSha1 => 20,
            Self::AesGcm | Self::ChaCha20Poly1305 => 16,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::AesCtrHmacSha1 => "aes-ctr-hmac-sha1",
            Self::AesGcm => "aes-gcm",
            Self::ChaCha20Poly1305 => "chacha20-poly1305",
        }
    }
}

const _: () = assert!(Suite::AesCtrHmacSha1.icv_len() == ICV_MAX);
const _: () = assert!(Suite::AesGcm.icv_len() <= ICV_MAX);
const _: () = assert!(Suite::ChaCha20Poly1305.icv_len() <= ICV_MAX);

/// A text that names no suite.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is no suite: there are aes-ctr-hmac-sha1, aes-gcm and chacha20-poly1305")]
pub struct SuiteError(pub String);

impl FromStr for Suite {
    type Err = SuiteError;

    fn from_str(text: &str) -> Result<Self, SuiteError> {
        let found = Self::ALL.into_iter().find(|suite| suite.word() == text);
        found.ok_or_else(|| SuiteError(text.to_owned()))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Serialize for Suite {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Suite {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_survives_its_number_its_text_and_its_json() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_number(suite.number()), Some(suite));
            assert_eq!(suite.to_string().parse(), Ok(suite));
            let json = serde_json::to_string(&suite).expect("a suite is a string");
            assert_eq!(json, format!("\"{suite}\""));
            assert_eq!(serde_json::from_str::<Suite>(&json).ok(), Some(suite));
        }
    }

    // HS-06: no number and no word stands for "no protection".
    #[test]
    fn there_is_no_null_suite() {
        let known: Vec<u8> = (0..=255).filter(|n| Suite::from_number(*n).is_some()).collect();
        assert_eq!(known, [1, 2, 3]);
        assert_eq!(Suite::default().number(), 1);
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "null".parse::<Suite>().expect_err("there is no such suite").to_string();
        assert!(error.contains("'null'"));
        assert!(Suite::ALL.iter().all(|suite| error.contains(suite.word())), "{error}");
    }
}
