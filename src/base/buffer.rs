//! Buffers that find their own way home.
//!
//! One packet lives in one [`Buffer`] from the `read(2)` that fills it to the `writev(2)` that
//! empties it: it is *moved* between queues, never copied. While it has one owner it may be
//! changed (headers emitted, payload sealed or opened in place). [`Buffer::share`] freezes it and
//! gives a second owner, which is how a sealed packet stands in the session's log and in the
//! uplink's queue at once. When the last owner lets go, the memory returns to its [`Pool`].

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::rc::Rc;

use memmap2::MmapMut;

use super::limits::{self, IDLE_MAX};

/// Buffer sizes, smallest first: a keystroke must not pin the room of a bulk packet.
const CLASSES: [usize; 3] = [512, 4096, LARGEST];

/// Bytes of the largest size.
const LARGEST: usize = limits::FRAME_MAX + limits::READ_AHEAD;

/// So many sixteenths of a budget.
const fn share_of(budget: usize, share: usize) -> usize {
    (budget / 16).saturating_mul(share)
}

/// A source of buffers that counts what is out.
#[derive(Clone)]
pub struct Pool(Rc<Home>);

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} of {} bytes)", self.used(), self.budget())
    }
}

/// Memory with its owners.
type Chunk = Rc<Memory>;

/// The memory of one buffer.
enum Memory {
    /// Part of the process's heap.
    Heap(Box<[u8]>),
    /// Pages of its own. The heap of the C library gives back to the system only what lies above
    /// all that is in use: after a flood it would keep the whole budget for ever.
    Pages(MmapMut),
}

impl Memory {
    fn new(size: usize) -> Self {
        if size == LARGEST
            && let Ok(pages) = MmapMut::map_anon(size)
        {
            return Self::Pages(pages);
        }
        Self::Heap(vec![0; size].into_boxed_slice())
    }
}

impl Deref for Memory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Heap(memory) => memory,
            Self::Pages(memory) => memory,
        }
    }
}

impl DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(memory) => memory,
            Self::Pages(memory) => memory,
        }
    }
}

struct Home {
    idle: [RefCell<Vec<Chunk>>; CLASSES.len()],
    /// Bytes of all buffers in `idle`.
    kept: Cell<usize>,
    out: Cell<usize>,
    budget: usize,
}

impl Home {
    /// Takes a buffer in that has no owner any more. Together with what is out, what is kept
    /// stays within the budget.
    fn keep(&self, chunk: Chunk) {
        self.out.set(self.out.get().saturating_sub(chunk.len()));
        let kept = self.kept.get().saturating_add(chunk.len());
        let all = kept.saturating_add(self.out.get());
        if kept > IDLE_MAX || all > self.budget {
            return;
        }
        let mut classes = CLASSES.iter().zip(&self.idle);
        if let Some((_, idle)) = classes.find(|(size, _)| **size == chunk.len()) {
            self.kept.set(kept);
            idle.borrow_mut().push(chunk);
        }
    }
}

impl Pool {
    /// A pool whose buffers should not exceed `budget` bytes together.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        let (idle, kept, out) = (Default::default(), Cell::new(0), Cell::new(0));
        Self(Rc::new(Home { idle, kept, out, budget }))
    }

    /// An empty buffer with room for at least `room` bytes (at most the largest class).
    ///
    /// It never fails: whoever brings data in from outside asks [`Pool::has_room`] first, and what
    /// must pass even when memory is short (acknowledgements, control) is bounded by limits of its
    /// own.
    #[must_use]
    pub fn take(&self, room: usize) -> Buffer {
        debug_assert!(room <= LARGEST, "no buffer holds {room} bytes");
        let mut classes = CLASSES.iter().zip(&self.0.idle);
        let class = classes.find(|(size, _)| **size >= room);
        let (size, idle) = class.map_or((LARGEST, None), |(size, idle)| (*size, Some(idle)));
        let chunk = match idle.and_then(|idle| idle.borrow_mut().pop()) {
            Some(chunk) => {
                self.0.kept.set(self.0.kept.get().saturating_sub(chunk.len()));
                chunk
            }
            None => Rc::new(Memory::new(size)),
        };
        self.0.out.set(self.0.out.get().saturating_add(size));
        Buffer { chunk: Some(chunk), home: Rc::clone(&self.0), start: 0, end: 0 }
    }

    /// A buffer that holds a copy of `bytes`.
    #[must_use]
    pub fn copy(&self, bytes: &[u8]) -> Buffer {
        let mut buffer = self.take(bytes.len());
        buffer.extend(bytes);
        buffer
    }

    /// Bytes of all buffers that are out.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.out.get()
    }

    /// The budget given at the start, in bytes.
    #[must_use]
    pub fn budget(&self) -> usize {
        self.0.budget
    }

    /// Whether less than `share` sixteenths of the budget are in use.
    #[must_use]
    pub fn has_room(&self, share: usize) -> bool {
        self.0.out.get() < share_of(self.0.budget, share)
    }
}

/// A range of bytes in memory that belongs to a pool.
pub struct Buffer {
    /// `None` only while dropping.
    chunk: Option<Chunk>,
    home: Rc<Home>,
    start: usize,
    end: usize,
}

/// Says how long it is: neither its bytes nor what else the memory holds belongs into a log.
impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

impl Buffer {
    /// The bytes before, within and after the range, to be changed.
    ///
    /// # Panics
    /// If the buffer is shared: a sealed packet is never written again.
    fn whole(&mut self) -> &mut [u8] {
        let chunk = self.chunk.as_mut().and_then(Rc::get_mut);
        chunk.expect("a shared buffer is not written")
    }

    /// Bytes the memory can hold.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.chunk.as_ref().map_or(0, |chunk| chunk.len())
    }

    /// Another owner of the same bytes.
    #[must_use]
    pub fn share(&self) -> Self {
        let (chunk, home) = (self.chunk.clone(), Rc::clone(&self.home));
        Self { chunk, home, start: self.start, end: self.end }
    }

    /// Whether there is another owner.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.chunk.as_ref().is_some_and(|chunk| Rc::strong_count(chunk) > 1)
    }

    /// The bytes, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let range = self.start..self.end;
        self.whole().get_mut(range).unwrap_or_default()
    }

    /// The unused memory after the range.
    pub fn spare(&mut self) -> &mut [u8] {
        let end = self.end;
        self.whole().get_mut(end..).unwrap_or_default()
    }

    /// Unused bytes after the range.
    #[must_use]
    pub fn spare_len(&self) -> usize {
        self.capacity().saturating_sub(self.end)
    }

    /// Takes `count` bytes written to [`Buffer::spare`] into the range.
    pub fn grow(&mut self, count: usize) {
        assert!(count <= self.spare_len(), "grown past the memory");
        self.end = self.end.saturating_add(count);
    }

    /// Keeps the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.end = self.end.min(self.start.saturating_add(len));
    }

    /// Drops the first `count` bytes.
    pub fn skip(&mut self, count: usize) {
        assert!(count <= self.len(), "skipped past the end");
        self.start = self.start.saturating_add(count);
    }

    /// Takes `count` bytes of head room back into the range.
    pub fn unskip(&mut self, count: usize) {
        assert!(count <= self.start, "no such head room");
        self.start = self.start.saturating_sub(count);
    }

    /// Narrows to `range`, counted from the present start.
    pub fn narrow(&mut self, range: Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.len(), "narrowed past the end");
        self.end = self.start.saturating_add(range.end);
        self.start = self.start.saturating_add(range.start);
    }

    /// Makes an empty buffer start `room` bytes in: head room for a header to come.
    pub fn reserve_head(&mut self, room: usize) {
        assert!(self.is_empty() && room <= self.capacity(), "head room comes first");
        self.start = room;
        self.end = room;
    }

    /// Appends a copy of `bytes`.
    pub fn extend(&mut self, bytes: &[u8]) {
        let space = self.spare().get_mut(..bytes.len()).expect("room for what is appended");
        space.copy_from_slice(bytes);
        self.grow(bytes.len());
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let range = self.start..self.end;
        self.chunk.as_ref().and_then(|chunk| chunk.get(range)).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(chunk) = self.chunk.take() else { return };
        if Rc::strong_count(&chunk) > 1 {
            return;
        }
        self.home.keep(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_returns_home_with_its_last_owner() {
        let pool = Pool::new(1 << 20);
        let first = pool.copy(b"sealed");
        let second = first.share();
        assert_eq!(pool.used(), CLASSES[0]);
        drop(first);
        assert_eq!((pool.used(), &second[..]), (CLASSES[0], &b"sealed"[..]));
        drop(second);
        assert_eq!(pool.used(), 0);
        let again = pool.take(10);
        assert_eq!((again.len(), pool.0.idle[0].borrow().len()), (0, 0));
    }

    /// DO-06: what a flood took does not stay.
    #[test]
    fn of_many_buffers_few_are_kept_for_later() {
        let pool = Pool::new(64 << 20);
        let many: Vec<_> = (0..2_000).map(|_| pool.take(LARGEST)).collect();
        assert_eq!(pool.used(), 2_000 * LARGEST);
        drop(many);
        let kept = pool.0.kept.get();
        assert!(pool.used() == 0 && kept > IDLE_MAX / 2 && kept <= IDLE_MAX, "{kept}");
    }

    #[test]
    #[should_panic(expected = "a shared buffer is not written")]
    fn a_shared_buffer_is_frozen() {
        let mut first = Pool::new(0).copy(b"sealed");
        let _second = first.share();
        first.bytes_mut()[0] = 0;
    }

    #[test]
    fn head_room_is_taken_back_for_the_header() {
        let mut buffer = Pool::new(0).take(64);
        buffer.reserve_head(4);
        buffer.extend(b"body");
        buffer.unskip(4);
        buffer.bytes_mut()[..4].copy_from_slice(b"head");
        assert_eq!(&buffer[..], b"headbody");
        buffer.narrow(4..6);
        assert_eq!(&buffer[..], b"bo");
    }
}
