//! Cryptography over OpenSSL: suites, key derivation, sealing, identity and handshake.
//!
//! Every value here is a function of its arguments. Randomness comes from a seeded [`rng::Rng`];
//! OpenSSL's own generator is never asked, so the same inputs give the same bytes on every run.
//! Keys are wiped when they are dropped and are never printed.
//!
//! ```
//! use muses::crypto::seal::{Opener, Sealer};
//! use muses::crypto::secret::Secret;
//! use muses::crypto::suite::Suite;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = Secret::from_bytes([7; 32]);
//! let mut packet = b"hello....................".to_vec(); // five letters and room for the ICV
//! Sealer::new(Suite::default(), &secret, b"a to b")?.seal(b"header", 1, &mut packet)?;
//! let mut opener = Opener::new(Suite::default(), &secret, b"a to b")?;
//! let length = opener.open(b"header", 1, &mut packet)?;
//! assert_eq!(&packet[..length], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! Not done here: which keys belong to which epoch, what is sealed under which number, when a key
//! is worn, who is allowed. That is the session's.

mod aead;
mod ctr_hmac;
mod hmac;
pub mod identity;
pub mod noise;
mod resolver;
pub mod rng;
pub mod seal;
pub mod secret;
pub mod static_key;
pub mod suite;

use openssl::error::ErrorStack;
use thiserror::Error;

/// OpenSSL could not do what it was asked: an algorithm is missing, or memory is.
#[derive(Clone, Debug, Error)]
#[error("OpenSSL failed: {0}")]
pub struct CryptoError(#[from] ErrorStack);

/// Bytes written as hexadecimal digits, blanks between them or not.
#[cfg(test)]
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).expect("a test's own digits")
}
