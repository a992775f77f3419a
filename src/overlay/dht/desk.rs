//! Errands that ended at this node: what others want kept, ask, answer or tell.

use super::key::{Key, REPLICAS, Wanted, key};
use super::record::{Places, Signed};
use super::{Dht, Order};
use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{ERRAND_BURST, ERRAND_EVERY, FOUND_MAX, NEIGHBOURS_MAX};
use crate::wire::errand::Errand;

impl Dht {
    /// An errand that ended at this node. `asker`: the node that sent it and where it said it is;
    /// `came_from`: the neighbour that brought it, none if it is this node's own; `end`: key and
    /// replica, where it went down a tree.
    pub fn arrived(
        &mut self,
        errand: &Errand<'_>,
        asker: (Name, Places),
        came_from: Option<Name>,
        end: Option<(Key, u8)>,
        now: Time,
    ) {
        // A look at the number costs nothing; all else may cost a signature or an answer.
        let is_asked =
            matches!(errand, Errand::Found { nonce, .. } if self.lookups.expects(*nonce));
        if !is_asked && !self.may_bring(came_from, now) {
            return;
        }
        match errand {
            Errand::Store { record } => self.keep(record, came_from, end, now),
            Errand::Find { nonce, wanted } => {
                let wanted = Wanted::from_sought(*wanted);
                let fits = wanted.zip(end).filter(|(wanted, (at, replica))| {
                    *replica < REPLICAS && key(wanted, *replica) == *at
                });
                match fits {
                    Some((wanted, (at, _))) => self.tell(*nonce, &wanted, &at, asker),
                    None => self.counters.add("dht-misplaced-question"),
                }
            }
            Errand::Found { nonce, records } => self.hear(*nonce, records, now),
            Errand::Push { record } => {
                if let Some(signed) = self.read(record) {
                    self.learn(signed, now);
                }
            }
            // The trees' business, and whoever asked this table should not have.
            Errand::Moved(_) => self.counters.add("dht-misplaced"),
        }
        self.carry(now);
    }

    /// Whether a neighbour may bring one more errand; one too many is counted.
    pub fn may_bring(&mut self, neighbour: Option<Name>, now: Time) -> bool {
        let Some(name) = neighbour else { return true };
        if self.buckets.len() >= NEIGHBOURS_MAX && !self.buckets.contains_key(&name) {
            self.buckets.clear();
        }
        let new = || Bucket::new(ERRAND_EVERY, ERRAND_BURST);
        let may = self.buckets.entry(name).or_insert_with(new).take(now);
        self.counters.add_many("dht-too-many-errands", u64::from(!may));
        may
    }

    /// A record out of bytes from outside; one that its Name did not sign is counted (DH-01).
    fn read(&mut self, bytes: &[u8]) -> Option<Signed> {
        let signed = Signed::parse(bytes);
        if signed.is_err() {
            self.counters.add("dht-no-record");
        }
        signed.ok()
    }

    fn keep(&mut self, bytes: &[u8], from: Option<Name>, end: Option<(Key, u8)>, now: Time) {
        let Some(end) = end else { return self.counters.add("dht-misplaced") };
        let Some(signed) = self.read(bytes) else { return };
        let _counted = self.store.keep(signed, end, from, now);
    }

    /// Answers a question. An answer without records is an answer: the asker goes on at once.
    fn tell(&mut self, nonce: u64, wanted: &Wanted, at: &Key, (to, places): (Name, Places)) {
        let mut records: Vec<&Signed> = self.store.find(at).collect();
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

    fn hear(&mut self, nonce: u64, records: &[&[u8]], now: Time) {
        if !self.lookups.expects(nonce) {
            return self.counters.add("dht-unasked-answer");
        }
        let mut signed: Vec<Signed> = records.iter().filter_map(|bytes| self.read(bytes)).collect();
        let count = signed.len();
        signed.retain(|signed| !self.cache.is_older(signed));
        self.counters.add_many("dht-older", (count - signed.len()) as u64);
        self.lookups.answer(nonce, signed, &mut self.rng, now);
    }
}
