//! Which connections of strangers are taken, and which make room for them.
//!
//! A listener is open to every address, so its slots are shared out by source ([`Source`]): one
//! source holds a bounded number of links and opens a bounded number each second, and where all
//! slots are taken the source with most links gives one up. A source with few links keeps them
//! whatever another one does (DO-01, DO-04). Links that this node dials, clients and the person's
//! tool have slots of their own.

use std::collections::BTreeMap;

use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::keyed_rate_limiter::KeyedRateLimiter;
use crate::base::limits::{
    SOURCE_LINK_BURST, SOURCE_LINK_EVERY, SOURCE_LINKS_MAX, SOURCE_UNPROVED_MAX, SOURCES_MAX,
    STRANGER_BURST, STRANGER_EVERY, STRANGER_IDLE, UNPROVED_MAX,
};
use crate::base::links::LinkId;
use crate::base::source::Source;

/// The link of a stranger: one that came to a public listener.
#[derive(Clone, Copy, Debug)]
pub struct Stranger {
    /// Which link.
    pub id: LinkId,
    /// Where it comes from.
    pub source: Source,
    /// Whether its far end has proved its Name.
    pub is_proved: bool,
    /// When it last carried a packet; when it was proved or opened, before it has.
    pub used: Time,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is taken.
    Accept,
    /// It is taken, and this link is closed for it.
    Replace(LinkId),
    /// It is refused; the text is the counter's.
    Refuse(&'static str),
}

/// Rates and bounds of new connections.
#[derive(Debug)]
pub struct Admission {
    rate_limiters: KeyedRateLimiter<Source>,
    rate_limiter: Bucket,
    links_max: usize,
}

impl Admission {
    /// Takes at most `links_max` strangers at once.
    #[must_use]
    pub fn new(links_max: usize) -> Self {
        let rate_limiter = Bucket::new(STRANGER_EVERY, STRANGER_BURST);
        let rate_limiters =
            KeyedRateLimiter::new(SOURCE_LINK_EVERY, SOURCE_LINK_BURST, SOURCES_MAX);
        Self { rate_limiters, rate_limiter, links_max }
    }

    /// Decides on a new connection beside the `strangers` that are there.
    pub fn decide(&mut self, source: Source, strangers: &[Stranger], now: Time) -> Decision {
        if !self.is_in_rate(source, now) {
            return Decision::Refuse("refused-source-rate");
        }
        let from_source = || strangers.iter().filter(|stranger| stranger.source == source);
        let unproved = || strangers.iter().filter(|stranger| !stranger.is_proved);
        if source != Source::Local {
            if from_source().filter(|stranger| !stranger.is_proved).count() >= SOURCE_UNPROVED_MAX {
                return replace(from_source().filter(|stranger| !stranger.is_proved), now);
            }
            if from_source().count() >= SOURCE_LINKS_MAX.min(self.links_max) {
                return replace(from_source(), now);
            }
        }
        if unproved().count() >= UNPROVED_MAX {
            let largest = largest(unproved());
            return replace(unproved().filter(|stranger| largest.contains(&stranger.source)), now);
        }
        if strangers.len() >= self.links_max {
            let largest = largest(strangers.iter());
            let fullest = strangers.iter().filter(|stranger| largest.contains(&stranger.source));
            let most = fullest.clone().count().checked_div(largest.len()).unwrap_or(0);
            // A source with less than its share gets it, whatever the largest one's links are for.
            if from_source().count().saturating_add(1) < most {
                return idlest(fullest);
            }
            return replace(fullest, now);
        }
        Decision::Accept
    }

    fn is_in_rate(&mut self, source: Source, now: Time) -> bool {
        if source == Source::Local {
            return true;
        }
        // Where even so many sources are busy at once, a further one shares the common rate.
        let in_own_rate = self.rate_limiters.take(source, now).unwrap_or(true);
        in_own_rate && self.rate_limiter.take(now)
    }
}

/// The sources with most of these links.
fn largest<'a>(strangers: impl Iterator<Item = &'a Stranger>) -> Vec<Source> {
    let mut counts: BTreeMap<Source, usize> = BTreeMap::new();
    for stranger in strangers {
        let count = counts.entry(stranger.source).or_default();
        *count = count.saturating_add(1);
    }
    let most = counts.values().copied().max();
    counts.into_iter().filter(|(_, count)| Some(*count) == most).map(|(source, _)| source).collect()
}

/// Closes the unproved link that is oldest, else the proved one that is idle for longest. One that
/// carried a packet a moment ago is not closed for a link of a source that has as many.
fn replace<'a>(among: impl Iterator<Item = &'a Stranger>, now: Time) -> Decision {
    let is_idle =
        |stranger: &&Stranger| !stranger.is_proved || now.since(stranger.used) >= STRANGER_IDLE;
    idlest(among.filter(is_idle))
}

fn idlest<'a>(among: impl Iterator<Item = &'a Stranger>) -> Decision {
    let idlest = among.min_by_key(|stranger| (stranger.is_proved, stranger.used));
    idlest.map_or(Decision::Refuse("refused-links-full"), |idlest| Decision::Replace(idlest.id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::links::Links;

    fn source(fill: u16) -> Source {
        let [high, low] = fill.to_be_bytes();
        Source::V4([10, 0, high, low])
    }

    /// So many links of one source, proved or not, last used at their number in milliseconds.
    fn strangers(links: &mut Links<()>, from: u16, count: u64, is_proved: bool) -> Vec<Stranger> {
        let link = |at| {
            let used = Time::ZERO + Duration::from_millis(at);
            Stranger { id: links.insert(()), source: source(from), is_proved, used }
        };
        (0..count).map(link).collect()
    }

    fn late() -> Time {
        Time::ZERO + Duration::from_secs(3600)
    }

    #[test]
    fn one_source_opens_so_many_links_a_second_and_keeps_nobody_out() {
        // DO-01, DO-04
        let mut admission = Admission::new(1000);
        let mut taken = 0;
        for ms in 0..10_000 {
            let now = Time::ZERO + Duration::from_millis(ms);
            taken += u32::from(admission.decide(source(1), &[], now) == Decision::Accept);
            assert!(ms % 1000 != 0 || admission.decide(source(2), &[], now) == Decision::Accept);
        }
        let allowed =
            SOURCE_LINK_BURST + u32::try_from(10_000 / SOURCE_LINK_EVERY.as_millis()).expect("few");
        assert!((allowed - 1..=allowed + 1).contains(&taken), "{taken} of {allowed}");
    }

    #[test]
    fn rates_of_many_sources_are_bounded_in_memory_and_in_all() {
        let mut admission = Admission::new(1000);
        let taken = (0..60_000)
            .filter(|from| admission.decide(source(*from), &[], late()) == Decision::Accept)
            .count();
        assert_eq!(taken, STRANGER_BURST as usize);
        assert!(admission.rate_limiters.count() <= SOURCES_MAX);
    }

    #[test]
    fn a_source_pays_for_its_own_silent_links() {
        // DO-01
        let (mut admission, mut links) = (Admission::new(1000), Links::default());
        let silent = strangers(&mut links, 1, SOURCE_UNPROVED_MAX as u64, false);
        assert_eq!(admission.decide(source(1), &silent, late()), Decision::Replace(silent[0].id));
        assert_eq!(admission.decide(source(2), &silent, late()), Decision::Accept);
        let proved = strangers(&mut links, 1, SOURCE_LINKS_MAX as u64, true);
        assert_eq!(admission.decide(source(1), &proved, late()), Decision::Replace(proved[0].id));
    }

    #[test]
    fn where_all_slots_are_taken_the_largest_source_gives_up_its_idlest_link() {
        let (mut admission, mut links) = (Admission::new(50), Links::default());
        let honest = strangers(&mut links, 7, 10, true);
        let greedy = strangers(&mut links, 1, 40, true);
        let all = [honest, greedy.clone()].concat();
        assert_eq!(admission.decide(source(2), &all, late()), Decision::Replace(greedy[0].id));
        let (mut admission, busy) = (Admission::new(50), greedy[39].used);
        let refused = Decision::Refuse("refused-links-full");
        assert_eq!(admission.decide(source(1), &all, busy), refused, "all of them are in use");
        assert_eq!(admission.decide(source(2), &all, busy), Decision::Replace(greedy[0].id));
        let equals: Vec<_> =
            (0..50).flat_map(|from| strangers(&mut links, from, 1, true)).collect();
        let now = Time::ZERO;
        assert_eq!(admission.decide(source(99), &equals, now), refused, "none has more than one");
    }

    #[test]
    fn unproved_links_are_bounded_in_all() {
        let (mut admission, mut links) = (Admission::new(1000), Links::default());
        let per_source = SOURCE_UNPROVED_MAX as u64;
        let sources = UNPROVED_MAX as u64 / per_source;
        let all: Vec<Stranger> = (0..sources)
            .flat_map(|from| strangers(&mut links, from as u16, per_source, false))
            .collect();
        let decision = admission.decide(source(999), &all, late());
        assert!(matches!(decision, Decision::Replace(id) if id == all[0].id));
    }
}
