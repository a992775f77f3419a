//! The file that is sent: bytes that nothing compresses, read no faster than is good to look at.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::super::clock::Stopwatch;

/// Writes the file.
pub(super) fn write(path: &Path, size: u64) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
    let (mut state, mut left) = (0_u64, size);
    while left > 0 {
        // SplitMix64: short, and random enough for a picture.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        let count = left.min(8);
        file.write_all(&word.to_le_bytes()[..count as usize])?;
        left -= count;
    }
    file.flush()
}

/// A reader with a bound on its rate. What was not read during an outage is not made up for:
/// the picture is to show the network, not the bound.
#[derive(Debug)]
pub(super) struct Paced<R> {
    inner: R,
    rate: Option<u64>,
    clock: Stopwatch,
    due: Duration,
}

/// How far a reader may run behind its rate and still make up for it.
const SLACK: Duration = Duration::from_millis(20);

impl<R> Paced<R> {
    /// At most `rate` bytes a second.
    pub(super) fn new(inner: R, rate: Option<u64>) -> Self {
        Self { inner, rate, clock: Stopwatch::start(), due: Duration::ZERO }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(rate) = self.rate else { return self.inner.read(into) };
        let now = self.clock.elapsed();
        std::thread::sleep(self.due.saturating_sub(now));
        let count = self.inner.read(into)?;
        let nanos = (count as u64).saturating_mul(1_000_000_000) / rate.max(1);
        self.due = self.due.max(now.saturating_sub(SLACK)) + Duration::from_nanos(nanos);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_its_size_and_does_not_repeat() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        write(&path, 100_003).expect("writable");
        let bytes = std::fs::read(&path).expect("there");
        assert_eq!(bytes.len(), 100_003);
        assert_ne!(bytes[..8], bytes[8..16]);
    }

    #[test]
    fn a_paced_reader_keeps_its_rate() {
        let clock = Stopwatch::start();
        let mut paced = Paced::new(io::repeat(1).take(200_000), Some(2_000_000));
        let mut chunk = vec![0; 10_000];
        while paced.read(&mut chunk).expect("endless") > 0 {}
        assert!(clock.elapsed() >= Duration::from_millis(75), "{:?}", clock.elapsed());
    }
}
