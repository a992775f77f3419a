//! A child that has left says where it is now, and so where all below it are.
//!
//! ```text
//!  0      1        9     13       14         14+n        78+n    79+n
//!  +------+--------+-----+--------+----------+-----------+-------+------------+
//!  | tree | number | tag | length | letters  | signature | count | edges      |
//!  +------+--------+-----+--------+----------+-----------+-------+------------+
//! ```
//!
//! The edges show that the old place was its own; its signature, that this is the new one.
//! `docs/protocol/overlay.md#moved`.

use super::WireError;
use super::cursor::{Reader, Writer};
use super::places::has_repetition;
use super::tree::{Edge, parse_tree};
use crate::base::ids::Name;
use crate::base::limits::{DEPTH_MAX, REDIRECT_DEPTH};

/// Domain of the signature.
pub const MOVED_DOMAIN: &[u8] = b"MUSeS tree move v1";

/// Bytes besides letters and edges.
const HEAD: usize = 1 + 8 + 4 + 1 + 64 + 1;

/// The message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Which tree.
    pub tree: u8,
    /// The sender's number, above that of the edge it left: the highest holds.
    pub number: u64,
    /// The new place: the tree under its root ...
    pub tag: u32,
    /// ... and the letters there, at most [`DEPTH_MAX`], none of which follows itself.
    pub letters: Vec<u8>,
    /// The sender's signature over [`Moved::text`].
    pub signature: [u8; 64],
    /// The edge it left: the last one of its old place.
    pub left: Edge,
    /// Those above it, the lowest last; fewer than [`REDIRECT_DEPTH`].
    pub above: Vec<Edge>,
}

impl Moved {
    /// What the sender signs: the domain, the tree, the number of the edge it left (which names
    /// the old place), its new number and place.
    #[must_use]
    pub fn text(tree: u8, left: u64, number: u64, tag: u32, letters: &[u8]) -> Vec<u8> {
        let numbers = [left.to_be_bytes(), number.to_be_bytes()].concat();
        [MOVED_DOMAIN, &[tree], &numbers, &tag.to_be_bytes(), letters].concat()
    }

    /// Who moved.
    #[must_use]
    pub const fn who(&self) -> &Name {
        &self.left.child
    }

    /// The edges of the old place, the one that was left at their end.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> + Clone {
        self.above.iter().chain([&self.left])
    }

    /// Reads the rest of a message.
    pub(super) fn parse(mut reader: Reader<'_>) -> Result<Self, WireError> {
        let (tree, number) = (parse_tree(&mut reader)?, reader.u64()?);
        let (tag, length) = (reader.u32()?, usize::from(reader.u8()?));
        if length > DEPTH_MAX {
            return Err(WireError::Bound);
        }
        let letters = reader.bytes(length)?.to_vec();
        if has_repetition(&letters) {
            return Err(WireError::Unknown);
        }
        let (signature, count) = (reader.array()?, usize::from(reader.u8()?));
        if !(1..=REDIRECT_DEPTH).contains(&count) {
            return Err(WireError::Bound);
        }
        let above = (1..count).map(|_| Edge::parse(&mut reader)).collect::<Result<_, _>>()?;
        let left = Edge::parse(&mut reader)?;
        reader.end()?;
        Ok(Self { tree, number, tag, letters, signature, left, above })
    }

    /// Bytes of the message.
    pub(super) fn wire_len(&self) -> usize {
        let edges = self.edges().map(|_| Edge::LEN).sum::<usize>();
        HEAD.saturating_add(self.letters.len()).saturating_add(edges)
    }

    /// Writes the message.
    pub(super) fn emit(&self, into: &mut Writer<'_>) {
        into.u8(self.tree).u64(self.number).u32(self.tag);
        into.u8(self.letters.len() as u8).bytes(&self.letters).bytes(&self.signature);
        into.u8(self.edges().count() as u8);
        self.edges().for_each(|edge| edge.emit(into));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::errand::Errand;

    fn moved(letters: &[u8], above: usize) -> Moved {
        let edge = |fill| {
            let child = Name::from_bytes([fill; 32]);
            Edge { child, letter: fill, number: 5, by_parent: [6; 64], by_child: [7; 64] }
        };
        let (letters, above) = (letters.to_vec(), (0..above as u8).map(edge).collect());
        let signature = [3; 64];
        Moved { tree: 1, number: 9, tag: 0x8000_0001, letters, signature, left: edge(99), above }
    }

    fn bytes(moved: &Moved) -> Vec<u8> {
        let mut bytes = vec![0; moved.wire_len()];
        moved.emit(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn it_survives_its_bytes() {
        for (letters, above) in [(&[][..], 0), (&[1, 2, 1][..], REDIRECT_DEPTH - 1)] {
            let moved = moved(letters, above);
            assert_eq!(moved.edges().count(), above + 1);
            assert_eq!((moved.who(), moved.edges().last()), (&moved.left.child, Some(&moved.left)));
            let errand = Errand::Moved(Box::new(moved));
            assert_eq!(Errand::parse(&errand.to_bytes()), Ok(errand));
        }
    }

    #[test]
    fn no_byte_more_or_less_and_no_bound_passed() {
        let parse = |bytes: &[u8]| Moved::parse(Reader::new(bytes));
        let whole = bytes(&moved(&[1, 2], 2));
        for length in 0..whole.len() {
            assert!(parse(&whole[..length]).is_err(), "{length}");
        }
        assert_eq!(parse(&[&whole[..], &[0]].concat()), Err(WireError::Trailing));
        assert_eq!(parse(&bytes(&moved(&[1, 1], 0))), Err(WireError::Unknown));
        assert_eq!(parse(&bytes(&moved(&[], REDIRECT_DEPTH))), Err(WireError::Bound));
        let mut none = bytes(&moved(&[], 0));
        none[HEAD - 1] = 0;
        assert_eq!(parse(&none), Err(WireError::Bound));
        let deep: Vec<u8> = (0..=DEPTH_MAX as u8).collect();
        assert_eq!(parse(&bytes(&moved(&deep, 0))), Err(WireError::Bound));
    }
}
