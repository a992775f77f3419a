//! "I know no way to that Name": told to who asked, seldom and without weight.
//!
//! The hint is not sealed, so it ends nothing; it only lets the far end ask again sooner or tell a
//! person why. It is never told about another hint, it is hardly longer than the shortest packet,
//! and it is spaced, so a forged source gains nothing by it (OV-07).

use std::collections::BTreeMap;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{
    FRAME_HEADER, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN, ROUTE_LEN, UNREACHABLE_EVERY,
    UNREACHABLE_MAX,
};
use crate::wire::frame::{self, Kind};
use crate::wire::packet::{ConType, Header};
use crate::wire::route::{self, Route};

/// When which destination was last reported, and for which neighbour's packet.
#[derive(Debug, Default)]
pub struct Hints(BTreeMap<Name, (Time, Option<Name>)>);

impl Hints {
    /// Whether a report about `destination` may go out now, for a packet that `by` brought; if so
    /// it counts as sent. Where too many were reported lately, the neighbour that had most of them
    /// gets no more, and to the others it makes room.
    fn may(&mut self, destination: &Name, by: Option<Name>, now: Time) -> bool {
        let is_recent = |last: &Time| now.since(*last) < UNREACHABLE_EVERY;
        if self.0.get(destination).is_some_and(|(last, _)| is_recent(last)) {
            return false;
        }
        if self.0.len() >= UNREACHABLE_MAX {
            self.0.retain(|_, (last, _)| is_recent(last));
        }
        if self.0.len() >= UNREACHABLE_MAX && !self.make_room(by) {
            return false;
        }
        self.0.insert(*destination, (now, by));
        true
    }

    fn make_room(&mut self, by: Option<Name>) -> bool {
        let mut counts: BTreeMap<Option<Name>, usize> = BTreeMap::new();
        for (_, by) in self.0.values() {
            let count = counts.entry(*by).or_default();
            *count = count.saturating_add(1);
        }
        let own = counts.get(&by).copied().unwrap_or(0);
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let most = most.filter(|(_, count)| *count > own.saturating_add(1));
        let Some((most, _)) = most else { return false };
        let of_most = self.0.iter().filter(|(_, (_, by))| *by == most);
        let oldest = of_most.min_by_key(|(_, (last, _))| *last).map(|(name, _)| *name);
        oldest.is_some_and(|oldest| self.0.remove(&oldest).is_some())
    }

    /// The hint about a packet that knows no way, which `by` brought, and whom it is for; `None` if
    /// none is due.
    pub fn about(
        &mut self,
        (lost, by): (&[u8], Option<Name>),
        own: &Name,
        pool: &Pool,
        now: Time,
    ) -> Option<(Name, Buffer)> {
        let route = Route::new_checked(lost.get(FRAME_HEADER..)?).ok()?;
        let header = Header::parse(lost.get(FRAME_HEADER + ROUTE_LEN..)?).ok()?;
        if matches!(header.kind, ConType::Unreachable | ConType::Refused | ConType::Retry) {
            return None;
        }
        let (source, destination) = (route.source(), route.destination());
        if !self.may(&destination, by, now) {
            return None;
        }
        let total = HEAD_ROOM + Name::LEN;
        let mut head = [0; HEAD_ROOM];
        frame::emit(&mut head, Kind::Packet, total);
        route::emit(&mut head[FRAME_HEADER..], own, &source, HOPS_MAX);
        // Back to where the packet says it came from; nobody proved it.
        if let (Ok(here), Ok(mut back)) =
            (route.here(), Route::new_checked(&mut head[FRAME_HEADER..]))
        {
            back.set_there(here.iter().copied());
        }
        let header = Header { kind: ConType::Unreachable, suite: 0, ..header };
        header.emit(&mut head[HEAD_ROOM - PERSISTENT_LEN..]);
        let mut hint = pool.take(total);
        hint.extend(&head);
        hint.extend(destination.as_bytes());
        Some((source, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::{PSessId, SessId};

    fn name(fill: u8) -> Name {
        Name::from_bytes([fill; 32])
    }

    fn lost(kind: ConType, destination: Name) -> (Vec<u8>, Header) {
        let session = SessId { opener: PSessId::from_u64(7), answerer: PSessId::from_u64(8) };
        let header = Header { kind, suite: 2, last: false, epoch: 3, seq: 4, session };
        let mut bytes = vec![0; HEAD_ROOM];
        route::emit(&mut bytes[FRAME_HEADER..], &name(1), &destination, 0);
        header.emit(&mut bytes[HEAD_ROOM - PERSISTENT_LEN..]);
        (bytes, header)
    }

    #[test]
    fn a_hint_names_the_packet_and_the_destination() {
        let pool = Pool::new(1 << 20);
        let (bytes, header) = lost(ConType::Data, name(2));
        let (to, hint) =
            Hints::default().about((&bytes, None), &name(3), &pool, Time::ZERO).expect("the first");
        let route = Route::new_checked(&hint[FRAME_HEADER..]).expect("a route");
        assert_eq!((to, route.source(), route.destination()), (name(1), name(3), name(1)));
        let told = Header::parse(&hint[FRAME_HEADER + ROUTE_LEN..]).expect("a header");
        assert_eq!(told, Header { kind: ConType::Unreachable, suite: 0, ..header });
        assert_eq!(&hint[HEAD_ROOM..], name(2).as_bytes());
        assert_eq!(hint.len(), frame::length(&hint).ok().flatten().expect("a length"));
    }

    #[test]
    fn hints_are_spaced_bounded_and_never_about_hints() {
        // OV-07
        let pool = Pool::new(1 << 20);
        let mut hints = Hints::default();
        let mut told = |kind, fill: u16, now| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&fill.to_be_bytes());
            let (bytes, _) = lost(kind, Name::from_bytes(bytes));
            hints.about((&bytes, None), &name(3), &pool, now).is_some()
        };
        assert!(!told(ConType::Unreachable, 0, Time::ZERO));
        assert!(!told(ConType::Refused, 0, Time::ZERO));
        let first = (0..1000).filter(|fill| told(ConType::Data, *fill, Time::ZERO)).count();
        assert_eq!(first, UNREACHABLE_MAX);
        assert!(!told(ConType::Data, 0, Time::ZERO + UNREACHABLE_EVERY / 2));
        assert!(told(ConType::Data, 0, Time::ZERO + UNREACHABLE_EVERY));
        assert!(told(ConType::Data, 999, Time::ZERO + UNREACHABLE_EVERY));
    }

    // OV-07: a bound whose being full is the denial.
    #[test]
    fn a_flood_of_lost_packets_keeps_no_other_neighbour_from_its_reports() {
        let (mut hints, now) = (Hints::default(), Time::ZERO);
        let destination = |fill: u16| {
            let mut bytes = [9; 32];
            bytes[..2].copy_from_slice(&fill.to_be_bytes());
            Name::from_bytes(bytes)
        };
        let flood = (0..2_000).filter(|fill| hints.may(&destination(*fill), Some(name(1)), now));
        assert_eq!(flood.count(), UNREACHABLE_MAX);
        let honest = (2_000..2_100).filter(|at| hints.may(&destination(*at), Some(name(2)), now));
        assert_eq!(honest.count(), 100);
        assert!(!hints.may(&destination(3_000), Some(name(1)), now));
        assert_eq!(hints.0.len(), UNREACHABLE_MAX);
    }
}
