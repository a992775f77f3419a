//! Lookups of a Name that are flooded from neighbour to neighbour.
//!
//! In which nodes a record lies is decided by the trees, so the node that is the root of all of
//! them can hide it. A lookup that the trees do not answer is therefore flooded as well, like a
//! route request of AODV (RFC 3561, section 6.3): an errand to the Name itself, without places,
//! over [`FLOOD_HOPS`] links at most. The node that the Name is attached to answers; a node with
//! that Name, or with the node it is attached to, as a neighbour forwards it there; every other
//! node floods it further, once. `docs/protocol/dht.md#flooded-lookups`.

use std::collections::{BTreeSet, VecDeque};

use crate::base::bucket::Bucket;
use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::keyed_rate_limiter::KeyedRateLimiter;
use crate::base::limits::{
    FLOOD_BURST, FLOOD_EVERY, FLOOD_FANOUT, FLOOD_HOPS, FLOOD_OWN_BURST, FLOOD_OWN_EVERY,
    FLOODS_KNOWN, FRAME_HEADER, NEIGHBOURS_MAX, ROUTE_LEN,
};
use crate::base::links::LinkId;
use crate::wire::errand::{Errand, Sought};
use crate::wire::route::{Course, Route};

use super::kept::Parcel;
use super::post::{Post, QUEUES_SHARE};
use super::roster::Roster;

/// The Name of the node that looks something up, and the lookup's nonce.
type Id = (Name, u64);

/// Flooded lookups that were seen, and the rates at which more are taken.
#[derive(Debug)]
pub struct FloodedLookups {
    seen: BTreeSet<Id>,
    oldest_first: VecDeque<Id>,
    /// The share that each source has for itself.
    own: KeyedRateLimiter<u64>,
    /// What all sources share besides.
    shared: Bucket,
}

impl Default for FloodedLookups {
    fn default() -> Self {
        let (seen, oldest_first) = Default::default();
        let own = KeyedRateLimiter::new(FLOOD_OWN_EVERY, FLOOD_OWN_BURST, NEIGHBOURS_MAX);
        Self { seen, oldest_first, own, shared: Bucket::new(FLOOD_EVERY, FLOOD_BURST) }
    }
}

impl FloodedLookups {
    /// Returns whether a lookup is new and within the rate of the source that brought it; one
    /// without a source is this node's own and has no rate.
    fn accept(&mut self, id: Id, source: Option<u64>, now: Time) -> bool {
        if self.seen.contains(&id) {
            return false;
        }
        let is_own = source.is_none_or(|source| self.own.take(source, now) == Some(true));
        if !is_own && !self.shared.take(now) {
            return false;
        }
        if self.oldest_first.len() >= FLOODS_KNOWN
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(id);
        self.oldest_first.push_back(id);
        true
    }
}

/// The nonce of a flooded lookup; `None` if the errand is not one.
pub(super) fn nonce(frame: &Buffer) -> Option<u64> {
    let route = Route::new_checked(frame.get(FRAME_HEADER..)?).ok()?;
    let is_plain = route.course() == Course::Nearest && route.there().ok()?.is_empty();
    match Errand::parse(frame.get(FRAME_HEADER + ROUTE_LEN..)?).ok()? {
        Errand::Find { nonce, wanted: Sought::Name(name) } if is_plain => {
            (name == route.destination()).then_some(nonce)
        }
        _ => None,
    }
}

impl Post {
    /// Floods a lookup of this node.
    pub(super) fn flood_own(&mut self, name: Name, body: &[u8], roster: &Roster, now: Time) {
        let mut frame = self.errand(&name, FLOOD_HOPS, body, roster);
        let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
        if let (Ok(mut route), Some(overlay)) = (Route::new_checked(header), &self.overlay) {
            route.set_here(overlay.forest.places().map(|(tag, word)| (tag, &**word)));
        }
        let parcel = Parcel { frame, destination: name, from: None, arrival: None, since: now };
        self.route(parcel, roster, now);
    }

    /// Floods a lookup to this node's neighbours.
    pub(super) fn flood(&mut self, parcel: &Parcel, roster: &Roster, now: Time) {
        let header = parcel.frame.get(FRAME_HEADER..).unwrap_or_default();
        let hops = Route::new_checked(header).map_or(0, |route| route.hops());
        // The last hop is left to a node that has the Name, or its node, as a neighbour.
        if hops <= 1 || !self.accept_errand(parcel, now) || !self.pool.has_room(QUEUES_SHARE) {
            return self.counters.add("lookup-not-flooded");
        }
        // The hop count is a stranger's word: it has spent one of the hops, whatever it says.
        let most = if parcel.from.is_some() { FLOOD_HOPS.saturating_sub(1) } else { FLOOD_HOPS };
        let source = parcel.arrival.map_or(0, |link| self.carriers.source_number(link));
        let nonce = nonce(&parcel.frame).unwrap_or_default();
        for out in self.flood_links(parcel.from.as_ref(), nonce, roster) {
            let mut frame = self.pool.take(parcel.frame.len());
            frame.extend(&parcel.frame);
            let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
            if let Ok(mut route) = Route::new_checked(header) {
                route.set_hops(hops.min(most));
            }
            self.carriers.on(out, |carrier| carrier.link.forward(frame, source, now));
            self.counters.add("lookup-flooded");
        }
    }

    /// Returns whether an errand is to be handled: it is no flooded lookup, or one that is new and
    /// within its rate. Copies of a lookup arrive by several ways.
    pub(super) fn accept_errand(&mut self, parcel: &Parcel, now: Time) -> bool {
        let header = parcel.frame.get(FRAME_HEADER..).unwrap_or_default();
        let (Ok(route), Some(nonce)) = (Route::new_checked(header), nonce(&parcel.frame)) else {
            return true;
        };
        let source = parcel.arrival.map(|link| self.carriers.source_number(link));
        self.flooded.accept((route.source(), nonce), source, now)
    }

    /// The links that a lookup is flooded over, in the order in which [`choose`] takes them: to
    /// neighbours that this node dialled, then to those that can be dialled, then the oldest.
    fn flood_links(&self, from: Option<&Name>, nonce: u64, roster: &Roster) -> Vec<LinkId> {
        let others = roster.neighbours.iter().filter(|(name, _)| from != Some(*name));
        let mut links: Vec<_> = others
            .filter_map(|(_, end)| {
                let link = end.primary?;
                let carrier = self.carriers.get(link)?;
                let is_dialled = carrier.origin.is_dialled();
                Some((!is_dialled, carrier.listens.is_none(), carrier.since, link))
            })
            .collect();
        links.sort_unstable();
        let links: Vec<LinkId> = links.into_iter().map(|(.., link)| link).collect();
        choose(&links, nonce)
    }
}

/// Half of [`FLOOD_FANOUT`] links from the beginning, and as many from a place that the nonce
/// decides: strangers that connected first keep no other neighbour out for long.
fn choose(links: &[LinkId], nonce: u64) -> Vec<LinkId> {
    let half = FLOOD_FANOUT / 2;
    let (first, others) = links.split_at_checked(half).unwrap_or((links, &[]));
    let start = nonce.checked_rem(others.len() as u64).unwrap_or(0) as usize;
    let row = others.iter().cycle().skip(start).take(half.min(others.len()));
    first.iter().chain(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::links::Links;

    const SOURCE: Option<u64> = Some(1);

    fn node(fill: u8) -> Name {
        Name::from_bytes([fill; 32])
    }

    #[test]
    fn a_lookup_is_accepted_once() {
        let mut flooded = FloodedLookups::default();
        assert!(flooded.accept((node(1), 7), SOURCE, Time::ZERO));
        assert!(!flooded.accept((node(1), 7), SOURCE, Time::ZERO));
        assert!(flooded.accept((node(1), 8), SOURCE, Time::ZERO));
        assert!(flooded.accept((node(2), 7), SOURCE, Time::ZERO));
    }

    #[test]
    fn a_source_above_its_rate_takes_nothing_of_what_others_have_for_themselves() {
        let mut flooded = FloodedLookups::default();
        let mut accept = |id, source| flooded.accept(id, source, Time::ZERO);
        let accepted = (0..1000).filter(|nonce| accept((node(1), *nonce), SOURCE)).count();
        assert_eq!(accepted, (FLOOD_OWN_BURST + FLOOD_BURST) as usize);
        assert!(accept((node(2), 1), Some(2)));
        assert!(accept((node(3), 1), None), "this node's own");
    }

    #[test]
    fn neighbours_that_came_first_keep_no_other_out() {
        let mut ids = Links::default();
        let links: Vec<LinkId> = (0..40).map(|_| ids.insert(())).collect();
        for nonce in 0..100 {
            let chosen = choose(&links, nonce);
            assert_eq!(chosen[..FLOOD_FANOUT / 2], links[..FLOOD_FANOUT / 2]);
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), FLOOD_FANOUT);
        }
        let all: BTreeSet<LinkId> = (0..40).flat_map(|nonce| choose(&links, nonce)).collect();
        assert_eq!(all.len(), links.len());
        for few in 0..FLOOD_FANOUT {
            assert_eq!(choose(&links[..few], 7).iter().collect::<BTreeSet<_>>().len(), few);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut flooded = FloodedLookups::default();
        for nonce in 0..3 * FLOODS_KNOWN as u64 {
            flooded.accept((node(1), nonce), None, Time::ZERO);
        }
        assert_eq!((flooded.seen.len(), flooded.oldest_first.len()), (FLOODS_KNOWN, FLOODS_KNOWN));
    }
}
