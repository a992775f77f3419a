//! Reading a tape: whole values or the knowledge that it ends here.

use std::io::{self, BufReader, Read};

/// A file being read. Each value is `None` where the file ends before it does.
#[derive(Debug)]
pub(super) struct Intake<R> {
    source: BufReader<R>,
    /// All bytes since [`Intake::forget`]: the digest covers a record as it stands on the tape.
    seen: Vec<u8>,
}

impl<R: Read> Intake<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source: BufReader::new(source), seen: Vec::new() }
    }

    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// The next `count` bytes. Memory grows with what is there, not with what is claimed.
    pub(super) fn bytes(&mut self, count: u64) -> io::Result<Option<Vec<u8>>> {
        let start = self.seen.len();
        let read = self.source.by_ref().take(count).read_to_end(&mut self.seen)?;
        Ok((read as u64 == count).then(|| self.seen[start..].to_vec()))
    }

    pub(super) fn array<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let bytes = self.bytes(N as u64)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
    }

    pub(super) fn u8(&mut self) -> io::Result<Option<u8>> {
        Ok(self.array()?.map(|[byte]| byte))
    }
}
