//! Packets that wait for one link, fair between those who bring them.
//!
//! A flow costs its maker nothing: a neighbour that gives each packet another SessID has as many as
//! it likes. So the link is shared out between *lanes* first, one for each source that packets
//! arrive from, and within a lane between its flows ([`Fair`]); both take [`Turns`].

use crate::base::buffer::Buffer;

use super::fair::Fair;
use super::turns::{Share, TakesTurns, Turns};

/// Lanes that sources are spread over.
const LANES: usize = 64;
const _: () = assert!(LANES.is_power_of_two());

#[derive(Debug, Default)]
struct Lane {
    flows: Fair,
    share: Share,
}

impl TakesTurns for Option<Box<Lane>> {
    fn share(&mut self) -> &mut Share {
        &mut self.get_or_insert_default().share
    }

    /// Which of its packets leaves is up to its flows: any credit will do.
    fn needed(&self) -> Option<usize> {
        self.as_ref().filter(|lane| lane.flows.bytes() > 0).map(|_| 1)
    }
}

/// All lanes; those that had no packet yet take no memory.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: Vec<Option<Box<Lane>>>,
    turns: Turns,
    bytes: usize,
    memory: usize,
}

impl Lanes {
    /// Queues a packet that came from the source with this number.
    pub fn push(&mut self, packet: Buffer, source: u64) {
        if self.lanes.is_empty() {
            self.lanes.resize_with(LANES, || None);
        }
        let at = source as usize & (LANES - 1);
        let Some(lane) = self.lanes.get_mut(at) else { return };
        self.bytes = self.bytes.saturating_add(packet.len());
        self.memory = self.memory.saturating_add(packet.capacity());
        lane.get_or_insert_default().flows.push(packet);
        self.turns.enter(at, lane);
    }

    /// Takes the packet whose turn it is, with the bytes that its flow leaves behind.
    pub fn pop(&mut self) -> Option<(Buffer, usize)> {
        let lane = self.turns.next(&mut self.lanes)?.as_deref_mut()?;
        let (packet, behind) = lane.flows.pop()?;
        lane.share.spend(packet.len());
        self.bytes = self.bytes.saturating_sub(packet.len());
        self.memory = self.memory.saturating_sub(packet.capacity());
        Some((packet, behind))
    }

    /// Drops the oldest packet of the longest flow of the lane with most memory.
    pub fn drop_one(&mut self) {
        let fullest = |lane: &Option<Box<Lane>>| lane.as_ref().map_or(0, |l| l.flows.memory());
        let lane = self.lanes.iter_mut().max_by_key(|lane| fullest(lane));
        let Some(lane) = lane.and_then(|lane| lane.as_deref_mut()) else { return };
        let (bytes, memory) = (lane.flows.bytes(), lane.flows.memory());
        lane.flows.drop_one();
        let dropped = bytes.saturating_sub(lane.flows.bytes());
        let freed = memory.saturating_sub(lane.flows.memory());
        self.bytes = self.bytes.saturating_sub(dropped);
        self.memory = self.memory.saturating_sub(freed);
    }

    /// How many packets wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lanes.iter().flatten().map(|lane| lane.flows.count()).sum()
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
        let (pool, mut lanes) = (Pool::new(64 << 20), Lanes::default());
        (0..5_000).for_each(|session| lanes.push(packet(&pool, session, 300), 7));
        (0..20).for_each(|_| lanes.push(packet(&pool, 1, 16_000), 8));
        let (mut honest, mut all) = (0, 0);
        while honest < 20 {
            let (next, _) = lanes.pop().expect("packets wait");
            all += next.len();
            honest += usize::from(next.len() == 16_000);
        }
        assert!(all < 20 * 16_000 * 5 / 2, "{all} bytes until 320,000 honest ones had left");
    }

    #[test]
    fn who_had_nothing_waiting_goes_first_but_not_for_ever() {
        let (pool, mut lanes) = (Pool::new(64 << 20), Lanes::default());
        (0..10).for_each(|_| lanes.push(packet(&pool, 1, 16_000), 1));
        lanes.pop().expect("the first");
        let mut waited = 0;
        for _ in 0..200 {
            lanes.push(packet(&pool, 2, 300), 2);
            let (next, _) = lanes.pop().expect("packets wait");
            waited += usize::from(next.len() == 16_000);
        }
        assert!(waited >= 3, "small packets without end keep the large ones");
        assert!(waited <= 6, "a keystroke waits behind a file");
    }

    #[test]
    fn the_fullest_lane_loses_first_and_nothing_is_counted_twice() {
        let (pool, mut lanes) = (Pool::new(64 << 20), Lanes::default());
        (0..50).for_each(|session| lanes.push(packet(&pool, session, 300), 3));
        lanes.push(packet(&pool, 1, 2_000), 4);
        (0..40).for_each(|_| lanes.drop_one());
        assert_eq!((lanes.count(), lanes.bytes()), (11, 10 * 300 + 2_000));
        while lanes.pop().is_some() {}
        assert_eq!((lanes.count(), lanes.bytes(), lanes.memory()), (0, 0, 0));
    }
}
