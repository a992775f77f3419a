//! Records of the Names attached to this node, stored again and again as long as they are here.
//!
//! A record lives for three rounds, so that two may be lost. Each replica has a time of its own:
//! a change goes to all of them at once, soon twice more, because places change when the trees do
//! and the first way may have led nowhere, and then they drift apart by chance.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::key::{REPLICAS, Wanted};
use super::record::Signed;
use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{NAMES_MAX, PUBLISH_EVERY, PUBLISH_SOON};
use crate::crypto::rng::Rng;

/// Keys of one record: its Name's replicas, then its alias's.
const SLOTS: u8 = 2 * REPLICAS;

#[derive(Debug)]
struct Kept {
    signed: Signed,
    changed: Time,
}

/// The attached Names' records and when each key is due.
#[derive(Debug, Default)]
pub struct Publisher {
    records: BTreeMap<Name, Kept>,
    due: BTreeSet<(Time, Name, u8)>,
}

impl Publisher {
    /// Stores this record from now on; a change is due at once. False if what is known of the Name
    /// here is newer. Where there are too many, the one that changed longest ago makes room.
    pub fn publish(&mut self, signed: Signed, now: Time) -> bool {
        let name = signed.record().name;
        if let Some(present) = self.records.get(&name) {
            if present.signed == signed {
                return true;
            }
            if present.signed.replaces(&signed) {
                return false;
            }
        }
        if self.records.len() >= NAMES_MAX && !self.records.contains_key(&name) {
            let oldest = self.records.iter().min_by_key(|(_, kept)| kept.changed);
            oldest.map(|(name, _)| *name).iter().for_each(|name| self.withdraw(name));
        }
        self.due.retain(|(_, of, _)| *of != name);
        let slots = if signed.record().alias.is_some() { SLOTS } else { REPLICAS };
        self.due.extend((0..slots).map(|slot| (now, name, slot)));
        self.records.insert(name, Kept { signed, changed: now });
        true
    }

    /// Stops storing a Name's record: what is out there dies of age.
    pub fn withdraw(&mut self, name: &Name) {
        self.records.remove(name);
        self.due.retain(|(_, of, _)| of != name);
    }

    /// The record of an attached Name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Signed> {
        self.records.get(name).map(|kept| &kept.signed)
    }

    /// The next record that is due, with the replica of its Name or alias under which to store it.
    pub fn next(&mut self, rng: &mut Rng, now: Time) -> Option<(Wanted, u8, &Signed)> {
        let (at, name, slot) = self.due.first().copied().filter(|(at, ..)| *at <= now)?;
        self.due.remove(&(at, name, slot));
        let Kept { signed, changed } = self.records.get(&name)?;
        self.due.insert((now + pause(now.since(*changed), rng), name, slot));
        let wanted = match &signed.record().alias {
            Some(alias) if slot >= REPLICAS => Wanted::Alias(alias.clone()),
            _ => Wanted::Name(name),
        };
        Some((wanted, slot % REPLICAS, signed))
    }

    /// When the next record is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.due.first().map(|(at, ..)| *at)
    }

    /// How many Names have one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        self.records.values().for_each(|kept| into.fold_bytes(kept.signed.bytes()));
        for (at, name, slot) in &self.due {
            into.fold(at.as_nanos());
            into.fold_bytes(name.as_bytes());
            into.fold(u64::from(*slot));
        }
    }
}

/// Until the next time, so long after the last change: soon twice, then [`PUBLISH_EVERY`], give or
/// take a fifth.
fn pause(since: Duration, rng: &mut Rng) -> Duration {
    let mut soon = PUBLISH_SOON.into_iter().map(|soon| soon.saturating_sub(since));
    if let Some(rest) = soon.find(|rest| !rest.is_zero()) {
        return rest;
    }
    let fifth = PUBLISH_EVERY.as_millis() as u64 / 5;
    let late = Duration::from_millis(rng.below(fifth.saturating_mul(2).saturating_add(1)));
    PUBLISH_EVERY.saturating_sub(Duration::from_millis(fifth)).saturating_add(late)
}

#[cfg(test)]
mod tests {
    use super::super::record::Record;
    use super::super::record::tests::{called, identity, record, signed};
    use super::*;
    use crate::crypto::identity::Identity;

    fn due(publisher: &mut Publisher, rng: &mut Rng, now: Time) -> Vec<(Wanted, u8, u64)> {
        let mut due = Vec::new();
        while let Some((wanted, replica, signed)) = publisher.next(rng, now) {
            due.push((wanted, replica, signed.record().number));
        }
        due
    }

    #[test]
    fn a_change_goes_everywhere_at_once() {
        let (mut publisher, mut rng) = (Publisher::default(), Rng::new([1; 32]));
        assert!(publisher.publish(signed(1, 5), Time::ZERO));
        assert_eq!(due(&mut publisher, &mut rng, Time::ZERO).len(), 8);
        assert!(publisher.publish(signed(1, 5), Time::ZERO), "no change");
        assert!(!publisher.publish(signed(1, 4), Time::ZERO));
        assert_eq!(due(&mut publisher, &mut rng, Time::ZERO), []);
        assert!(publisher.publish(called(1, 6, "bob"), Time::ZERO));
        let all = due(&mut publisher, &mut rng, Time::ZERO);
        let distinct: BTreeSet<_> = all.iter().collect();
        assert!(distinct.len() == 16 && all.iter().all(|(_, _, number)| *number == 6));
    }

    // Row 19
    #[test]
    fn no_more_names_are_stored_than_may_be_attached() {
        let (mut publisher, mut rng) = (Publisher::default(), Rng::new([1; 32]));
        for number in 0..NAMES_MAX as u64 + 5 {
            let who = Identity::from_seed(rng.array());
            let name = who.name();
            let record = Record { name, home: name, ..record(1, 1) }.sign(&who).expect("a form");
            publisher.publish(record, Time::ZERO + Duration::from_secs(number));
        }
        assert_eq!((publisher.count(), publisher.due.len()), (NAMES_MAX, NAMES_MAX * 8));
    }

    #[test]
    fn each_replica_is_stored_again_in_a_time_of_its_own() {
        let (mut publisher, mut rng) = (Publisher::default(), Rng::new([1; 32]));
        publisher.publish(signed(1, 5), Time::ZERO);
        let mut now = Time::ZERO;
        for after in [Duration::ZERO, PUBLISH_SOON[0], PUBLISH_SOON[1]] {
            now = Time::ZERO + after;
            assert_eq!(publisher.next_timeout(), Some(now));
            assert_eq!(due(&mut publisher, &mut rng, now).len(), 8);
        }
        let mut last = [now; 8];
        let mut most = 0;
        while now < Time::ZERO + 20 * PUBLISH_EVERY {
            now = publisher.next_timeout().expect("for ever");
            let due = due(&mut publisher, &mut rng, now);
            most = most.max(due.len());
            for (_, replica, _) in due {
                let pause = now.since(last[usize::from(replica)]).as_secs();
                assert!((144..=216).contains(&pause), "{pause} s");
                last[usize::from(replica)] = now;
            }
        }
        assert!(most <= 2, "{most} at once");
        publisher.withdraw(&identity(1).name());
        assert_eq!(publisher.next_timeout(), None);
    }
}
