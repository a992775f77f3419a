//! Where this device is, in words that only it can write: its record in the overlay.

use std::rc::Rc;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{ATTACHMENT_TTL, HINT_EVERY, RECORD_TTL};
use crate::crypto::identity::Identity;
use crate::overlay::dht::alias::Alias;
use crate::overlay::dht::record::{Record, Signed};
use crate::overlay::word::Word;
use crate::wire::attachment::Attachment;
use crate::wire::places;

/// What a device says of itself.
pub(crate) struct Whereabouts {
    identity: Rc<Identity>,
    alias: Option<Alias>,
    /// The wall clock in milliseconds at the start: numbers grow from here, so that a new run's
    /// records win over those of the one before.
    born: u64,
    started: Time,
    /// The last number of a record or an attachment.
    number: u64,
    /// What the CLOAK node told last.
    told: Option<(Name, Box<[u8]>)>,
    /// Whether the CLOAK node was alone when it told its places last: the root of every tree.
    was_alone: bool,
    has_returned: bool,
    /// The last return: a neighbour that comes and goes makes nobody speak more often than a hint.
    returned: Option<Time>,
}

impl Whereabouts {
    pub(crate) fn new(
        identity: Rc<Identity>,
        alias: Option<Alias>,
        born: u64,
        started: Time,
    ) -> Self {
        Self {
            identity,
            alias,
            born,
            started,
            number: 0,
            told: None,
            was_alone: true,
            has_returned: false,
            returned: None,
        }
    }

    /// The record for the places of the CLOAK node `home`, which told them.
    pub(crate) fn record(&mut self, home: Name, area: &[u8], now: Time) -> Option<Signed> {
        let told = places::parse(area).ok()?;
        self.told = Some((home, area.into()));
        let is_alone = told.iter().all(|(_, word)| word.is_empty());
        let is_rare = self.returned.is_none_or(|last| now.since(last) >= HINT_EVERY);
        if self.was_alone && !is_alone && is_rare {
            (self.has_returned, self.returned) = (true, Some(now));
        }
        self.was_alone = is_alone;
        let mut places: Vec<_> =
            told.iter().filter_map(|(tag, word)| Some((*tag, Word::new(word)?))).collect();
        places.sort();
        places.dedup_by_key(|(tag, _)| *tag);
        let record = Record {
            name: self.identity.name(),
            number: self.next_number(now),
            ttl: RECORD_TTL.as_secs() as u16,
            home,
            places,
            alias: self.alias.clone(),
        };
        record.sign(&self.identity).ok()
    }

    /// The word that this device is attached to the CLOAK node `node`.
    pub(crate) fn attachment(&mut self, node: Name, now: Time) -> Attachment {
        let (client, number) = (self.identity.name(), self.next_number(now));
        let ttl = ATTACHMENT_TTL.as_secs() as u32;
        let unsigned = Attachment { client, node, number, ttl, signature: [0; 64] };
        Attachment { signature: self.identity.sign(&unsigned.text()), ..unsigned }
    }

    /// A number above all that this run and those before have given out.
    fn next_number(&mut self, now: Time) -> u64 {
        let clock = self.born.saturating_add(now.since(self.started).as_millis() as u64);
        self.number = clock.max(self.number.saturating_add(1));
        self.number
    }

    /// A record of this device from before, which it has forgotten: the one that it makes now
    /// outdoes that. None if the last one did already.
    pub(crate) fn outdo(&mut self, former: &Signed, now: Time) -> Option<Signed> {
        let former = former.record();
        let is_news = former.name == self.identity.name() && former.number > self.number;
        let (home, area) = self.told.take_if(|_| is_news && !former.is_end())?;
        self.number = former.number;
        self.record(home, &area, now)
    }

    /// Whether the CLOAK node has found company since this was asked last, after it had none.
    pub(crate) fn has_returned(&mut self) -> bool {
        std::mem::take(&mut self.has_returned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::PLACES_LEN;

    #[test]
    fn each_record_outdoes_the_one_before_and_the_run_before() {
        let identity = Rc::new(Identity::from_seed([1; 32]));
        let home = Name::from_bytes([2; 32]);
        let mut area = [0; PLACES_LEN];
        places::emit([(9, [1].as_slice()), (3, &[4, 5])].into_iter(), &mut area);
        let run = |born| {
            let mut own = Whereabouts::new(Rc::clone(&identity), None, born, Time::ZERO);
            [0, 0].map(|_| own.record(home, &area, Time::ZERO).expect("a record"))
        };
        let [first, second] = run(1_000);
        assert!(second.replaces(&first) && run(5_000)[0].replaces(&second));
        let tags: Vec<u32> = first.record().places.iter().map(|place| place.0).collect();
        assert_eq!((tags, first.record().home), (vec![3, 9], home));
    }

    // DH-02: a device whose clock is behind that of its former run.
    #[test]
    fn a_former_record_is_outdone_whatever_the_clock_says() {
        let identity = Rc::new(Identity::from_seed([1; 32]));
        let home = Name::from_bytes([2; 32]);
        let area = [0; PLACES_LEN];
        let make = |seed: u8, born| {
            let identity = Rc::new(Identity::from_seed([seed; 32]));
            Whereabouts::new(identity, None, born, Time::ZERO)
        };
        let record = |own: &mut Whereabouts| own.record(home, &area, Time::ZERO).expect("a record");
        let former = record(&mut make(1, 1 << 40));
        let mut own = Whereabouts::new(identity, None, 1, Time::ZERO);
        assert!(!record(&mut own).replaces(&former));
        let others = record(&mut make(3, 1 << 50));
        assert!(own.outdo(&others, Time::ZERO).is_none());
        let newer = own.outdo(&former, Time::ZERO).expect("it was outdone");
        assert!(newer.replaces(&former) && own.outdo(&former, Time::ZERO).is_none());
    }

    #[test]
    fn a_return_is_from_being_alone_into_company_and_said_once() {
        let identity = Rc::new(Identity::from_seed([1; 32]));
        let home = Name::from_bytes([2; 32]);
        let mut own = Whereabouts::new(identity, None, 0, Time::ZERO);
        let mut returns_at = |word: &[u8], now: Time| {
            let mut area = [0; PLACES_LEN];
            places::emit([(9, word), (3, &[])].into_iter(), &mut area);
            own.record(home, &area, now).expect("a record");
            own.has_returned()
        };
        let (first, later) = (Time::ZERO, Time::ZERO + HINT_EVERY);
        assert!(!returns_at(&[], first) && returns_at(&[1], first));
        assert!(!returns_at(&[4, 5], first), "moved, not returned");
        assert!(!returns_at(&[], first) && !returns_at(&[1], first), "too often");
        assert!(!returns_at(&[], later) && returns_at(&[1], later));
    }
}
