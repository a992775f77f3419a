//! What nodes say to each other over several hops: of records, and of places that were left.
//!
//! ```text
//!  Store   1 | record, to the end
//!  Find    2 | nonce, 8 | 1 | Name, 32
//!  Find    2 | nonce, 8 | 2 | alias, to the end
//!  Found   3 | nonce, 8 | count, 1 | count times: length, 2 | record
//!  Push    4 | record, to the end
//!  Moved   5 | see wire/moved.rs
//! ```
//!
//! To whom an errand goes, and who asks, is said by the header before it. A record here is bytes
//! that nobody has checked; only their number is bounded. `docs/protocol/dht.md#errands`.

use super::WireError;
use super::cursor::{Reader, Writer};
use super::moved::Moved;
use crate::base::ids::Name;
use crate::base::limits::{ALIAS_MAX, FOUND_MAX, RECORD_MAX};

const STORE: u8 = 1;
const FIND: u8 = 2;
const FOUND: u8 = 3;
const PUSH: u8 = 4;
const MOVED: u8 = 5;
const BY_NAME: u8 = 1;
const BY_ALIAS: u8 = 2;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought<'a> {
    /// The record of a Name.
    Name(Name),
    /// The records of all Names that claim an alias, 1 to 32 bytes.
    Alias(&'a [u8]),
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand<'a> {
    /// Keep this record.
    Store {
        /// The record's bytes.
        record: &'a [u8],
    },
    /// Who has this?
    Find {
        /// Drawn afresh for each question; the answer repeats it.
        nonce: u64,
        /// What is looked for.
        wanted: Sought<'a>,
    },
    /// The answer, with nothing or with at most [`FOUND_MAX`] records.
    Found {
        /// The question's.
        nonce: u64,
        /// Each record's bytes.
        records: Vec<&'a [u8]>,
    },
    /// The sender's own record, for somebody who talks to it.
    Push {
        /// The record's bytes.
        record: &'a [u8],
    },
    /// The sender's subtree hangs elsewhere in a tree.
    Moved(Box<Moved>),
}

/// Whether a body, good or not, says that somebody moved.
#[must_use]
pub fn is_moved(body: &[u8]) -> bool {
    body.first() == Some(&MOVED)
}

impl<'a> Errand<'a> {
    /// Reads a whole body.
    pub fn parse(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        match reader.u8()? {
            STORE => Ok(Self::Store { record: whole(reader.rest())? }),
            FIND => Ok(Self::Find { nonce: reader.u64()?, wanted: sought(reader)? }),
            FOUND => Ok(Self::Found { nonce: reader.u64()?, records: records(reader)? }),
            PUSH => Ok(Self::Push { record: whole(reader.rest())? }),
            MOVED => Moved::parse(reader).map(|moved| Self::Moved(Box::new(moved))),
            _ => Err(WireError::Unknown),
        }
    }

    /// The body's bytes.
    ///
    /// # Panics
    ///
    /// If a record, an alias or their number is outside its bound.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.wire_len()];
        let mut into = Writer::new(&mut bytes);
        match self {
            Self::Store { record } => into.u8(STORE).bytes(record),
            Self::Find { nonce, wanted: Sought::Name(name) } => {
                into.u8(FIND).u64(*nonce).u8(BY_NAME).bytes(name.as_bytes())
            }
            Self::Find { nonce, wanted: Sought::Alias(alias) } => {
                into.u8(FIND).u64(*nonce).u8(BY_ALIAS).bytes(alias)
            }
            Self::Found { nonce, records } => {
                into.u8(FOUND).u64(*nonce).u8(records.len() as u8);
                records.iter().for_each(|record| _ = into.u16(record.len() as u16).bytes(record));
                &mut into
            }
            Self::Push { record } => into.u8(PUSH).bytes(record),
            Self::Moved(moved) => {
                moved.emit(into.u8(MOVED));
                &mut into
            }
        };
        assert!(Errand::parse(&bytes).is_ok(), "an errand within its bounds");
        bytes
    }

    fn wire_len(&self) -> usize {
        match self {
            Self::Store { record } | Self::Push { record } => record.len().saturating_add(1),
            Self::Find { wanted: Sought::Name(_), .. } => 10 + Name::LEN,
            Self::Find { wanted: Sought::Alias(alias), .. } => alias.len().saturating_add(10),
            Self::Found { records, .. } => {
                let lengths = records.iter().map(|record| record.len().saturating_add(2));
                lengths.fold(10, usize::saturating_add)
            }
            Self::Moved(moved) => moved.wire_len().saturating_add(1),
        }
    }
}

/// A record's bytes, neither none nor too many.
const fn whole(record: &[u8]) -> Result<&[u8], WireError> {
    match record.len() {
        0 => Err(WireError::Short),
        1..=RECORD_MAX => Ok(record),
        _ => Err(WireError::Bound),
    }
}

fn sought(mut reader: Reader<'_>) -> Result<Sought<'_>, WireError> {
    match reader.u8()? {
        BY_NAME => {
            let name = Name::from_bytes(reader.array()?);
            reader.end()?;
            Ok(Sought::Name(name))
        }
        BY_ALIAS => match reader.rest().len() {
            0 => Err(WireError::Short),
            1..=ALIAS_MAX => Ok(Sought::Alias(reader.rest())),
            _ => Err(WireError::Bound),
        },
        _ => Err(WireError::Unknown),
    }
}

fn records(mut reader: Reader<'_>) -> Result<Vec<&[u8]>, WireError> {
    let count = usize::from(reader.u8()?);
    if count > FOUND_MAX {
        return Err(WireError::Bound);
    }
    let mut records = Vec::with_capacity(count);
    for _ in 0..count {
        let length = reader.u16()?;
        if usize::from(length) > RECORD_MAX {
            return Err(WireError::Bound);
        }
        records.push(whole(reader.bytes(usize::from(length))?)?);
    }
    reader.end()?;
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// Some errand made of arbitrary parts.
    fn errand(kind: u8, nonce: u64, parts: &[Vec<u8>]) -> Errand<'_> {
        let fine = |part: &&Vec<u8>| !part.is_empty() && part.len() <= RECORD_MAX;
        let mut parts = parts.iter().filter(fine).map(Vec::as_slice);
        let filled = [parts.clone().map(|part| part[0]).next().unwrap_or(7); 32];
        let record = parts.clone().next().unwrap_or(b"record");
        let alias = &record[..record.len().min(ALIAS_MAX)];
        match kind % 5 {
            0 => Errand::Store { record },
            1 => Errand::Find { nonce, wanted: Sought::Name(Name::from_bytes(filled)) },
            2 => Errand::Find { nonce, wanted: Sought::Alias(alias) },
            3 => Errand::Found { nonce, records: parts.by_ref().take(FOUND_MAX).collect() },
            _ => Errand::Push { record },
        }
    }

    quickcheck! {
        fn an_errand_survives_its_bytes(kind: u8, nonce: u64, parts: Vec<Vec<u8>>) -> bool {
            let errand = errand(kind, nonce, &parts);
            Errand::parse(&errand.to_bytes()) == Ok(errand)
        }

        fn what_can_be_read_has_one_form(kind: u8, rest: Vec<u8>) -> bool {
            let bytes = [&[kind % 7], &rest[..]].concat();
            Errand::parse(&bytes).map_or(true, |errand| errand.to_bytes() == bytes)
        }
    }

    #[test]
    fn bounds_are_judged_and_unknown_kinds_refused() {
        for (wrong, error) in [
            (vec![], WireError::Short),
            (vec![0], WireError::Unknown),
            (vec![6, 1], WireError::Unknown),
            (vec![MOVED], WireError::Short),
            (vec![STORE], WireError::Short),
            ([vec![PUSH], vec![0; RECORD_MAX + 1]].concat(), WireError::Bound),
            ([vec![FIND], vec![0; 8], vec![3, 1]].concat(), WireError::Unknown),
            ([vec![FIND], vec![0; 8], vec![BY_NAME], vec![0; 33]].concat(), WireError::Trailing),
            ([vec![FIND], vec![0; 8], vec![BY_ALIAS], vec![b'a'; 33]].concat(), WireError::Bound),
            ([vec![FOUND], vec![0; 8], vec![5]].concat(), WireError::Bound),
            ([vec![FOUND], vec![0; 8], vec![1, 4, 1]].concat(), WireError::Bound),
            ([vec![FOUND], vec![0; 8], vec![1, 0, 0]].concat(), WireError::Short),
            ([vec![FOUND], vec![0; 8], vec![0, 9]].concat(), WireError::Trailing),
        ] {
            assert_eq!(Errand::parse(&wrong), Err(error), "{wrong:?}");
        }
    }
}
