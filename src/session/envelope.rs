//! SSM: the outside of a packet, built and opened in place.
//!
//! A buffer holds the payload and has head room for the headers and tail room for the ICV; what
//! comes out is a whole link frame. The way back narrows the frame to its payload. Nothing is
//! copied. `docs/protocol/packet.md`.

use crate::base::buffer::{Buffer, Pool};
use crate::base::ids::Name;
use crate::base::limits::{
    FRAME_HEADER, HEAD_ROOM, HOPS_MAX, ICV_MAX, PAYLOAD_MAX, PERSISTENT_LEN, ROUTE_LEN,
};
use crate::crypto::CryptoError;
use crate::crypto::seal::{Forged, Opener, Sealer};
use crate::crypto::suite::Suite;
use crate::wire::frame::{self, Kind};
use crate::wire::packet::Header;
use crate::wire::route;

/// From whom to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// SrcID.
    pub source: Name,
    /// DstID.
    pub destination: Name,
}

impl Ends {
    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }

    /// The bytes every ICV of this direction covers first.
    pub(crate) fn bound(&self) -> [u8; 64] {
        let mut bound = [0; 64];
        bound[..32].copy_from_slice(self.source.as_bytes());
        bound[32..].copy_from_slice(self.destination.as_bytes());
        bound
    }
}

/// An empty buffer for a payload of at most `room` bytes.
#[must_use]
pub fn blank(pool: &Pool, room: usize) -> Buffer {
    debug_assert!(room <= PAYLOAD_MAX, "a payload of {room} bytes");
    let mut buffer = pool.take(room.saturating_add(HEAD_ROOM + ICV_MAX));
    buffer.reserve_head(HEAD_ROOM);
    buffer
}

/// Turns a payload (in a [`blank`] buffer) into a whole frame, sealed if there is a `sealer`.
pub(crate) fn close(
    buffer: &mut Buffer,
    ends: Ends,
    header: &Header,
    sealer: Option<&mut Sealer>,
) -> Result<(), CryptoError> {
    let mut persistent = [0; PERSISTENT_LEN];
    header.emit(&mut persistent);
    if let Some(sealer) = sealer {
        let icv = Suite::from_number(header.suite).map_or(0, Suite::icv_len);
        buffer.grow(icv);
        sealer.seal(&persistent, header.seq, buffer.bytes_mut())?;
    }
    buffer.unskip(HEAD_ROOM);
    let total = buffer.len();
    // It is so long at least, or its head room could not have been taken back.
    if let Some(head) = buffer.bytes_mut().first_chunk_mut::<HEAD_ROOM>() {
        frame::emit(head, Kind::Packet, total);
        route::emit(&mut head[FRAME_HEADER..], &ends.source, &ends.destination, HOPS_MAX);
        head[FRAME_HEADER + ROUTE_LEN..].copy_from_slice(&persistent);
    }
    Ok(())
}

/// Narrows a whole packet frame to what follows its headers.
pub(crate) fn strip(frame: &mut Buffer) {
    frame.skip(HEAD_ROOM);
}

/// Verifies and decrypts what [`strip`] left; the buffer then is the payload.
pub(crate) fn open(
    sealed: &mut Buffer,
    header: &Header,
    opener: &mut Opener,
) -> Result<(), Forged> {
    let mut persistent = [0; PERSISTENT_LEN];
    header.emit(&mut persistent);
    let len = opener.open(&persistent, header.seq, sealed.bytes_mut())?;
    sealed.truncate(len);
    Ok(())
}
