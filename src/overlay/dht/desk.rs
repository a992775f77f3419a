//! Errands that ended at this node: what others want kept, ask, answer or tell.

use super::key::{Key, REPLICAS, Wanted, key};
use super::record::{Places, Signed, Unverified};
use super::{Dht, Order};
use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{ERRAND_BURST, ERRAND_EVERY, FOUND_MAX, NEIGHBOURS_MAX};
use crate::overlay::source::Bringer;
use crate::wire::errand::Errand;

impl Dht {
    /// An errand that ended at this node. `asker`: the node that sent it and where it said it is;
    /// `came_from`: the neighbour that brought it, none if it is this node's own; `end`: key and
    /// replica, where it went down a tree.
    pub fn arrived(
        &mut self,
        errand: &Errand<'_>,
        asker: (Name, Places),
        came_from: Option<Bringer>,
        end: Option<(Key, u8)>,
        now: Time,
    ) {
        // A look at the number costs nothing; all else may cost a signature or an answer.
        let is_asked = matches!(errand, Errand::Found { nonce, .. } if self.lookups.expects(*nonce)
                && !self.lookups.is_flooded(*nonce));
        if !is_asked && !self.may_bring(came_from, now) {
            return;
        }
        match errand {
            Errand::Store { record } => self.keep(record, came_from, end, now),
            Errand::Find { nonce, wanted } => {
                let fits = Wanted::from_sought(*wanted).filter(|wanted| match (end, wanted) {
                    (Some((at, replica)), _) => replica < REPLICAS && key(wanted, replica) == at,
                    // A flooded lookup.
                    (None, Wanted::Name(name)) => self.publisher.get(name).is_some(),
                    (None, Wanted::Alias(_)) => false,
                });
                match fits {
                    Some(wanted) => self.tell(*nonce, &wanted, end.map(|(at, _)| at), asker),
                    None => self.counters.add("dht-misplaced-question"),
                }
            }
            Errand::Found { nonce, records } => self.hear(*nonce, records, came_from, now),
            Errand::Push { record } => {
                if let Some(signed) = self.read_push(record, came_from, now) {
                    self.learn(signed, now);
                }
            }
            // The trees' business, and whoever asked this table should not have.
            Errand::Moved(_) => self.counters.add("dht-misplaced"),
        }
        self.carry(now);
    }

    /// Whether a neighbour may bring one more errand; one too many is counted. Where there are too
    /// many neighbours, the one that brought least lately is forgotten: nothing is forgiven so.
    pub fn may_bring(&mut self, bringer: Option<Bringer>, now: Time) -> bool {
        let Some(Bringer { neighbour, .. }) = bringer else { return true };
        if self.buckets.len() >= NEIGHBOURS_MAX && !self.buckets.contains_key(&neighbour) {
            let least = self.buckets.iter().min_by_key(|(_, bucket)| bucket.full());
            if let Some(least) = least.map(|(name, _)| *name) {
                self.buckets.remove(&least);
            }
        }
        let new = || Bucket::new(ERRAND_EVERY, ERRAND_BURST);
        let may = self.buckets.entry(neighbour).or_insert_with(new).take(now);
        self.counters.add_many("dht-too-many-errands", u64::from(!may));
        may
    }

    /// A record in form; what is none is counted.
    fn parse<'a>(&mut self, bytes: &'a [u8]) -> Option<Unverified<'a>> {
        let unverified = Unverified::parse(bytes);
        self.counters.add_many("dht-no-record", u64::from(unverified.is_err()));
        unverified.ok()
    }

    /// The record, if its Name signed it; one that it did not is counted (DH-01). Nothing is
    /// verified for a source that has had too much verified, nor for strangers that had together.
    fn verify(
        &mut self,
        unverified: Unverified<'_>,
        by: Option<Bringer>,
        now: Time,
    ) -> Option<Signed> {
        if by.is_some_and(|by| self.budget.open(by.source) > now) {
            self.counters.add("dht-busy");
            return None;
        }
        let signed = unverified.verify();
        if let Some(by) = by {
            self.budget.spend(by.source, 1, signed.is_ok(), now);
        }
        self.counters.add_many("dht-no-record", u64::from(signed.is_err()));
        signed.ok()
    }

    /// A record that its Name sent. One that would change nothing is not verified.
    fn read_push(&mut self, bytes: &[u8], by: Option<Bringer>, now: Time) -> Option<Signed> {
        let unverified = self.parse(bytes)?;
        if self.cache.has_newer(unverified.record()) {
            self.counters.add("dht-older");
            return None;
        }
        match self.cache.same(&unverified) {
            Some(signed) => Some(signed.clone()),
            None => self.verify(unverified, by, now),
        }
    }

    /// A record to be kept. What would be refused, or is here, is not verified.
    fn keep(&mut self, bytes: &[u8], by: Option<Bringer>, end: Option<(Key, u8)>, now: Time) {
        let Some(end) = end else { return self.counters.add("dht-misplaced") };
        let Some(unverified) = self.parse(bytes) else { return };
        if self.store.refuses(unverified.record(), end) {
            return;
        }
        let signed = match self.store.same(&end.0, &unverified) {
            Some(signed) => Some(signed.clone()),
            None => self.verify(unverified, by, now),
        };
        if let Some(signed) = signed {
            let _counted = self.store.keep(signed, end, by.map(|by| by.source), now);
        }
    }

    /// Answers a question. An answer without records is an answer: the asker goes on at once.
    fn tell(&mut self, nonce: u64, wanted: &Wanted, at: Option<Key>, (to, places): (Name, Places)) {
        let kept = at.iter().flat_map(|at| self.store.find(at));
        let mut records: Vec<&Signed> = kept.collect();
        if let Wanted::Name(name) = wanted {
            // Nobody knows a Name better than the node it is attached to.
            records.extend(self.publisher.get(name));
            let best = records.into_iter().reduce(|a, b| if b.replaces(a) { b } else { a });
            records = best.into_iter().collect();
        }
        let records = records.into_iter().take(FOUND_MAX).map(Signed::bytes).collect();
        let body = Errand::Found { nonce, records }.to_bytes();
        self.orders.push_back(Order::Reply { to, places, body });
    }

    fn hear(&mut self, nonce: u64, records: &[&[u8]], by: Option<Bringer>, now: Time) {
        if !self.lookups.expects(nonce) {
            return self.counters.add("dht-unasked-answer");
        }
        // A question to a replica has one answer, so what it costs was asked for.
        let by = by.filter(|_| self.lookups.is_flooded(nonce));
        let mut signed = Vec::with_capacity(records.len());
        for bytes in records {
            let Some(unverified) = self.parse(bytes) else { continue };
            if self.cache.has_newer(unverified.record()) {
                self.counters.add("dht-older");
            } else if let Some(record) = self.verify(unverified, by, now) {
                signed.push(record);
            }
        }
        self.lookups.answer(nonce, signed, &mut self.rng, now);
    }
}
