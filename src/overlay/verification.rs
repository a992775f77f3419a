//! How much work neighbours may cause with what is not known to be true yet.
//!
//! A signature costs its forger nothing and its reader a tenth of a millisecond. So each source has
//! a limit of its own, and all of them together have two: one for those whose last word held and
//! one for all others. Strangers that make signatures up use up the second one and never the first.

use std::collections::BTreeMap;

use super::source::SourceGroup;
use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::limits::{
    NEIGHBOURS_MAX, PROVEN_BURST, PROVEN_EVERY, UNPROVEN_BURST, UNPROVEN_EVERY, VERIFY_BURST,
    VERIFY_EVERY,
};

#[derive(Debug)]
struct Share {
    own: Bucket,
    /// What it said last held.
    is_proven: bool,
}

/// The limits.
#[derive(Debug)]
pub struct VerificationBudget {
    shares: BTreeMap<SourceGroup, Share>,
    proven: Bucket,
    unproven: Bucket,
}

impl Default for VerificationBudget {
    fn default() -> Self {
        Self {
            shares: BTreeMap::new(),
            proven: Bucket::new(PROVEN_EVERY, PROVEN_BURST),
            unproven: Bucket::new(UNPROVEN_EVERY, UNPROVEN_BURST),
        }
    }
}

impl VerificationBudget {
    /// When something of this source may be looked at; not later than now if it may be at once.
    #[must_use]
    pub fn open(&self, by: SourceGroup) -> Time {
        let share = self.shares.get(&by);
        let own = share.map_or(Time::ZERO, |share| share.own.refilled());
        let all = if share.is_some_and(|s| s.is_proven) { &self.proven } else { &self.unproven };
        own.max(all.refilled())
    }

    /// Something of this source was looked at, which was so much work, and did or did not hold.
    pub fn spend(&mut self, by: SourceGroup, work: u32, is_true: bool, now: Time) {
        self.make_room(&by);
        let new = || Share { own: Bucket::new(VERIFY_EVERY, VERIFY_BURST), is_proven: false };
        let share = self.shares.entry(by).or_insert_with(new);
        share.own.charge(work, now);
        let all = if share.is_proven { &mut self.proven } else { &mut self.unproven };
        all.charge(work, now);
        share.is_proven = is_true;
    }

    /// The source that owes least is forgotten first: hardly anything is forgiven so.
    fn make_room(&mut self, new: &SourceGroup) {
        if self.shares.len() >= NEIGHBOURS_MAX && !self.shares.contains_key(new) {
            let least = self.shares.iter().min_by_key(|(_, s)| (s.is_proven, s.own.full()));
            if let Some(least) = least.map(|(source, _)| *source) {
                self.shares.remove(&least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn source(address: u64) -> SourceGroup {
        SourceGroup::Address(address)
    }

    /// Words that are looked at in a second in which each source has something to say at any time.
    fn flood(budget: &mut VerificationBudget, sources: u64, is_true: bool, from: Time) -> usize {
        let mut seen = 0;
        for ms in 0..1_000 {
            let now = from + Duration::from_millis(ms);
            for by in (0..sources).map(source) {
                while budget.open(by) <= now {
                    budget.spend(by, 1, is_true, now);
                    seen += 1;
                }
            }
        }
        seen
    }

    // Row 9: work before proof.
    #[test]
    fn strangers_use_up_their_own_budget_and_not_that_of_those_who_said_the_truth() {
        let (mut budget, start) = (VerificationBudget::default(), Time::ZERO);
        let honest = source(1_000);
        budget.spend(honest, 1, true, start);
        let all = flood(&mut budget, 300, false, start);
        let most = UNPROVEN_BURST as usize + 1_000 / UNPROVEN_EVERY.as_millis() as usize + 2;
        assert!(all <= most, "{all}");
        let later = start + Duration::from_secs(1);
        assert!(budget.open(source(1_001)) > later, "a stranger has to wait");
        assert!(budget.open(honest) <= later, "one that is known has not");
        assert!(flood(&mut budget, 1, true, later + Duration::from_secs(60)) > 300);
    }

    #[test]
    fn one_source_has_its_own_bound_and_the_table_too() {
        let (mut budget, now) = (VerificationBudget::default(), Time::ZERO);
        budget.spend(source(1), 1, true, now);
        budget.spend(source(2), 1, true, now);
        let seen = flood(&mut budget, 2, true, now);
        let of_one = VERIFY_BURST as usize + 1_000_000 / VERIFY_EVERY.as_micros() as usize + 2;
        assert!(seen <= 2 * of_one, "{seen}");
        for address in 0..2 * NEIGHBOURS_MAX as u64 {
            budget.spend(source(address + 10), 1, true, now);
        }
        assert_eq!(budget.shares.len(), NEIGHBOURS_MAX);
        assert!(budget.open(source(1)) > now, "who owes most is not forgotten");
    }
}
