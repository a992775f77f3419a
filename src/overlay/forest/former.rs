//! The places this node has left, whose neighbours are to hear where it is.

use std::collections::VecDeque;

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{FORMER_PLACES, REDIRECT_KEPT, REDIRECT_SOON};
use crate::overlay::greedy::Tag;
use crate::overlay::word::Word;
use crate::wire::moved::Moved;
use crate::wire::tree::Edge;

/// A place that was left.
#[derive(Clone, Debug)]
pub struct Former {
    /// The parent there.
    pub parent: Name,
    /// Its place.
    pub place: (Tag, Word),
    /// The edge to it.
    pub left: Edge,
    /// Those above that.
    pub above: Vec<Edge>,
    /// When it was left.
    pub since: Time,
}

/// What is to go to a former place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The parent there, or whoever is nearest to where it was.
    pub to: Name,
    /// Where it was.
    pub place: (Tag, Word),
    /// The message.
    pub moved: Moved,
}

/// Former places, the latest last, and when they are told.
#[derive(Debug, Default)]
pub struct Formers {
    places: VecDeque<Former>,
    /// Since when this node has been where it is, and how often that was told.
    rested: Option<(Time, usize)>,
}

impl Formers {
    /// A place is left; the oldest one makes room.
    pub fn leave(&mut self, former: Former) {
        self.places.retain(|known| known.left.number != former.left.number);
        if self.places.len() >= FORMER_PLACES {
            self.places.pop_front();
        }
        self.places.push_back(former);
    }

    /// This node is in another place.
    pub fn settled(&mut self, now: Time) {
        self.rested = (!self.places.is_empty()).then_some((now, 0));
    }

    /// When the former places are told.
    #[must_use]
    pub fn due(&self) -> Option<Time> {
        self.rested.and_then(|(since, told)| Some(since + *REDIRECT_SOON.get(told)?))
    }

    /// The former places, if they are to be told now.
    pub fn take(&mut self, now: Time) -> Vec<Former> {
        if self.due().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.rested = self.rested.map(|(since, told)| (since, told.saturating_add(1)));
        self.rested.take_if(|(_, told)| *told >= REDIRECT_SOON.len());
        self.places.retain(|former| now.since(former.since) < REDIRECT_KEPT);
        self.places.iter().cloned().collect()
    }

    /// Folds them into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.due().map_or(0, Time::as_nanos));
        self.places.iter().for_each(|former| into.fold(former.left.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn former(number: u64, since: Time) -> Former {
        let name = Name::from_bytes([1; 32]);
        let (by_parent, by_child) = ([2; 64], [3; 64]);
        let left = Edge { child: name, letter: 4, number, by_parent, by_child };
        Former { parent: name, place: (7, Word::root()), left, above: Vec::new(), since }
    }

    #[test]
    fn each_rest_is_told_twice_and_a_place_for_a_minute() {
        let (mut formers, start) = (Formers::default(), Time::ZERO);
        formers.settled(start);
        assert_eq!(formers.due(), None, "nothing was left");
        formers.leave(former(1, start));
        formers.settled(start);
        for after in REDIRECT_SOON {
            assert_eq!(formers.due(), Some(start + after));
            assert!(formers.take(start + (after - Duration::from_nanos(1))).is_empty());
            assert_eq!(formers.take(start + after).len(), 1);
        }
        assert_eq!(formers.due(), None);
        formers.settled(start + REDIRECT_KEPT);
        assert!(formers.take(start + REDIRECT_KEPT + REDIRECT_SOON[0]).is_empty());
    }

    #[test]
    fn there_are_only_so_many_and_each_once() {
        let mut formers = Formers::default();
        for number in [0, 1, 2, 2, 3, 4, 5] {
            formers.leave(former(number, Time::ZERO));
        }
        formers.settled(Time::ZERO);
        let told = formers.take(Time::ZERO + REDIRECT_SOON[0]);
        let numbers: Vec<u64> = told.iter().map(|former| former.left.number).collect();
        assert_eq!((numbers.len(), numbers), (FORMER_PLACES, vec![2, 3, 4, 5]));
    }
}
