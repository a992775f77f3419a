//! The answer to a client that asked for an alias: the records that claim it.
//!
//! ```text
//!  0        1              1+a
//!  +--------+--------------+---------+---------+---  …
//!  | length | alias        | length  | record  | the next
//!  +--------+--------------+---------+---------+---  …
//! ```
//!
//! A record's length has two bytes. Without a record nobody claims the alias.

use super::WireError;
use super::cursor::Reader;
use crate::base::limits::{ALIAS_MAX, FOUND_MAX, RECORD_MAX};

/// Writes an answer.
pub fn to_bytes<'r>(alias: &[u8], records: impl Iterator<Item = &'r [u8]>) -> Vec<u8> {
    let mut bytes = vec![alias.len() as u8];
    bytes.extend_from_slice(alias);
    for record in records {
        bytes.extend_from_slice(&(record.len() as u16).to_be_bytes());
        bytes.extend_from_slice(record);
    }
    bytes
}

/// Reads an answer: the alias and the bytes of each record, none of them checked.
pub fn parse(body: &[u8]) -> Result<(&[u8], Vec<&[u8]>), WireError> {
    let mut reader = Reader::new(body);
    let length = usize::from(reader.u8()?);
    if length > ALIAS_MAX {
        return Err(WireError::Bound);
    }
    let alias = reader.bytes(length)?;
    let mut records = Vec::new();
    while !reader.rest().is_empty() {
        let length = usize::from(reader.u16()?);
        if records.len() == FOUND_MAX || length > RECORD_MAX {
            return Err(WireError::Bound);
        }
        records.push(reader.bytes(length)?);
    }
    Ok((alias, records))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_its_bytes() {
        for records in [vec![], vec![[1_u8; 9].as_slice()], vec![&[], &[2; 700]]] {
            let bytes = to_bytes(b"bob", records.iter().copied());
            assert_eq!(parse(&bytes), Ok((b"bob".as_slice(), records)));
            assert!((1..4).all(|length| parse(&bytes[..length]).is_err()));
        }
        assert_eq!(
            parse(&to_bytes(b"bob", [[0; 1].as_slice(); 5].into_iter())),
            Err(WireError::Bound)
        );
    }
}
