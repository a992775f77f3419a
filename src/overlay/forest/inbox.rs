//! Announcements of neighbours that are not processed yet.
//!
//! To believe a word of a neighbour costs signatures, so only the newest one of each neighbour and
//! tree is looked at, once in a turn, and only while its source has not used up its
//! [budget](VerificationBudget), and of all of them so many in a turn as cost others a few
//! milliseconds. What has to wait stays, until a newer word takes its place.

use std::collections::{BTreeMap, VecDeque};

use super::tree::Said;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{VERIFY_BATCH, VERIFY_PAUSE};
use crate::overlay::source::SourceGroup;
use crate::overlay::verification::VerificationBudget;
use crate::wire::tree::{Pulse, Standing};

#[derive(Debug)]
struct Waiting {
    source: SourceGroup,
    /// Looked at before a pulse, which says nothing without it.
    standing: Option<Standing>,
    pulse: Option<Pulse>,
}

/// Words that wait: two of each neighbour and tree at most.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: BTreeMap<(Name, u8), Waiting>,
    /// The same in the order in which they came.
    order: VecDeque<(Name, u8)>,
    /// Nothing that waits may be looked at before.
    open: Time,
    /// The present turn, the work that was done in it, and when the next one may go on.
    batch: (Time, u32),
    paused: Time,
    budget: VerificationBudget,
}

impl Inbox {
    /// A neighbour that came from `source` says how it stands, or that a root lives.
    pub(super) fn put(&mut self, from: Name, source: SourceGroup, said: Said) {
        let tree = match &said {
            Said::Standing(standing) => standing.tree,
            Said::Pulse(pulse) => pulse.tree,
        };
        let waiting = self.waiting.entry((from, tree)).or_insert_with(|| {
            self.order.push_back((from, tree));
            self.open = self.open.min(self.budget.open(source));
            Waiting { source, standing: None, pulse: None }
        });
        match said {
            Said::Standing(standing) => waiting.standing = Some(standing),
            Said::Pulse(pulse) => waiting.pulse = Some(pulse),
        }
    }

    /// What may be looked at now. [`Inbox::spend`] has to be called for it.
    pub(super) fn next(&mut self, now: Time) -> Option<(Name, Said)> {
        if self.waiting.is_empty() || now < self.open.max(self.paused) {
            return None;
        }
        let is_open = |key: &&(Name, u8)| {
            self.waiting.get(*key).is_some_and(|waiting| self.budget.open(waiting.source) <= now)
        };
        let Some(key) = self.order.iter().find(is_open).copied() else {
            self.open = self.next_timeout().unwrap_or(Time::ZERO);
            return None;
        };
        let waiting = self.waiting.get_mut(&key)?;
        let standing = waiting.standing.take().map(Said::Standing);
        let said = standing.or_else(|| waiting.pulse.take().map(Said::Pulse));
        if waiting.pulse.is_none() {
            self.waiting.remove(&key);
            self.order.retain(|other| *other != key);
        }
        said.map(|said| (key.0, said))
    }

    /// So much work was done for a source, and its announcement held, or had no valid signature.
    pub(super) fn spend(&mut self, source: SourceGroup, work: u32, is_true: bool, now: Time) {
        self.budget.spend(source, work, is_true, now);
        let (began, done) = self.batch;
        let done = if began == now { done } else { 0 }.saturating_add(work);
        self.batch = (now, done);
        // Packets of others do not wait for all that came at once.
        if done >= VERIFY_BATCH {
            self.paused = now + VERIFY_PAUSE;
        }
    }

    /// Whether something else of a source that costs signatures may be looked at now.
    #[must_use]
    pub(super) fn is_open(&self, source: SourceGroup, now: Time) -> bool {
        self.budget.open(source) <= now
    }

    /// A neighbour is gone.
    pub(super) fn forget(&mut self, from: &Name) {
        self.waiting.retain(|(name, _), _| name != from);
        self.order.retain(|(name, _)| name != from);
    }

    /// When something may be looked at.
    #[must_use]
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let opens = self.waiting.values().map(|waiting| self.budget.open(waiting.source)).min();
        opens.map(|open| open.max(self.paused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::UNPROVEN_BURST;
    use crate::wire::tree::Claim;

    fn pulse(number: u64) -> Said {
        let claim = Claim { root: Name::from_bytes([1; 32]), number, signature: [0; 64] };
        Said::Pulse(Pulse { tree: 1, claim, hung: None })
    }

    // Row 9
    #[test]
    fn of_what_one_neighbour_says_only_the_newest_is_looked_at() {
        let (mut inbox, now) = (Inbox::default(), Time::ZERO);
        let [liar, honest] = [1, 2].map(|fill| Name::from_bytes([fill; 32]));
        let source = SourceGroup::Neighbour;
        (0..1_000).for_each(|number| inbox.put(liar, source(liar), pulse(number)));
        assert_eq!(inbox.next(now), Some((liar, pulse(999))));
        assert_eq!(inbox.next(now), None);
        inbox.spend(source(liar), 2 * UNPROVEN_BURST, false, now);
        inbox.spend(source(honest), 1, true, now);
        let now = now + VERIFY_PAUSE;
        inbox.put(liar, source(liar), pulse(1));
        inbox.put(honest, source(honest), pulse(2));
        assert_eq!(inbox.next(now), Some((honest, pulse(2))), "the one before has to wait");
        assert_eq!(inbox.next(now), None);
        let open = inbox.next_timeout().expect("something waits");
        assert!(open > now);
        assert_eq!(inbox.next(open), Some((liar, pulse(1))));
        inbox.put(liar, source(liar), pulse(1));
        inbox.forget(&liar);
        assert_eq!((inbox.next_timeout(), inbox.order.len()), (None, 0));
    }

    #[test]
    fn what_comes_at_once_is_looked_at_in_turns() {
        let (mut inbox, mut now) = (Inbox::default(), Time::ZERO);
        let many = [1, 2, 3].map(|fill| Name::from_bytes([fill; 32]));
        many.iter().for_each(|name| inbox.put(*name, SourceGroup::Neighbour(*name), pulse(1)));
        for name in many {
            assert_eq!(inbox.next(now).map(|(from, _)| from), Some(name));
            inbox.spend(SourceGroup::Neighbour(name), VERIFY_BATCH, true, now);
            assert_eq!(inbox.next(now), None, "the next one waits for its turn");
            now = inbox.next_timeout().unwrap_or(now);
        }
        assert_eq!(now, Time::ZERO + VERIFY_PAUSE * 2);
    }
}
