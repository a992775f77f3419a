//! Bytes in: a stream cut into frames, one [`Buffer`] each.
//!
//! A frame ends up in a buffer of its own, so that it can be opened in place and moved on without
//! a copy. The space lent to `read(2)` is the rest of the frame being read and a little more: in
//! bulk one read completes a frame and brings the start of the next, which is moved to the next
//! buffer; small frames that arrive together are copied out one by one, because a keystroke must
//! not pin the memory of a whole read.

use crate::base::buffer::{Buffer, Pool};
use crate::base::limits::{FRAME_COPY_MAX, READ_AHEAD};
use crate::wire::{WireError, frame};

/// The reading half of a link.
#[derive(Debug)]
pub struct Intake {
    pool: Pool,
    /// Begins with the frame being read. At most [`READ_AHEAD`] bytes lie beyond that frame.
    current: Option<Buffer>,
    /// Bytes of that frame still to come; zero while its length is not known.
    missing: usize,
}

impl Intake {
    /// An intake whose buffers come from `pool`.
    #[must_use]
    pub fn new(pool: &Pool) -> Self {
        Self { pool: pool.clone(), current: None, missing: 0 }
    }

    /// Where the next bytes belong. Every [`Intake::commit`] is followed by [`Intake::next`] until
    /// it has no more.
    pub fn space(&mut self) -> &mut [u8] {
        let buffer = self.current.get_or_insert_with(|| self.pool.take(READ_AHEAD));
        let room = self.missing.saturating_add(READ_AHEAD).min(buffer.spare_len());
        buffer.spare().get_mut(..room).unwrap_or_default()
    }

    /// So many bytes were put there.
    pub fn commit(&mut self, count: usize) {
        if let Some(buffer) = &mut self.current {
            buffer.grow(count);
        }
    }

    /// The next whole frame. One longer than `bound` is an error as soon as its length is known:
    /// nothing of it is awaited (OV-14).
    pub fn next(&mut self, bound: usize) -> Result<Option<Buffer>, WireError> {
        let Some(buffer) = &mut self.current else { return Ok(None) };
        let total = match frame::length(buffer)? {
            Some(total) if total > bound => return Err(WireError::Bound),
            Some(total) if total <= buffer.len() => return Ok(self.cut(total)),
            Some(total) => total,
            None => buffer.len(),
        };
        self.missing = total.saturating_sub(buffer.len());
        self.make_room(self.missing.saturating_add(READ_AHEAD));
        Ok(None)
    }

    /// Takes the frame of `total` bytes off the front.
    fn cut(&mut self, total: usize) -> Option<Buffer> {
        let mut buffer = self.current.take()?;
        self.missing = 0;
        if total <= FRAME_COPY_MAX {
            let frame = self.pool.copy(buffer.get(..total)?);
            buffer.skip(total);
            self.current = Some(buffer);
            return Some(frame);
        }
        let ahead = buffer.get(total..)?;
        if !ahead.is_empty() {
            // A length out of bounds is judged by the next call; here it only sizes the memory.
            let next = frame::length(ahead).ok().flatten().unwrap_or(0);
            let mut rest = self.pool.take(next.max(ahead.len()).saturating_add(READ_AHEAD));
            rest.extend(ahead);
            self.current = Some(rest);
        }
        buffer.truncate(total);
        Some(buffer)
    }

    /// Sees to it that `room` bytes can follow what is there.
    fn make_room(&mut self, room: usize) {
        let Some(buffer) = &mut self.current else { return };
        if buffer.is_empty() {
            buffer.reserve_head(0);
        }
        if buffer.spare_len() < room {
            let mut larger = self.pool.take(buffer.len().saturating_add(room));
            larger.extend(buffer);
            *buffer = larger;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{FRAME_HEADER, FRAME_MAX};
    use crate::wire::frame::Kind;
    use quickcheck::quickcheck;

    fn frame_of(len: usize, fill: u8) -> Vec<u8> {
        let mut bytes = vec![fill; len];
        frame::emit(&mut bytes, Kind::Packet, len);
        bytes
    }

    /// Feeds `stream` in pieces of the given sizes (cycled), and returns the frames cut.
    fn feed(intake: &mut Intake, stream: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
        let (mut frames, mut rest, mut sizes) = (Vec::new(), stream, pieces.iter().cycle());
        while !rest.is_empty() {
            let wanted = sizes.next().map_or(1, |size| size.max(&1) % 40_000);
            let space = intake.space();
            assert!(!space.is_empty());
            let count = wanted.max(1).min(space.len()).min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            intake.commit(count);
            rest = &rest[count..];
            while let Some(frame) = intake.next(FRAME_MAX).expect("well-formed") {
                assert!(!frame.is_shared());
                frames.push(frame.to_vec());
            }
        }
        frames
    }

    quickcheck! {
        fn any_chunking_gives_the_same_frames(lengths: Vec<u16>, pieces: Vec<usize>) -> bool {
            let frames: Vec<Vec<u8>> = lengths.iter().enumerate()
                .map(|(at, len)| {
                    let span = FRAME_MAX - FRAME_HEADER + 1;
                    frame_of(FRAME_HEADER + usize::from(*len) % span, at as u8)
                })
                .collect();
            let pool = Pool::new(1 << 20);
            let mut intake = Intake::new(&pool);
            let same = feed(&mut intake, &frames.concat(), &pieces) == frames;
            drop(intake);
            same && pool.used() == 0
        }
    }

    #[test]
    fn byte_by_byte_gives_the_same_frames() {
        let frames: Vec<Vec<u8>> = [5, 6, 511, 512, 513, 1024, 1025, 4096, 5000, FRAME_MAX, 5]
            .iter()
            .map(|len| frame_of(*len, *len as u8))
            .collect();
        let mut intake = Intake::new(&Pool::new(1 << 20));
        assert_eq!(feed(&mut intake, &frames.concat(), &[1]), frames);
    }

    #[test]
    fn a_bulk_frame_is_never_copied_but_for_what_was_read_ahead() {
        let mut intake = Intake::new(&Pool::new(1 << 20));
        let frames = feed(&mut intake, &frame_of(FRAME_MAX, 1).repeat(3), &[39_999]);
        assert_eq!(frames.len(), 3);
        let stream = frame_of(FRAME_MAX, 2).repeat(2);
        let first = intake.space().len();
        assert_eq!(first, READ_AHEAD);
        intake.space().copy_from_slice(&stream[..first]);
        intake.commit(first);
        assert!(matches!(intake.next(FRAME_MAX), Ok(None)));
        assert_eq!(intake.space().len(), FRAME_MAX, "the rest of the frame and the read-ahead");
    }

    #[test]
    fn a_giant_frame_is_refused_and_not_awaited() {
        // OV-14: four bytes are enough to know.
        let mut intake = Intake::new(&Pool::new(1 << 20));
        intake.space()[..4].copy_from_slice(&[0xff; 4]);
        intake.commit(4);
        assert_eq!(intake.next(FRAME_MAX).err(), Some(WireError::Bound));
        let mut unproved = Intake::new(&Pool::new(1 << 20));
        unproved.space()[..5].copy_from_slice(&frame_of(200, 0)[..5]);
        unproved.commit(5);
        assert_eq!(unproved.next(100).err(), Some(WireError::Bound));
    }
}
