//! Messages between the two ends of a link: who are you, prove it, whom do you serve.
//!
//! `docs/protocol/link.md` has the layouts.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;
use crate::base::limits::NAMES_MAX;

/// Version of the link protocol.
pub const VERSION: u8 = 1;
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
    let mut text = Vec::with_capacity(PROOF_DOMAIN.len() + 2 * Hello::LEN);
    text.extend_from_slice(PROOF_DOMAIN);
    for end in [own, other] {
        text.push(end.role as u8);
        text.extend_from_slice(end.name.as_bytes());
        text.extend_from_slice(&end.challenge);
    }
    text
}

/// Reads the list of attached Names: sorted, without repetition.
pub fn parse_names(body: &[u8]) -> Result<Vec<Name>, WireError> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    if count > NAMES_MAX {
        return Err(WireError::Bound);
    }
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let name = Name::from_bytes(reader.array()?);
        if names.last().is_some_and(|last| *last >= name) {
            return Err(WireError::Unknown);
        }
        names.push(name);
    }
    reader.end()?;
    Ok(names)
}

/// Writes the list of attached Names, which the caller keeps sorted.
pub fn emit_names<'n>(names: impl ExactSizeIterator<Item = &'n Name>, into: &mut Writer<'_>) {
    into.u16(names.len() as u16);
    for name in names {
        into.bytes(name.as_bytes());
    }
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
        assert_eq!(Hello::parse(&bytes[1..]), Err(WireError::Unknown).or(Err(WireError::Version)));
        assert_eq!(Hello::parse(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
    }

    #[test]
    fn names_are_sorted_unique_and_bounded() {
        let names: Vec<Name> = (1..4).map(|n| Name::from_bytes([n; 32])).collect();
        let mut bytes = vec![0; 2 + 3 * 32];
        emit_names(names.iter(), &mut Writer::new(&mut bytes));
        assert_eq!(parse_names(&bytes).as_deref(), Ok(&names[..]));
        let twice = [&bytes[..34], &bytes[2..34], &bytes[2..34]].concat();
        assert_eq!(parse_names(&twice), Err(WireError::Unknown));
        assert_eq!(parse_names(&[0xff, 0xff]), Err(WireError::Bound));
    }
}
