//! Packets that wait for one link, fair between flows (the idea of FQ-CoDel, RFC 8290).
//!
//! A flow is what its two ends call a session: SrcID, DstID and SessID, all of which a relay can
//! read. What belongs to no session (handshakes, hints) is one flow between two ends. Flows share
//! the link by deficit round robin; one that had nothing waiting goes first, so that a keystroke
//! does not queue behind a file. Where there are too many bytes, the longest flow loses its oldest
//! packet.

use std::collections::VecDeque;

use crate::base::buffer::Buffer;
use crate::base::limits::{FRAME_HEADER, PERSISTENT_LEN, ROUTE_LEN};
use crate::wire::packet::ConType;
use crate::wire::route::ENDS;

use super::drr::{Deficit, Drr, Scheduled};

/// Queues that flows are spread over.
const QUEUES: usize = 64;
/// Where the SessID stands in a packet's frame.
const SESSION: std::ops::Range<usize> =
    FRAME_HEADER + ROUTE_LEN + PERSISTENT_LEN - 16..FRAME_HEADER + ROUTE_LEN + PERSISTENT_LEN;
/// Where the ConTYPE stands.
const CONTYPE: usize = FRAME_HEADER + ROUTE_LEN + 1;
/// Packets of no session. Their SessID is what their maker likes: a device that answers forged
/// Hellos would have a flow for each of them, and its sessions one beside those.
const OF_NO_SESSION: [ConType; 5] =
    [ConType::Hello, ConType::HelloBack, ConType::Retry, ConType::Unreachable, ConType::Refused];

#[derive(Debug, Default)]
struct Flow {
    packets: VecDeque<Buffer>,
    bytes: usize,
    deficit: Deficit,
}

impl Scheduled for Flow {
    fn deficit(&mut self) -> &mut Deficit {
        &mut self.deficit
    }

    fn needed(&self) -> Option<usize> {
        self.packets.front().map(|packet| packet.len())
    }
}

/// All flows that wait.
#[derive(Debug)]
pub struct Fair {
    flows: Vec<Flow>,
    order: Drr,
    bytes: usize,
    /// Memory of all packets, which a small packet has more of than bytes.
    memory: usize,
}

impl Default for Fair {
    fn default() -> Self {
        let flows = (0..QUEUES).map(|_| Flow::default()).collect();
        Self { flows, order: Drr::default(), bytes: 0, memory: 0 }
    }
}

impl Fair {
    /// Queues a packet.
    pub fn push(&mut self, packet: Buffer) {
        let at = flow_of(&packet);
        let Some(flow) = self.flows.get_mut(at) else { return };
        flow.bytes = flow.bytes.saturating_add(packet.len());
        self.bytes = self.bytes.saturating_add(packet.len());
        self.memory = self.memory.saturating_add(packet.capacity());
        flow.packets.push_back(packet);
        self.order.activate(at, flow);
    }

    /// Takes the packet whose turn it is, with the bytes that its flow leaves behind.
    pub fn pop(&mut self) -> Option<(Buffer, usize)> {
        let flow = self.order.next(&mut self.flows)?;
        let packet = flow.packets.pop_front()?;
        flow.deficit.spend(packet.len());
        flow.bytes = flow.bytes.saturating_sub(packet.len());
        self.bytes = self.bytes.saturating_sub(packet.len());
        self.memory = self.memory.saturating_sub(packet.capacity());
        Some((packet, flow.bytes))
    }

    /// Drops the oldest packet of the longest flow.
    pub fn drop_one(&mut self) {
        if let Some(flow) = self.flows.iter_mut().max_by_key(|flow| flow.bytes)
            && let Some(packet) = flow.packets.pop_front()
        {
            flow.bytes = flow.bytes.saturating_sub(packet.len());
            self.bytes = self.bytes.saturating_sub(packet.len());
            self.memory = self.memory.saturating_sub(packet.capacity());
        }
    }

    /// How many packets wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.flows.iter().map(|flow| flow.packets.len()).sum()
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

/// The queue of a packet's flow.
fn flow_of(frame: &[u8]) -> usize {
    let ends = frame.get(FRAME_HEADER + ENDS.start..FRAME_HEADER + ENDS.end).unwrap_or_default();
    let has_session = |kind: &u8| OF_NO_SESSION.iter().all(|other| *other as u8 != *kind);
    let session = frame.get(CONTYPE).filter(|kind| has_session(kind));
    let session = session.and_then(|_| frame.get(SESSION)).unwrap_or_default();
    let words = ends.as_chunks().0.iter().chain(session.as_chunks().0);
    let mixed = words.fold(0_u64, |mixed, word| {
        (mixed ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
    });
    (mixed >> 32) as usize % QUEUES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::buffer::Pool;
    use crate::base::ids::Name;
    use crate::wire::frame::{self, Kind};
    use crate::wire::route;

    fn packet(pool: &Pool, session: u8, len: usize, mark: u8) -> Buffer {
        let mut bytes = vec![mark; len];
        frame::emit(&mut bytes, Kind::Packet, len);
        let name = Name::from_bytes([1; 32]);
        route::emit(&mut bytes[FRAME_HEADER..], &name, &name, 3);
        bytes[SESSION].fill(session);
        bytes[CONTYPE] = ConType::Data as u8;
        pool.copy(&bytes)
    }

    fn marks(fair: &mut Fair) -> Vec<u8> {
        std::iter::from_fn(|| fair.pop()).filter_map(|(frame, _)| frame.last().copied()).collect()
    }

    #[test]
    fn a_keystroke_goes_before_a_file_and_a_flow_stays_in_order() {
        let pool = Pool::new(64 << 20);
        let mut fair = Fair::default();
        (0..20).for_each(|mark| fair.push(packet(&pool, 1, 16_000, mark)));
        assert_eq!(fair.pop().map(|(_, behind)| behind), Some(19 * 16_000));
        fair.push(packet(&pool, 2, 300, 100));
        let rest = marks(&mut fair);
        assert!(rest.iter().position(|mark| *mark == 100).is_some_and(|at| at <= 1), "{rest:?}");
        let file: Vec<u8> = rest.into_iter().filter(|mark| *mark != 100).collect();
        assert_eq!(file, (1..20).collect::<Vec<_>>());
        assert_eq!((fair.bytes(), pool.used()), (0, 0));
    }

    #[test]
    fn flows_share_by_bytes_not_by_packets() {
        let pool = Pool::new(64 << 20);
        let mut fair = Fair::default();
        for _ in 0..200 {
            fair.push(packet(&pool, 1, 16_000, 1));
            (0..10).for_each(|_| fair.push(packet(&pool, 2, 1_600, 2)));
        }
        let mut sent = [0, 0];
        for _ in 0..550 {
            let (frame, _) = fair.pop().expect("plenty");
            sent[usize::from(frame[frame.len() - 1]) - 1] += frame.len();
        }
        let ratio = sent[0] as f64 / sent[1] as f64;
        assert!((0.8..1.25).contains(&ratio), "{sent:?}");
    }

    #[test]
    fn the_longest_flow_pays_when_there_is_too_much() {
        let pool = Pool::new(64 << 20);
        let mut fair = Fair::default();
        (0..9).for_each(|mark| fair.push(packet(&pool, 1, 16_000, mark)));
        fair.push(packet(&pool, 2, 300, 100));
        (0..3).for_each(|_| fair.drop_one());
        assert_eq!(fair.bytes(), 6 * 16_000 + 300);
        let left = marks(&mut fair);
        assert!(left.contains(&100) && !left.contains(&2));
    }

    /// HS-12: a device answers forged Hellos, and its sessions go on.
    #[test]
    fn what_belongs_to_no_session_is_one_flow() {
        let (pool, mut fair) = (Pool::new(64 << 20), Fair::default());
        for session in 0..=255 {
            let mut retry = packet(&pool, session, 16_000, 1);
            retry.bytes_mut()[CONTYPE] = ConType::Retry as u8;
            fair.push(retry);
        }
        (0..10).for_each(|_| fair.push(packet(&pool, 7, 16_000, 2)));
        let sent = marks(&mut fair);
        let last = sent.iter().rposition(|mark| *mark == 2);
        assert!(last.is_some_and(|at| at < 22), "{last:?}: a flow for each Retry");
    }
}
