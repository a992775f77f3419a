//! Questions for a Name that go from neighbour to neighbour.
//!
//! In which nodes a record lies is decided by the trees, so whoever is the root of all of them can
//! hide it. What the trees do not find is therefore asked around as well: the question is an errand
//! to the Name itself, without places. Who has that Name, or is a neighbour of who has, answers or
//! leads it there; everybody else passes it on once, over few links.

use std::collections::{BTreeSet, VecDeque};

use crate::base::bucket::Bucket;
use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{
    ASK_BURST, ASK_EVERY, ASK_HOPS, ASK_NEIGHBOURS, ASK_OWN_BURST, ASK_OWN_EVERY, ASKS_KNOWN,
    FRAME_HEADER, ROUTE_LEN,
};
use crate::base::links::LinkId;
use crate::wire::errand::{Errand, Sought};
use crate::wire::route::{Course, Route};

use super::kept::Parcel;
use super::post::{Post, QUEUES_SHARE};
use super::roster::Roster;
use super::source_rate::SourceRate;

/// A question: who asks, and its number.
type Question = (Name, u64);

/// Questions that were passed on, and how many more each source may have passed on.
#[derive(Debug)]
pub struct Asks {
    known: BTreeSet<Question>,
    order: VecDeque<Question>,
    /// What each source has of its own, and what is there for all besides.
    own: SourceRate,
    shared: Bucket,
}

impl Default for Asks {
    fn default() -> Self {
        let (known, order) = Default::default();
        let own = SourceRate::new(ASK_OWN_EVERY, ASK_OWN_BURST);
        Self { known, order, own, shared: Bucket::new(ASK_EVERY, ASK_BURST) }
    }
}

impl Asks {
    /// Whether a question is new, and goes on; `by` is the source that brought it, none if it is
    /// this node's own.
    fn may_pass(&mut self, question: Question, by: Option<u64>, now: Time) -> bool {
        if self.known.contains(&question) {
            return false;
        }
        if by.is_some_and(|by| !self.own.take(by, now)) && !self.shared.take(now) {
            return false;
        }
        if self.order.len() >= ASKS_KNOWN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(question);
        self.order.push_back(question);
        true
    }
}

/// The number of a question that is asked around; `None` if the errand is none.
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
    /// Asks this node's neighbours for a Name.
    pub(super) fn ask_around(&mut self, name: Name, body: &[u8], roster: &Roster, now: Time) {
        let mut frame = self.errand(&name, ASK_HOPS, body, roster);
        let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
        if let (Ok(mut route), Some(overlay)) = (Route::new_checked(header), &self.overlay) {
            route.set_here(overlay.forest.places().map(|(tag, word)| (tag, &**word)));
        }
        let parcel = Parcel { frame, destination: name, from: None, arrival: None, since: now };
        self.route(parcel, roster, now);
    }

    /// Passes a question on to this node's neighbours.
    pub(super) fn ask_on(&mut self, parcel: &Parcel, roster: &Roster, now: Time) {
        let header = parcel.frame.get(FRAME_HEADER..).unwrap_or_default();
        let hops = Route::new_checked(header).map_or(0, |route| route.hops());
        // The last hop is for who knows where the Name is.
        if hops <= 1 || self.is_asked_again(parcel, now) || !self.pool.has_room(QUEUES_SHARE) {
            return self.counters.add("ask-not-passed-on");
        }
        // Of another node's question one is spent, whatever it says.
        let most = if parcel.from.is_some() { ASK_HOPS.saturating_sub(1) } else { ASK_HOPS };
        let by = parcel.arrival.map(|link| self.carriers.source_number(link));
        let number = nonce(&parcel.frame).unwrap_or_default();
        for out in self.whom_to_ask(parcel.from.as_ref(), number, roster) {
            let mut frame = self.pool.take(parcel.frame.len());
            frame.extend(&parcel.frame);
            let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
            if let Ok(mut route) = Route::new_checked(header) {
                route.set_hops(hops.min(most));
            }
            self.carriers.on(out, |carrier| carrier.link.forward(frame, by.unwrap_or(0), now));
            self.counters.add("asked-around");
        }
    }

    /// Whether an errand is a question that came before, by another way perhaps, or one too many.
    pub(super) fn is_asked_again(&mut self, parcel: &Parcel, now: Time) -> bool {
        let header = parcel.frame.get(FRAME_HEADER..).unwrap_or_default();
        let (Ok(route), Some(nonce)) = (Route::new_checked(header), nonce(&parcel.frame)) else {
            return false;
        };
        let by = parcel.arrival.map(|link| self.carriers.source_number(link));
        !self.asks.may_pass((route.source(), nonce), by, now)
    }

    /// The links of half as many of those who are most likely to know many others (who can be
    /// dialled, then who has been there longest), and of others that the question's number chooses:
    /// whoever crowds in first keeps nobody out for long.
    fn whom_to_ask(&self, from: Option<&Name>, number: u64, roster: &Roster) -> Vec<LinkId> {
        let others = roster.neighbours.iter().filter(|(name, _)| from != Some(*name));
        let mut links: Vec<_> = others
            .filter_map(|(_, end)| {
                let link = end.primary?;
                let carrier = self.carriers.get(link)?;
                let is_dialled = carrier.listens.is_some() || carrier.origin.is_dialled();
                Some((!carrier.origin.is_dialled(), !is_dialled, carrier.since, link))
            })
            .collect();
        links.sort_unstable();
        let links: Vec<LinkId> = links.into_iter().map(|(.., link)| link).collect();
        choose(&links, number)
    }
}

/// Half of [`ASK_NEIGHBOURS`] from the beginning, and as many in a row from where the number says.
fn choose(links: &[LinkId], number: u64) -> Vec<LinkId> {
    let half = ASK_NEIGHBOURS / 2;
    let (first, others) = links.split_at_checked(half).unwrap_or((links, &[]));
    let start = number.checked_rem(others.len() as u64).unwrap_or(0) as usize;
    let row = others.iter().cycle().skip(start).take(half.min(others.len()));
    first.iter().chain(row).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY: Option<u64> = Some(1);

    fn asker(fill: u8) -> Name {
        Name::from_bytes([fill; 32])
    }

    #[test]
    fn a_question_is_passed_on_once() {
        let mut asks = Asks::default();
        assert!(asks.may_pass((asker(1), 7), BY, Time::ZERO));
        assert!(!asks.may_pass((asker(1), 7), BY, Time::ZERO));
        assert!(asks.may_pass((asker(1), 8), BY, Time::ZERO));
        assert!(asks.may_pass((asker(2), 7), BY, Time::ZERO));
    }

    #[test]
    fn a_source_that_asks_too_much_takes_no_other_ones_own() {
        let mut asks = Asks::default();
        let passed = (0..1000).filter(|n| asks.may_pass((asker(1), *n), BY, Time::ZERO)).count();
        assert_eq!(passed, (ASK_OWN_BURST + ASK_BURST) as usize);
        assert!(asks.may_pass((asker(2), 1), Some(2), Time::ZERO), "of its own");
        assert!(asks.may_pass((asker(3), 1), None, Time::ZERO));
    }

    #[test]
    fn whoever_is_there_first_keeps_nobody_out() {
        let mut ids = crate::base::links::Links::default();
        let links: Vec<LinkId> = (0..40).map(|_| ids.insert(())).collect();
        for number in 0..100 {
            let chosen = choose(&links, number);
            assert_eq!(chosen[..ASK_NEIGHBOURS / 2], links[..ASK_NEIGHBOURS / 2]);
            assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), ASK_NEIGHBOURS);
        }
        let all: BTreeSet<LinkId> = (0..40).flat_map(|number| choose(&links, number)).collect();
        assert_eq!(all.len(), links.len());
        for few in 0..ASK_NEIGHBOURS {
            assert_eq!(choose(&links[..few], 7).iter().collect::<BTreeSet<_>>().len(), few);
        }
    }

    #[test]
    fn only_so_many_are_known() {
        let mut asks = Asks::default();
        for n in 0..3 * ASKS_KNOWN as u64 {
            asks.may_pass((asker(1), n), None, Time::ZERO);
        }
        assert_eq!((asks.known.len(), asks.order.len()), (ASKS_KNOWN, ASKS_KNOWN));
    }
}
