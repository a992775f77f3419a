//! Places in the overlay's trees, as a Routing Header carries them.
//!
//! ```text
//!  0       1             5        6            6+n
//!  +-------+-------------+--------+------------+---  …  ---+-------+
//!  | count | tag         | length | letters    | the next  | zeros |
//!  +-------+-------------+--------+------------+---  …  ---+-------+
//! ```
//!
//! The area always has [`PLACES_LEN`] bytes, so that a relay never has to move a packet. Where not
//! all places have room the deepest are left out. `docs/protocol/overlay.md`.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::limits::{PLACES_LEN, TREES_MAX};

/// Bytes of a place besides its letters.
const HEAD: usize = 5;

/// Reads an area: the tag of a tree under its root, and the letters of the place there.
pub fn parse(area: &[u8]) -> Result<Places<'_>, WireError> {
    let mut reader = Reader::new(area);
    let count = usize::from(reader.u8()?);
    if count > TREES_MAX {
        return Err(WireError::Bound);
    }
    let mut places = [(0, [].as_slice()); TREES_MAX];
    for place in places.iter_mut().take(count) {
        let tag = reader.u32()?;
        let length = usize::from(reader.u8()?);
        let letters = reader.bytes(length)?;
        if has_repetition(letters) {
            return Err(WireError::Unknown);
        }
        *place = (tag, letters);
    }
    Ok(Places { places, count })
}

/// Places that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places<'a> {
    places: [(u32, &'a [u8]); TREES_MAX],
    count: usize,
}

impl<'a> std::ops::Deref for Places<'a> {
    type Target = [(u32, &'a [u8])];

    fn deref(&self) -> &Self::Target {
        self.places.get(..self.count).unwrap_or_default()
    }
}

/// Whether a letter follows itself, which no place has.
pub(super) fn has_repetition(letters: &[u8]) -> bool {
    letters.iter().zip(letters.iter().skip(1)).any(|(letter, next)| letter == next)
}

/// Bytes that a place takes.
fn size((_, letters): &(u32, &[u8])) -> usize {
    HEAD.saturating_add(letters.len())
}

/// Bytes that these places and their count take.
fn total<'p>(places: impl Iterator<Item = (u32, &'p [u8])>) -> usize {
    places.fold(1, |total, place| total.saturating_add(size(&place)))
}

/// Whether all these places have room in one area.
pub fn fit<'p>(places: impl Iterator<Item = (u32, &'p [u8])>) -> bool {
    total(places) <= PLACES_LEN
}

/// Fills an area of [`PLACES_LEN`] bytes with those places that have room in it together.
///
/// # Panics
///
/// If the area is shorter.
pub fn emit<'p>(places: impl Iterator<Item = (u32, &'p [u8])>, area: &mut [u8]) {
    let mut all = [None; TREES_MAX];
    all.iter_mut().zip(places).for_each(|(slot, place)| *slot = Some(place));
    while !fit(all.iter().flatten().copied()) {
        if let Some(deepest) = all.iter_mut().max_by_key(|place| place.as_ref().map_or(0, size)) {
            *deepest = None;
        }
    }
    area.fill(0);
    let mut into = Writer::new(area);
    into.u8(all.iter().flatten().count() as u8);
    for (tag, letters) in all.into_iter().flatten() {
        into.u32(tag).u8(letters.len() as u8).bytes(letters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_survive_their_bytes() {
        let mut area = [0xa5; PLACES_LEN];
        let places: [(u32, &[u8]); 3] = [(7, &[1, 2, 1]), (8, &[]), (9, &[250])];
        emit(places.into_iter(), &mut area);
        assert_eq!(parse(&area).as_deref(), Ok(&places[..]));
        assert!(parse(&area[..9]).is_err());
    }

    #[test]
    fn the_deepest_is_left_out_where_there_is_no_room() {
        let deep: Vec<u8> = (0..40).map(|n| n % 7).collect();
        let deeper: Vec<u8> = (0..80).map(|n| n % 7).collect();
        let mut area = [0; PLACES_LEN];
        let places = [(1, &deep[..]), (2, &deeper[..]), (3, &deep[..2]), (4, &deep[..10])];
        emit(places.into_iter(), &mut area);
        let kept: Vec<u32> = parse(&area).expect("places").iter().map(|place| place.0).collect();
        assert_eq!(kept, [3, 4]);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        assert_eq!(parse(&[]), Err(WireError::Short));
        assert_eq!(parse(&[5; PLACES_LEN]), Err(WireError::Bound));
        assert_eq!(parse(&[1, 0, 0, 0, 1, 2, 9, 9]), Err(WireError::Unknown), "not reduced");
    }
}
