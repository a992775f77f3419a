//! Messages between the two ends of a link: who are you, and prove it.
//!
//! `docs/protocol/link.md` has the layouts.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;

/// Version of the link protocol.
pub const VERSION: u8 = 2;
/// Domain of a link proof's signature: it is good for nothing else.
pub const PROOF_DOMAIN: &[u8] = b"MUSeS link proof v1";

/// What the end of a link is to the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A CLOAK node.
    Neighbour = 1,
    /// A MUSeS node that uses this CLOAK node.
    Client = 2,
}

impl TryFrom<u8> for Role {
    type Error = WireError;

    fn try_from(value: u8) -> Result<Self, WireError> {
        match value {
            1 => Ok(Self::Neighbour),
            2 => Ok(Self::Client),
            _ => Err(WireError::Unknown),
        }
    }
}

/// First message of each end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What this end is.
    pub role: Role,
    /// Who it says it is.
    pub name: Name,
    /// Fresh bytes the other end must sign.
    pub challenge: [u8; 32],
}

impl Hello {
    /// Bytes of the message.
    pub const LEN: usize = 2 + Name::LEN + 32;

    /// Reads the whole message.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        if reader.u8()? != VERSION {
            return Err(WireError::Version);
        }
        let role = reader.u8()?.try_into()?;
        let hello =
            Self { role, name: Name::from_bytes(reader.array()?), challenge: reader.array()? };
        reader.end()?;
        Ok(hello)
    }

    /// Writes the whole message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u8(VERSION).u8(self.role as u8).bytes(self.name.as_bytes()).bytes(&self.challenge);
    }
}

/// What an end signs: the domain, its role, both Names and both challenges, its own first.
#[must_use]
pub fn proof_text(own: &Hello, other: &Hello) -> Vec<u8> {
    let mut text = Vec::with_capacity(const { PROOF_DOMAIN.len() + 2 * Hello::LEN });
    text.extend_from_slice(PROOF_DOMAIN);
    for end in [own, other] {
        text.push(end.role as u8);
        text.extend_from_slice(end.name.as_bytes());
        text.extend_from_slice(&end.challenge);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_survives_its_bytes_and_no_byte_more_or_less() {
        let hello =
            Hello { role: Role::Client, name: Name::from_bytes([3; 32]), challenge: [4; 32] };
        let mut bytes = [0; Hello::LEN];
        hello.emit(&mut Writer::new(&mut bytes));
        assert_eq!(Hello::parse(&bytes), Ok(hello));
        assert_eq!(Hello::parse(&bytes[1..]), Err(WireError::Unknown));
        assert_eq!(Hello::parse(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
    }
}
