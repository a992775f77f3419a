//! Where the bytes of applications land when they are read.

use crate::base::buffer::{Buffer, Pool};
use crate::base::limits::{HEAD_ROOM, ICV_MAX, PAYLOAD_MAX};
use crate::session::envelope;

/// Payloads up to this length are moved to a buffer of their size, so that a keystroke kept for
/// long does not hold the room of a bulk packet.
pub(crate) const SMALL: usize = 4096 - HEAD_ROOM - ICV_MAX;
/// What one read takes while an application says what it wants.
pub(crate) const SCRATCH: usize = 1024;

/// The room for the next read of any application.
pub(crate) struct Intake {
    pool: Pool,
    /// Where a stream's bytes land, to be sealed in place.
    filling: Option<Buffer>,
    /// Where everything else does.
    pub(crate) scratch: Box<[u8]>,
}

impl Intake {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, filling: None, scratch: vec![0; SCRATCH].into_boxed_slice() }
    }

    /// Room for so much of a stream.
    pub(crate) fn space(&mut self, room: usize) -> &mut [u8] {
        let pool = &self.pool;
        let filling = self.filling.get_or_insert_with(|| envelope::blank(pool, PAYLOAD_MAX));
        &mut filling.spare()[..room]
    }

    /// The payload that so many bytes of it make.
    pub(crate) fn take(&mut self, count: usize) -> Option<Buffer> {
        let mut payload = self.filling.take()?;
        payload.grow(count);
        if count > SMALL {
            return Some(payload);
        }
        let mut small = envelope::blank(&self.pool, count);
        small.extend(&payload);
        payload.truncate(0);
        self.filling = Some(payload);
        Some(small)
    }
}
