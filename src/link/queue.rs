//! Bytes out: whole frames in order, control frames ahead of packets.
//!
//! A frame once begun is finished before anything else, whatever is more urgent. Each kind of
//! control frame has one place: a newer one replaces the one that waits, so a far end that does
//! not read cannot make answers pile up (DO-07). Packets wait in a bounded queue that marks early
//! and drops late.

use std::collections::VecDeque;

use crate::base::buffer::Buffer;
use crate::base::limits::{FRAME_HEADER, LINK_MARK, LINK_QUEUE_MAX, TREES_MAX};
use crate::base::machine::{SLICES_MAX, Slices};
use crate::wire::frame::Kind;
use crate::wire::route::Route;

use super::source_queues::SourceQueues;

/// Bytes taken out of their flows ahead of being written: few, or a keystroke would queue behind
/// them.
const READY: usize = 64 << 10;

/// A frame of which a part was written.
#[derive(Debug)]
struct Started {
    rest: Buffer,
    written: usize,
    is_packet: bool,
}

/// Places for control frames: one for each kind, in the order of their numbers (Hello goes before
/// Proof before Names), and of those that speak of a tree one for each tree.
const PLACES: usize = (Kind::Attach as usize + 1) * TREES_MAX;
const _: () = assert!(PLACES <= u128::BITS as usize);

/// The bit of a place among those that are taken.
fn bit(place: usize) -> u128 {
    1_u128.checked_shl(place as u32).unwrap_or(0)
}

/// Control frames that wait, each in its place.
#[derive(Debug)]
struct Control {
    frames: [Option<Buffer>; PLACES],
    /// The places that are taken, one bit each.
    waiting: u128,
}

impl Default for Control {
    fn default() -> Self {
        Self { frames: std::array::from_fn(|_| None), waiting: 0 }
    }
}

impl Control {
    fn put(&mut self, place: usize, frame: Buffer) {
        if let Some(slot) = self.frames.get_mut(place) {
            *slot = Some(frame);
            self.waiting |= bit(place);
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Buffer> {
        let places = if self.waiting == 0 { 0 } else { PLACES };
        self.frames.iter().take(places).flatten()
    }

    fn pop(&mut self) -> Option<Buffer> {
        let place = self.waiting.trailing_zeros() as usize;
        let frame = self.frames.get_mut(place)?.take();
        self.waiting &= !bit(place);
        frame
    }
}

/// The writing half of a link.
#[derive(Debug, Default)]
pub struct Queue {
    started: Option<Started>,
    control: Control,
    flows: SourceQueues,
    /// Packets whose turn has come: what one write takes.
    packets: VecDeque<Buffer>,
    /// Bytes of those.
    ready: usize,
    /// Bytes of packets that wait, what is left of a started one included.
    bytes: usize,
    /// Whether packets may go out: the far end has proved its Name.
    open: bool,
    dropped: u64,
}

impl Queue {
    /// Lets packets go out from now on.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// Queues a control frame; one of the same kind that waits is replaced.
    pub fn control(&mut self, kind: Kind, frame: Buffer) {
        self.tree_control(kind, 0, frame);
    }

    /// The same for one that speaks of a tree: it replaces only what was said of that tree.
    pub fn tree_control(&mut self, kind: Kind, tree: u8, frame: Buffer) {
        let first = (kind as usize).saturating_mul(TREES_MAX);
        self.control.put(first.saturating_add(usize::from(tree) % TREES_MAX), frame);
    }

    /// Queues a packet of this source; false if the queue is full, which drops the oldest one of
    /// the longest flow of the source with most.
    pub fn push(&mut self, packet: Buffer, source: u64) -> bool {
        self.bytes = self.bytes.saturating_add(packet.len());
        self.flows.push(packet, source);
        let is_full = self.flows.memory() > LINK_QUEUE_MAX;
        if is_full {
            self.drop_one();
        }
        self.fill();
        !is_full
    }

    fn drop_one(&mut self) {
        let before = self.flows.bytes();
        self.flows.drop_one();
        let dropped = before.saturating_sub(self.flows.bytes());
        self.bytes = self.bytes.saturating_sub(dropped);
        self.dropped = self.dropped.saturating_add(1);
    }

    /// Drops packets of the longest flows until half of the memory is left; how many they were.
    pub fn shed(&mut self) -> u64 {
        let (before, half) = (self.dropped, self.flows.memory() / 2);
        while self.flows.memory() > half {
            self.drop_one();
        }
        self.dropped.saturating_sub(before)
    }

    /// Memory of the packets that wait for their turn, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.flows.memory()
    }

    /// Takes as many packets as one write takes out of their flows, and marks those whose flow
    /// leaves a long queue behind, so that their receiver tells their sender. A shared packet is a
    /// sealed one in its own node's queue, where the sender sees the queue itself; its bytes are
    /// not ours to write.
    fn fill(&mut self) {
        while self.packets.len() < SLICES_MAX && self.ready < READY {
            let Some((mut packet, behind)) = self.flows.pop() else { return };
            self.ready = self.ready.saturating_add(packet.len());
            if behind > LINK_MARK
                && !packet.is_shared()
                && let Some(body) = packet.bytes_mut().get_mut(FRAME_HEADER..)
                && let Ok(mut route) = Route::new_checked(body)
            {
                route.mark();
            }
            self.packets.push_back(packet);
        }
    }

    /// Bytes of packets that wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many packets wait, one that is partly written included.
    #[must_use]
    pub fn packets(&self) -> usize {
        let started = self.started.iter().filter(|started| started.is_packet).count();
        let waiting = self.packets.len().saturating_add(self.flows.count());
        waiting.saturating_add(started)
    }

    /// Packets dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether something can be written now.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.started.is_some() || self.control.waiting != 0 || self.open && !self.packets.is_empty()
    }

    /// Borrows what is to be written next.
    pub fn slices<'a>(&'a self, into: &mut Slices<'a>) {
        let started = self.started.iter().map(|started| &started.rest);
        let packets = self.packets.iter().take(if self.open { SLICES_MAX } else { 0 });
        for frame in started.chain(self.control.iter()).chain(packets) {
            if !into.push(frame) {
                return;
            }
        }
    }

    /// So many bytes of it were written.
    pub fn commit(&mut self, mut count: usize) {
        while count > 0 {
            let Some(mut front) = self.front() else {
                debug_assert!(false, "more committed than lent");
                return;
            };
            let taken = count.min(front.rest.len());
            count = count.saturating_sub(taken);
            front.rest.skip(taken);
            front.written = front.written.saturating_add(taken);
            if front.is_packet {
                self.bytes = self.bytes.saturating_sub(taken);
            }
            if !front.rest.is_empty() {
                self.started = Some(front);
            }
        }
        self.fill();
    }

    /// Takes the frame that is written next out of its place.
    fn front(&mut self) -> Option<Started> {
        if let Some(started) = self.started.take() {
            return Some(started);
        }
        let control = self.control.pop();
        let is_packet = control.is_none();
        let rest = control.or_else(|| self.packets.pop_front())?;
        if is_packet {
            self.ready = self.ready.saturating_sub(rest.len());
        }
        Some(Started { rest, written: 0, is_packet })
    }

    /// Takes out all packets, a half-written one first and whole again: on another link it starts
    /// anew.
    pub fn take(&mut self) -> VecDeque<Buffer> {
        let mut packets = std::mem::take(&mut self.packets);
        packets.extend(std::iter::from_fn(|| self.flows.pop()).map(|(packet, _)| packet));
        if let Some(mut started) = self.started.take_if(|started| started.is_packet) {
            started.rest.unskip(started.written);
            packets.push_front(started.rest);
        }
        (self.bytes, self.ready) = (0, 0);
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::buffer::Pool;
    use crate::base::ids::Name;
    use crate::base::limits::{FRAME_MAX, ROUTE_LEN};
    use crate::wire::{frame, route};

    fn packet(pool: &Pool, len: usize) -> Buffer {
        let mut bytes = vec![7; len];
        frame::emit(&mut bytes, Kind::Packet, len);
        let name = Name::from_bytes([1; 32]);
        route::emit(&mut bytes[FRAME_HEADER..], &name, &name, 3);
        pool.copy(&bytes)
    }

    fn written(queue: &mut Queue, most: usize) -> Vec<u8> {
        let mut slices = Slices::default();
        queue.slices(&mut slices);
        let mut bytes: Vec<u8> = slices.iter().flat_map(|part| part.to_vec()).collect();
        bytes.truncate(most);
        queue.commit(bytes.len());
        bytes
    }

    fn is_marked(packet: &[u8]) -> bool {
        Route::new_checked(&packet[FRAME_HEADER..]).expect("a route").is_marked()
    }

    #[test]
    fn control_goes_first_but_never_into_a_started_frame() {
        let pool = Pool::new(1 << 20);
        let mut queue = Queue::default();
        assert!(queue.push(packet(&pool, 300), 0));
        assert!(!queue.has_output(), "not before the far end has proved its Name");
        queue.open();
        assert_eq!(written(&mut queue, 10).len(), 10);
        queue.control(Kind::Ping, pool.copy(b"old"));
        queue.control(Kind::Ping, pool.copy(b"ping"));
        queue.control(Kind::Names, pool.copy(b"names"));
        assert_eq!(queue.bytes(), 290);
        assert_eq!(written(&mut queue, 290), packet(&pool, 300)[10..]);
        assert_eq!(written(&mut queue, 99), b"namesping");
        assert!(!queue.has_output());
    }

    #[test]
    fn a_half_written_packet_is_whole_again_on_another_link() {
        let pool = Pool::new(1 << 20);
        let mut queue = Queue::default();
        queue.open();
        assert!(queue.push(packet(&pool, 300), 0) && queue.push(packet(&pool, 400), 0));
        written(&mut queue, 60);
        let lengths: Vec<usize> = queue.take().iter().map(|packet| packet.len()).collect();
        assert_eq!((lengths, queue.bytes(), queue.has_output()), (vec![300, 400], 0, false));
    }

    #[test]
    fn a_long_queue_is_marked_early_and_dropped_late() {
        // DO-07: bytes kept are bounded.
        let pool = Pool::new(64 << 20);
        let mut queue = Queue::default();
        queue.open();
        let len = FRAME_MAX;
        let mut kept = 0;
        while queue.push(packet(&pool, len), 0) {
            kept += 1;
        }
        let ready = READY.div_ceil(len);
        let room = LINK_QUEUE_MAX / packet(&pool, len).capacity();
        assert_eq!((kept, queue.dropped()), (ready + room, 1));
        written(&mut queue, len);
        let mut left: Vec<Buffer> = Vec::new();
        while queue.bytes() > 0 {
            left.push(queue.packets[0].share());
            written(&mut queue, len);
        }
        let marked = left.iter().filter(|packet| is_marked(packet)).count();
        let behind = LINK_MARK / len;
        let unmarked = left.len() - behind - 1 - marked;
        assert!(unmarked <= READY / len, "all but the first and those that leave little behind");
        assert!(left.iter().skip(unmarked).take(marked).all(|packet| is_marked(packet)));
        assert!(ROUTE_LEN < len);
    }

    #[test]
    fn a_shared_packet_is_not_written_to() {
        let pool = Pool::new(64 << 20);
        let mut queue = Queue::default();
        queue.open();
        let log: Vec<Buffer> = (0..40).map(|_| packet(&pool, 16_000)).collect();
        assert!(log.iter().all(|packet| queue.push(packet.share(), 0)));
        written(&mut queue, 16_000);
        assert!(log.iter().all(|packet| !is_marked(packet)));
    }
}
