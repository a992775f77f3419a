//! The distributed table from Names to the places where they are.
//!
//! A Name signs a [`record`] of itself, which is kept under eight [`mod@key`]s; in which node
//! each of them lies is decided by the shape of one of the overlay's trees ([`placement`]).
//! [`Dht`] is one node's part in it: it keeps records for others ([`store`]), stores those of
//! its clients ([`publish`]), asks for those its clients need ([`lookup`]) and remembers them
//! ([`cache`]). [`pins`] says which Name an alias means, [`holdings`] how much of all that is here.
//!
//! It knows no link and no clock. What it wants done comes out of [`Dht::poll`]; an errand that
//! ended at this node goes into [`Dht::arrived`]. `docs/protocol/dht.md`.

pub mod alias;
pub mod cache;
mod desk;
pub mod holdings;
pub mod key;
pub mod lookup;
pub mod numbers;
pub mod pins;
pub mod placement;
pub mod publish;
pub mod record;
pub mod store;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{HAND_OVER_EVERY, HAND_OVER_GROUP};
use crate::base::machine::Deadline;
use crate::crypto::rng::Rng;
use crate::overlay::verification::VerificationBudget;
use crate::wire::errand::{Errand, Sought};
use cache::{Cache, Learnt};
use key::{Key, Wanted, key, tree};
use lookup::{Done, Flood, Lookups};
use publish::Publisher;
use record::{Places, Signed};
use store::Store;

/// What this node's part of the table wants done, or tells.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Send this up to the root of that tree and from there down to the node that keeps the key.
    Descend {
        /// The tree, counted from 0.
        tree: u8,
        /// What decides on the way down.
        key: Key,
        /// Which of the eight replicas it is.
        replica: u8,
        /// The errand.
        body: Vec<u8>,
    },
    /// Send this to whoever asked.
    Reply {
        /// The node that asked.
        to: Name,
        /// Where it said it is.
        places: Places,
        /// The errand.
        body: Vec<u8>,
    },
    /// Flood this to the neighbours: it looks for the node that this Name is attached to.
    Flood {
        /// The Name.
        name: Name,
        /// The errand.
        body: Vec<u8>,
    },
    /// Records of these Names were found; [`Dht::record`] has them.
    Found(Wanted, Vec<Name>),
    /// Nobody has it.
    Lost(Wanted),
}

/// One node's part of the table.
#[derive(Debug)]
pub struct Dht {
    rng: Rng,
    trees: u8,
    store: Store,
    cache: Cache,
    lookups: Lookups,
    publisher: Publisher,
    /// Records on their way to the nodes that keep them from now on, and when the next ones go.
    leaving: VecDeque<(Key, Name)>,
    leave_at: Time,
    orders: VecDeque<Order>,
    /// How much each neighbour may bring.
    buckets: BTreeMap<Name, Bucket>,
    /// How much each source may have verified.
    budget: VerificationBudget,
    counters: Counters,
}

impl Dht {
    /// A node's part with nothing in it but the numbers of an earlier run
    /// ([`Dht::remembered`]); `trees`, 1 to 8, is how many trees the overlay has.
    #[must_use]
    pub fn new(rng: Rng, trees: u8, remembered: impl IntoIterator<Item = (Name, u64)>) -> Self {
        Self {
            rng,
            trees,
            store: Store::default(),
            cache: Cache::new(remembered),
            lookups: Lookups::default(),
            publisher: Publisher::default(),
            leaving: VecDeque::new(),
            leave_at: Time::ZERO,
            orders: VecDeque::new(),
            buckets: BTreeMap::new(),
            budget: VerificationBudget::default(),
            counters: Counters::default(),
        }
    }

    /// Says how many trees there are now.
    pub fn set_trees(&mut self, trees: u8) {
        self.trees = trees;
    }

    /// Stores the record of an attached Name from now on. False if a newer one is known, which the
    /// Name has to outdo: [`Dht::highest`] says by how much.
    pub fn publish(&mut self, signed: Signed, now: Time) -> bool {
        let is_newest =
            !self.cache.is_older(&signed) && self.publisher.publish(signed.clone(), now);
        if is_newest {
            self.cache.learn(signed, true, now);
        } else {
            self.counters.add("dht-older-published");
        }
        self.tick(now);
        is_newest
    }

    /// A Name is attached here no more.
    pub fn withdraw(&mut self, name: &Name) {
        self.publisher.withdraw(name);
    }

    /// The record of an attached Name.
    #[must_use]
    pub fn own(&self, name: &Name) -> Option<&Signed> {
        self.publisher.get(name)
    }

    /// The newest record that is known of a Name, however old.
    #[must_use]
    pub fn newest(&self, name: &Name) -> Option<&Signed> {
        self.cache.newest(name)
    }

    /// The highest number seen of a Name, 0 if none was.
    #[must_use]
    pub fn highest(&self, name: &Name) -> u64 {
        self.cache.highest(name)
    }

    /// The highest numbers, to be kept over a restart (DH-02).
    #[must_use]
    pub fn remembered(&self) -> Vec<(Name, u64)> {
        self.cache.remembered()
    }

    /// Counts the changes of [`Dht::remembered`].
    #[must_use]
    pub const fn lessons(&self) -> u64 {
        self.cache.lessons()
    }

    /// Looks something up; [`Order::Found`] or [`Order::Lost`] follows.
    pub fn look_up(&mut self, wanted: Wanted, now: Time) {
        if let Wanted::Name(name) = &wanted {
            if self.cache.is_known(name, now) {
                let names = vec![*name];
                return self.orders.push_back(Order::Found(wanted, names));
            }
            if self.cache.is_ended(name) {
                return self.orders.push_back(Order::Lost(wanted));
            }
        }
        if self.cache.is_absent(&wanted, now) {
            return self.orders.push_back(Order::Lost(wanted));
        }
        self.lookups.begin(wanted, false, &mut self.rng, now);
        self.carry(now);
    }

    /// What is known of a Name, for whoever is about to use it. Near the end of its life, or past
    /// it, it is asked for again behind the scenes.
    pub fn record(&mut self, name: &Name, now: Time) -> Option<&Signed> {
        let wanted = Wanted::Name(*name);
        let is_own = self.publisher.get(name).is_some();
        if !is_own && self.cache.is_ageing(name, now) && !self.cache.is_absent(&wanted, now) {
            self.lookups.begin(wanted, true, &mut self.rng, now);
            self.carry(now);
        }
        self.cache.use_record(name, now)
    }

    /// A way by a Name's record proved broken: it is asked for at once. The record stays in use
    /// until there is a newer one.
    pub fn doubt(&mut self, name: &Name, now: Time) {
        if !self.cache.is_ended(name) && self.cache.doubt(name, now) {
            self.lookups.begin(Wanted::Name(*name), false, &mut self.rng, now);
            self.carry(now);
        }
    }

    /// Takes in a record that its Name sent of itself.
    pub fn learn(&mut self, signed: Signed, now: Time) {
        self.take_in(signed, false, now);
    }

    /// The trees have changed: whatever this node keeps no more, by the answer for key and tree,
    /// goes to the nodes that do, and a copy stays for one more life (DH-12).
    pub fn hand_over(&mut self, is_mine: impl Fn(&Key, u8) -> bool, now: Time) {
        let trees = self.trees;
        let leaving = self.store.leaving(|key, replica| is_mine(key, tree(replica, trees)), now);
        self.leaving.extend(leaving);
        self.tick(now);
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        self.store.tick(now);
        self.lookups.tick(&mut self.rng, now);
        while let Some((wanted, replica, signed)) = self.publisher.next(&mut self.rng, now) {
            let body = Errand::Store { record: signed.bytes() }.to_bytes();
            self.orders.push_back(descend(self.trees, &wanted, replica, body));
        }
        self.hand_out(now);
        self.carry(now);
    }

    /// When [`Dht::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let leave_at = (!self.leaving.is_empty()).then_some(self.leave_at);
        let due = [
            (self.store.next_timeout(), "a record of the DHT is too old"),
            (self.lookups.next_timeout(), "a lookup goes on"),
            (self.publisher.next_timeout(), "a record is stored again"),
            (leave_at, "records go to their new nodes"),
        ];
        due.into_iter().filter_map(|(at, why)| at.map(|at| Deadline { at, why })).min()
    }

    /// What is wanted next; drain after every call that changes something.
    pub fn poll(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// The records kept for others.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What was dropped, refused or noticed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters.clone();
        counters.merge(self.store.counters());
        counters.merge(self.lookups.counters());
        counters
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(u64::from(self.trees));
        self.store.fold(into);
        self.cache.fold(into);
        self.lookups.fold(into);
        self.publisher.fold(into);
        self.leaving.iter().for_each(|(key, _)| into.fold_bytes(key));
        into.fold(self.orders.len() as u64);
        self.counters.fold(into);
    }

    fn take_in(&mut self, signed: Signed, is_asked: bool, now: Time) {
        match self.cache.learn(signed, is_asked, now) {
            Learnt::Newest => {}
            Learnt::Conflict => self.counters.add("dht-same-number"),
            Learnt::Older => self.counters.add("dht-older"),
        }
    }

    /// Sends the next group of records that have to leave.
    fn hand_out(&mut self, now: Time) {
        if now < self.leave_at {
            return;
        }
        let count = self.leaving.len().min(HAND_OVER_GROUP);
        for (key, name) in self.leaving.drain(..count) {
            let Some((replica, signed)) = self.store.get(&key, &name) else { continue };
            let body = Errand::Store { record: signed.bytes() }.to_bytes();
            let tree = tree(replica, self.trees);
            self.orders.push_back(Order::Descend { tree, key, replica, body });
        }
        if count > 0 {
            self.leave_at = now + HAND_OVER_EVERY;
        }
    }

    /// Sets the least round trip of any link: no lookup is answered sooner.
    pub const fn set_rtt(&mut self, rtt: Duration) {
        self.lookups.set_rtt(rtt);
    }

    /// Makes orders of what the lookups want and found.
    fn carry(&mut self, now: Time) {
        while let Some(ask) = self.lookups.poll_ask() {
            let find = Errand::Find { nonce: ask.nonce, wanted: ask.wanted.to_sought() };
            let order = descend(self.trees, &ask.wanted, ask.replica, find.to_bytes());
            self.orders.push_back(order);
        }
        while let Some(Flood { name, nonce }) = self.lookups.poll_flood() {
            let body = Errand::Find { nonce, wanted: Sought::Name(name) }.to_bytes();
            self.orders.push_back(Order::Flood { name, body });
        }
        while let Some(done) = self.lookups.poll_done() {
            self.end(done, now);
        }
    }

    fn end(&mut self, done: Done, now: Time) {
        let Done { wanted, records, is_quiet } = done;
        let names: Vec<Name> = records.iter().map(|signed| signed.record().name).collect();
        records.into_iter().for_each(|signed| self.take_in(signed, true, now));
        let is_alive = |name: &Name| !self.cache.is_ended(name);
        let names: Vec<Name> = names.into_iter().filter(is_alive).collect();
        if !names.is_empty() {
            return self.orders.push_back(Order::Found(wanted, names));
        }
        self.cache.miss(wanted.clone(), now);
        if !is_quiet {
            self.orders.push_back(Order::Lost(wanted));
        }
    }
}

/// An errand to the node that keeps a replica.
fn descend(trees: u8, wanted: &Wanted, replica: u8, body: Vec<u8>) -> Order {
    Order::Descend { tree: tree(replica, trees), key: key(wanted, replica), replica, body }
}
