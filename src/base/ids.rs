//! Identifiers that travel: a device's Name, a session's SessID, an endpoint's address.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use data_encoding::{BitOrder, Encoding, Specification};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The permanent identifier of a device: its Ed25519 public key.
///
/// As text it is 52 letters of lower-case base32 (RFC 4648, no padding), as a host name
/// `<name>.muses`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; Self::LEN]);

impl Name {
    /// Bytes of a Name.
    pub const LEN: usize = 32;
    /// Letters of a Name as text.
    pub const LETTERS: usize = 52;
    /// The suffix that makes a Name or an alias a host name.
    pub const SUFFIX: &'static str = ".muses";

    /// The Name with these key bytes; whether they are a valid key shows at the first signature.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The key bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The first letters, enough for a person to tell Names apart in a log.
    #[must_use]
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(8);
        text
    }
}

fn base32() -> Encoding {
    let mut form = Specification::new();
    form.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    form.bit_order = BitOrder::MostSignificantFirst;
    form.encoding().expect("a constant, valid alphabet")
}

/// Why a text is not a Name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not 52 letters long.
    #[error("a Name has 52 letters, this has {0}")]
    Length(usize),
    /// A letter outside a–z and 2–7, or bits set past the end.
    #[error("a Name is written with a-z and 2-7 only, and ends canonically")]
    Letters,
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_suffix(Self::SUFFIX).unwrap_or(text);
        if bare.len() != Self::LETTERS {
            return Err(NameError::Length(bare.len()));
        }
        let lower = bare.to_ascii_lowercase();
        let bytes = base32().decode(lower.as_bytes()).map_err(|_| NameError::Letters)?;
        bytes.try_into().map(Self).map_err(|_| NameError::Letters)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32().encode(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.short())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a socket is or goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Endpoint {
    /// An address that needs no lookup.
    Tcp(SocketAddr),
    /// A host name and port, resolved by the driver each time it is dialled.
    Host(String, u16),
    /// A Unix socket's path.
    Unix(String),
}

/// Why a text is not an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is not HOST:PORT, [IPV6]:PORT or unix:PATH")]
pub struct EndpointError(pub String);

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.to_owned())) };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Tcp(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '_';
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        Ok(Self::Host(host.to_owned(), port.parse().map_err(|_| wrong())?))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn a_name_survives_its_text(bytes: Vec<u8>) -> bool {
            let mut key = [0; Name::LEN];
            for (slot, byte) in key.iter_mut().zip(bytes) {
                *slot = byte;
            }
            let name = Name::from_bytes(key);
            let text = name.to_string();
            text.len() == Name::LETTERS
                && text.parse() == Ok(name)
                && format!("{}.muses", text.to_uppercase().to_lowercase()).parse() == Ok(name)
        }
    }

    #[test]
    fn a_name_that_does_not_end_canonically_is_refused() {
        let mut text = Name::from_bytes([0; 32]).to_string();
        text.pop();
        text.push('b');
        assert_eq!(text.parse::<Name>(), Err(NameError::Letters));
        assert_eq!("bob".parse::<Name>(), Err(NameError::Length(3)));
    }

    #[test]
    fn endpoints_say_what_they_are() {
        assert_eq!("unix:/run/x".parse(), Ok(Endpoint::Unix("/run/x".into())));
        assert_eq!("host.example:22".parse(), Ok(Endpoint::Host("host.example".into(), 22)));
        assert!(matches!("[::1]:7000".parse(), Ok(Endpoint::Tcp(_))));
        for wrong in ["", ":22", "host", "host:", "host:70000", "a b:1", "unix:", "::1:22"] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }
}
