//! Panic-free reading and writing of big-endian values in slices.

use byteorder::{BigEndian, ByteOrder};

use super::WireError;

/// A cursor over bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(WireError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.bytes(N)?.try_into().map_err(|_| WireError::Short)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.bytes(1)?[0])
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.bytes(2).map(BigEndian::read_u16)
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.bytes(4).map(BigEndian::read_u32)
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.bytes(8).map(BigEndian::read_u64)
    }

    /// All that is left.
    #[must_use]
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Refuses trailing bytes.
    pub const fn end(self) -> Result<(), WireError> {
        if self.0.is_empty() { Ok(()) } else { Err(WireError::Trailing) }
    }
}

/// A cursor over memory to be filled. Writing past the end is a defect of the caller and panics.
#[derive(Debug)]
pub struct Writer<'a> {
    into: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `into`.
    pub const fn new(into: &'a mut [u8]) -> Self {
        Self { into, at: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing was written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// Bytes that still fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.into.len() - self.at
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.into[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        self
    }

    /// Writes one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Writes two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Writes eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_stops_at_the_end_and_notices_what_is_left() {
        let mut reader = Reader::new(&[0, 1, 2]);
        assert_eq!(reader.u16(), Ok(1));
        assert_eq!(reader.u16(), Err(WireError::Short));
        assert_eq!(reader.end(), Err(WireError::Trailing));
        assert_eq!(reader.u8(), Ok(2));
        assert_eq!(reader.end(), Ok(()));
    }
}
