//! What neighbours tell each other of a tree of the overlay.
//!
//! A *standing* says all of one tree that the neighbour must know now: which root, by which edges
//! this node hangs from it, and what it asks of the neighbour or grants it. A newer one replaces an
//! older one, so nothing has to be asked twice. A *pulse* says only that the root still lives.
//! `docs/protocol/overlay.md` has the layouts.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;
use crate::base::limits::{DEPTH_MAX, FRAME_HEADER, FRAME_MAX, TREES_MAX};

/// Domain of an edge's two signatures.
pub const EDGE_DOMAIN: &[u8] = b"MUSeS tree edge v1";
/// Domain of a root's signature.
pub const ROOT_DOMAIN: &[u8] = b"MUSeS tree root v1";

/// A root and its word that it lives: the number only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who.
    pub root: Name,
    /// Its latest number.
    pub number: u64,
    /// The root's signature over [`Claim::text`].
    pub signature: [u8; 64],
}

impl Claim {
    /// Bytes on the wire.
    pub const LEN: usize = Name::LEN + 8 + 64;

    /// What the root signs: the domain, the tree, its number.
    #[must_use]
    pub fn text(tree: u8, number: u64) -> Vec<u8> {
        [ROOT_DOMAIN, &[tree], &number.to_be_bytes()].concat()
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let root = Name::from_bytes(reader.array()?);
        Ok(Self { root, number: reader.u64()?, signature: reader.array()? })
    }

    fn emit(&self, into: &mut Writer<'_>) {
        into.bytes(self.root.as_bytes()).u64(self.number).bytes(&self.signature);
    }
}

/// An edge of a tree, signed by both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The lower end.
    pub child: Name,
    /// The edge's letter, seen from either end.
    pub letter: u8,
    /// The child's number of it: what the child has now is what has the highest.
    pub number: u64,
    /// The parent's signature over [`Edge::text`].
    pub by_parent: [u8; 64],
    /// The child's.
    pub by_child: [u8; 64],
}

impl Edge {
    /// Bytes on the wire.
    pub const LEN: usize = Name::LEN + 1 + 8 + 128;

    /// What both ends sign: the domain, the tree, parent, child, letter, number.
    #[must_use]
    pub fn text(tree: u8, parent: &Name, child: &Name, letter: u8, number: u64) -> Vec<u8> {
        let names = [parent.as_bytes().as_slice(), child.as_bytes()].concat();
        [EDGE_DOMAIN, &[tree], &names, &[letter], &number.to_be_bytes()].concat()
    }

    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            child: Name::from_bytes(reader.array()?),
            letter: reader.u8()?,
            number: reader.u64()?,
            by_parent: reader.array()?,
            by_child: reader.array()?,
        })
    }

    pub(super) fn emit(&self, into: &mut Writer<'_>) {
        into.bytes(self.child.as_bytes()).u8(self.letter).u64(self.number);
        into.bytes(&self.by_parent).bytes(&self.by_child);
    }
}

/// What a node asks of a neighbour whose child it would be, or is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The number that the edge is to have.
    pub number: u64,
    /// The letter it had there before, or would like.
    pub letter: Option<u8>,
    /// Letters it cannot take, one bit each: those of its own children.
    pub taken: [u8; 32],
}

/// A parent's half of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The number that was wished.
    pub number: u64,
    /// The letter; none if the neighbour has no place for this child.
    pub place: Option<(u8, [u8; 64])>,
}

/// All that a neighbour must know of a node in one tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which tree.
    pub tree: u8,
    /// Its root, as far as this node knows.
    pub claim: Claim,
    /// From the root's child down to this node; empty if it is the root itself.
    pub edges: Vec<Edge>,
    /// Nodes below and including this one, as announced.
    pub size: u32,
    /// To whom it is sent: be my parent.
    pub wish: Option<Wish>,
    /// To whom it is sent: be my child.
    pub grant: Option<Grant>,
}

const WISH: u8 = 1;
const WISH_LETTER: u8 = 2;
const GRANT: u8 = 4;
const GRANT_PLACE: u8 = 8;

const _: () = assert!(FRAME_HEADER + 8 + Claim::LEN + DEPTH_MAX * Edge::LEN + 200 <= FRAME_MAX);

impl Standing {
    /// Reads the whole message.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let (tree, flags) = (parse_tree(&mut reader)?, reader.u8()?);
        if flags > 15 || flags & (WISH | WISH_LETTER) == WISH_LETTER {
            return Err(WireError::Unknown);
        }
        if flags & (GRANT | GRANT_PLACE) == GRANT_PLACE {
            return Err(WireError::Unknown);
        }
        let (claim, size) = (Claim::parse(&mut reader)?, reader.u32()?);
        let count = usize::from(reader.u8()?);
        if count > DEPTH_MAX {
            return Err(WireError::Bound);
        }
        let edges = (0..count).map(|_| Edge::parse(&mut reader)).collect::<Result<_, _>>()?;
        let mut wish = None;
        if flags & WISH != 0 {
            let (number, letter) = (reader.u64()?, parse_if(flags & WISH_LETTER, &mut reader)?);
            wish = Some(Wish { number, letter, taken: reader.array()? });
        }
        let mut grant = None;
        if flags & GRANT != 0 {
            let (number, letter) = (reader.u64()?, parse_if(flags & GRANT_PLACE, &mut reader)?);
            let place = match letter {
                Some(letter) => Some((letter, reader.array()?)),
                None => None,
            };
            grant = Some(Grant { number, place });
        }
        reader.end()?;
        Ok(Self { tree, claim, edges, size, wish, grant })
    }

    /// Bytes of the whole message, at most.
    #[must_use]
    pub fn room(&self) -> usize {
        const MOST_BESIDES: usize = 8 + Claim::LEN + 200;
        self.edges.len().saturating_mul(Edge::LEN).saturating_add(MOST_BESIDES)
    }

    /// Writes the whole message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        let wished = self.wish.and_then(|wish| wish.letter);
        let place = self.grant.and_then(|grant| grant.place);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(self.wish.is_some(), WISH)
            | flag(wished.is_some(), WISH_LETTER)
            | flag(self.grant.is_some(), GRANT)
            | flag(place.is_some(), GRANT_PLACE);
        into.u8(self.tree).u8(flags);
        self.claim.emit(into);
        into.u32(self.size).u8(self.edges.len() as u8);
        self.edges.iter().for_each(|edge| edge.emit(into));
        if let Some(wish) = &self.wish {
            into.u64(wish.number);
            if let Some(letter) = wished {
                into.u8(letter);
            }
            into.bytes(&wish.taken);
        }
        if let Some(grant) = &self.grant {
            into.u64(grant.number);
            if let Some((letter, by_parent)) = place {
                into.u8(letter).bytes(&by_parent);
            }
        }
    }
}

/// A root's newer number, passed on where nothing else has changed. To its own maker: a word that
/// it has forgotten, whose number it has to go above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// Which tree.
    pub tree: u8,
    /// The root and its number.
    pub claim: Claim,
    /// Where this is the word of a child and no root's: below whom it hung, and by which letter.
    /// The number and the signature are its edge's then.
    pub hung: Option<(Name, u8)>,
}

impl Pulse {
    /// Bytes of the message.
    pub const LEN: usize = 1 + Claim::LEN;
    /// Bytes of the word of a child.
    pub const HUNG_LEN: usize = Self::LEN + Name::LEN + 1;

    /// Bytes of this one.
    #[must_use]
    pub const fn room(&self) -> usize {
        if self.hung.is_some() { Self::HUNG_LEN } else { Self::LEN }
    }

    /// What its maker signed.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let Self { tree, claim, hung } = self;
        match hung {
            Some((parent, letter)) => Edge::text(*tree, parent, &claim.root, *letter, claim.number),
            None => Claim::text(*tree, claim.number),
        }
    }

    /// Reads the whole message.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let (tree, claim) = (parse_tree(&mut reader)?, Claim::parse(&mut reader)?);
        let mut hung = None;
        if body.len() > Self::LEN {
            hung = Some((Name::from_bytes(reader.array()?), reader.u8()?));
        }
        reader.end()?;
        Ok(Self { tree, claim, hung })
    }

    /// Writes the whole message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u8(self.tree);
        self.claim.emit(into);
        if let Some((parent, letter)) = &self.hung {
            into.bytes(parent.as_bytes()).u8(*letter);
        }
    }
}

pub(super) fn parse_tree(reader: &mut Reader<'_>) -> Result<u8, WireError> {
    let tree = reader.u8()?;
    if usize::from(tree) < TREES_MAX { Ok(tree) } else { Err(WireError::Bound) }
}

fn parse_if(flag: u8, reader: &mut Reader<'_>) -> Result<Option<u8>, WireError> {
    if flag == 0 { Ok(None) } else { reader.u8().map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing() -> Standing {
        let name = |fill| Name::from_bytes([fill; 32]);
        let edge =
            Edge { child: name(2), letter: 4, number: 5, by_parent: [6; 64], by_child: [7; 64] };
        Standing {
            tree: 1,
            claim: Claim { root: name(1), number: 9, signature: [3; 64] },
            edges: vec![edge; 3],
            size: 70,
            wish: Some(Wish { number: 1, letter: Some(200), taken: [1; 32] }),
            grant: Some(Grant { number: 2, place: Some((3, [4; 64])) }),
        }
    }

    fn bytes(standing: &Standing) -> Vec<u8> {
        let mut bytes = vec![0; standing.room()];
        let mut writer = Writer::new(&mut bytes);
        standing.emit(&mut writer);
        let len = writer.len();
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn a_standing_survives_its_bytes_whatever_is_left_out() {
        let full = standing();
        let mut cases = vec![full.clone()];
        cases.push(Standing { wish: None, ..full.clone() });
        cases.push(Standing { grant: None, edges: vec![], ..full.clone() });
        let no_place = Some(Grant { number: 2, place: None });
        let no_letter = full.wish.map(|wish| Wish { letter: None, ..wish });
        cases.push(Standing { grant: no_place, wish: no_letter, ..full });
        for case in cases {
            assert_eq!(Standing::parse(&bytes(&case)), Ok(case));
        }
    }

    #[test]
    fn no_byte_more_or_less_is_a_standing() {
        let whole = bytes(&standing());
        for length in 0..whole.len() {
            assert!(Standing::parse(&whole[..length]).is_err());
        }
        assert_eq!(Standing::parse(&[&whole[..], &[0]].concat()), Err(WireError::Trailing));
        let mut bad = whole.clone();
        bad[0] = TREES_MAX as u8;
        assert_eq!(Standing::parse(&bad), Err(WireError::Bound));
        bad = whole;
        bad[1] = WISH_LETTER;
        assert_eq!(Standing::parse(&bad), Err(WireError::Unknown));
    }

    #[test]
    fn a_pulse_survives_its_bytes() {
        for hung in [None, Some((Name::from_bytes([8; 32]), 9))] {
            let pulse = Pulse { tree: 2, claim: standing().claim, hung };
            let mut bytes = vec![0; pulse.room()];
            pulse.emit(&mut Writer::new(&mut bytes));
            assert_eq!(Pulse::parse(&bytes), Ok(pulse));
            assert!(Pulse::parse(&bytes[1..]).is_err());
            assert!(Pulse::parse(&[&bytes[..], &[0]].concat()).is_err());
        }
    }
}
