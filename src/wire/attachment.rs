//! That a device is attached to a CLOAK node, in the device's own hand.
//!
//! A client signs for the CLOAK node that it is attached to, which hands the signature on to its
//! neighbours: they believe no list of Names that the Names themselves did not sign.
//!
//! ```text
//!  Attach (client to its CLOAK node)     number, 8 | lifetime, 4 | signature, 64
//!  Names  (neighbour to neighbour)       count, 2 | count times: client, 32 | the same 76 bytes
//! ```
//!
//! The node's Name is on neither wire: it is the Name that the CLOAK node proved on that link.
//! `docs/protocol/link.md#names`.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;
use crate::base::limits::NAMES_MAX;

/// Domain of an attachment's signature: it is good for nothing else.
pub const DOMAIN: &[u8] = b"MUSeS attachment v1";

/// A client's statement that it is attached to a node; its signature is not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Who is attached.
    pub client: Name,
    /// The CLOAK node that it is attached to.
    pub node: Name,
    /// Grows with every attachment that the client signs, to whichever node.
    pub number: u64,
    /// Seconds that it holds from its first arrival.
    pub ttl: u32,
    /// The client's signature over [`Attachment::text`].
    pub signature: [u8; 64],
}

impl Attachment {
    /// Bytes of an Attach message.
    pub const LEN: usize = 8 + 4 + 64;
    /// Bytes of an entry in a Names message.
    pub const ENTRY_LEN: usize = Name::LEN + Self::LEN;

    /// What the client signs: the domain, both Names, number and lifetime.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(const { DOMAIN.len() + 2 * Name::LEN + 12 });
        text.extend_from_slice(DOMAIN);
        text.extend_from_slice(self.client.as_bytes());
        text.extend_from_slice(self.node.as_bytes());
        text.extend_from_slice(&self.number.to_be_bytes());
        text.extend_from_slice(&self.ttl.to_be_bytes());
        text
    }

    /// Reads a whole Attach message of a client, as it came to a node.
    ///
    /// # Errors
    ///
    /// Where it has another length.
    pub fn parse(body: &[u8], client: Name, node: Name) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let attachment = Self::read(&mut reader, client, node)?;
        reader.end()?;
        Ok(attachment)
    }

    fn read(reader: &mut Reader<'_>, client: Name, node: Name) -> Result<Self, WireError> {
        let (number, ttl) = (reader.u64()?, reader.u32()?);
        Ok(Self { client, node, number, ttl, signature: reader.array()? })
    }

    /// Writes the whole Attach message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u64(self.number).u32(self.ttl).bytes(&self.signature);
    }
}

/// Bytes of a Names message with so many entries.
#[must_use]
pub const fn names_len(count: usize) -> usize {
    2_usize.saturating_add(count.saturating_mul(Attachment::ENTRY_LEN))
}

/// Reads the whole list of who is attached to `node`: sorted by Name, each once.
///
/// # Errors
///
/// Where there are more than [`NAMES_MAX`], the order is another, or the length.
pub fn parse_names(body: &[u8], node: Name) -> Result<Vec<Attachment>, WireError> {
    let mut reader = Reader::new(body);
    let count = usize::from(reader.u16()?);
    if count > NAMES_MAX {
        return Err(WireError::Bound);
    }
    // FR-01: a count alone takes no memory.
    let most = body.len() / Attachment::ENTRY_LEN;
    let mut list: Vec<Attachment> = Vec::with_capacity(count.min(most));
    for _ in 0..count {
        let client = Name::from_bytes(reader.array()?);
        if list.last().is_some_and(|last| last.client >= client) {
            return Err(WireError::Unknown);
        }
        list.push(Attachment::read(&mut reader, client, node)?);
    }
    reader.end()?;
    Ok(list)
}

/// Writes the whole list, which the caller keeps sorted and within [`NAMES_MAX`].
pub fn emit_names<'a>(list: impl ExactSizeIterator<Item = &'a Attachment>, into: &mut Writer<'_>) {
    into.u16(list.len() as u16);
    for attachment in list {
        attachment.emit(into.bytes(attachment.client.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{FRAME_HEADER, FRAME_MAX};

    fn attachment(fill: u8) -> Attachment {
        Attachment {
            client: Name::from_bytes([fill; 32]),
            node: Name::from_bytes([9; 32]),
            number: 0x0102_0304_0506_0708,
            ttl: 600,
            signature: [fill; 64],
        }
    }

    fn listed(list: &[Attachment]) -> Vec<u8> {
        let mut bytes = vec![0; names_len(list.len())];
        emit_names(list.iter(), &mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn an_attachment_survives_its_bytes_and_no_byte_more_or_less() {
        let own = attachment(3);
        let mut bytes = vec![0; Attachment::LEN];
        own.emit(&mut Writer::new(&mut bytes));
        let read = |bytes: &[u8]| Attachment::parse(bytes, own.client, own.node);
        assert_eq!(read(&bytes), Ok(own));
        assert_eq!(read(&bytes[1..]), Err(WireError::Short));
        assert_eq!(read(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
    }

    #[test]
    fn what_is_signed_differs_wherever_an_attachment_does() {
        let own = attachment(3);
        let others = [
            Attachment { client: own.node, ..own },
            Attachment { node: own.client, ..own },
            Attachment { number: 1, ..own },
            Attachment { ttl: 1, ..own },
        ];
        assert!(others.iter().all(|other| other.text() != own.text()));
        assert!(own.text().starts_with(DOMAIN));
    }

    #[test]
    fn names_are_sorted_unique_and_bounded_and_the_longest_list_fits_a_frame() {
        let list: Vec<Attachment> = (1..4).map(attachment).collect();
        let bytes = listed(&list);
        let node = list[0].node;
        assert_eq!(parse_names(&bytes, node), Ok(list.clone()));
        assert_eq!(parse_names(&listed(&[]), node), Ok(Vec::new()));
        let twice = listed(&[list[0], list[0]]);
        assert_eq!(parse_names(&twice, node), Err(WireError::Unknown));
        assert_eq!(parse_names(&bytes[..bytes.len() - 1], node), Err(WireError::Short));
        assert_eq!(parse_names(&[0xff, 0xff], node), Err(WireError::Bound));
        assert!(FRAME_HEADER + names_len(NAMES_MAX) <= FRAME_MAX);
    }
}
