//! What this node keeps for others: records by key, each for as long as it may be believed.
//!
//! Of one Name only the highest number is kept (DH-02); the age of a record is counted from its
//! arrival here and by nobody's clock but ours (DH-04). Room is bounded four ways (DH-08): claims
//! under one alias, keys of one Name, bytes that came through one neighbour, bytes in all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::key::{Key, REPLICAS, Wanted, key};
use super::record::Signed;
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    FOUND_MAX, RECORD_COST, RECORD_TTL_MAX, STORE_BYTES_MAX, STORE_BYTES_PER_NEIGHBOUR,
    STORE_KEYS_PER_NAME,
};

/// How long a record may be believed from its arrival on.
#[must_use]
pub fn life(signed: &Signed) -> Duration {
    Duration::from_secs(u64::from(signed.record().ttl)).min(RECORD_TTL_MAX)
}

/// Why a record was not kept; [`Refusal::what`] is its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The key is not one of this record's.
    Misplaced,
    /// A higher number is known here.
    Older,
    /// Another record with the same number is kept instead (DH-10).
    Conflict,
    /// As many Names as may claim this alias already.
    Claims,
    /// As many keys as one Name may have here already.
    Signer,
    /// As many bytes as one neighbour may bring already.
    Neighbour,
    /// No room at all.
    Full,
}

impl Refusal {
    /// The name of its counter.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Misplaced => "dht-misplaced",
            Self::Older => "dht-older",
            Self::Conflict => "dht-conflict",
            Self::Claims => "dht-claims-full",
            Self::Signer => "dht-signer-full",
            Self::Neighbour => "dht-neighbour-full",
            Self::Full => "dht-store-full",
        }
    }
}

#[derive(Debug)]
struct Kept {
    signed: Signed,
    replica: u8,
    /// Through which neighbour it came first; `None`: from a client of this node.
    from: Option<Name>,
    expires: Time,
    /// It was handed to the node that keeps it from now on.
    is_handed: bool,
}

/// All records kept.
#[derive(Debug, Default)]
pub struct Store {
    kept: BTreeMap<(Key, Name), Kept>,
    /// The same by the end of their lives.
    ends: BTreeSet<(Time, Key, Name)>,
    /// The same by their signers.
    signers: BTreeMap<Name, BTreeSet<Key>>,
    /// Bytes, with [`RECORD_COST`] for each record, by the neighbour they came through.
    bytes: BTreeMap<Option<Name>, usize>,
    counters: Counters,
}

impl Store {
    /// Keeps a record under one of its keys, or keeps it longer; a refusal is counted.
    pub fn keep(
        &mut self,
        signed: Signed,
        (key, replica): (Key, u8),
        from: Option<Name>,
        now: Time,
    ) -> Result<(), Refusal> {
        let done = self.admit(&signed, (&key, replica), from);
        if let Err(refusal) = done {
            self.counters.add(refusal.what());
            return done;
        }
        let name = signed.record().name;
        let expires = now + life(&signed);
        // Who refreshes a record takes no quota over from who brought it.
        let same = self.kept.get(&(key, name)).filter(|kept| kept.signed == signed);
        let from = same.map_or(from, |kept| kept.from);
        self.remove(&key, &name);
        self.forget_former(&signed);
        *self.bytes.entry(from).or_default() += cost(&signed);
        self.signers.entry(name).or_default().insert(key);
        self.ends.insert((expires, key, name));
        self.kept.insert((key, name), Kept { signed, replica, from, expires, is_handed: false });
        Ok(())
    }

    fn admit(
        &mut self,
        signed: &Signed,
        (key, replica): (&Key, u8),
        from: Option<Name>,
    ) -> Result<(), Refusal> {
        let is_alias = belongs(signed, key, replica).ok_or(Refusal::Misplaced)?;
        let record = signed.record();
        if self.numbers(&record.name).any(|number| number > record.number) {
            return Err(Refusal::Older);
        }
        let present = self.kept.get(&(*key, record.name)).map(|kept| (&kept.signed, kept.from));
        if let Some((other, _)) = present {
            if other == signed {
                return Ok(());
            }
            if other.record().number == record.number {
                self.counters.add("dht-same-number");
                if !signed.replaces(other) {
                    return Err(Refusal::Conflict);
                }
            }
        }
        if present.is_none() && is_alias && self.find(key).count() >= FOUND_MAX {
            return Err(Refusal::Claims);
        }
        let keys = self.signers.get(&record.name).map_or(0, BTreeSet::len);
        if present.is_none() && keys >= STORE_KEYS_PER_NAME {
            return Err(Refusal::Signer);
        }
        let freed = present.map_or(0, |(other, _)| cost(other));
        let freed_here = present.filter(|(_, by)| *by == from).map_or(0, |(other, _)| cost(other));
        let brought = self.bytes.get(&from).copied().unwrap_or(0);
        if brought + cost(signed) > STORE_BYTES_PER_NEIGHBOUR + freed_here {
            return Err(Refusal::Neighbour);
        }
        if self.bytes() + cost(signed) > STORE_BYTES_MAX + freed {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// What a Name claimed before under an alias that it has no more.
    fn forget_former(&mut self, signed: &Signed) {
        let record = signed.record();
        let keys: Vec<Key> =
            self.signers.get(&record.name).into_iter().flatten().copied().collect();
        for key in keys {
            let is_former = self.kept.get(&(key, record.name)).is_some_and(|kept| {
                kept.signed.record().alias != record.alias
                    && belongs(&kept.signed, &key, kept.replica) == Some(true)
            });
            if is_former {
                self.remove(&key, &record.name);
            }
        }
    }

    fn remove(&mut self, key: &Key, name: &Name) {
        let Some(kept) = self.kept.remove(&(*key, *name)) else { return };
        self.ends.remove(&(kept.expires, *key, *name));
        if let Some(keys) = self.signers.get_mut(name) {
            keys.remove(key);
            if keys.is_empty() {
                self.signers.remove(name);
            }
        }
        if let Some(bytes) = self.bytes.get_mut(&kept.from) {
            *bytes -= cost(&kept.signed);
            if *bytes == 0 {
                self.bytes.remove(&kept.from);
            }
        }
    }

    fn numbers(&self, name: &Name) -> impl Iterator<Item = u64> {
        let keys = self.signers.get(name).into_iter().flatten();
        keys.filter_map(|key| Some(self.kept.get(&(*key, *name))?.signed.record().number))
    }

    /// The records kept under a key: one of a Name, up to four that claim an alias.
    pub fn find(&self, key: &Key) -> impl Iterator<Item = &Signed> {
        let all = (*key, Name::from_bytes([0; 32]))..=(*key, Name::from_bytes([0xff; 32]));
        self.kept.range(all).map(|(_, kept)| &kept.signed)
    }

    /// All of them, with key and replica.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, u8, &Signed)> {
        self.kept.iter().map(|((key, _), kept)| (key, kept.replica, &kept.signed))
    }

    /// One of them, with its replica.
    #[must_use]
    pub fn get(&self, key: &Key, name: &Name) -> Option<(u8, &Signed)> {
        self.kept.get(&(*key, *name)).map(|kept| (kept.replica, &kept.signed))
    }

    /// Those that another node keeps from now on, each named once. The copy here stays for one
    /// more life, for those who still ask here (DH-12).
    pub fn leaving(&mut self, is_mine: impl Fn(&Key, u8) -> bool, now: Time) -> Vec<(Key, Name)> {
        let mut leaving = Vec::new();
        for ((key, name), kept) in &mut self.kept {
            let is_mine = is_mine(key, kept.replica);
            if is_mine || kept.is_handed {
                kept.is_handed &= !is_mine;
                continue;
            }
            self.ends.remove(&(kept.expires, *key, *name));
            kept.is_handed = true;
            kept.expires = now + life(&kept.signed);
            self.ends.insert((kept.expires, *key, *name));
            leaving.push((*key, *name));
        }
        leaving
    }

    /// Drops what is too old.
    pub fn tick(&mut self, now: Time) {
        while let Some((_, key, name)) = self.ends.first().copied().filter(|(at, ..)| *at <= now) {
            self.remove(&key, &name);
        }
    }

    /// When the next record is too old.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.ends.first().map(|(at, ..)| *at)
    }

    /// Records kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Bytes kept, with [`RECORD_COST`] for each record.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.values().sum()
    }

    /// What was refused, and why.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.kept.len() as u64);
        for ((key, _), kept) in &self.kept {
            into.fold_bytes(key);
            into.fold_bytes(kept.signed.bytes());
            into.fold(kept.expires.as_nanos());
            into.fold(u64::from(kept.is_handed));
        }
    }
}

fn cost(signed: &Signed) -> usize {
    signed.bytes().len() + RECORD_COST
}

/// Whether a key is one of the record's: `Some(true)` for its alias's, `Some(false)` for its
/// Name's.
fn belongs(signed: &Signed, at: &Key, replica: u8) -> Option<bool> {
    let record = signed.record();
    if replica >= REPLICAS {
        return None;
    }
    if key(&Wanted::Name(record.name), replica) == *at {
        return Some(false);
    }
    let alias = Wanted::Alias(record.alias.clone()?);
    (key(&alias, replica) == *at).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{called, identity, record, signed};
    use super::*;
    use crate::crypto::rng::Rng;
    use crate::overlay::dht::record::Record;
    use quickcheck::quickcheck;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn by_name(signed: &Signed, replica: u8) -> (Key, u8) {
        (key(&Wanted::Name(signed.record().name), replica), replica)
    }

    fn by_alias(signed: &Signed, replica: u8) -> (Key, u8) {
        let alias = signed.record().alias.clone().expect("an alias");
        (key(&Wanted::Alias(alias), replica), replica)
    }

    fn neighbour(fill: u8) -> Option<Name> {
        Some(Name::from_bytes([fill; 32]))
    }

    // DH-02
    #[test]
    fn of_one_name_only_the_highest_number_is_kept() {
        let mut store = Store::default();
        let place = by_name(&signed(1, 5), 0);
        for (number, done) in [(5, Ok(())), (4, Err(Refusal::Older)), (6, Ok(())), (6, Ok(()))] {
            assert_eq!(store.keep(signed(1, number), place, None, at(0)), done);
        }
        let elsewhere = by_name(&signed(1, 5), 3);
        assert_eq!(store.keep(signed(1, 5), elsewhere, None, at(0)), Err(Refusal::Older));
        assert_eq!(store.find(&place.0).collect::<Vec<_>>(), [&signed(1, 6)]);
        assert_eq!(store.counters().get("dht-older"), 2);
    }

    // DH-03
    #[test]
    fn after_the_end_nothing_is_kept_but_the_end() {
        let mut store = Store::default();
        let place = by_name(&signed(1, 5), 0);
        assert_eq!(
            store.keep(called(1, 5, "bob"), by_alias(&called(1, 5, "bob"), 1), None, at(0)),
            Ok(())
        );
        let end = Record::end(identity(1).name(), 540).sign(&identity(1)).expect("the end");
        assert_eq!(store.keep(end.clone(), place, None, at(0)), Ok(()));
        assert_eq!(store.keep(signed(1, u64::MAX - 1), place, None, at(1)), Err(Refusal::Older));
        assert_eq!((store.len(), store.find(&place.0).next()), (1, Some(&end)));
    }

    // DH-04: nothing but the age since arrival counts, and never more than the bound.
    #[test]
    fn a_record_dies_by_its_age_here_unless_it_is_stored_again() {
        let mut store = Store::default();
        let place = by_name(&signed(1, 5), 0);
        assert_eq!(store.keep(signed(1, 5), place, None, at(1_000_000)), Ok(()));
        assert_eq!(store.keep(signed(1, 5), place, None, at(1_000_180)), Ok(()));
        assert_eq!(store.next_timeout(), Some(at(1_000_720)));
        store.tick(at(1_000_719));
        assert_eq!(store.len(), 1);
        store.tick(at(1_000_720));
        assert!(store.is_empty() && store.bytes() == 0 && store.next_timeout().is_none());
        let long = Record { ttl: u16::MAX, ..record(1, 6) }.sign(&identity(1)).expect("a form");
        assert_eq!(store.keep(long, place, None, at(0)), Ok(()));
        assert_eq!(store.next_timeout(), Some(Time::ZERO + RECORD_TTL_MAX));
    }

    // DH-08: per alias, per signer, per neighbour; what is full for one is not for another.
    #[test]
    fn a_flood_finds_its_bounds() {
        let mut store = Store::default();
        let claims: Vec<_> = (1..=5).map(|fill| called(fill, 1, "bob")).collect();
        let done = claims
            .iter()
            .map(|claim| store.keep(claim.clone(), by_alias(claim, 0), neighbour(1), at(0)));
        assert_eq!(done.filter(Result::is_ok).count(), FOUND_MAX);
        assert_eq!(store.counters().get("dht-claims-full"), 1);

        let mut store = Store::default();
        let big = cost(&signed(1, 1));
        *store.bytes.entry(neighbour(1)).or_default() = STORE_BYTES_PER_NEIGHBOUR - big + 1;
        let (one, other) = (signed(1, 1), signed(2, 1));
        let place = by_name(&one, 0);
        assert_eq!(store.keep(one.clone(), place, neighbour(1), at(0)), Err(Refusal::Neighbour));
        assert_eq!(store.keep(one.clone(), place, neighbour(2), at(0)), Ok(()));
        assert_eq!(store.keep(one, place, neighbour(1), at(0)), Ok(()), "it is here already");
        let here = store.bytes();
        *store.bytes.entry(neighbour(3)).or_default() = STORE_BYTES_MAX - here;
        let refused = store.keep(other.clone(), by_name(&other, 0), neighbour(4), at(0));
        assert_eq!(refused, Err(Refusal::Full));
    }

    #[test]
    fn a_name_has_no_more_keys_here_than_are_its_own() {
        let mut store = Store::default();
        let (bob, rob) = (called(1, 5, "bob"), called(1, 6, "rob"));
        for replica in 0..REPLICAS {
            assert_eq!(store.keep(bob.clone(), by_name(&bob, replica), None, at(0)), Ok(()));
            assert_eq!(store.keep(bob.clone(), by_alias(&bob, replica), None, at(0)), Ok(()));
        }
        assert_eq!(store.len(), STORE_KEYS_PER_NAME);
        let (wrong, _) = by_name(&bob, 0);
        assert_eq!(store.keep(bob.clone(), (wrong, 1), None, at(0)), Err(Refusal::Misplaced));
        assert_eq!(store.keep(bob.clone(), (wrong, 8), None, at(0)), Err(Refusal::Misplaced));
        assert_eq!(store.keep(rob.clone(), by_alias(&rob, 0), None, at(0)), Ok(()));
        assert_eq!(store.len(), 9, "what was claimed under the former alias is gone");
        assert_eq!(store.find(&by_alias(&bob, 0).0).count(), 0);
    }

    // DH-10: whatever comes first, all nodes keep the same, and count it.
    #[test]
    fn of_two_records_with_one_number_all_nodes_keep_the_same() {
        let pair = [signed(1, 5), called(1, 5, "bob")];
        let place = by_name(&pair[0], 0);
        let kept = [[0, 1], [1, 0]].map(|order| {
            let mut store = Store::default();
            for at_ in order {
                let _ = store.keep(pair[at_].clone(), place, None, at(0));
            }
            assert_eq!(store.counters().get("dht-same-number"), 1);
            store.find(&place.0).cloned().collect::<Vec<_>>()
        });
        assert!(kept[0] == kept[1] && kept[0].len() == 1);
    }

    // DH-12
    #[test]
    fn who_keeps_a_key_no_more_hands_it_over_once_and_keeps_a_copy() {
        let mut store = Store::default();
        let record = signed(1, 5);
        let place = by_name(&record, 2);
        assert_eq!(store.keep(record.clone(), place, None, at(0)), Ok(()));
        let leaving = store.leaving(|_, _| false, at(500));
        assert_eq!(leaving, [(place.0, record.record().name)]);
        assert_eq!(store.leaving(|_, _| false, at(501)), []);
        assert_eq!(store.next_timeout(), Some(at(1_040)));
        assert_eq!(store.find(&place.0).count(), 1);
        assert_eq!(store.leaving(|_, _| true, at(502)), []);
        assert_eq!(store.leaving(|_, _| false, at(503)).len(), 1);
    }

    quickcheck! {
        fn the_books_are_right(steps: Vec<(u8, u8, u8, u8)>) -> bool {
            let (mut store, mut now, mut rng) = (Store::default(), at(0), Rng::new([1; 32]));
            steps.iter().take(60).for_each(|(fill, number, replica, way)| {
                let (fill, number, replica) = (fill % 3, u64::from(number % 4), replica % 9);
                let record = if way % 2 == 0 { signed(fill, number) } else { called(fill, number, "x") };
                let place = if way % 4 < 3 { by_name(&record, replica) } else { by_alias(&record, replica) };
                let _ = store.keep(record, place, neighbour(way % 3), now);
                now = now + Duration::from_secs(rng.below(200));
                store.tick(now);
            });
            let bytes: usize = store.iter().map(|(_, _, signed)| cost(signed)).sum();
            let keys: usize = store.signers.values().map(BTreeSet::len).sum();
            bytes == store.bytes() && keys == store.len() && store.ends.len() == store.len()
        }
    }
}
