//! What greedy routing decided, for as long as it would decide the same again.
//!
//! To find the closest neighbour takes a look at every one of them ([`super::greedy`]), which at a
//! node with 254 neighbours takes three times as long as all else that is done for a packet. The
//! packets of one flow ask the same question each time, so the answer is kept until a place, a
//! link's cost or a neighbour changes.

use std::collections::BTreeMap;

use super::greedy::Progress;
use crate::base::ids::Name;
use crate::base::limits::{DECISIONS_MAX, PLACES_LEN};

/// The destination's places as they stand in the header, and how far the packet has come.
type Question = ([u8; PLACES_LEN], Progress);
/// The next hop, and how far the packet has come there; `None` if no neighbour is closer.
pub type Answer = Option<(Name, Progress)>;

/// Answers that hold.
#[derive(Debug, Default)]
pub struct Decisions {
    known: BTreeMap<Question, Answer>,
    /// [`Forest::changes`](super::forest::Forest::changes) when they were found.
    changes: u64,
}

impl Decisions {
    /// The answer to a question, which `decide` finds if it is not known.
    pub fn find(
        &mut self,
        question: Question,
        changes: u64,
        decide: impl FnOnce() -> Answer,
    ) -> Answer {
        // All go at once: to tell which is the oldest would cost each packet a write.
        if self.changes != changes || self.known.len() >= DECISIONS_MAX {
            self.known.clear();
            self.changes = changes;
        }
        *self.known.entry(question).or_insert_with(decide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(fill: u8) -> Question {
        ([fill; PLACES_LEN], Progress::default())
    }

    fn answer(fill: u8) -> Answer {
        Some((Name::from_bytes([fill; 32]), Progress::default()))
    }

    #[test]
    fn an_answer_is_kept_until_something_changes() {
        let mut decisions = Decisions::default();
        assert_eq!(decisions.find(question(1), 7, || answer(1)), answer(1));
        assert_eq!(decisions.find(question(2), 7, || None), None);
        assert_eq!(decisions.find(question(1), 7, || unreachable!("it is known")), answer(1));
        assert_eq!(decisions.find(question(2), 7, || unreachable!("it is known")), None);
        let further = Progress { watermark: 3, ..Progress::default() };
        assert_eq!(decisions.find((question(1).0, further), 7, || answer(3)), answer(3));
        assert_eq!(decisions.find(question(1), 8, || answer(4)), answer(4));
    }

    #[test]
    fn as_many_questions_as_anybody_asks_take_no_more_room() {
        let mut decisions = Decisions::default();
        for watermark in 0..3 * DECISIONS_MAX as u32 {
            let progress = Progress { watermark, ..Progress::default() };
            decisions.find((question(1).0, progress), 0, || answer(1));
            assert!(decisions.known.len() <= DECISIONS_MAX);
        }
    }
}
