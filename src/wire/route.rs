//! The Routing Header (RH): all a relay looks at.
//!
//! ```text
//!  0      1      2      3        4              6               38          70
//!  +------+------+------+--------+--------------+---------------+-----------+
//!  | ver  | hops | mark | course | length = 204 | destination   | source    |
//!  +------+------+------+--------+--------------+---------------+-----------+
//!  70      71     72          76                       140                  204
//!  +-------+------+-----------+------------------------+--------------------+
//!  | tried | zero | watermark | destination's places   | source's places    |
//!  | (1)   | (1)  | (4)       |                        |                    |
//!  +-------+------+-----------+------------------------+--------------------+
//! ```
//!
//! Relays change it, so the header is outside the ICV; the two Names are bound all the same,
//! because both ends feed them to the ICV (paper section II.C.1: SrcID, DstID).
//! `docs/protocol/routing.md`.

use byteorder::{BigEndian, ByteOrder};

use super::WireError;
use super::places::{self, Places};
use crate::base::ids::Name;
use crate::base::limits::{PLACES_LEN, REDIRECTS_MAX, ROUTE_LEN, TREES_MAX};

/// Version of the header.
pub const VERSION: u8 = 2;

const HOPS: usize = 1;
const MARK: usize = 2;
const COURSE: usize = 3;
const LENGTH: usize = 4;
const DESTINATION: usize = 6;
const SOURCE: usize = 38;
const TRIED: usize = 70;
/// The bits of [`TRIED`] that say what was tried; those above count the redirects.
const TRIED_BITS: u8 = 0x0f;
const REDIRECTS_SHIFT: u32 = TRIED_BITS.count_ones();
const ZERO: usize = 71;
const WATERMARK: usize = 72;
/// Where both Names stand, the destination's first.
pub const ENDS: std::ops::Range<usize> = DESTINATION..TRIED;
const THERE: usize = 76;
const HERE: usize = THERE + PLACES_LEN;

const _: () = assert!(HERE + PLACES_LEN == ROUTE_LEN);
const _: () = assert!(REDIRECTS_MAX < 16 && TREES_MAX <= TRIED_BITS.count_ones() as usize);

/// How a packet finds its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// To the destination, by the least distance over all its places.
    Nearest,
    /// To the destination, in the tree of this one of its places.
    Tree(u8),
    /// Up this tree to its root; the destination is a key.
    Climb(u8),
    /// Down this tree from its root to the key's owner.
    Descend(u8),
}

impl Course {
    fn from_byte(byte: u8) -> Option<Self> {
        let tree = byte & 0x0f;
        match byte >> 4 {
            _ if usize::from(tree) >= TREES_MAX => None,
            0 if tree == 0 => Some(Self::Nearest),
            1 => Some(Self::Tree(tree)),
            2 => Some(Self::Climb(tree)),
            3 => Some(Self::Descend(tree)),
            _ => None,
        }
    }

    fn to_byte(self) -> u8 {
        match self {
            Self::Nearest => 0,
            Self::Tree(tree) => 0x10 | tree,
            Self::Climb(tree) => 0x20 | tree,
            Self::Descend(tree) => 0x30 | tree,
        }
    }
}

/// A view over bytes that begin with a Routing Header.
#[derive(Clone, Copy, Debug)]
pub struct Route<T>(T);

/// What a view reads where there is no header, which [`Route::new_checked`] rules out.
const NO_HEADER: [u8; ROUTE_LEN] = [0; ROUTE_LEN];

impl<T: AsRef<[u8]>> Route<T> {
    /// A view, once length, version and reserved bits are right.
    pub fn new_checked(bytes: T) -> Result<Self, WireError> {
        let header = bytes.as_ref().first_chunk::<ROUTE_LEN>().ok_or(WireError::Short)?;
        if header[0] != VERSION {
            return Err(WireError::Version);
        }
        if header[LENGTH..DESTINATION] != (ROUTE_LEN as u16).to_be_bytes() {
            return Err(WireError::Bound);
        }
        if header[ZERO] != 0 || header[MARK] > 1 || Course::from_byte(header[COURSE]).is_none() {
            return Err(WireError::Unknown);
        }
        places::parse(&header[THERE..HERE])?;
        places::parse(&header[HERE..])?;
        Ok(Self(bytes))
    }

    fn header(&self) -> &[u8; ROUTE_LEN] {
        self.0.as_ref().first_chunk().unwrap_or(&NO_HEADER)
    }

    /// DstID: whom the packet is for.
    #[must_use]
    pub fn destination(&self) -> Name {
        name(&self.header()[DESTINATION..])
    }

    /// SrcID: who made the packet.
    #[must_use]
    pub fn source(&self) -> Name {
        name(&self.header()[SOURCE..])
    }

    /// Hops the packet may still take.
    #[must_use]
    pub fn hops(&self) -> u8 {
        self.header()[HOPS]
    }

    /// How it finds its way.
    #[must_use]
    pub fn course(&self) -> Course {
        Course::from_byte(self.header()[COURSE]).unwrap_or(Course::Nearest)
    }

    /// The destination's places that were tried alone, one bit each; for a key its replica.
    #[must_use]
    pub fn tried(&self) -> u8 {
        self.header()[TRIED] & TRIED_BITS
    }

    /// How often the destination's places were redirected on the way.
    #[must_use]
    pub fn redirects(&self) -> u8 {
        self.header()[TRIED] >> REDIRECTS_SHIFT
    }

    /// The least distance from the destination so far.
    #[must_use]
    pub fn watermark(&self) -> u32 {
        BigEndian::read_u32(&self.header()[WATERMARK..])
    }

    /// Where the destination was when the packet was made; nothing until that is known.
    pub fn there(&self) -> Result<Places<'_>, WireError> {
        places::parse(&self.header()[THERE..HERE])
    }

    /// The bytes of [`Route::there`].
    #[must_use]
    pub fn there_bytes(&self) -> [u8; PLACES_LEN] {
        self.header()[THERE..].first_chunk().copied().unwrap_or([0; PLACES_LEN])
    }

    /// Where the source was: for answers to this very packet. Nobody proved it.
    pub fn here(&self) -> Result<Places<'_>, WireError> {
        places::parse(&self.header()[HERE..])
    }

    /// Whether a relay on the way was congested.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.header()[MARK] == 1
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Route<T> {
    /// Changes the header, which [`Route::new_checked`] has found to be there.
    fn change(&mut self, change: impl FnOnce(&mut [u8; ROUTE_LEN])) {
        if let Some(header) = self.0.as_mut().first_chunk_mut() {
            change(header);
        }
    }

    /// Writes the number of hops left.
    pub fn set_hops(&mut self, hops: u8) {
        self.change(|header| header[HOPS] = hops);
    }

    /// Writes how it finds its way from here.
    pub fn set_course(&mut self, course: Course, tried: u8, watermark: u32) {
        self.change(|header| {
            header[COURSE] = course.to_byte();
            header[TRIED] = header[TRIED] & !TRIED_BITS | tried & TRIED_BITS;
            BigEndian::write_u32(&mut header[WATERMARK..], watermark);
        });
    }

    /// Sets out on this course: nothing was tried or redirected yet.
    pub fn depart(&mut self, course: Course) {
        self.change(|header| header[TRIED] = 0);
        self.set_course(course, 0, u32::MAX);
    }

    /// Writes another place instead of the destination's place number `at`, and that the packet
    /// is on its way to that one afresh. Whether it did: the places must have room together, and
    /// no packet is redirected more than [`REDIRECTS_MAX`] times.
    pub fn redirect(&mut self, at: u8, to: (u32, &[u8])) -> bool {
        let header = *self.header();
        let Ok(old) = places::parse(&header[THERE..HERE]) else { return false };
        let moved = |(index, place)| if index == usize::from(at) { to } else { place };
        let new = old.iter().copied().enumerate().map(moved);
        let redirects = self.redirects();
        if usize::from(at) >= old.len() || redirects >= REDIRECTS_MAX || !places::fit(new.clone()) {
            return false;
        }
        self.set_there(new);
        let its_bit = 1_u8.checked_shl(at.into()).unwrap_or(0);
        let tried = self.tried() & !its_bit;
        let count = redirects.saturating_add(1) << REDIRECTS_SHIFT;
        self.change(|header| header[TRIED] = count);
        self.set_course(Course::Nearest, tried, u32::MAX);
        true
    }

    /// Writes where the destination is.
    pub fn set_there<'p>(&mut self, places: impl Iterator<Item = (u32, &'p [u8])>) {
        self.change(|header| places::emit(places, &mut header[THERE..HERE]));
    }

    /// Writes where the source is.
    pub fn set_here<'p>(&mut self, places: impl Iterator<Item = (u32, &'p [u8])>) {
        self.change(|header| places::emit(places, &mut header[HERE..]));
    }

    /// Says that this relay is congested.
    pub fn mark(&mut self) {
        self.change(|header| header[MARK] = 1);
    }
}

/// The Name at the start of a part of a header.
fn name(part: &[u8]) -> Name {
    Name::from_bytes(part.first_chunk().copied().unwrap_or_default())
}

/// Writes a whole Routing Header to the first [`ROUTE_LEN`] bytes of `into`.
///
/// # Panics
///
/// If there are fewer.
pub fn emit(into: &mut [u8], source: &Name, destination: &Name, hops: u8) {
    let header = into.first_chunk_mut::<ROUTE_LEN>().expect("room for a Routing Header");
    header[..DESTINATION].copy_from_slice(&[VERSION, hops, 0, 0, 0, ROUTE_LEN as u8]);
    header[DESTINATION..SOURCE].copy_from_slice(destination.as_bytes());
    header[SOURCE..TRIED].copy_from_slice(source.as_bytes());
    header[TRIED..].fill(0);
    BigEndian::write_u32(&mut header[WATERMARK..], u32::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_written_and_read_back() {
        let (a, b) = (Name::from_bytes([1; 32]), Name::from_bytes([2; 32]));
        let mut bytes = [0xa5; ROUTE_LEN];
        emit(&mut bytes, &a, &b, 9);
        let mut route = Route::new_checked(&mut bytes).expect("what emit wrote");
        assert_eq!((route.source(), route.destination()), (a, b));
        assert_eq!((route.hops(), route.is_marked()), (9, false));
        assert_eq!((route.course(), route.watermark()), (Course::Nearest, u32::MAX));
        assert!(route.there().is_ok_and(|places| places.is_empty()));
        route.set_hops(8);
        route.mark();
        assert_eq!((route.hops(), route.is_marked()), (8, true));
        let (there, here) = ((5, [1].as_slice()), (6, [2].as_slice()));
        route.set_there([there].into_iter());
        route.set_here([here].into_iter());
        assert_eq!(route.there().as_deref(), Ok([there].as_slice()));
        assert_eq!(route.here().as_deref(), Ok([here].as_slice()));
        for course in [Course::Nearest, Course::Tree(3), Course::Climb(0), Course::Descend(1)] {
            route.set_course(course, 3, 77);
            assert_eq!((route.course(), route.tried(), route.watermark()), (course, 3, 77));
        }
    }

    #[test]
    fn a_redirect_changes_one_place_and_is_counted() {
        let name = Name::from_bytes([0; 32]);
        let mut bytes = [0; ROUTE_LEN];
        emit(&mut bytes, &name, &name, 9);
        let mut route = Route::new_checked(&mut bytes).expect("what emit wrote");
        let places: [(u32, &[u8]); 2] = [(5, &[1]), (6, &[2])];
        route.set_there(places.into_iter());
        route.set_course(Course::Tree(1), 0b11, 7);
        assert!(!route.redirect(2, (7, &[3])), "there is no such place");
        let deep = [3, 4].repeat(29);
        assert!(!route.redirect(1, (7, &deep)), "the other place has no room beside it");
        assert_eq!((route.redirects(), route.there().as_deref()), (0, Ok(&places[..])));
        for count in 1..=REDIRECTS_MAX {
            assert!(route.redirect(1, (7, &[3, count + 9])));
            assert_eq!((route.redirects(), route.tried()), (count, 1));
            assert_eq!((route.course(), route.watermark()), (Course::Nearest, u32::MAX));
        }
        let last = [3, REDIRECTS_MAX + 9];
        let there: [(u32, &[u8]); 2] = [(5, &[1]), (7, &last)];
        assert_eq!(route.there().as_deref(), Ok(&there[..]));
        route.set_course(Course::Tree(1), 0b11, 4);
        assert!(!route.redirect(1, (8, &[])), "often enough");
        assert_eq!((route.redirects(), route.tried()), (REDIRECTS_MAX, 0b11));
        route.depart(Course::Nearest);
        assert_eq!((route.redirects(), route.tried()), (0, 0));
    }

    #[test]
    fn what_is_not_a_header_is_refused() {
        let name = Name::from_bytes([0; 32]);
        let mut good = [0; ROUTE_LEN];
        emit(&mut good, &name, &name, 1);
        assert_eq!(Route::new_checked(&good[1..]).err(), Some(WireError::Short));
        for (at, error) in [
            (0, WireError::Version),
            (2, WireError::Unknown),
            (3, WireError::Unknown),
            (4, WireError::Bound),
            (71, WireError::Unknown),
            (76, WireError::Bound),
            (140, WireError::Bound),
        ] {
            let mut bad = good;
            bad[at] = 7;
            assert_eq!(Route::new_checked(&bad).err(), Some(error), "byte {at}");
        }
    }
}
