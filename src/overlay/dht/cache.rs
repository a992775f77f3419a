//! Records this node has learnt for its own use.
//!
//! A record counts from its arrival for as long as it says. Used in the last fifth of its life, it
//! is asked for again behind the scenes. After its life it still serves for a while where nothing
//! newer can be had, because an address that may be old is better than none (DH-14); the number
//! below which nothing of its Name is believed stays longer yet (DH-02).

use std::collections::BTreeMap;
use std::time::Duration;

use super::key::Wanted;
use super::numbers::Numbers;
use super::record::{Record, Signed, Unverified};
use super::store::life;
use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{ABSENT_FOR, ABSENT_MAX, CACHE_MAX, DOUBT_EVERY, DOUBT_MAX, STALE_KEPT};

#[derive(Debug)]
struct Held {
    signed: Signed,
    learnt: Time,
    /// This node asked for it: a stranger's record does not push it out.
    is_asked: bool,
    /// The turn at which it was used or learnt last.
    turn: u64,
    /// When a way by it last proved broken, and how long that stands before it is asked for again.
    doubted: Option<(Time, Duration)>,
}

impl Held {
    fn is_fresh(&self, now: Time) -> bool {
        now < self.learnt + life(&self.signed)
    }

    fn is_usable(&self, now: Time) -> bool {
        !self.signed.record().is_end() && now < self.learnt + life(&self.signed) + STALE_KEPT
    }
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It is what is known of its Name now.
    Newest,
    /// It has the number of the one that is kept, and other bytes: its Name signed both (DH-10).
    /// The one with the smaller bytes is kept.
    Conflict,
    /// A higher number was seen before.
    Older,
}

/// Verified records, what is known not to be there, and the highest numbers.
#[derive(Debug, Default)]
pub struct Cache {
    held: BTreeMap<Name, Held>,
    absent: BTreeMap<Wanted, Time>,
    numbers: Numbers,
    turn: u64,
}

impl Cache {
    /// Nothing but the numbers of an earlier run.
    #[must_use]
    pub fn new(remembered: impl IntoIterator<Item = (Name, u64)>) -> Self {
        Self { numbers: Numbers::new(remembered), ..Self::default() }
    }

    /// Takes a record in; `is_asked`: this node wanted to know.
    pub fn learn(&mut self, signed: Signed, is_asked: bool, now: Time) -> Learnt {
        let record = signed.record();
        let name = record.name;
        if self.is_older(&signed) {
            return Learnt::Older;
        }
        self.turn = self.turn.saturating_add(1);
        self.numbers.see(name, record.number, is_asked);
        self.absent.remove(&Wanted::Name(name));
        let mut learnt = Learnt::Newest;
        let held = self.held.get(&name);
        let is_asked = is_asked || held.is_some_and(|held| held.is_asked);
        let mut doubted = None;
        if let Some(held) = held.filter(|held| held.signed.record().number == record.number) {
            doubted = held.doubted;
            if held.signed != signed {
                learnt = Learnt::Conflict;
            }
            if held.signed.replaces(&signed) {
                return learnt;
            }
        }
        self.held.insert(name, Held { signed, learnt: now, is_asked, turn: self.turn, doubted });
        self.bound();
        learnt
    }

    fn bound(&mut self) {
        if self.held.len() > CACHE_MAX {
            let order = |(_, held): &(&Name, &Held)| (held.is_asked, held.turn);
            let least = self.held.iter().min_by_key(order).map(|(name, _)| *name);
            least.and_then(|name| self.held.remove(&name));
        }
    }

    /// Counts the changes of what [`Cache::remembered`] says.
    #[must_use]
    pub const fn lessons(&self) -> u64 {
        self.numbers.lessons()
    }

    /// Whether a higher number of the same Name was seen.
    #[must_use]
    pub fn is_older(&self, signed: &Signed) -> bool {
        self.has_newer(signed.record())
    }

    /// The same before its signature is verified.
    #[must_use]
    pub fn has_newer(&self, record: &Record) -> bool {
        record.number < self.numbers.highest(&record.name)
    }

    /// The record with these bytes, if it is known.
    #[must_use]
    pub fn same(&self, unverified: &Unverified<'_>) -> Option<&Signed> {
        let held = self.held.get(&unverified.record().name);
        held.map(|held| &held.signed).filter(|signed| signed.bytes() == unverified.bytes())
    }

    /// The newest record that is known of a Name, however old.
    #[must_use]
    pub fn newest(&self, name: &Name) -> Option<&Signed> {
        self.held.get(name).map(|held| &held.signed)
    }

    /// What is known of a Name, old or not, for whoever is about to use it.
    pub fn use_record(&mut self, name: &Name, now: Time) -> Option<&Signed> {
        self.turn = self.turn.saturating_add(1);
        let held = self.held.get_mut(name)?;
        (held.turn, held.is_asked) = (self.turn, true);
        held.is_usable(now).then_some(&held.signed)
    }

    /// Whether a record that is being used is in the last fifth of its life, or past it.
    #[must_use]
    pub fn is_ageing(&self, name: &Name, now: Time) -> bool {
        self.held.get(name).is_some_and(|held| {
            let (age, life) = (now.since(held.learnt), life(&held.signed));
            age.saturating_mul(5) >= life.saturating_mul(4) && !held.signed.record().is_end()
        })
    }

    /// Whether a Name's record answers a lookup without asking anybody.
    #[must_use]
    pub fn is_known(&self, name: &Name, now: Time) -> bool {
        let held = self.held.get(name);
        held.is_some_and(|held| {
            let is_trusted = held.doubted.is_none_or(|(at, _)| held.learnt > at);
            held.is_fresh(now) && held.is_usable(now) && is_trusted
        })
    }

    /// Whether the Name has withdrawn for good (DH-03).
    #[must_use]
    pub fn is_ended(&self, name: &Name) -> bool {
        self.numbers.highest(name) == Record::END
    }

    /// A way by this record proved broken. True if it should be asked for again now: not where this
    /// node never used one, because anybody may say so of any Name.
    pub fn doubt(&mut self, name: &Name, now: Time) -> bool {
        let Some(held) = self.held.get_mut(name).filter(|held| held.is_asked) else { return false };
        self.absent.remove(&Wanted::Name(*name));
        let wait = match held.doubted {
            Some((at, wait)) if now.since(at) < wait => return false,
            Some((_, wait)) => wait.saturating_mul(2).min(DOUBT_MAX),
            None => DOUBT_EVERY,
        };
        held.doubted = Some((now, wait));
        true
    }

    /// It was asked for and not found.
    pub fn miss(&mut self, wanted: Wanted, now: Time) {
        self.absent.retain(|_, until| now < *until);
        if self.absent.len() >= ABSENT_MAX && !self.absent.contains_key(&wanted) {
            let first = self.absent.iter().min_by_key(|(_, until)| **until);
            first.map(|(wanted, _)| wanted.clone()).and_then(|wanted| self.absent.remove(&wanted));
        }
        self.absent.insert(wanted, now + ABSENT_FOR);
    }

    /// Whether it was not found a moment ago.
    #[must_use]
    pub fn is_absent(&self, wanted: &Wanted, now: Time) -> bool {
        self.absent.get(wanted).is_some_and(|until| now < *until)
    }

    /// The highest number seen of a Name, 0 if none was.
    #[must_use]
    pub fn highest(&self, name: &Name) -> u64 {
        self.numbers.highest(name)
    }

    /// The highest numbers, to be kept over a restart.
    #[must_use]
    pub fn remembered(&self) -> Vec<(Name, u64)> {
        self.numbers.remembered()
    }

    /// All records, old or not.
    pub fn records(&self) -> impl Iterator<Item = &Signed> {
        self.held.values().map(|held| &held.signed)
    }

    /// How much is remembered as not found, for now.
    #[must_use]
    pub fn absent_count(&self) -> usize {
        self.absent.len()
    }

    /// How many Names have a number.
    #[must_use]
    pub fn numbers_count(&self) -> usize {
        self.numbers.count()
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.held.len() as u64);
        for held in self.held.values() {
            into.fold_bytes(held.signed.bytes());
            into.fold(held.learnt.as_nanos());
            into.fold(u64::from(held.is_asked));
            into.fold(held.turn);
            into.fold(held.doubted.map_or(u64::MAX, |(at, _)| at.as_nanos()));
        }
        self.absent.values().for_each(|until| into.fold(until.as_nanos()));
        self.numbers.fold(into);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{called, identity, record, signed};
    use super::*;
    use crate::base::limits::RECORD_TTL_MAX;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    // DH-02: beyond the life of the record that had the number.
    #[test]
    fn an_older_record_is_never_believed_again() {
        let (name, mut cache) = (identity(1).name(), Cache::default());
        assert_eq!(cache.learn(signed(1, 5), true, at(0)), Learnt::Newest);
        assert_eq!(cache.learn(signed(1, 4), true, at(1)), Learnt::Older);
        assert_eq!(cache.learn(signed(1, 4), true, at(100_000)), Learnt::Older);
        let mut restarted = Cache::new(cache.remembered());
        assert_eq!(restarted.learn(signed(1, 4), true, at(0)), Learnt::Older);
        assert!(restarted.use_record(&name, at(0)).is_none());
        assert_eq!(restarted.learn(signed(1, 5), true, at(0)), Learnt::Newest);
    }

    // DH-03
    #[test]
    fn a_name_that_ended_is_not_used_and_does_not_return() {
        let (name, mut cache) = (identity(1).name(), Cache::default());
        cache.learn(signed(1, 5), true, at(0));
        let end = Record::end(name, 540).sign(&identity(1)).expect("the end");
        assert_eq!(cache.learn(end, false, at(1)), Learnt::Newest);
        assert!(cache.use_record(&name, at(1)).is_none() && cache.is_ended(&name));
        assert_eq!(cache.learn(signed(1, u64::MAX - 1), true, at(2)), Learnt::Older);
    }

    // DH-04, DH-14
    #[test]
    fn a_life_counts_from_arrival_and_is_outlived_by_what_has_no_better() {
        let (name, mut cache) = (identity(1).name(), Cache::default());
        cache.learn(signed(1, 5), true, at(1_000));
        assert!(cache.is_known(&name, at(1_539)) && !cache.is_known(&name, at(1_540)));
        assert!(!cache.is_ageing(&name, at(1_431)) && cache.is_ageing(&name, at(1_432)));
        assert!(cache.use_record(&name, at(1_540)).is_some());
        assert!(cache.use_record(&name, at(1_540) + STALE_KEPT).is_none());
        let long = Record { ttl: u16::MAX, ..record(1, 6) }.sign(&identity(1)).expect("a form");
        cache.learn(long, true, at(0));
        assert!(!cache.is_known(&name, Time::ZERO + RECORD_TTL_MAX));
    }

    // DH-10: whichever comes first.
    #[test]
    fn of_two_records_with_one_number_all_keep_the_same() {
        let pair = [signed(1, 5), called(1, 5, "bob")];
        let keep = |order: [usize; 2]| {
            let mut cache = Cache::default();
            cache.learn(pair[order[0]].clone(), true, at(0));
            assert_eq!(cache.learn(pair[order[1]].clone(), true, at(0)), Learnt::Conflict);
            cache.use_record(&identity(1).name(), at(0)).cloned()
        };
        assert!(keep([0, 1]).is_some() && keep([0, 1]) == keep([1, 0]));
    }

    #[test]
    fn what_was_not_found_or_doubted_is_asked_for_again_in_time() {
        let (name, mut cache) = (identity(1).name(), Cache::default());
        let wanted = Wanted::Name(name);
        cache.miss(wanted.clone(), at(0));
        assert!(cache.is_absent(&wanted, at(1)) && !cache.is_absent(&wanted, at(2)));
        cache.learn(signed(1, 5), true, at(1));
        assert!(!cache.is_absent(&wanted, at(1)));
        assert!(cache.doubt(&name, at(1)) && !cache.doubt(&name, at(1)));
        assert!(!cache.is_known(&name, at(1)) && cache.use_record(&name, at(1)).is_some());
        assert!(cache.doubt(&name, at(2)));
        cache.learn(signed(1, 6), true, at(2));
        assert!(cache.is_known(&name, at(2)));
    }

    #[test]
    fn what_is_known_and_stays_wrong_is_asked_for_ever_less_often() {
        let (name, mut cache) = (identity(1).name(), Cache::default());
        cache.learn(signed(1, 5), true, at(0));
        let asked = |cache: &mut Cache, from: u64| {
            let ms = |ms| at(from) + Duration::from_millis(ms);
            (0..60_000).filter(|count| cache.doubt(&name, ms(*count))).count()
        };
        // At 0, 0.5, 1.5, 3.5, 7.5 and from 15.5 s on every eight.
        assert_eq!(asked(&mut cache, 0), 11);
        cache.learn(signed(1, 5), true, at(60));
        assert!(!cache.doubt(&name, at(60)), "the same again is no news");
        cache.learn(signed(1, 6), true, at(61));
        assert!(cache.doubt(&name, at(61)));
    }
}
