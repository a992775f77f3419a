//! The Routing Header (RH): all a relay looks at.
//!
//! ```text
//!  0      1      2      3      4             6                 38                70
//!  +------+------+------+------+-------------+-----------------+-----------------+
//!  | ver  | hops | mark | zero | length = 70 | destination     | source          |
//!  +------+------+------+------+-------------+-----------------+-----------------+
//! ```
//!
//! Hop count and mark are changed by relays, so the header is outside the ICV; the two Names are
//! bound all the same, because both ends feed them to the ICV (paper section II.C.1: SrcID, DstID).
//! `docs/protocol/routing.md`.

use byteorder::{BigEndian, ByteOrder};

use super::WireError;
use crate::base::ids::Name;
use crate::base::limits::ROUTE_LEN;

/// Version of the header.
pub const VERSION: u8 = 1;

const HOPS: usize = 1;
const MARK: usize = 2;
const ZERO: usize = 3;
const LENGTH: usize = 4;
const DESTINATION: usize = 6;
const SOURCE: usize = 38;

/// A view over bytes that begin with a Routing Header.
#[derive(Clone, Copy, Debug)]
pub struct Route<T>(T);

impl<T: AsRef<[u8]>> Route<T> {
    /// A view, once length, version and reserved bits are right.
    pub fn new_checked(bytes: T) -> Result<Self, WireError> {
        let header = bytes.as_ref();
        if header.len() < ROUTE_LEN {
            return Err(WireError::Short);
        }
        if header[0] != VERSION {
            return Err(WireError::Version);
        }
        if usize::from(BigEndian::read_u16(&header[LENGTH..])) != ROUTE_LEN {
            return Err(WireError::Bound);
        }
        if header[ZERO] != 0 || header[MARK] > 1 {
            return Err(WireError::Unknown);
        }
        Ok(Self(bytes))
    }

    fn name(&self, at: usize) -> Name {
        let mut name = [0; Name::LEN];
        name.copy_from_slice(&self.0.as_ref()[at..at + Name::LEN]);
        Name::from_bytes(name)
    }

    /// DstID: whom the packet is for.
    #[must_use]
    pub fn destination(&self) -> Name {
        self.name(DESTINATION)
    }

    /// SrcID: who made the packet.
    #[must_use]
    pub fn source(&self) -> Name {
        self.name(SOURCE)
    }

    /// Hops the packet may still take.
    #[must_use]
    pub fn hops(&self) -> u8 {
        self.0.as_ref()[HOPS]
    }

    /// Whether a relay on the way was congested.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        self.0.as_ref()[MARK] == 1
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Route<T> {
    /// Writes the number of hops left.
    pub fn set_hops(&mut self, hops: u8) {
        self.0.as_mut()[HOPS] = hops;
    }

    /// Says that this relay is congested.
    pub fn mark(&mut self) {
        self.0.as_mut()[MARK] = 1;
    }
}

/// Writes a whole Routing Header to the first [`ROUTE_LEN`] bytes of `into`.
pub fn emit(into: &mut [u8], source: &Name, destination: &Name, hops: u8) {
    into[..DESTINATION].copy_from_slice(&[VERSION, hops, 0, 0, 0, ROUTE_LEN as u8]);
    into[DESTINATION..SOURCE].copy_from_slice(destination.as_bytes());
    into[SOURCE..ROUTE_LEN].copy_from_slice(source.as_bytes());
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
        route.set_hops(8);
        route.mark();
        assert_eq!((route.hops(), route.is_marked()), (8, true));
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
        ] {
            let mut bad = good;
            bad[at] = 7;
            assert_eq!(Route::new_checked(&bad).err(), Some(error), "byte {at}");
        }
    }
}
