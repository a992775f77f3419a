//! Packets that wait for one link, fair between the sources that they arrived from.
//!
//! A flow costs its maker nothing: a neighbour that gives each packet another SessID has as many as
//! it likes. So the link is shared between sources first, and within the queue of a source between
//! its flows ([`Fair`]), both by [deficit round robin](Drr).

use crate::base::buffer::Buffer;

use super::drr::{Deficit, Drr, Scheduled};
use super::fair::Fair;

/// Queues that sources are spread over.
const QUEUES: usize = 64;
const _: () = assert!(QUEUES.is_power_of_two());

#[derive(Debug, Default)]
struct SourceQueue {
    flows: Fair,
    deficit: Deficit,
}

impl Scheduled for Option<Box<SourceQueue>> {
    fn deficit(&mut self) -> &mut Deficit {
        &mut self.get_or_insert_default().deficit
    }

    /// Which of its packets leaves is up to its flows: any credit will do.
    fn needed(&self) -> Option<usize> {
        self.as_ref().filter(|queue| queue.flows.bytes() > 0).map(|_| 1)
    }
}

/// All queues; those that had no packet yet take no memory.
#[derive(Debug, Default)]
pub struct SourceQueues {
    queues: Vec<Option<Box<SourceQueue>>>,
    order: Drr,
    bytes: usize,
    memory: usize,
}

impl SourceQueues {
    /// Queues a packet that came from the source with this number.
    pub fn push(&mut self, packet: Buffer, source: u64) {
        if self.queues.is_empty() {
            self.queues.resize_with(QUEUES, || None);
        }
        let at = source as usize & (QUEUES - 1);
        let Some(queue) = self.queues.get_mut(at) else { return };
        self.bytes = self.bytes.saturating_add(packet.len());
        self.memory = self.memory.saturating_add(packet.capacity());
        queue.get_or_insert_default().flows.push(packet);
        self.order.activate(at, queue);
    }

    /// Takes the packet whose turn it is, with the bytes that its flow leaves behind.
    pub fn pop(&mut self) -> Option<(Buffer, usize)> {
        let queue = self.order.next(&mut self.queues)?.as_deref_mut()?;
        let (packet, behind) = queue.flows.pop()?;
        queue.deficit.spend(packet.len());
        self.bytes = self.bytes.saturating_sub(packet.len());
        self.memory = self.memory.saturating_sub(packet.capacity());
        Some((packet, behind))
    }

    /// Drops the oldest packet of the longest flow of the queue with most memory.
    pub fn drop_one(&mut self) {
        let fullest =
            |queue: &Option<Box<SourceQueue>>| queue.as_ref().map_or(0, |l| l.flows.memory());
        let queue = self.queues.iter_mut().max_by_key(|queue| fullest(queue));
        let Some(queue) = queue.and_then(|queue| queue.as_deref_mut()) else { return };
        let (bytes, memory) = (queue.flows.bytes(), queue.flows.memory());
        queue.flows.drop_one();
        let dropped = bytes.saturating_sub(queue.flows.bytes());
        let freed = memory.saturating_sub(queue.flows.memory());
        self.bytes = self.bytes.saturating_sub(dropped);
        self.memory = self.memory.saturating_sub(freed);
    }

    /// How many packets wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.queues.iter().flatten().map(|queue| queue.flows.count()).sum()
    }

    /// Bytes of all packets.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Memory of all packets, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::buffer::Pool;
    use crate::base::ids::Name;
    use crate::base::limits::{FRAME_HEADER, HEAD_ROOM};
    use crate::wire::route;

    /// A packet of a session of its own.
    fn packet(pool: &Pool, session: u64, length: usize) -> Buffer {
        let mut frame = pool.copy(&vec![0; length.max(HEAD_ROOM)]);
        let (source, destination) = (Name::from_bytes([1; 32]), Name::from_bytes([2; 32]));
        route::emit(&mut frame.bytes_mut()[FRAME_HEADER..], &source, &destination, 9);
        let half = &mut frame.bytes_mut()[HEAD_ROOM - 16..HEAD_ROOM - 8];
        half.copy_from_slice(&session.to_be_bytes());
        frame
    }

    /// DO-06: a source that makes every packet a flow of its own has one share of the link.
    #[test]
    fn a_source_has_its_share_whatever_flows_it_makes() {
        let (pool, mut queues) = (Pool::new(64 << 20), SourceQueues::default());
        (0..5_000).for_each(|session| queues.push(packet(&pool, session, 300), 7));
        (0..20).for_each(|_| queues.push(packet(&pool, 1, 16_000), 8));
        let (mut honest, mut all) = (0, 0);
        while honest < 20 {
            let (next, _) = queues.pop().expect("packets wait");
            all += next.len();
            honest += usize::from(next.len() == 16_000);
        }
        assert!(all < 20 * 16_000 * 5 / 2, "{all} bytes until 320,000 honest ones had left");
    }

    #[test]
    fn who_had_nothing_waiting_goes_first_but_not_for_ever() {
        let (pool, mut queues) = (Pool::new(64 << 20), SourceQueues::default());
        (0..10).for_each(|_| queues.push(packet(&pool, 1, 16_000), 1));
        queues.pop().expect("the first");
        let mut waited = 0;
        for _ in 0..200 {
            queues.push(packet(&pool, 2, 300), 2);
            let (next, _) = queues.pop().expect("packets wait");
            waited += usize::from(next.len() == 16_000);
        }
        assert!(waited >= 3, "small packets without end keep the large ones");
        assert!(waited <= 6, "a keystroke waits behind a file");
    }

    #[test]
    fn the_fullest_lane_loses_first_and_nothing_is_counted_twice() {
        let (pool, mut queues) = (Pool::new(64 << 20), SourceQueues::default());
        (0..50).for_each(|session| queues.push(packet(&pool, session, 300), 3));
        queues.push(packet(&pool, 1, 2_000), 4);
        (0..40).for_each(|_| queues.drop_one());
        assert_eq!((queues.count(), queues.bytes()), (11, 10 * 300 + 2_000));
        while queues.pop().is_some() {}
        assert_eq!((queues.count(), queues.bytes(), queues.memory()), (0, 0, 0));
    }
}
