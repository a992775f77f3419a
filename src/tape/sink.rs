//! Where a tape goes: a file for its owner only, of bounded size. (In memory: a `Vec<u8>`.)

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A tape's size, unless told otherwise: 1 GiB.
pub const SIZE_DEFAULT: u64 = 1 << 30;

const BUFFER: usize = 1 << 20;

/// A new file that refuses to grow past its size. Dropping it writes what is buffered.
#[derive(Debug)]
pub struct FileSink {
    file: BufWriter<File>,
    left: u64,
}

impl FileSink {
    /// Creates the file with mode 0600; one that exists is never overwritten.
    pub fn create(path: &Path, size_max: u64) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Self { file: BufWriter::with_capacity(BUFFER, file), left: size_max })
    }
}

impl Write for FileSink {
    /// Takes all or nothing, so that a full tape ends between two records.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if length > self.left {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "the tape has its full size"));
        }
        self.file.write_all(bytes)?;
        self.left -= length;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_tape_is_private_bounded_and_never_overwritten() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("tape");
        let mut sink = FileSink::create(&path, 5).expect("a free path");
        sink.write_all(b"1234").expect("room");
        let full = sink.write_all(b"56").expect_err("no room");
        assert_eq!(full.kind(), ErrorKind::FileTooLarge);
        sink.write_all(b"5").expect("room for less");
        drop(sink);
        assert_eq!(std::fs::read(&path).expect("the tape"), b"12345");
        assert_eq!(path.metadata().expect("the tape").mode() & 0o777, 0o600);
        let taken = FileSink::create(&path, 5).expect_err("the path is taken");
        assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    }
}
