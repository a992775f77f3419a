//! What this node keeps for others: records by key, each for as long as it may be believed.
//!
//! Of one Name only the highest number is kept (DH-02); the age of a record is counted from its
//! arrival here and by nobody's clock but ours (DH-04). Room is bounded three ways (DH-08): claims
//! under one alias, keys of one Name, bytes in all. Where the last is reached nothing is refused:
//! a record goes of the source that brought most, so that no source is kept from its fair share.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::key::{Key, REPLICAS, Wanted, key};
use super::record::{Record, Signed, Unverified};
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    FOUND_MAX, RECORD_COST, RECORD_TTL_MAX, STORE_BYTES_MAX, STORE_KEYS_PER_NAME,
};
use crate::overlay::source::SourceGroup;

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
        }
    }
}

#[derive(Debug)]
struct Kept {
    signed: Signed,
    replica: u8,
    /// Who brought it, of several the one that had brought least; `None`: this node itself.
    from: Option<SourceGroup>,
    /// The turn at which it came.
    turn: u64,
    expires: Time,
    /// It was handed to the node that keeps it from now on.
    is_handed: bool,
}

/// What one source has brought.
#[derive(Debug, Default)]
struct Book {
    /// Bytes, with [`RECORD_COST`] for each record.
    bytes: usize,
    /// Its records by their signers, in the order in which they came.
    signers: BTreeMap<Name, BTreeSet<(u64, Key)>>,
}

impl Book {
    /// The record to let go: of the signer with most of them the oldest.
    fn least(&self) -> Option<(Key, Name)> {
        let first = |(_, records): &(&Name, &BTreeSet<(u64, Key)>)| {
            (records.len(), Reverse(records.first().map(|(turn, _)| *turn)))
        };
        let (name, records) = self.signers.iter().max_by_key(first)?;
        records.first().map(|(_, key)| (*key, *name))
    }
}

/// All records kept.
#[derive(Debug, Default)]
pub struct Store {
    kept: BTreeMap<(Key, Name), Kept>,
    /// The same by the end of their lives.
    ends: BTreeSet<(Time, Key, Name)>,
    /// The same by their signers.
    signers: BTreeMap<Name, BTreeSet<Key>>,
    /// What each source has brought.
    books: BTreeMap<Option<SourceGroup>, Book>,
    bytes: usize,
    turn: u64,
    counters: Counters,
}

impl Store {
    /// Keeps a record under one of its keys, or keeps it longer; a refusal is counted.
    pub fn keep(
        &mut self,
        signed: Signed,
        (key, replica): (Key, u8),
        from: Option<SourceGroup>,
        now: Time,
    ) -> Result<(), Refusal> {
        let done = self.admit(&signed, (&key, replica), from);
        if let Err(refusal) = done {
            self.counters.add(refusal.what());
            return done;
        }
        let name = signed.record().name;
        let expires = now + life(&signed);
        let same = self.kept.get(&(key, name)).filter(|kept| kept.signed == signed);
        let from = same.map_or(from, |kept| self.poorer(kept.from, from));
        self.remove(&key, &name);
        self.former(signed.record()).iter().for_each(|key| self.remove(key, &name));
        self.turn = self.turn.saturating_add(1);
        let turn = self.turn;
        let book = self.books.entry(from).or_default();
        book.bytes = book.bytes.saturating_add(cost(&signed));
        book.signers.entry(name).or_default().insert((turn, key));
        self.bytes = self.bytes.saturating_add(cost(&signed));
        self.signers.entry(name).or_default().insert(key);
        self.ends.insert((expires, key, name));
        let kept = Kept { signed, replica, from, turn, expires, is_handed: false };
        self.kept.insert((key, name), kept);
        self.shrink();
        Ok(())
    }

    /// Of two that brought the same record the one that has brought less. So a flood does not make
    /// an honest record its own by bringing it as well.
    fn poorer(&self, a: Option<SourceGroup>, b: Option<SourceGroup>) -> Option<SourceGroup> {
        let brought = |from| self.books.get(from).map_or(0, |book| book.bytes);
        if brought(&b) < brought(&a) { b } else { a }
    }

    /// Lets go what is too much: a record of the source that has brought most.
    fn shrink(&mut self) {
        while self.bytes > STORE_BYTES_MAX {
            let most = self.books.values().max_by_key(|book| book.bytes);
            let Some((key, name)) = most.and_then(Book::least) else { return };
            self.remove(&key, &name);
            self.counters.add("dht-pushed-out");
        }
    }

    /// Whether a record would be refused by any signer; a refusal is counted.
    pub fn refuses(&mut self, record: &Record, (key, replica): (Key, u8)) -> bool {
        let refusal = match belongs(record, &key, replica) {
            None => Refusal::Misplaced,
            Some(_) if self.is_old(record) => Refusal::Older,
            Some(_) => return false,
        };
        self.counters.add(refusal.what());
        true
    }

    /// The record with these bytes, if it is kept under the key.
    #[must_use]
    pub fn same(&self, key: &Key, unverified: &Unverified<'_>) -> Option<&Signed> {
        let kept = self.kept.get(&(*key, unverified.record().name));
        kept.map(|kept| &kept.signed).filter(|signed| signed.bytes() == unverified.bytes())
    }

    fn is_old(&self, record: &Record) -> bool {
        self.numbers(&record.name).any(|number| number > record.number)
    }

    fn admit(
        &mut self,
        signed: &Signed,
        (key, replica): (&Key, u8),
        from: Option<SourceGroup>,
    ) -> Result<(), Refusal> {
        let record = signed.record();
        let is_alias = belongs(record, key, replica).ok_or(Refusal::Misplaced)?;
        if self.is_old(record) {
            return Err(Refusal::Older);
        }
        if let Some(kept) = self.kept.get(&(*key, record.name)) {
            let other = &kept.signed;
            if other != signed && other.record().number == record.number {
                self.counters.add("dht-same-number");
                if !signed.replaces(other) {
                    return Err(Refusal::Conflict);
                }
            }
            return Ok(());
        }
        let keys = self.signers.get(&record.name).map_or(0, BTreeSet::len);
        if keys.saturating_sub(self.former(record).len()) >= STORE_KEYS_PER_NAME {
            return Err(Refusal::Signer);
        }
        if is_alias && self.find(key).count() >= FOUND_MAX {
            let name = self.crowding(key, from).ok_or(Refusal::Claims)?;
            self.remove(key, &name);
            self.counters.add("dht-pushed-out");
        }
        Ok(())
    }

    /// The latest claim under an alias's key of a source that has two more of them there than this
    /// one, which brings another.
    fn crowding(&self, key: &Key, from: Option<SourceGroup>) -> Option<Name> {
        let claims: Vec<&Kept> = self.under(key).collect();
        let of = |from| claims.iter().filter(|kept| kept.from == from).count();
        let most = claims.iter().max_by_key(|kept| (of(kept.from), kept.turn))?;
        (of(most.from) >= of(from).saturating_add(2)).then(|| most.signed.record().name)
    }

    /// Keys under which a Name claimed an alias that it has no more.
    fn former(&self, record: &Record) -> Vec<Key> {
        let keys = self.signers.get(&record.name).into_iter().flatten().copied();
        let is_former = |key: &Key| {
            self.kept.get(&(*key, record.name)).is_some_and(|kept| {
                kept.signed.record().alias != record.alias
                    && belongs(kept.signed.record(), key, kept.replica) == Some(true)
            })
        };
        keys.filter(is_former).collect()
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
        self.bytes = self.bytes.saturating_sub(cost(&kept.signed));
        let Some(book) = self.books.get_mut(&kept.from) else { return };
        book.bytes = book.bytes.saturating_sub(cost(&kept.signed));
        if let Some(records) = book.signers.get_mut(name) {
            records.remove(&(kept.turn, *key));
            if records.is_empty() {
                book.signers.remove(name);
            }
        }
        if book.signers.is_empty() {
            self.books.remove(&kept.from);
        }
    }

    fn numbers(&self, name: &Name) -> impl Iterator<Item = u64> {
        let keys = self.signers.get(name).into_iter().flatten();
        keys.filter_map(|key| Some(self.kept.get(&(*key, *name))?.signed.record().number))
    }

    /// The records kept under a key: one of a Name, up to four that claim an alias.
    pub fn find(&self, key: &Key) -> impl Iterator<Item = &Signed> {
        self.under(key).map(|kept| &kept.signed)
    }

    fn under(&self, key: &Key) -> impl Iterator<Item = &Kept> {
        let all = (*key, Name::from_bytes([0; 32]))..=(*key, Name::from_bytes([0xff; 32]));
        self.kept.range(all).map(|(_, kept)| kept)
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
    pub const fn bytes(&self) -> usize {
        self.bytes
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
    signed.bytes().len().saturating_add(RECORD_COST)
}

/// Whether a key is one of the record's: `Some(true)` for its alias's, `Some(false)` for its
/// Name's.
fn belongs(record: &Record, at: &Key, replica: u8) -> Option<bool> {
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
mod tests;
