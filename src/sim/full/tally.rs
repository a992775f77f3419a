//! What nodes say to each other: messages and bytes, by kind.

use std::ops::{AddAssign, Sub};

use crate::wire::frame::{self, Kind};

const KINDS: usize = Kind::ALL.len();

/// Messages (whole frames) and their bytes. What carries them, TCP and IP, is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    messages: [u64; KINDS],
    bytes: [u64; KINDS],
}

impl Tally {
    fn add(&mut self, kind: Kind, length: usize) {
        let at = kind as usize - 1;
        self.messages[at] += 1;
        self.bytes[at] += length as u64;
    }

    /// Messages of all kinds.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages.iter().sum()
    }

    /// Their bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    /// Messages of one kind, and their bytes.
    #[must_use]
    pub fn of(&self, kind: Kind) -> (u64, u64) {
        (self.messages[kind as usize - 1], self.bytes[kind as usize - 1])
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for at in 0..KINDS {
            self.messages[at] += other.messages[at];
            self.bytes[at] += other.bytes[at];
        }
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(mut self, earlier: Self) -> Self {
        for at in 0..KINDS {
            self.messages[at] -= earlier.messages[at];
            self.bytes[at] -= earlier.bytes[at];
        }
        self
    }
}

/// Cuts what is written on one way of a link into frames.
#[derive(Debug, Default)]
pub struct Counter {
    head: Vec<u8>,
    /// Bytes of the frame at hand that are still to come.
    rest: usize,
}

impl Counter {
    /// Counts the frames that begin in these bytes.
    pub fn count(&mut self, mut bytes: &[u8], into: &mut Tally) {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let now = self.rest.min(bytes.len());
                self.rest -= now;
                bytes = &bytes[now..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            let (Ok(Some(length)), Ok(kind)) = (frame::length(&self.head), frame::kind(&self.head))
            else {
                continue;
            };
            into.add(kind, length);
            self.rest = length - self.head.len();
            self.head.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: Kind, total: usize) -> Vec<u8> {
        let mut bytes = vec![0; total];
        frame::emit(&mut bytes, kind, total);
        bytes
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        let bytes = [message(Kind::Ping, 5), message(Kind::Standing, 100), message(Kind::Ping, 5)];
        for chunk in [1, 3, 5, 110] {
            let (mut counter, mut tally) = (Counter::default(), Tally::default());
            bytes.concat().chunks(chunk).for_each(|part| counter.count(part, &mut tally));
            assert_eq!((tally.of(Kind::Ping), tally.of(Kind::Standing)), ((2, 10), (1, 100)));
            assert_eq!((tally.messages(), tally.bytes()), (3, 110));
            assert_eq!(tally - tally, Tally::default());
        }
    }
}
