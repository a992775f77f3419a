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
        self.former(&signed).iter().for_each(|key| self.remove(key, &name));
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
        if present.is_none() && keys - self.former(signed).len() >= STORE_KEYS_PER_NAME {
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

    /// Keys under which a Name claimed an alias that it has no more.
    fn former(&self, signed: &Signed) -> Vec<Key> {
        let record = signed.record();
        let keys = self.signers.get(&record.name).into_iter().flatten().copied();
        let is_former = |key: &Key| {
            self.kept.get(&(*key, record.name)).is_some_and(|kept| {
                kept.signed.record().alias != record.alias
                    && belongs(&kept.signed, key, kept.replica) == Some(true)
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
mod tests;
