//! Packets for who is away: kept a moment, so that what resumes a tunnel leaves at once when the
//! way is back.

use std::collections::{BTreeMap, VecDeque};

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{AWAY_BYTES, AWAY_KEPT};
use crate::base::links::LinkId;
use crate::base::machine::Deadline;
use crate::overlay::Hop;

/// Whom a packet waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awaited {
    /// A client that was here a moment ago.
    Client(Name),
    /// The next hop.
    Hop(Hop),
    /// Word of where this Name is.
    Record(Name),
    /// Any peer that is away: nobody here knows the destination, but it may.
    Anyone,
}

/// A packet on its way through this node.
#[derive(Debug)]
pub struct Parcel {
    /// The whole frame.
    pub frame: Buffer,
    /// Whom it is for.
    pub destination: Name,
    /// The neighbour it came from; `None` from a client.
    pub from: Option<Name>,
    /// The link it came from, while that is known.
    pub arrival: Option<LinkId>,
    /// When it came.
    pub since: Time,
}

#[derive(Debug, Default)]
struct Heap {
    parcels: VecDeque<Parcel>,
    bytes: usize,
}

/// All packets kept.
#[derive(Debug, Default)]
pub struct Kept(BTreeMap<Awaited, Heap>);

impl Kept {
    /// Keeps a packet; returns how many older ones had to go for it.
    pub fn push(&mut self, awaited: Awaited, parcel: Parcel) -> u64 {
        let heap = self.0.entry(awaited).or_default();
        heap.bytes = heap.bytes.saturating_add(parcel.frame.capacity());
        heap.parcels.push_back(parcel);
        let mut dropped: u64 = 0;
        while heap.bytes > AWAY_BYTES {
            let Some(oldest) = heap.parcels.pop_front() else { break };
            heap.bytes = heap.bytes.saturating_sub(oldest.frame.capacity());
            dropped = dropped.saturating_add(1);
        }
        dropped
    }

    /// Lets the oldest packet go of those that wait for whom most wait for, by bytes; false if
    /// there is none. A flood for one that is away takes no room from what waits for another.
    pub fn drop_one(&mut self) -> bool {
        let Some((awaited, heap)) = self.0.iter_mut().max_by_key(|(_, heap)| heap.bytes) else {
            return false;
        };
        let oldest = heap.parcels.pop_front();
        let freed = oldest.as_ref().map_or(0, |parcel| parcel.frame.capacity());
        heap.bytes = heap.bytes.saturating_sub(freed);
        let awaited = *awaited;
        if heap.parcels.is_empty() {
            self.0.remove(&awaited);
        }
        oldest.is_some()
    }

    /// Takes all packets out, to be routed again.
    pub fn take(&mut self) -> impl Iterator<Item = Parcel> + use<> {
        std::mem::take(&mut self.0).into_values().flat_map(|heap| heap.parcels)
    }

    /// Takes out a packet that has waited too long.
    pub fn expired(&mut self, now: Time) -> Option<Parcel> {
        let is_over = |parcel: &Parcel| parcel.since + AWAY_KEPT <= now;
        let (awaited, heap) =
            self.0.iter_mut().find(|(_, heap)| heap.parcels.front().is_some_and(is_over))?;
        let (awaited, parcel) = (*awaited, heap.parcels.pop_front()?);
        heap.bytes = heap.bytes.saturating_sub(parcel.frame.capacity());
        if heap.parcels.is_empty() {
            self.0.remove(&awaited);
        }
        Some(parcel)
    }

    /// When the first packet has waited too long.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let fronts = self.0.values().filter_map(|heap| heap.parcels.front());
        let first = fronts.map(|parcel| parcel.since + AWAY_KEPT).min()?;
        Some(Deadline { at: first, why: "packets kept too long" })
    }

    /// Memory of all packets kept, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.values().map(|heap| heap.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::buffer::Pool;

    fn parcel(pool: &Pool, len: usize, since: Time) -> Parcel {
        let destination = Name::from_bytes([1; 32]);
        Parcel { frame: pool.take(len), destination, from: None, arrival: None, since }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many_or_time_is_up() {
        let pool = Pool::new(1 << 30);
        let mut kept = Kept::default();
        let later = Time::ZERO + AWAY_KEPT / 2;
        assert_eq!(kept.push(Awaited::Anyone, parcel(&pool, 100, Time::ZERO)), 0);
        assert_eq!(kept.next_timeout().map(|due| due.at), Some(Time::ZERO + AWAY_KEPT));
        let mut dropped = 0;
        for _ in 0..200 {
            dropped += kept.push(Awaited::Anyone, parcel(&pool, 16_000, later));
        }
        assert!(dropped > 100 && kept.bytes() <= AWAY_BYTES && pool.used() <= AWAY_BYTES);
        assert!(kept.expired(Time::ZERO + AWAY_KEPT).is_none(), "that one was dropped");
        let end = later + AWAY_KEPT;
        let expired = std::iter::from_fn(|| kept.expired(end)).count() as u64;
        assert_eq!((expired + dropped, kept.bytes(), pool.used()), (201, 0, 0));
        assert_eq!(kept.next_timeout(), None);
    }

    // A bound whose being full is the denial.
    #[test]
    fn where_memory_is_full_those_go_for_whom_most_is_kept() {
        let (pool, mut kept) = (Pool::new(1 << 30), Kept::default());
        let [flooded, other] = [1, 2].map(|fill| Awaited::Client(Name::from_bytes([fill; 32])));
        kept.push(other, parcel(&pool, 1_000, Time::ZERO));
        for _ in 0..20 {
            assert_eq!(kept.push(flooded, parcel(&pool, 1_000, Time::ZERO)), 0);
        }
        assert_eq!((0..19).filter(|_| kept.drop_one()).count(), 19);
        assert!(kept.0.contains_key(&other) && kept.0.contains_key(&flooded));
        assert!(kept.drop_one() && kept.drop_one() && !kept.drop_one());
        assert_eq!((kept.bytes(), pool.used()), (0, 0));
    }
}
