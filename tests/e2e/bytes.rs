//! Bytes that cannot be right by chance: each place of each stream has its own.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use openssl::sha::Sha256;

const CHUNK: usize = 64 << 10;

/// An endless stream, another for each seed.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    state: u64,
    word: [u8; 8],
    used: usize,
}

impl Pattern {
    pub(crate) fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { state, word: [0; 8], used: 8 }
    }

    /// The next bytes.
    pub(crate) fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            if self.used == self.word.len() {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                self.word = self.state.to_le_bytes();
                self.used = 0;
            }
            *byte = self.word[self.used];
            self.used += 1;
        }
    }

    /// The first bytes of a stream.
    pub(crate) fn take(seed: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        Self::new(seed).fill(&mut bytes);
        bytes
    }

    /// Writes the next `count` bytes.
    pub(crate) fn write(&mut self, into: &mut impl Write, count: usize) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK.min(count)];
        let mut left = count;
        while left > 0 {
            let part = left.min(CHUNK);
            self.fill(&mut chunk[..part]);
            into.write_all(&chunk[..part])?;
            left -= part;
        }
        Ok(())
    }

    /// Reads `count` bytes, each of which must be the next.
    pub(crate) fn expect(&mut self, from: &mut impl Read, count: usize) -> io::Result<()> {
        let (mut chunk, mut wanted) = (vec![0; CHUNK], vec![0; CHUNK]);
        let mut left = count;
        while left > 0 {
            let part = left.min(CHUNK);
            let got = from.read(&mut chunk[..part])?;
            if got == 0 {
                let text = format!("the stream ends {left} bytes too early");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            self.fill(&mut wanted[..got]);
            if chunk[..got] != wanted[..got] {
                let text = format!("a wrong byte among the {got} before the last {left}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            left -= got;
        }
        Ok(())
    }
}

/// A file with the first bytes of a stream; its digest.
pub(crate) fn file(path: &Path, seed: u64, count: usize) -> String {
    let mut into = File::create(path).expect("a fresh directory takes files");
    Pattern::new(seed).write(&mut into, count).expect("the disk has room");
    digest(path)
}

/// SHA-256 of a file.
pub(crate) fn digest(path: &Path) -> String {
    let mut from = File::open(path).expect("the file is there");
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk).expect("a file can be read") {
            0 => return HEXLOWER.encode(&hash.finish()),
            count => hash.update(&chunk[..count]),
        }
    }
}
