//! Other ways for those who get no answer.
//!
//! A relay that swallows packets, and says all the right things about the trees, is noticed by
//! nobody but the two ends (OV-04). So where a client asks and asks and nobody answers, the node
//! that its packets enter by puts them on another course: along one tree, then the next. What is
//! answered stays as it is for a while. The far end's node answers along the tree on which it was
//! asked, because the way back may be the one that is swallowed. While the network is away courses
//! turn as well, which costs nothing.
//!
//! This is soft state of the ends' own nodes, and only of pairs that wait or go round something; a
//! relay has none.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{DETOUR_AFTER, DETOUR_KEPT, DETOUR_KEPT_MAX, DETOURS_MAX};
use crate::wire::packet::ConType;
use crate::wire::route::Course;

/// A client of this node, and whom it talks to.
pub type Pair = (Name, Name);

#[derive(Clone, Copy, Debug)]
struct Detour {
    /// The course of what this side asks.
    course: Course,
    /// Since when it has asked on this course without an answer.
    asked: Option<Time>,
    /// When the usual course is tried again, and how long a detour is kept the next time.
    until: Time,
    kept: Duration,
    /// The course on which the peer asked, if it went out of its way.
    mirrored: Option<Course>,
    last: Time,
}

/// The pairs whose course is another than the usual one, or may soon be.
#[derive(Debug, Default)]
pub struct Detours(BTreeMap<Pair, Detour>);

/// Whether a packet with this ConTYPE is sent again and again until it is answered.
fn asks(kind: u8) -> bool {
    let asking = [ConType::Hello, ConType::ReHello, ConType::Probe];
    asking.into_iter().any(|asking| asking as u8 == kind)
}

impl Detours {
    /// The course of a client's packet with this ConTYPE to a peer with places in so many trees.
    pub fn course(&mut self, pair: Pair, kind: u8, trees: u8, now: Time) -> Course {
        if !asks(kind) {
            let usual = |course: &Course| *course == Course::Nearest;
            let known = self.0.get(&pair).map(|d| (d.course, d.mirrored));
            let (own, mirrored) = known.unwrap_or((Course::Nearest, None));
            return mirrored.filter(|_| usual(&own)).unwrap_or(own);
        }
        let detour = self.entry(pair, now);
        let since = *detour.asked.get_or_insert(now);
        if now.since(since) >= DETOUR_AFTER {
            (detour.course, detour.asked) = (turned(detour.course, trees), Some(now));
        } else if since == now && detour.until <= now {
            detour.course = Course::Nearest;
        }
        detour.course
    }

    /// A packet of the peer came for the client; `chosen` is the tree that its sender chose.
    pub fn heard(&mut self, pair: Pair, kind: u8, chosen: Option<u8>, now: Time) {
        let mirrored = chosen.filter(|_| asks(kind)).map(Course::Tree);
        if mirrored.is_some() {
            self.entry(pair, now).mirrored = mirrored;
        }
        let Some(detour) = self.0.get_mut(&pair) else { return };
        if asks(kind) {
            detour.mirrored = mirrored;
        }
        detour.asked = None;
        if detour.course != Course::Nearest {
            if detour.until <= now {
                detour.until = now + detour.kept;
                detour.kept = DETOUR_KEPT_MAX.min(detour.kept.saturating_mul(2));
            }
        } else if detour.mirrored.is_none() {
            self.0.remove(&pair);
        }
    }

    fn entry(&mut self, pair: Pair, now: Time) -> &mut Detour {
        if self.0.len() >= DETOURS_MAX && !self.0.contains_key(&pair) {
            // One that this side neither waits for nor goes round costs a stranger one packet.
            let worth = |detour: &Detour| {
                (detour.asked.is_some() || detour.course != Course::Nearest, detour.last)
            };
            let oldest = self.0.iter().min_by_key(|(_, detour)| worth(detour));
            if let Some(oldest) = oldest.map(|(pair, _)| *pair) {
                self.0.remove(&oldest);
            }
        }
        let detour = self.0.entry(pair).or_insert(Detour {
            course: Course::Nearest,
            asked: None,
            until: now,
            kept: DETOUR_KEPT,
            mirrored: None,
            last: now,
        });
        detour.last = now;
        detour
    }

    /// Whether every pair is on its usual course and none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Folds the state into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.0.len() as u64);
        for detour in self.0.values() {
            into.fold(detour.asked.map_or(0, Time::as_nanos));
            into.fold(detour.until.as_nanos());
        }
    }
}

/// The course after this one: the least distance, then each tree alone.
fn turned(course: Course, trees: u8) -> Course {
    let next = match course {
        Course::Nearest => Some(0),
        Course::Tree(tree) => tree.checked_add(1),
        Course::Climb(_) | Course::Descend(_) => None,
    };
    next.filter(|tree| *tree < trees).map_or(Course::Nearest, Course::Tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: u8 = ConType::ReHello as u8;
    const ANSWER: u8 = ConType::ReHelloBack as u8;
    const TREES: u8 = 3;

    fn pair(fill: u8) -> Pair {
        (Name::from_bytes([fill; 32]), Name::from_bytes([99; 32]))
    }

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn who_asks_in_vain_goes_through_all_courses_and_round_again() {
        let mut detours = Detours::default();
        let asked = (0..).step_by(250).map(|ms| detours.course(pair(1), ASK, TREES, at(ms)));
        let mut courses: Vec<Course> = asked.take(20).collect();
        courses.dedup();
        let trees = [0, 1, 2].map(Course::Tree);
        assert_eq!(courses[..4], [&[Course::Nearest], &trees[..]].concat());
        assert_eq!(courses[4], Course::Nearest);
    }

    #[test]
    fn what_is_answered_stays_for_a_while_and_longer_each_time() {
        let mut detours = Detours::default();
        let mut now = 0;
        let mut times = Vec::new();
        // The usual course is swallowed, tree 0 is not.
        for _ in 0..40 * 4 * 60 {
            now += 250;
            let course = detours.course(pair(1), ASK, TREES, at(now));
            if course == Course::Nearest {
                times.push(now);
            } else {
                detours.heard(pair(1), ANSWER, None, at(now));
                assert_eq!(detours.course(pair(1), ConType::Data as u8, TREES, at(now)), course);
            }
        }
        times.dedup_by(|later, sooner| *later - *sooner < 1000);
        let kept: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]) / 30_000).collect();
        assert_eq!(kept[..4], [2, 4, 8, 16], "half minutes");
        detours.course(pair(1), ASK, TREES, at(now + 10_000_000));
        detours.heard(pair(1), ANSWER, None, at(now + 10_000_001));
        assert!(detours.is_empty(), "once the usual course is answered all is forgotten");
    }

    #[test]
    fn answers_go_where_the_question_came_from_and_questions_do_not() {
        let mut detours = Detours::default();
        detours.heard(pair(1), ASK, Some(2), at(0));
        assert_eq!(detours.course(pair(1), ANSWER, TREES, at(1)), Course::Tree(2));
        assert_eq!(detours.course(pair(1), ASK, TREES, at(1)), Course::Nearest);
        detours.heard(pair(1), ANSWER, Some(1), at(2));
        assert_eq!(detours.course(pair(1), ANSWER, TREES, at(3)), Course::Tree(2));
        detours.heard(pair(1), ASK, None, at(4));
        assert_eq!(detours.course(pair(1), ANSWER, TREES, at(5)), Course::Nearest);
        assert!(detours.is_empty());
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut detours = Detours::default();
        for ms in 0..DETOURS_MAX as u64 + 10 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&ms.to_be_bytes());
            detours.course((Name::from_bytes(name), pair(1).1), ASK, TREES, at(ms));
        }
        assert_eq!(detours.0.len(), DETOURS_MAX);
    }

    // OV-04: a bound whose being full is the denial.
    #[test]
    fn strangers_that_ask_push_out_no_detour_of_this_side() {
        let mut detours = Detours::default();
        for ms in [0, 250, 500, 750] {
            detours.course(pair(1), ASK, TREES, at(ms));
        }
        detours.heard(pair(1), ANSWER, None, at(800));
        for ms in 0..2 * DETOURS_MAX as u64 {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&ms.to_be_bytes());
            detours.heard((pair(1).0, Name::from_bytes(name)), ASK, Some(1), at(1_000 + ms));
        }
        assert_eq!(detours.0.len(), DETOURS_MAX);
        let course = detours.course(pair(1), ConType::Data as u8, TREES, at(9_000));
        assert_eq!(course, Course::Tree(0));
    }
}
