//! Who is attached to which neighbour, as the attached Names themselves have signed.
//!
//! A neighbour lists whom it serves; each entry is believed only with the signature of the Name
//! for that very neighbour (OV-04), and lives so long from its first arrival. An attachment that
//! was seen never begins anew: its number is remembered for a while, also where it is no longer
//! listed and the neighbour is gone. Of several neighbours with one Name the highest number goes
//! first: that is where the Name attached last.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::bucket::Bucket;
use crate::base::clock::{Time, earliest};
use crate::base::ids::Name;
use crate::base::limits::{
    ATTACHED_MAX, ATTACHED_PER_NEIGHBOUR, ATTACHMENT_BURST, ATTACHMENT_EVERY,
    ATTACHMENT_REMEMBERED, ATTACHMENT_TTL,
};
use crate::crypto::identity::verify;
use crate::wire::attachment::Attachment;

/// One attachment whose signature was found good.
#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    until: Time,
    /// Whether the neighbour lists it still.
    is_listed: bool,
}

/// What one neighbour brought.
#[derive(Debug)]
struct Source {
    entries: BTreeMap<Name, Entry>,
    checks: Bucket,
    /// Lists in which a signature was false.
    faults: u32,
}

/// What came of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Entries that were dropped because a signature was false.
    pub unsigned: u64,
    /// Entries that were dropped because the neighbour had too many checked.
    pub unchecked: u64,
    /// Lists of this neighbour with a false signature, this one included.
    pub faults: u32,
}

/// Attached Names, by neighbour and by Name.
#[derive(Debug, Default)]
pub struct Attached {
    sources: BTreeMap<Name, Source>,
    /// Neighbours that serve a Name, the latest attachment first.
    holders: BTreeMap<Name, Vec<(u64, Name)>>,
    count: usize,
    /// No entry ends before this.
    next: Option<Time>,
}

impl Attached {
    /// Takes a neighbour's whole list, in place of the one before.
    pub fn hear(&mut self, neighbour: Name, list: &[Attachment], now: Time) -> Outcome {
        let mut outcome = Outcome::default();
        self.unlink(&neighbour);
        let source = self.sources.entry(neighbour).or_insert_with(|| Source {
            entries: BTreeMap::new(),
            checks: Bucket::new(ATTACHMENT_EVERY, ATTACHMENT_BURST),
            faults: 0,
        });
        source.entries.values_mut().for_each(|entry| entry.is_listed = false);
        for attachment in list.iter().filter(|attachment| attachment.node == neighbour) {
            let known = source.entries.get_mut(&attachment.client);
            match known {
                Some(entry) if entry.number == attachment.number => {
                    entry.is_listed = now < entry.until;
                }
                Some(entry) if entry.number > attachment.number => {}
                // One false signature is enough: the rest of the list costs no more checks.
                _ if outcome.unsigned > 0 => outcome.unsigned = outcome.unsigned.saturating_add(1),
                _ if !source.checks.take(now) => {
                    outcome.unchecked = outcome.unchecked.saturating_add(1);
                }
                _ if verify(&attachment.client, &attachment.text(), &attachment.signature) => {
                    let ttl = Duration::from_secs(attachment.ttl.into()).min(ATTACHMENT_TTL);
                    let until = now + ttl;
                    let entry = Entry { number: attachment.number, until, is_listed: now < until };
                    if source.entries.insert(attachment.client, entry).is_none() {
                        self.count = self.count.saturating_add(1);
                    }
                    self.next = earliest(self.next, Some(until));
                }
                _ => outcome.unsigned = 1,
            }
        }
        source.faults = source.faults.saturating_add(u32::from(outcome.unsigned > 0));
        outcome.faults = source.faults;
        while source.entries.len() > ATTACHED_PER_NEIGHBOUR {
            self.count = self.count.saturating_sub(usize::from(source.give_up_one()));
        }
        self.link(&neighbour);
        self.make_room();
        outcome
    }

    /// A neighbour is gone: what it brought counts no more, but its numbers are remembered.
    pub fn forget(&mut self, neighbour: &Name) {
        self.unlink(neighbour);
        if let Some(source) = self.sources.get_mut(neighbour) {
            source.entries.values_mut().for_each(|entry| entry.is_listed = false);
            if source.entries.is_empty() {
                self.sources.remove(neighbour);
            }
        }
    }

    /// The neighbours that serve a Name, the one it attached to last first.
    pub fn holders(&self, name: &Name) -> impl Iterator<Item = &Name> {
        self.holders.get(name).into_iter().flatten().map(|(_, neighbour)| neighbour)
    }

    /// Ends what is over, and forgets what has been over for long.
    pub fn tick(&mut self, now: Time) {
        if self.next.is_none_or(|next| next > now) {
            return;
        }
        (self.next, self.count) = (None, 0);
        self.holders.clear();
        self.sources.retain(|_, source| {
            source.entries.retain(|_, entry| now < entry.until + ATTACHMENT_REMEMBERED);
            !source.entries.is_empty()
        });
        for source in self.sources.values_mut() {
            self.count = self.count.saturating_add(source.entries.len());
            for entry in source.entries.values_mut() {
                let is_over = entry.until <= now;
                entry.is_listed &= !is_over;
                let due =
                    entry.until + if is_over { ATTACHMENT_REMEMBERED } else { Duration::ZERO };
                self.next = earliest(self.next, Some(due));
            }
        }
        let neighbours: Vec<Name> = self.sources.keys().copied().collect();
        neighbours.iter().for_each(|neighbour| self.link(neighbour));
    }

    /// When [`Attached::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.next
    }

    /// Takes a neighbour out of the holders of what it lists.
    fn unlink(&mut self, neighbour: &Name) {
        let Some(source) = self.sources.get(neighbour) else { return };
        for client in source.listed().map(|(client, _)| client) {
            if let Some(holders) = self.holders.get_mut(client) {
                holders.retain(|(_, holder)| holder != neighbour);
                if holders.is_empty() {
                    self.holders.remove(client);
                }
            }
        }
    }

    /// Puts a neighbour among the holders of what it lists.
    fn link(&mut self, neighbour: &Name) {
        let Some(source) = self.sources.get(neighbour) else { return };
        for (client, entry) in source.listed() {
            let holders = self.holders.entry(*client).or_default();
            let at = holders.partition_point(|(number, _)| *number >= entry.number);
            holders.insert(at, (entry.number, *neighbour));
        }
    }

    /// Keeps to the bound of all neighbours together.
    fn make_room(&mut self) {
        while self.count > ATTACHED_MAX {
            let most = self.sources.iter().max_by_key(|(_, source)| source.entries.len());
            let Some(neighbour) = most.map(|(name, _)| *name) else { return };
            self.unlink(&neighbour);
            if let Some(source) = self.sources.get_mut(&neighbour) {
                self.count = self.count.saturating_sub(usize::from(source.give_up_one()));
            }
            self.link(&neighbour);
        }
    }
}

impl Source {
    fn listed(&self) -> impl Iterator<Item = (&Name, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.is_listed)
    }

    /// Drops the entry that is not listed or else ends first.
    fn give_up_one(&mut self) -> bool {
        let first = self.entries.iter().min_by_key(|(_, entry)| (entry.is_listed, entry.until));
        let first = first.map(|(client, _)| *client);
        first.is_some_and(|client| self.entries.remove(&client).is_some())
    }
}

/// A client's good attachment to a node, for tests.
#[cfg(test)]
pub(crate) fn signed(client: u8, node: Name, number: u64) -> Attachment {
    let identity = crate::crypto::identity::Identity::from_seed([client; 32]);
    let client = identity.name();
    let mut own = Attachment { client, node, number, ttl: 600, signature: [0; 64] };
    own.signature = identity.sign(&own.text());
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::NAMES_MAX;
    use crate::crypto::identity::Identity;

    const R1: u8 = 1;
    const R2: u8 = 2;
    const CLIENT: u8 = 9;

    fn name(seed: u8) -> Name {
        Identity::from_seed([seed; 32]).name()
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn signed(client: u8, node: u8, number: u64) -> Attachment {
        super::signed(client, name(node), number)
    }

    fn holders(attached: &Attached, client: u8) -> Vec<Name> {
        attached.holders(&name(client)).copied().collect()
    }

    // OV-04: neither another Name's key, nor another node, nor a changed number is good.
    #[test]
    fn only_what_the_attached_name_signed_for_this_neighbour_is_believed() {
        let mut attached = Attached::default();
        let forged = Attachment { client: name(CLIENT), ..signed(66, R1, 5) };
        let elsewhere = Attachment { node: name(R1), ..signed(CLIENT, R2, 5) };
        let bent = Attachment { number: 6, ..signed(CLIENT, R1, 5) };
        for (faults, lie) in (1..).zip([forged, elsewhere, bent]) {
            let outcome = attached.hear(name(R1), &[lie], at(1));
            assert_eq!(outcome, Outcome { unsigned: 1, unchecked: 0, faults });
            assert_eq!(holders(&attached, CLIENT), []);
        }
        attached.hear(name(R1), &[signed(CLIENT, R2, 5)], at(1));
        assert_eq!(holders(&attached, CLIENT), [], "for another node");
        attached.hear(name(R1), &[signed(CLIENT, R1, 5)], at(1));
        assert_eq!(holders(&attached, CLIENT), [name(R1)]);
    }

    #[test]
    fn a_name_is_found_where_it_attached_last() {
        let mut attached = Attached::default();
        attached.hear(name(R1), &[signed(CLIENT, R1, 5)], at(1));
        attached.hear(name(R2), &[signed(CLIENT, R2, 6)], at(2));
        assert_eq!(holders(&attached, CLIENT), [name(R2), name(R1)]);
        attached.hear(name(R1), &[signed(CLIENT, R1, 7)], at(3));
        assert_eq!(holders(&attached, CLIENT), [name(R1), name(R2)]);
        attached.hear(name(R1), &[], at(4));
        assert_eq!(holders(&attached, CLIENT), [name(R2)]);
    }

    // OV-04: a node that a Name has left cannot draw its packets for longer than it signed.
    #[test]
    fn an_attachment_that_is_over_never_begins_anew() {
        let mut attached = Attached::default();
        let old = [signed(CLIENT, R1, 5)];
        attached.hear(name(R1), &old, at(0));
        assert_eq!(attached.next_timeout(), Some(at(600)));
        // Neither by leaving it out for a while, nor by going away and coming back.
        attached.hear(name(R1), &[], at(100));
        attached.hear(name(R1), &old, at(500));
        assert_eq!(holders(&attached, CLIENT), [name(R1)]);
        attached.forget(&name(R1));
        assert_eq!(holders(&attached, CLIENT), []);
        attached.hear(name(R1), &old, at(599));
        attached.tick(at(600));
        assert_eq!(holders(&attached, CLIENT), []);
        attached.hear(name(R1), &old, at(601));
        assert_eq!(holders(&attached, CLIENT), []);
        attached.hear(name(R1), &[signed(CLIENT, R1, 4)], at(602));
        assert_eq!(holders(&attached, CLIENT), [], "nor is an older one good");
        attached.hear(name(R1), &[signed(CLIENT, R1, 6)], at(603));
        assert_eq!(holders(&attached, CLIENT), [name(R1)]);
        attached.forget(&name(R1));
        attached.tick(at(603 + 600 + 3600));
        assert!(attached.sources.is_empty() && attached.next_timeout().is_none());
    }

    #[test]
    fn a_lifetime_is_capped_and_none_is_no_life() {
        let identity = Identity::from_seed([CLIENT; 32]);
        for (ttl, ends) in [(u32::MAX, at(600)), (10, at(10)), (0, at(0))] {
            let mut long = Attachment { ttl, ..signed(CLIENT, R1, 5) };
            long.signature = identity.sign(&long.text());
            let mut attached = Attached::default();
            attached.hear(name(R1), &[long], at(0));
            assert_eq!(attached.next_timeout(), Some(ends));
            assert_eq!(holders(&attached, CLIENT).len(), usize::from(ttl > 0));
        }
    }

    // DO-09: what a neighbour can have checked is bounded, and a false one ends the list.
    #[test]
    fn signatures_are_checked_once_and_so_many_at_a_time() {
        let mut attached = Attached::default();
        let good = signed(CLIENT, R1, 5);
        attached.hear(name(R1), &[good], at(1));
        let false_later = Attachment { signature: [0; 64], ..good };
        for _ in 0..2 * ATTACHMENT_BURST {
            let outcome = attached.hear(name(R1), &[false_later], at(1));
            assert_eq!(outcome, Outcome::default(), "known by its number, and not checked");
        }
        let lies =
            [8, 7, 6].map(|client| Attachment { signature: [0; 64], ..signed(client, R1, 5) });
        assert_eq!(attached.hear(name(R1), &lies, at(1)).unsigned, 3);
        let passed = (6..).map_while(|number| {
            let outcome = attached.hear(name(R1), &[signed(CLIENT, R1, number)], at(1));
            (outcome.unchecked == 0).then_some(())
        });
        assert_eq!(passed.count(), ATTACHMENT_BURST as usize - 2);
        assert!(attached.hear(name(R2), &[signed(CLIENT, R2, 5)], at(1)).unchecked == 0);
    }

    // DO-01: each neighbour and all together hold so much, and the greediest gives way.
    #[test]
    fn a_neighbour_that_brings_much_takes_no_room_from_one_that_brings_little() {
        let mut attached = Attached::default();
        attached.hear(name(R1), &[signed(CLIENT, R1, 5)], at(0));
        let made_up = |fill: u16, until| {
            let mut bytes = [0; 32];
            bytes[..2].copy_from_slice(&fill.to_be_bytes());
            let entry = Entry { number: 1, until: at(until), is_listed: true };
            (Name::from_bytes(bytes), entry)
        };
        for greedy in 0..=(ATTACHED_MAX / NAMES_MAX) as u16 {
            let (neighbour, _) = made_up(greedy, 0);
            attached.hear(neighbour, &[], at(0));
            let source = attached.sources.get_mut(&neighbour).expect("heard");
            source.entries = (0..NAMES_MAX as u16).map(|fill| made_up(fill, 100)).collect();
            attached.count += NAMES_MAX;
            attached.link(&neighbour);
        }
        attached.make_room();
        assert_eq!(attached.count, ATTACHED_MAX);
        assert_eq!(holders(&attached, CLIENT), [name(R1)]);
        let linked: usize = attached.holders.values().map(Vec::len).sum();
        assert_eq!(linked, ATTACHED_MAX);
        attached.next = Some(at(100));
        attached.tick(at(100));
        assert_eq!((attached.holders.len(), attached.count), (1, ATTACHED_MAX));
    }
}
