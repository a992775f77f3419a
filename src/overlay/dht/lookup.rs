//! Questions under way: several replicas at once, the highest number among the answers wins.
//!
//! Three replicas are asked first, the others one after another while nothing is found; replicas
//! that follow each other lie in different trees, so that no node is on all the ways. The root of
//! all trees would be: a Name that the first replicas do not find is therefore also looked up by
//! flooding. Each question has a nonce that the answer repeats: answers to no question are dropped,
//! and so are records that do not answer it (DH-05).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::key::{REPLICAS, Wanted};
use super::record::Signed;
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{CLAIMS_MAX, LOOKUP_MAX, LOOKUP_REST, LOOKUP_SECOND};
use crate::base::limits::{LOOKUP_WAVES, LOOKUPS_MAX};
use crate::crypto::rng::Rng;

/// A question to one replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is looked for.
    pub wanted: Wanted,
    /// Which replica is asked.
    pub replica: u8,
    /// What the answer repeats.
    pub nonce: u64,
}

/// A lookup to flood, for the node that a Name is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Whose record is looked for.
    pub name: Name,
    /// What the answer repeats.
    pub nonce: u64,
}

/// The end of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What was looked for.
    pub wanted: Wanted,
    /// What was found, one for each Name; nothing is a failure.
    pub records: Vec<Signed>,
    /// Nobody waits for the outcome: what is known already was only to be refreshed.
    pub is_quiet: bool,
}

#[derive(Debug)]
struct Lookup {
    began: Time,
    /// The least round trip of any link when it began.
    rtt: Duration,
    is_quiet: bool,
    /// The replica that was asked first; the others follow in order.
    first: u8,
    waves: usize,
    asked: u8,
    asked_at: Time,
    /// Questions without an answer yet.
    open: u8,
    /// Answers with at least one record.
    good: u8,
    /// When it was flooded, and with which nonce.
    flood: Option<(Time, u64)>,
    found: BTreeMap<Name, Signed>,
    found_at: Time,
}

impl Lookup {
    fn new(is_quiet: bool, first: u8, rtt: Duration, now: Time) -> Self {
        let found = BTreeMap::new();
        let (waves, asked, open, good) = (0, 0, 0, 0);
        let (began, asked_at, found_at, flood) = (now, now, now, None);
        Self {
            began,
            rtt,
            is_quiet,
            first,
            waves,
            asked,
            asked_at,
            open,
            good,
            flood,
            found,
            found_at,
        }
    }

    fn rest(&self) -> Duration {
        LOOKUP_REST.saturating_add(self.rtt.saturating_mul(2))
    }

    fn ends_at(&self) -> Time {
        self.began + LOOKUP_MAX.saturating_add(self.rtt.saturating_mul(4))
    }

    fn take(&mut self, signed: Signed) {
        let name = signed.record().name;
        let is_better = self.found.get(&name).is_none_or(|best| signed.replaces(best));
        if is_better && (self.found.len() < CLAIMS_MAX || self.found.contains_key(&name)) {
            self.found.insert(name, signed);
        }
    }

    /// How many more replicas to ask now: a wave is due by time, or because all before it answered
    /// in vain.
    fn more(&mut self, now: Time) -> u8 {
        let Some((after, count)) = LOOKUP_WAVES.get(self.waves) else { return 0 };
        let is_over = self.open == 0 || self.rest_at().is_some_and(|at| at <= now);
        let is_due = now >= self.began + *after || is_over;
        if !is_due || !self.found.is_empty() {
            return 0;
        }
        self.waves = self.waves.saturating_add(1);
        self.asked_at = now;
        *count
    }

    /// Somebody answered, and in vain: when the others of this wave are waited for no more. A
    /// question lost while the trees changed must not hold up those that may find something.
    fn rest_at(&self) -> Option<Time> {
        let is_answered = self.open < self.asked && self.found.is_empty();
        is_answered.then(|| self.asked_at + self.rest())
    }

    /// When a lookup is in vain: neither a replica nor an answer to the flood is waited for.
    fn vain_at(&self) -> Option<Time> {
        if self.asked < REPLICAS || !self.found.is_empty() {
            return None;
        }
        let replicas = if self.open == 0 { Some(self.asked_at) } else { self.rest_at() };
        let flood = self.flood.map(|(sent, _)| sent + self.rest());
        replicas.map(|at| flood.map_or(at, |flood| at.max(flood)))
    }

    /// How long a better answer is waited for: a flood reaches the right node by the longer way.
    fn second_after(&self) -> Duration {
        if self.flood.is_some() { self.rest() } else { LOOKUP_SECOND }
    }

    fn is_done(&self, wanted: &Wanted, now: Time) -> bool {
        let enough = match wanted {
            Wanted::Name(_) => 2,
            // Whoever else claims an alias may be known to one replica and not to the other.
            Wanted::Alias(_) => 3,
        };
        let is_vain = self.vain_at().is_some_and(|at| at <= now);
        let is_all = self.good >= enough || self.open == 0 && self.flood.is_none();
        let is_settled =
            !self.found.is_empty() && (is_all || now >= self.found_at + self.second_after());
        is_vain || is_settled || now >= self.ends_at()
    }

    fn next_timeout(&self) -> Time {
        if !self.found.is_empty() {
            return self.found_at + self.second_after();
        }
        let wave = LOOKUP_WAVES.get(self.waves).map(|(after, _)| self.began + *after);
        let rest = if self.asked < REPLICAS { self.rest_at() } else { self.vain_at() };
        let end = earliest(rest, Some(self.ends_at()));
        earliest(wave, end).unwrap_or(self.began)
    }
}

/// All lookups under way, at most [`LOOKUPS_MAX`].
#[derive(Debug, Default)]
pub struct Lookups {
    running: BTreeMap<Wanted, Lookup>,
    nonces: BTreeMap<u64, Wanted>,
    asks: VecDeque<Ask>,
    floods: VecDeque<Flood>,
    done: VecDeque<Done>,
    counters: Counters,
    /// The least round trip of any link.
    rtt: Duration,
}

impl Lookups {
    /// Sets the least round trip of any link; it counts for lookups that begin later.
    pub const fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Begins a lookup, or joins the one that is under way.
    pub fn begin(&mut self, wanted: Wanted, is_quiet: bool, rng: &mut Rng, now: Time) {
        if let Some(lookup) = self.running.get_mut(&wanted) {
            lookup.is_quiet &= is_quiet;
            return;
        }
        if self.running.len() >= LOOKUPS_MAX {
            self.counters.add("dht-lookups-full");
            let oldest = self.running.iter().min_by_key(|(_, l)| (!l.is_quiet, l.began));
            oldest
                .map(|(wanted, _)| wanted.clone())
                .into_iter()
                .for_each(|oldest| self.end(oldest));
        }
        let first = rng.below(u64::from(REPLICAS)) as u8;
        self.running.insert(wanted, Lookup::new(is_quiet, first, self.rtt, now));
        self.tick(rng, now);
    }

    /// Whether a question with this number waits for its answer.
    #[must_use]
    pub fn expects(&self, nonce: u64) -> bool {
        self.nonces.contains_key(&nonce)
    }

    /// Whether the question with this nonce was flooded: any number of nodes may answer it.
    #[must_use]
    pub fn is_flooded(&self, nonce: u64) -> bool {
        let lookup = self.nonces.get(&nonce).and_then(|wanted| self.running.get(wanted));
        lookup.and_then(|lookup| lookup.flood).is_some_and(|(_, own)| own == nonce)
    }

    /// An answer; records that do not answer the question are dropped and counted.
    pub fn answer(&mut self, nonce: u64, records: Vec<Signed>, rng: &mut Rng, now: Time) {
        let wanted = self.nonces.get(&nonce).cloned();
        let lookup = wanted.and_then(|wanted| {
            let lookup = self.running.get_mut(&wanted)?;
            Some((wanted, lookup))
        });
        let Some((wanted, lookup)) = lookup else {
            self.counters.add("dht-unasked-answer");
            return;
        };
        let count = records.len();
        let fitting: Vec<_> = records.into_iter().filter(|signed| fits(&wanted, signed)).collect();
        let wrong = count.saturating_sub(fitting.len());
        self.counters.add_many("dht-wrong-answer", wrong as u64);
        let is_first = lookup.found.is_empty() && !fitting.is_empty();
        // Any node may answer a flood, with an old record too: others still have time.
        if lookup.flood.is_none_or(|(_, own)| own != nonce) {
            self.nonces.remove(&nonce);
            lookup.open = lookup.open.saturating_sub(1);
            lookup.good = lookup.good.saturating_add(u8::from(!fitting.is_empty()));
        }
        if is_first {
            lookup.found_at = now;
        }
        fitting.into_iter().for_each(|signed| lookup.take(signed));
        self.tick(rng, now);
    }

    /// Asks on and ends what is to end.
    pub fn tick(&mut self, rng: &mut Rng, now: Time) {
        let mut ended = Vec::new();
        for (wanted, lookup) in &mut self.running {
            loop {
                let more = lookup.more(now);
                if more == 0 {
                    break;
                }
                for _ in 0..more {
                    let replica = lookup.first.saturating_add(lookup.asked) % REPLICAS;
                    let nonce = rng.u64();
                    lookup.asked = lookup.asked.saturating_add(1);
                    lookup.open = lookup.open.saturating_add(1);
                    self.nonces.insert(nonce, wanted.clone());
                    self.asks.push_back(Ask { wanted: wanted.clone(), replica, nonce });
                }
            }
            if let Wanted::Name(name) = wanted
                && lookup.waves > 1
                && lookup.flood.is_none()
            {
                let nonce = rng.u64();
                lookup.flood = Some((now, nonce));
                self.nonces.insert(nonce, wanted.clone());
                self.floods.push_back(Flood { name: *name, nonce });
            }
            if lookup.is_done(wanted, now) {
                ended.push(wanted.clone());
            }
        }
        ended.into_iter().for_each(|wanted| self.end(wanted));
    }

    fn end(&mut self, wanted: Wanted) {
        let Some(lookup) = self.running.remove(&wanted) else { return };
        self.nonces.retain(|_, of| *of != wanted);
        let records = lookup.found.into_values().collect();
        self.done.push_back(Done { wanted, records, is_quiet: lookup.is_quiet });
    }

    /// The next question to send.
    pub fn poll_ask(&mut self) -> Option<Ask> {
        self.asks.pop_front()
    }

    /// The next lookup to flood.
    pub fn poll_flood(&mut self) -> Option<Flood> {
        self.floods.pop_front()
    }

    /// The next lookup that ended.
    pub fn poll_done(&mut self) -> Option<Done> {
        self.done.pop_front()
    }

    /// When the next question or end is due.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.running.values().map(Lookup::next_timeout).min()
    }

    /// What was dropped.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many are under way.
    #[must_use]
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.rtt.as_nanos() as u64);
        for lookup in self.running.values() {
            into.fold(lookup.began.as_nanos());
            into.fold(lookup.asked_at.as_nanos());
            into.fold_bytes(&[lookup.first, lookup.asked, lookup.open, lookup.good]);
            lookup.found.values().for_each(|signed| into.fold_bytes(signed.bytes()));
        }
        self.nonces.keys().for_each(|nonce| into.fold(*nonce));
    }
}

/// Whether a record is one of those that were looked for.
fn fits(wanted: &Wanted, signed: &Signed) -> bool {
    match wanted {
        Wanted::Name(name) => signed.record().name == *name,
        Wanted::Alias(alias) => signed.record().alias.as_ref() == Some(alias),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{called, identity, signed};
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn begin(wanted: &Wanted) -> (Lookups, Rng, Vec<Ask>) {
        let (mut lookups, mut rng) = (Lookups::default(), Rng::new([1; 32]));
        lookups.begin(wanted.clone(), false, &mut rng, at(0));
        let asks = asks(&mut lookups);
        (lookups, rng, asks)
    }

    fn asks(lookups: &mut Lookups) -> Vec<Ask> {
        std::iter::from_fn(|| lookups.poll_ask()).collect()
    }

    fn by_name() -> Wanted {
        Wanted::Name(identity(1).name())
    }

    #[test]
    fn silence_asks_each_replica_once_in_its_time_and_then_ends() {
        let (mut lookups, mut rng, first) = begin(&by_name());
        lookups.begin(by_name(), false, &mut rng, at(1));
        assert_eq!((first.len(), asks(&mut lookups).len()), (3, 0));
        let mut all = first;
        for (due, count) in [(500, 2), (1_000, 1), (2_000, 1), (4_000, 1)] {
            assert_eq!(lookups.next_timeout(), Some(at(due)));
            lookups.tick(&mut rng, at(due));
            let asks = asks(&mut lookups);
            assert_eq!(asks.len(), count, "{due}");
            all.extend(asks);
        }
        let replicas: BTreeSet<u8> = all.iter().map(|ask| ask.replica).collect();
        let nonces: BTreeSet<u64> = all.iter().map(|ask| ask.nonce).collect();
        assert_eq!((replicas.len(), nonces.len()), (8, 8));
        assert_eq!(lookups.next_timeout(), Some(at(6_000)));
        assert_eq!(lookups.poll_done(), None);
        lookups.tick(&mut rng, at(6_000));
        let done = lookups.poll_done().expect("the end");
        assert!(done.records.is_empty() && !done.is_quiet && lookups.nonces.is_empty());
        assert_eq!((lookups.poll_done(), lookups.next_timeout()), (None, None));
    }

    #[test]
    fn the_highest_number_wins_and_a_second_answer_is_awaited_a_moment() {
        let (mut lookups, mut rng, asks) = begin(&by_name());
        lookups.answer(asks[0].nonce, vec![signed(1, 5)], &mut rng, at(10));
        assert_eq!((lookups.poll_done(), lookups.next_timeout()), (None, Some(at(110))));
        lookups.answer(asks[2].nonce, vec![signed(1, 7)], &mut rng, at(20));
        assert_eq!(lookups.poll_done().map(|done| done.records), Some(vec![signed(1, 7)]));

        let (mut lookups, mut rng, asks) = begin(&by_name());
        lookups.answer(asks[1].nonce, vec![signed(1, 5)], &mut rng, at(10));
        lookups.tick(&mut rng, at(110));
        assert_eq!(lookups.poll_done().map(|done| done.records), Some(vec![signed(1, 5)]));
    }

    #[test]
    fn who_answers_with_nothing_makes_the_next_be_asked_at_once() {
        let (mut lookups, mut rng, mut open) = begin(&by_name());
        let mut all = 0;
        while let Some(ask) = open.pop() {
            all += 1;
            lookups.answer(ask.nonce, Vec::new(), &mut rng, at(1));
            open.extend(asks(&mut lookups));
        }
        assert_eq!((all, lookups.poll_done()), (8, None), "the flood may find it");
        assert_eq!(lookups.next_timeout(), Some(at(1) + LOOKUP_REST));
        lookups.tick(&mut rng, at(1) + LOOKUP_REST);
        assert!(lookups.poll_done().is_some_and(|done| done.records.is_empty()));
    }

    // DH-07: the root of all trees answers what it likes, or nothing.
    #[test]
    fn what_the_first_replicas_do_not_find_is_looked_up_by_flooding() {
        for is_answered in [false, true] {
            let (mut lookups, mut rng, mut open) = begin(&by_name());
            assert_eq!(lookups.poll_flood(), None);
            let mut now = at(500);
            if is_answered {
                now = at(1);
                while let Some(ask) = open.pop() {
                    lookups.answer(ask.nonce, Vec::new(), &mut rng, now);
                    open.extend(asks(&mut lookups));
                }
            }
            lookups.tick(&mut rng, now);
            let flood = lookups.poll_flood().expect("a flood");
            assert_eq!((flood.name, lookups.poll_flood()), (identity(1).name(), None));
            // An answer in vain, or a false one, does not end it.
            lookups.answer(flood.nonce, Vec::new(), &mut rng, now);
            lookups.answer(flood.nonce, vec![signed(2, 5)], &mut rng, now);
            assert_eq!(lookups.poll_done(), None);
            // Nor does an old record.
            lookups.answer(flood.nonce, vec![signed(1, 5)], &mut rng, now);
            assert_eq!(lookups.poll_done(), None);
            lookups.answer(flood.nonce, vec![signed(1, 7)], &mut rng, now);
            lookups.tick(&mut rng, now + LOOKUP_REST);
            let done = lookups.poll_done().expect("it is found");
            assert_eq!(done.records, [signed(1, 7)]);
            assert!(lookups.nonces.is_empty());
        }
    }

    #[test]
    fn one_lost_question_among_vain_answers_does_not_hold_the_others_up() {
        let (mut lookups, mut rng, mut open) = begin(&by_name());
        let _lost = open.pop();
        for ask in open {
            lookups.answer(ask.nonce, Vec::new(), &mut rng, at(1));
        }
        let (mut count, mut now) = (3, at(1));
        while lookups.poll_done().is_none() {
            now = lookups.next_timeout().expect("the lost one is waited for");
            lookups.tick(&mut rng, now);
            for ask in asks(&mut lookups) {
                count += 1;
                lookups.answer(ask.nonce, Vec::new(), &mut rng, now);
            }
        }
        assert_eq!(count, 8);
        assert!(now <= at(1) + LOOKUP_REST * LOOKUP_WAVES.len() as u32, "{now}");
    }

    // DH-05: what nobody asked for, what answers another question, the same answer twice.
    #[test]
    fn lies_are_dropped_and_counted_and_the_truth_still_comes() {
        let (mut lookups, mut rng, asks) = begin(&by_name());
        lookups.answer(asks[0].nonce ^ 1, vec![signed(1, 9)], &mut rng, at(1));
        lookups.answer(asks[0].nonce, vec![signed(2, 9)], &mut rng, at(1));
        lookups.answer(asks[0].nonce, vec![signed(1, 9)], &mut rng, at(1));
        assert_eq!(lookups.counters().get("dht-unasked-answer"), 2);
        assert_eq!(lookups.counters().get("dht-wrong-answer"), 1);
        assert_eq!(lookups.poll_done(), None);
        lookups.answer(asks[1].nonce, vec![signed(1, 5)], &mut rng, at(2));
        lookups.answer(asks[2].nonce, Vec::new(), &mut rng, at(2));
        assert_eq!(lookups.poll_done().map(|done| done.records), Some(vec![signed(1, 5)]));
    }

    // DH-09: all who claim an alias come to light.
    #[test]
    fn claims_of_all_answers_are_gathered() {
        let (mut lookups, mut rng, asks) = begin(&Wanted::Alias("bob".parse().expect("one")));
        let answers = [
            vec![called(1, 5, "bob")],
            vec![called(2, 1, "bob"), called(3, 1, "rob")],
            vec![called(1, 6, "bob")],
        ];
        for (ask, records) in asks.iter().zip(answers) {
            lookups.answer(ask.nonce, records, &mut rng, at(5));
        }
        let mut found = lookups.poll_done().expect("three answers").records;
        found.sort_by_key(|signed| signed.record().number);
        assert_eq!(found, [called(2, 1, "bob"), called(1, 6, "bob")]);
    }

    #[test]
    fn when_there_are_too_many_the_oldest_ends() {
        let (mut lookups, mut rng) = (Lookups::default(), Rng::new([1; 32]));
        for at_ in 0..=LOOKUPS_MAX as u32 {
            let mut name = [0; 32];
            name[..4].copy_from_slice(&at_.to_be_bytes());
            let now = at(u64::from(at_) / 100);
            lookups.begin(Wanted::Name(Name::from_bytes(name)), at_ == 7, &mut rng, now);
        }
        let done = lookups.poll_done().expect("a refresh of what is known goes first");
        assert!(done.is_quiet && lookups.poll_done().is_none());
        assert_eq!(lookups.count(), LOOKUPS_MAX);
        assert_eq!(lookups.counters().get("dht-lookups-full"), 1);
    }
}
