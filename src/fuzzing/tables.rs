//! What nodes say of records: the formats, and one node's part of the table among neighbours who
//! bring what is signed, what is bent and what nobody asked for (FR-01, FR-04, DH-01 to DH-08).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::links::identity;
use super::script::Script;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{
    FOUND_MAX, LOOKUP_MAX, NUMBERS_MAX, PLACES_LEN, PUBLISH_EVERY, RECORD_TTL_MAX, REPLICAS,
    STORE_BYTES_MAX, TREES_MAX,
};
use crate::crypto::rng::Rng;
use crate::overlay::dht::alias::Alias;
use crate::overlay::dht::key::{Key, Wanted, key};
use crate::overlay::dht::record::{Places, Record, Signed};
use crate::overlay::dht::{Dht, Order};
use crate::overlay::source::{Bringer, SourceGroup};
use crate::overlay::word::Word;
use crate::wire::errand::{Errand, Sought};
use crate::wire::{places, sought};

/// Names whose keys the script holds, and the seed of the first one's.
pub(super) const PENS: u8 = 4;
pub(super) const FIRST_PEN: u8 = 100;
const NEIGHBOURS: u8 = 3;
const TREES: u8 = 3;
/// Orders that may follow from one thing that happens.
const ORDERS_MAX: usize = 2_000;
/// Deadlines that may fall into one instant.
const ROUNDS_MAX: usize = 200;

/// A record that its Name signed; all of it but the signature is the script's choice.
pub(super) fn record(script: &mut Script<'_>) -> Signed {
    let (seed, form) = (FIRST_PEN + script.byte() % PENS, script.byte());
    let (name, ttl) = (identity(seed).name(), 1 + script.short() as u16 % 4_000);
    let number = match form % 4 {
        0 => Record::END,
        1 => Record::END - 1 - u64::from(script.byte()),
        _ => 1 + u64::from(script.byte()),
    };
    let plain = Record::end(name, ttl);
    let full = Record {
        number,
        home: Name::from_bytes([script.byte(); 32]),
        places: some_places(script),
        alias: (form & 4 != 0).then(|| some_alias(script)),
        ..plain.clone()
    };
    let record = if number == Record::END { plain } else { full };
    let fallback = Record { number: 1, ..Record::end(name, 1) };
    let signed = record.sign(&identity(seed)).or_else(|_| fallback.sign(&identity(seed)));
    signed.unwrap_or_else(|error| unreachable!("the least of records: {error}"))
}

fn some_places(script: &mut Script<'_>) -> Places {
    let count = u32::from(script.byte()) % (TREES_MAX as u32 + 1);
    let place = |tag| Some((tag, Word::new(&[script.byte(), script.byte(), script.byte()])?));
    (1..=count).filter_map(place).collect()
}

fn some_alias(script: &mut Script<'_>) -> Alias {
    let letters = [b'a' + script.byte() % 3; 3];
    Alias::from_bytes(&letters).unwrap_or_else(|error| unreachable!("letters: {error}"))
}

/// What somebody might look for.
pub(super) fn wanted(script: &mut Script<'_>) -> Wanted {
    match script.byte() {
        form @ 0..128 => Wanted::Name(identity(FIRST_PEN + form % (PENS + 2)).name()),
        _ => Wanted::Alias(some_alias(script)),
    }
}

/// What nodes say of records: as bytes, or as a script of what happens to one node.
pub fn dht_messages(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    if script.byte() == 0 {
        return formats(script.rest());
    }
    let mut run = Run::new();
    while !script.is_over() {
        run.step(&mut script);
        run.attend();
        run.check();
    }
    run.rest();
}

fn formats(bytes: &[u8]) {
    if let Ok(errand) = Errand::parse(bytes) {
        assert_eq!(errand.to_bytes(), bytes);
    }
    if let Ok((alias, records)) = sought::parse(bytes) {
        assert!(records.len() <= FOUND_MAX);
        assert_eq!(sought::to_bytes(alias, records.into_iter()), bytes);
    }
    if let Ok(signed) = Signed::parse(bytes) {
        assert_eq!(signed.bytes(), bytes);
    }
    if let Ok(alias) = Alias::from_bytes(bytes) {
        assert_eq!(alias.as_bytes(), bytes);
    }
    let area = &bytes[..bytes.len().min(PLACES_LEN)];
    if let Ok(read) = places::parse(area) {
        // What stands behind the last place is not looked at, so it need not come again.
        let mut again = [0xa5; PLACES_LEN];
        places::emit(read.iter().copied(), &mut again);
        assert_eq!(places::parse(&again), Ok(read));
    }
}

/// A node and what it was told.
struct Run {
    dht: Dht,
    now: Time,
    /// Records that were signed.
    signed: Vec<Signed>,
    /// Numbers of the node's questions.
    asked: BTreeSet<u64>,
    highest: BTreeMap<Name, u64>,
    attached: BTreeSet<Name>,
}

impl Run {
    fn new() -> Self {
        let dht = Dht::new(Rng::new([3; 32]), TREES, []);
        let now = Time::ZERO + Duration::from_secs(1);
        let (signed, asked, highest, attached) = Default::default();
        Self { dht, now, signed, asked, highest, attached }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let code = script.byte();
        match code % 12 {
            0..=4 => self.errand(code % 12, script),
            5 => {
                let signed = self.write(script);
                let name = signed.record().name;
                if self.dht.publish(signed, self.now) {
                    self.attached.insert(name);
                }
            }
            6 => {
                let name = identity(FIRST_PEN + script.byte() % PENS).name();
                self.attached.remove(&name);
                self.dht.withdraw(&name);
            }
            7 => self.dht.look_up(wanted(script), self.now),
            8 => {
                let name = identity(FIRST_PEN + script.byte() % PENS).name();
                let _known = self.dht.record(&name, self.now);
                if script.byte() & 1 != 0 {
                    self.dht.doubt(&name, self.now);
                }
            }
            9 => {
                let mask = script.byte();
                self.dht.hand_over(|key, tree| (key[0] ^ tree) & mask == 0, self.now);
            }
            10 => {
                let signed = self.write(script);
                self.dht.learn(signed, self.now);
            }
            _ => {
                let unit = [1, 1_000, 20_000][script.below(3)];
                self.pass(Duration::from_millis(unit * u64::from(script.byte())));
            }
        }
    }

    /// A record is signed, or one that was is taken up again.
    fn write(&mut self, script: &mut Script<'_>) -> Signed {
        if script.byte() & 1 != 0 && !self.signed.is_empty() {
            return self.signed[script.below(self.signed.len())].clone();
        }
        let signed = record(script);
        self.signed.push(signed.clone());
        signed
    }

    /// A neighbour brings an errand.
    fn errand(&mut self, code: u8, script: &mut Script<'_>) {
        let from = Name::from_bytes([1 + script.byte() % NEIGHBOURS; 32]);
        let form = script.byte();
        let signed = self.write(script);
        let mut bytes = signed.bytes().to_vec();
        if form & 1 != 0 {
            let place = script.short() % bytes.len();
            bytes[place] ^= script.byte();
        }
        let replica = script.byte() % (REPLICAS + 1);
        let asked: Vec<u64> = self.asked.iter().copied().collect();
        let nonce = script.pick(&asked).filter(|_| form & 2 != 0).unwrap_or(7);
        let about = wanted(script);
        let at = match (&signed.record().alias, form & 4) {
            (Some(alias), 0) => key(&Wanted::Alias(alias.clone()), replica),
            _ => key(&Wanted::Name(signed.record().name), replica),
        };
        let errand = match code {
            0 => Errand::Store { record: &bytes },
            1 => Errand::Find { nonce: u64::from(form), wanted: about.to_sought() },
            2 => Errand::Found { nonce, records: vec![&bytes; usize::from(form >> 6)] },
            3 => Errand::Push { record: &bytes },
            _ => Errand::Found { nonce, records: vec![signed.bytes(), &bytes] },
        };
        let at = if code == 1 { key(&about, replica) } else { at };
        let end = (form & 8 == 0).then_some((at, replica));
        let mut again = errand.to_bytes();
        assert_eq!(Errand::parse(&again).as_ref(), Ok(&errand));
        if form & 32 != 0 {
            again.truncate(script.short() % (again.len() + 1));
        }
        let Ok(errand) = Errand::parse(&again) else { return };
        let source = SourceGroup::Neighbour(from);
        let came_from = (form & 16 == 0).then_some(Bringer { neighbour: from, source });
        self.dht.arrived(&errand, (from, some_places(script)), came_from, end, self.now);
    }

    /// Takes what the node wants done; some of its questions will be answered.
    fn attend(&mut self) {
        for count in 0.. {
            assert!(count <= ORDERS_MAX, "orders without end");
            let Some(order) = self.dht.poll() else { break };
            match order {
                Order::Descend { tree, key: at, replica, body } => {
                    assert!(tree < TREES && replica < REPLICAS);
                    self.sent(&body, Some((at, replica)));
                }
                Order::Reply { body, .. } => self.sent(&body, None),
                Order::Flood { name, body } => match Errand::parse(&body) {
                    Ok(Errand::Find { nonce, wanted: Sought::Name(own) }) if own == name => {
                        self.asked.insert(nonce);
                    }
                    other => panic!("flooded: {other:?}"),
                },
                Order::Found(wanted, names) => assert!(!names.is_empty(), "{wanted:?}"),
                Order::Lost(_) => {}
            }
        }
    }

    /// Nothing leaves this node that another would not read, and no record that nobody signed.
    fn sent(&mut self, body: &[u8], end: Option<(Key, u8)>) {
        let errand = Errand::parse(body).unwrap_or_else(|error| panic!("an own errand: {error}"));
        match errand {
            Errand::Store { record } => self.is_genuine(record),
            Errand::Find { nonce, wanted } => {
                let wanted = Wanted::from_sought(wanted).expect("what a node may ask");
                let (at, replica) = end.expect("questions go to keys");
                assert_eq!(at, key(&wanted, replica));
                self.asked.insert(nonce);
            }
            Errand::Found { records, .. } => {
                records.iter().for_each(|bytes| self.is_genuine(bytes))
            }
            Errand::Push { .. } | Errand::Moved(_) => panic!("not the table's to say"),
        }
    }

    fn is_genuine(&self, bytes: &[u8]) {
        assert!(self.signed.iter().any(|signed| signed.bytes() == bytes), "a made up record");
    }

    fn check(&mut self) {
        let store = self.dht.store();
        assert!(store.bytes() <= STORE_BYTES_MAX, "{} bytes are kept", store.bytes());
        for (key_at, replica, signed) in store.iter() {
            self.is_genuine(signed.bytes());
            let record = signed.record();
            let mut keys = vec![key(&Wanted::Name(record.name), replica)];
            keys.extend(record.alias.clone().map(|alias| key(&Wanted::Alias(alias), replica)));
            assert!(keys.contains(key_at), "kept under another's key");
        }
        for seed in FIRST_PEN..FIRST_PEN + PENS {
            let name = identity(seed).name();
            let highest = self.dht.highest(&name);
            let before = self.highest.insert(name, highest);
            assert!(before.is_none_or(|before| before <= highest), "DH-02: an old number again");
            if let Some(own) = self.dht.own(&name) {
                assert!(self.attached.contains(&name) && own.record().name == name);
            }
        }
        assert!(self.dht.remembered().len() <= NUMBERS_MAX);
        let _ = self.dht.counters();
    }

    /// Time passes, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut rounds = 0;
        while let Some(due) = self.dht.next_timeout().filter(|due| due.at <= until) {
            rounds = if due.at > self.now { 0 } else { rounds + 1 };
            assert!(rounds < ROUNDS_MAX, "{} is always due", due.why);
            self.now = self.now.max(due.at);
            self.dht.tick(self.now);
            self.attend();
        }
        self.now = until;
    }

    /// Nothing happens any more: what is attached is stored on, all else ends by itself.
    fn rest(&mut self) {
        self.pass(RECORD_TTL_MAX + LOOKUP_MAX);
        self.check();
        assert!(self.dht.store().is_empty(), "a record that nobody stores again");
        let names = std::mem::take(&mut self.attached);
        names.iter().for_each(|name| self.dht.withdraw(name));
        self.pass(PUBLISH_EVERY);
        assert_eq!(self.dht.next_timeout(), None, "nothing is left to do");
    }
}
