//! The places that a node has in its trees, and those that it had under their former roots.
//!
//! A packet carries the places that its destination had when its sender last heard of it. When a
//! tree gets another root, every place in it gets another tag at once. So each node keeps its own
//! and its neighbours' last places under former roots for a minute: what is addressed to one of
//! them still finds its way, and the two ends tell each other the new ones on it.

use std::collections::VecDeque;

use crate::base::clock::Time;
use crate::base::limits::{FORMER_ROOT_KEPT, FORMER_ROOTS};
use crate::overlay::greedy::{Located, Tag};
use crate::overlay::word::{Letter, Word};

/// Places of one node.
#[derive(Debug, Default)]
pub struct PlaceHistory {
    /// One for each tree, where it has said one.
    now: Vec<Option<(Tag, Word)>>,
    /// The last place under each former root and when it is forgotten, the earliest first.
    former: VecDeque<(Time, Tag, Word)>,
}

impl PlaceHistory {
    /// The node has these places now, one for each tree. One that is gone without another in its
    /// tree was given up, and is no former one.
    pub fn update(&mut self, places: Vec<Option<(Tag, Word)>>, now: Time) {
        let was = std::mem::replace(&mut self.now, places);
        let both = was.into_iter().zip(&self.now);
        let pairs = both.filter_map(|(was, now)| Some((was?, now.as_ref()?)));
        for ((tag, word), _) in pairs.filter(|((was, _), (now, _))| was != now) {
            self.former.retain(|(_, known, _)| *known != tag);
            if self.former.len() >= FORMER_ROOTS {
                self.former.pop_front();
            }
            self.former.push_back((now + FORMER_ROOT_KEPT, tag, word));
        }
    }

    /// When the first former place is forgotten.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.former.front().map(|(until, ..)| *until)
    }

    /// Forgets what is old.
    pub fn tick(&mut self, now: Time) {
        while self.next_timeout().is_some_and(|until| until <= now) {
            self.former.pop_front();
        }
    }
}

impl Located for PlaceHistory {
    fn place(&self, tag: Tag) -> Option<&[Letter]> {
        let mut places = self.now.iter().flatten().filter(|(own, _)| *own == tag);
        let mut former = self.former.iter().filter(|(_, own, _)| *own == tag);
        let now = places.next().map(|(_, word)| &**word);
        now.or_else(|| former.next().map(|(.., word)| &**word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tag: Tag, letter: Letter) -> Option<(Tag, Word)> {
        Some((tag, Word::root().step(letter)))
    }

    #[test]
    fn the_last_place_under_a_former_root_is_known_for_a_while() {
        let (mut places, later) = (PlaceHistory::default(), Time::ZERO + FORMER_ROOT_KEPT / 2);
        places.update(vec![at(1, 7), at(2, 7)], Time::ZERO);
        places.update(vec![at(1, 8), at(2, 7)], Time::ZERO);
        assert_eq!(places.next_timeout(), None, "the root is the same");
        places.update(vec![at(3, 9), at(2, 7)], later);
        assert_eq!(
            [1, 2, 3, 4].map(|tag| places.place(tag)),
            [Some(&[8][..]), Some(&[7][..]), Some(&[9][..]), None]
        );
        assert_eq!(places.next_timeout(), Some(later + FORMER_ROOT_KEPT));
        places.tick(Time::ZERO + FORMER_ROOT_KEPT);
        assert!(places.place(1).is_some());
        places.tick(later + FORMER_ROOT_KEPT);
        assert_eq!((places.place(1), places.next_timeout()), (None, None));
    }

    #[test]
    fn a_root_that_is_back_is_no_former_one() {
        let mut places = PlaceHistory::default();
        for (tag, letter) in [(1, 1), (2, 2), (1, 3)] {
            places.update(vec![at(tag, letter)], Time::ZERO);
        }
        assert_eq!(places.place(1), Some(&[3][..]));
        places.update(vec![at(2, 4)], Time::ZERO);
        assert_eq!(places.place(1), Some(&[3][..]), "its last place is what counts");
    }

    #[test]
    fn a_place_that_was_given_up_is_no_former_one() {
        let mut places = PlaceHistory::default();
        places.update(vec![at(1, 7)], Time::ZERO);
        places.update(vec![None], Time::ZERO);
        places.update(vec![at(2, 7)], Time::ZERO);
        assert_eq!((places.place(1), places.next_timeout()), (None, None));
    }

    #[test]
    fn the_oldest_former_root_makes_room() {
        let mut places = PlaceHistory::default();
        for tag in 0..=FORMER_ROOTS as u32 + 1 {
            places.update(vec![at(tag, 1)], Time::ZERO);
        }
        assert_eq!((places.place(0), places.former.len()), (None, FORMER_ROOTS));
        assert!(places.place(1).is_some());
    }
}
