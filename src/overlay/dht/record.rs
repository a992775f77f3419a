//! Where a Name is: a record that only the Name can write and everybody can check.
//!
//! ```text
//!  0     1      33       41    43     75          76      76+a
//!  +-----+------+--------+-----+------+-----------+-------+--------+--------+-----------+
//!  | ver | name | number | ttl | home | length of | alias | count  | places | signature |
//!  |  1  | 32   | 8      | 2   | 32   | alias = a | a     | 0 to 4 |        | 64        |
//!  +-----+------+--------+-----+------+-----------+-------+--------+--------+-----------+
//! ```
//!
//! A place is its tree's tag (4 bytes), the number of letters (1 byte) and the letters; places are
//! sorted by tag, each tag once. The signature is the Name's over `MUSeS record v1` and all bytes
//! before it. The whole is at most [`RECORD_MAX`] bytes. `docs/protocol/dht.md#record`.

use thiserror::Error;

use super::alias::Alias;
use crate::base::ids::Name;
use crate::base::limits::{RECORD_MAX, RECORD_PLACES_MAX};
use crate::crypto::identity::{Identity, verify};
use crate::overlay::greedy::Tag;
use crate::overlay::word::Word;
use crate::wire::WireError;
use crate::wire::cursor::{Reader, Writer};

/// Version of the layout.
pub const VERSION: u8 = 1;
/// Domain of the signature.
pub const DOMAIN: &[u8] = b"MUSeS record v1";
/// Bytes of the signature.
const SIGNATURE: usize = 64;
/// Bytes of a record without alias, places and signature.
const FIXED: usize = 1 + 32 + 8 + 2 + 32 + 1 + 1;

/// A place in each of several trees, by tag.
pub type Places = Vec<(Tag, Word)>;

/// What a Name says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose record it is.
    pub name: Name,
    /// The highest wins; [`Record::END`] is the last there ever is.
    pub number: u64,
    /// Seconds it may be believed from when it *arrived*, at least 1. The writer's clock is not
    /// in it (DH-04).
    pub ttl: u16,
    /// The CLOAK node that the Name is attached to.
    pub home: Name,
    /// Where that node is, at most 4 places, sorted by tag.
    pub places: Places,
    /// What the Name would like to be called.
    pub alias: Option<Alias>,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// They have another form.
    #[error("a record with {0}")]
    Form(#[from] WireError),
    /// The Name did not sign this.
    #[error("a record that its Name did not sign")]
    Signature,
}

impl Record {
    /// The number with which a Name withdraws for good: nothing is above it (DH-03).
    pub const END: u64 = u64::MAX;

    /// The record that ends a Name: no places and no alias, and nothing comes after it.
    #[must_use]
    pub const fn end(name: Name, ttl: u16) -> Self {
        Self { name, number: Self::END, ttl, home: name, places: Vec::new(), alias: None }
    }

    /// Whether the Name has withdrawn with it.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        self.number == Self::END
    }

    /// Signs it with the identity of its Name, if it has the form of a record.
    pub fn sign(self, identity: &Identity) -> Result<Signed, RecordError> {
        if self.name != identity.name() {
            return Err(RecordError::Signature);
        }
        self.check()?;
        let mut bytes = vec![0; self.wire_len()];
        self.emit(&mut Writer::new(&mut bytes));
        let signature = identity.sign(&[DOMAIN, &bytes].concat());
        bytes.extend_from_slice(&signature);
        Ok(Signed { record: self, bytes: bytes.into() })
    }

    fn check(&self) -> Result<(), WireError> {
        let is_sorted = self.places.is_sorted_by(|(tag, _), (next, _)| tag < next);
        let is_short = self.places.iter().all(|(_, word)| word.len() <= usize::from(u8::MAX));
        let is_bare = self.places.is_empty() && self.alias.is_none() && self.home == self.name;
        if self.places.len() > RECORD_PLACES_MAX
            || self.ttl == 0
            || !is_short
            || self.wire_len().saturating_add(SIGNATURE) > RECORD_MAX
        {
            return Err(WireError::Bound);
        }
        if !is_sorted || self.is_end() && !is_bare {
            return Err(WireError::Unknown);
        }
        Ok(())
    }

    fn wire_len(&self) -> usize {
        let alias = self.alias.as_ref().map_or(0, |alias| alias.as_bytes().len());
        let places = self.places.iter().map(|(_, word)| word.len().saturating_add(5));
        places.fold(FIXED.saturating_add(alias), usize::saturating_add)
    }

    fn emit(&self, into: &mut Writer<'_>) {
        let alias = self.alias.as_ref().map_or(&[][..], Alias::as_bytes);
        into.u8(VERSION).bytes(self.name.as_bytes()).u64(self.number).u16(self.ttl);
        into.bytes(self.home.as_bytes()).u8(alias.len() as u8).bytes(alias);
        into.u8(self.places.len() as u8);
        for (tag, word) in &self.places {
            into.u32(*tag).u8(word.len() as u8).bytes(word);
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(WireError::Version);
        }
        let record = Self {
            name: Name::from_bytes(reader.array()?),
            number: reader.u64()?,
            ttl: reader.u16()?,
            home: Name::from_bytes(reader.array()?),
            alias: parse_alias(&mut reader)?,
            places: parse_places(&mut reader)?,
        };
        reader.end()?;
        record.check()?;
        Ok(record)
    }
}

fn parse_alias(reader: &mut Reader<'_>) -> Result<Option<Alias>, WireError> {
    let length = usize::from(reader.u8()?);
    let letters = reader.bytes(length)?;
    if length == 0 {
        return Ok(None);
    }
    Alias::from_bytes(letters).map(Some).map_err(|_| WireError::Unknown)
}

fn parse_places(reader: &mut Reader<'_>) -> Result<Places, WireError> {
    let count = usize::from(reader.u8()?);
    if count > RECORD_PLACES_MAX {
        return Err(WireError::Bound);
    }
    let mut places = Vec::with_capacity(count);
    for _ in 0..count {
        let (tag, length) = (reader.u32()?, reader.u8()?);
        let word = Word::new(reader.bytes(usize::from(length))?).ok_or(WireError::Unknown)?;
        places.push((tag, word));
    }
    Ok(places)
}

/// Bytes that have the form of a record; the signature is not verified.
#[derive(Debug)]
pub struct Unverified<'a> {
    record: Record,
    bytes: &'a [u8],
}

impl<'a> Unverified<'a> {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Where the bytes have another form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_MAX {
            return Err(WireError::Bound.into());
        }
        let (text, _) = bytes.split_last_chunk::<SIGNATURE>().ok_or(WireError::Short)?;
        Ok(Self { record: Record::parse(text)?, bytes })
    }

    /// What it says, or somebody says that it does.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// The record, if its Name has signed it (DH-01).
    ///
    /// # Errors
    ///
    /// Where it has not.
    pub fn verify(self) -> Result<Signed, RecordError> {
        let Self { record, bytes } = self;
        let (text, signature) = bytes.split_last_chunk::<SIGNATURE>().ok_or(WireError::Short)?;
        if !verify(&record.name, &[DOMAIN, text].concat(), signature) {
            return Err(RecordError::Signature);
        }
        Ok(Signed { record, bytes: bytes.into() })
    }
}

/// A record with its Name's signature, which has been checked: there is no other way to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    record: Record,
    bytes: Box<[u8]>,
}

impl Signed {
    /// Reads a record; whatever its Name did not sign is no record (DH-01).
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        Unverified::parse(bytes)?.verify()
    }

    /// What it says.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its bytes, signature and all.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it takes the place of `other`, which is the same Name's: by its number, and where
    /// both have the same by its bytes, so that all nodes decide alike (DH-10).
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        let (own, his) = (self.record.number, other.record.number);
        own > his || own == his && self.bytes < other.bytes
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// The identity whose seed is 32 times this byte.
    pub(crate) fn identity(fill: u8) -> Identity {
        Identity::from_seed([fill; 32])
    }

    /// A plain record of [`identity`] `fill`.
    pub(crate) fn record(fill: u8, number: u64) -> Record {
        let name = identity(fill).name();
        Record { name, number, ttl: 540, home: name, places: Vec::new(), alias: None }
    }

    /// The same, signed.
    pub(crate) fn signed(fill: u8, number: u64) -> Signed {
        record(fill, number).sign(&identity(fill)).expect("a record's form")
    }

    /// The same, with an alias.
    pub(crate) fn called(fill: u8, number: u64, alias: &str) -> Signed {
        let alias = Some(alias.parse().expect("an alias"));
        let record = Record { alias, ..record(fill, number) };
        record.sign(&identity(fill)).expect("a record's form")
    }

    /// A word out of arbitrary bytes.
    fn word(raw: &[u8]) -> Word {
        raw.iter().fold(Word::root(), |word, letter| {
            if word.last() == Some(letter) { word } else { word.step(*letter) }
        })
    }

    quickcheck! {
        fn a_record_survives_its_bytes(
            number: u64, ttl: u16, places: Vec<(u32, Vec<u8>)>, alias: Option<u32>
        ) -> bool {
            let mut places: Places =
                places.iter().take(4).map(|(tag, raw)| (*tag, word(raw))).collect();
            places.sort();
            places.dedup_by_key(|(tag, _)| *tag);
            let alias = alias.map(|alias| format!("bob-{alias}").parse().expect("an alias"));
            let number = number.min(Record::END - 1);
            let record = Record { ttl: ttl.max(1), places, alias, ..record(1, number) };
            let signed = record.clone().sign(&identity(1)).expect("a record's form");
            Signed::parse(signed.bytes()) == Ok(signed.clone()) && *signed.record() == record
        }

        fn arbitrary_bytes_are_no_record(bytes: Vec<u8>, at: usize, put: u8) -> bool {
            let mut near = signed(1, 1).bytes().to_vec();
            let at = at % near.len();
            near[at] ^= put.max(1);
            Signed::parse(&bytes).is_err() && Signed::parse(&near).is_err()
        }

        fn every_beginning_is_refused(cut: usize) -> bool {
            let whole = called(1, 1, "bob");
            Signed::parse(&whole.bytes()[..cut % whole.bytes().len()]).is_err()
        }
    }

    // DH-01: another's signature, or another's Name.
    #[test]
    fn what_its_name_did_not_sign_is_no_record() {
        let (alice, mallory) = (signed(1, 1), identity(2));
        assert_eq!(record(1, 2).sign(&mallory), Err(RecordError::Signature));
        let text = &alice.bytes()[..alice.bytes().len() - SIGNATURE];
        let forge = |signature: [u8; 64]| Signed::parse(&[text, &signature].concat());
        assert!(forge(identity(1).sign(&[DOMAIN, text].concat())).is_ok());
        assert_eq!(forge(mallory.sign(&[DOMAIN, text].concat())), Err(RecordError::Signature));
        assert_eq!(forge(identity(1).sign(text)), Err(RecordError::Signature), "no domain");
    }

    // DH-03: the end has one form and nothing is above it.
    #[test]
    fn the_last_number_is_the_end_and_nothing_else() {
        let end = Record::end(identity(1).name(), 540).sign(&identity(1)).expect("the end");
        assert!(end.record().is_end() && Signed::parse(end.bytes()) == Ok(end.clone()));
        assert!(end.replaces(&signed(1, Record::END - 1)) && !end.replaces(&end));
        let places = vec![(1, Word::root())];
        let still_there = Record { places, ..record(1, Record::END) };
        assert_eq!(still_there.sign(&identity(1)), Err(WireError::Unknown.into()));
    }

    #[test]
    fn bounds_are_kept_when_writing_and_reading() {
        let sign = |change: fn(&mut Record)| {
            let mut record = record(1, 1);
            change(&mut record);
            record.sign(&identity(1)).map(|signed| signed.bytes().len())
        };
        let long = |letters: usize| word(&(0..letters).map(|at| at as u8 % 2).collect::<Vec<_>>());
        assert_eq!(sign(|_| {}), Ok(FIXED + SIGNATURE));
        assert_eq!(sign(|record| record.ttl = 0), Err(WireError::Bound.into()));
        let five =
            |record: &mut Record| record.places = (0..5).map(|t| (t, Word::root())).collect();
        assert_eq!(sign(five), Err(WireError::Bound.into()));
        let twice = |record: &mut Record| record.places = vec![(3, Word::root()); 2];
        assert_eq!(sign(twice), Err(WireError::Unknown.into()));
        for (letters, fits) in [(100, true), (255, false), (256, false)] {
            let places = (0..4).map(|tag| (tag, long(letters))).collect();
            let signed = Record { places, ..record(1, 1) }.sign(&identity(1));
            assert_eq!(signed.is_ok(), fits, "{letters} letters");
            assert!(signed.is_ok_and(|signed| signed.bytes().len() <= RECORD_MAX) == fits);
        }
        assert_eq!(Signed::parse(&[1; RECORD_MAX + 1]), Err(WireError::Bound.into()));
    }
}
