//! Frames: how packets and link messages stand in a link's byte stream.
//!
//! ```text
//!  0             4      5
//!  +-------------+------+------------------+
//!  | length      | kind | body             |      length counts kind and body
//!  +-------------+------+------------------+
//! ```

use super::WireError;
use crate::base::limits::{FRAME_HEADER, FRAME_MAX};

const LENGTH_LEN: usize = 4;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Name and challenge of one end.
    Hello = 1,
    /// Signature over the other end's challenge.
    Proof = 2,
    /// The Names attached to this end, each in its own hand.
    Names = 3,
    /// A Routing Header and a packet.
    Packet = 4,
    /// Asks for a [`Kind::Pong`].
    Ping = 5,
    /// Says that the end is alive.
    Pong = 6,
    /// How a neighbour stands in a tree of the overlay.
    Standing = 7,
    /// That the root of a tree lives.
    Pulse = 8,
    /// Where a CLOAK node is, to its client.
    Places = 9,
    /// The record of a client, to its CLOAK node.
    Record = 10,
    /// The alias whose Names a client asks for.
    Seek = 11,
    /// The records that claim it.
    Sought = 12,
    /// A Routing Header and a message of the overlay itself.
    Errand = 13,
    /// The port where a neighbour listens for others.
    Listens = 14,
    /// Whom to ask for a place in a tree instead.
    Referral = 15,
    /// A client's signature that it is attached to this CLOAK node.
    Attach = 16,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::Hello,
        Self::Proof,
        Self::Names,
        Self::Packet,
        Self::Ping,
        Self::Pong,
        Self::Standing,
        Self::Pulse,
        Self::Places,
        Self::Record,
        Self::Seek,
        Self::Sought,
        Self::Errand,
        Self::Listens,
        Self::Referral,
        Self::Attach,
    ];
}

impl TryFrom<u8> for Kind {
    type Error = WireError;

    fn try_from(value: u8) -> Result<Self, WireError> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == value).ok_or(WireError::Unknown)
    }
}

/// Bytes of the whole frame that begins `bytes`; `None` while its length is not there yet.
///
/// The length is judged before anything is kept: a giant frame is refused, not awaited (OV-14).
pub fn length(bytes: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(length) = bytes.first_chunk().copied() else { return Ok(None) };
    let rest = u32::from_be_bytes(length) as usize;
    match rest.saturating_add(LENGTH_LEN) {
        total @ FRAME_HEADER..=FRAME_MAX => Ok(Some(total)),
        _ => Err(WireError::Bound),
    }
}

/// What a whole frame holds; its body starts at [`FRAME_HEADER`].
pub fn kind(frame: &[u8]) -> Result<Kind, WireError> {
    frame.get(LENGTH_LEN).copied().ok_or(WireError::Short)?.try_into()
}

/// Writes the header of a frame of `total` bytes, itself included.
pub fn emit(into: &mut [u8], kind: Kind, total: usize) {
    debug_assert!((FRAME_HEADER..=FRAME_MAX).contains(&total), "a frame of {total} bytes");
    let header = into.first_chunk_mut::<FRAME_HEADER>().expect("a frame has room for its header");
    let [a, b, c, d] = (total.saturating_sub(LENGTH_LEN) as u32).to_be_bytes();
    *header = [a, b, c, d, kind as u8];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_judged_before_anything_is_awaited() {
        assert_eq!(length(&[0, 0, 0]), Ok(None));
        assert_eq!(length(&[0, 0, 0, 1]), Ok(Some(FRAME_HEADER)));
        assert_eq!(length(&[0, 0, 0, 0]), Err(WireError::Bound));
        assert_eq!(length(&[0xff; 4]), Err(WireError::Bound));
        let mut full = [0; FRAME_HEADER];
        emit(&mut full, Kind::Packet, FRAME_MAX);
        assert_eq!(length(&full), Ok(Some(FRAME_MAX)));
        assert_eq!(kind(&full), Ok(Kind::Packet));
        assert_eq!(kind(&full[..4]), Err(WireError::Short));
    }
}
