//! A file over a session: the whole of it, or nothing.
//!
//! ```text
//! sender      {"name":"photo.jpg","size":12345}\n  the bytes  {"sha256":"…"}\n
//! receiver    {"done":true,"text":"photo (1).jpg"}\n   or   {"done":false,"text":"disk full"}\n
//! ```
//!
//! The receiver answers after the file has its final name on its disk. The digest covers what
//! the two disks gave and took, which no seal of a packet does.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use openssl::sha::Sha256;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::drafts::Draft;
use super::failure::one_line;
use super::filenames::{numbered, plain};
use super::private::publish;

/// The receiver's port where none is given: M, U, S, E on a telephone's keys.
pub const PORT: u16 = 6873;
/// Bytes of a line, at most.
const LINE_MAX: u64 = 4096;
/// Bytes moved at a time.
const CHUNK: usize = 64 << 10;
/// Names tried before a directory is said to be full of them.
const COPIES_MAX: u32 = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    name: String,
    size: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Trailer {
    sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    done: bool,
    text: String,
}

/// Why a file did not go over.
#[derive(Debug, Error)]
pub enum TransferError {
    /// The session ended or failed.
    #[error("the session ended before the file was over: {0}")]
    Session(#[source] io::Error),
    /// Our own file or directory failed.
    #[error("cannot use {0}: {1}")]
    Local(PathBuf, #[source] io::Error),
    /// The sender's file is not what it was.
    #[error("{0} changed while it was sent: send it again")]
    Changed(String),
    /// The peer does not speak as it should.
    #[error("the peer is no 'muses {0}': {1}")]
    Protocol(&'static str, String),
    /// The digests differ.
    #[error("the file was damaged on its way: its digest is not the sender's")]
    Damaged,
    /// The receiver could not keep it.
    #[error("the receiver could not keep the file: {0}")]
    Refused(String),
}

/// What went over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Name at the receiver.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, in letters.
    pub digest: String,
}

/// A file to be sent.
pub struct Outgoing<'a> {
    /// Its name, with or without directories.
    pub name: String,
    /// Its size.
    pub size: u64,
    /// Its bytes.
    pub source: &'a mut dyn Read,
}

/// Sends a file. `moved` is told of every piece.
pub fn send<S: Read + Write>(
    file: Outgoing<'_>,
    mut stream: S,
    mut moved: impl FnMut(usize),
) -> Result<Moved, TransferError> {
    let name = plain(&file.name);
    let header = Header { name: name.clone(), size: file.size };
    let outcome = match write_line(&mut stream, &header) {
        Ok(()) => send_body(file, &mut stream, &mut moved),
        Err(error) => Err(TransferError::Session(error)),
    };
    let digest = match outcome {
        Ok(digest) => digest,
        // A receiver that gives up says why before it closes.
        Err(TransferError::Session(error)) => {
            let answer = read_line::<Answer>(&mut BufReader::new(stream), "recv");
            return Err(match answer {
                Ok(answer) if !answer.done => TransferError::Refused(one_line(&answer.text)),
                _ => TransferError::Session(error),
            });
        }
        Err(error) => return Err(error),
    };
    let answer: Answer = read_line(&mut BufReader::new(stream), "recv")?;
    if !answer.done {
        return Err(TransferError::Refused(one_line(&answer.text)));
    }
    Ok(Moved { name: one_line(&answer.text), size: header.size, digest })
}

fn send_body<S: Write>(
    file: Outgoing<'_>,
    stream: &mut S,
    moved: &mut impl FnMut(usize),
) -> Result<String, TransferError> {
    let (mut digest, mut left, mut chunk) = (Sha256::new(), file.size, vec![0; CHUNK]);
    let local = |error| TransferError::Local(PathBuf::from(&file.name), error);
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let count = match file.source.read(&mut chunk[..room]) {
            Ok(0) => return Err(TransferError::Changed(file.name)),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(local(error)),
        };
        digest.update(&chunk[..count]);
        stream.write_all(&chunk[..count]).map_err(TransferError::Session)?;
        left -= count as u64;
        moved(count);
    }
    if file.source.read(&mut chunk[..1]).map_err(local)? != 0 {
        return Err(TransferError::Changed(file.name));
    }
    let sha256 = HEXLOWER.encode(&digest.finish());
    write_line(stream, &Trailer { sha256: sha256.clone() }).map_err(TransferError::Session)?;
    Ok(sha256)
}

/// Receives a file into `dir`. `begin` is told its name and size and gives what is told of every
/// piece.
pub fn receive<S: Read + Write, F: FnMut(usize)>(
    dir: &Path,
    stream: S,
    begin: impl FnOnce(&str, u64) -> F,
) -> Result<Moved, TransferError> {
    let mut stream = BufReader::with_capacity(CHUNK, stream);
    let outcome = receive_body(dir, &mut stream, begin);
    let answer = match &outcome {
        Ok(moved) => Answer { done: true, text: moved.name.clone() },
        // Which paths this device has is not the sender's business.
        Err(TransferError::Local(_, error)) => Answer { done: false, text: error.to_string() },
        Err(error) => Answer { done: false, text: error.to_string() },
    };
    let told = write_line(stream.get_mut(), &answer);
    let moved = outcome?;
    told.map_err(TransferError::Session)?;
    Ok(moved)
}

fn receive_body<S: Read, F: FnMut(usize)>(
    dir: &Path,
    stream: &mut BufReader<S>,
    begin: impl FnOnce(&str, u64) -> F,
) -> Result<Moved, TransferError> {
    let header: Header = read_line(stream, "send")?;
    let name = plain(&header.name);
    let mut moved = begin(&name, header.size);
    let local = |error| TransferError::Local(dir.to_owned(), error);
    let (draft, mut file) = Draft::create(dir).map_err(local)?;
    let (mut digest, mut left) = (Sha256::new(), header.size);
    while left > 0 {
        let bytes = match stream.fill_buf() {
            Ok([]) => return Err(TransferError::Session(io::ErrorKind::UnexpectedEof.into())),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(TransferError::Session(error)),
        };
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        // Before the disk, so that what is measured is the network.
        moved(count);
        digest.update(&bytes[..count]);
        file.write_all(&bytes[..count]).map_err(local)?;
        stream.consume(count);
        left -= count as u64;
    }
    let trailer: Trailer = read_line(stream, "send")?;
    let digest = HEXLOWER.encode(&digest.finish());
    if digest != trailer.sha256 {
        return Err(TransferError::Damaged);
    }
    file.sync_all().map_err(local)?;
    let name = settle(&draft, dir, &name).map_err(local)?;
    Ok(Moved { name, size: header.size, digest })
}

/// Gives the draft the first name that is free.
fn settle(draft: &Draft, dir: &Path, name: &str) -> io::Result<String> {
    for copy in 0..COPIES_MAX {
        let tried = numbered(name, copy);
        if publish(draft.path(), &dir.join(&tried))? {
            return Ok(tried);
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("too many files named {name}")))
}

fn write_line(into: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    into.write_all(&line)?;
    into.flush()
}

fn read_line<T: for<'de> Deserialize<'de>>(
    from: &mut impl BufRead,
    peer: &'static str,
) -> Result<T, TransferError> {
    let mut line = Vec::new();
    from.take(LINE_MAX).read_until(b'\n', &mut line).map_err(TransferError::Session)?;
    if line.is_empty() {
        return Err(TransferError::Session(io::ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&line)
        .map_err(|error| TransferError::Protocol(peer, one_line(&error.to_string())))
}

/// Opens a file to be sent; only plain files have an end that is known beforehand.
pub fn open(path: &Path) -> Result<(File, u64), TransferError> {
    let local = |error| TransferError::Local(path.to_owned(), error);
    let found = fs::metadata(path).map_err(local)?;
    if !found.is_file() {
        let text = "it is not a plain file; pack a directory with 'tar' first";
        return Err(local(io::Error::other(text)));
    }
    Ok((File::open(path).map_err(local)?, found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::thread;

    fn go(dir: &Path, name: &str, size: u64, bytes: &[u8]) -> [Result<Moved, TransferError>; 2] {
        let (near, far) = UnixStream::pair().expect("a pair");
        thread::scope(|scope| {
            let received = scope.spawn(|| receive(dir, far, |_, _| |_| ()));
            let mut source = bytes;
            let file = Outgoing { name: name.to_owned(), size, source: &mut source };
            let sent = send(file, near, |_| ());
            [sent, received.join().expect("no panic")]
        })
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir)
            .expect("there")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("text"));
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_arrives_whole_and_replaces_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        for wanted in ["a.bin", "a (1).bin", "a (2).bin"] {
            let [sent, received] = go(dir.path(), "x/a.bin", 300_000, &bytes);
            let (sent, received) = (sent.expect("sent"), received.expect("received"));
            assert_eq!((&sent, sent.name.as_str()), (&received, wanted));
            assert_eq!(fs::read(dir.path().join(wanted)).expect("there"), bytes);
        }
        let [sent, _] = go(dir.path(), "empty", 0, b"");
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sent.expect("sent").digest, empty);
        assert_eq!(names(dir.path()), ["a (1).bin", "a (2).bin", "a.bin", "empty"]);
    }

    #[test]
    fn what_is_not_whole_is_not_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let [sent, received] = go(dir.path(), "short", 10, b"123");
        assert!(matches!(sent, Err(TransferError::Changed(_))));
        assert!(matches!(received, Err(TransferError::Session(_))));
        let [sent, _] = go(dir.path(), "grew", 2, b"123");
        assert!(matches!(sent, Err(TransferError::Changed(_))));
        assert_eq!(names(dir.path()), [""; 0]);
    }

    fn receives(dir: &Path, bytes: &[u8]) -> (Result<Moved, TransferError>, String) {
        let (mut near, far) = UnixStream::pair().expect("a pair");
        near.write_all(bytes).expect("fits");
        near.shutdown(std::net::Shutdown::Write).expect("open");
        let outcome = receive(dir, far, |_, _| |_| ());
        let mut answer = String::new();
        near.read_to_string(&mut answer).expect("the answer");
        (outcome, answer)
    }

    #[test]
    fn a_wrong_digest_or_a_strange_peer_leaves_nothing_and_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let bytes = b"{\"name\":\"x\",\"size\":1}\n1{\"sha256\":\"00\"}\n";
        let (outcome, answer) = receives(dir.path(), bytes);
        assert!(matches!(outcome, Err(TransferError::Damaged)));
        assert!(answer.starts_with("{\"done\":false,"), "{answer}");
        let (outcome, _) = receives(dir.path(), b"GET / HTTP/1.1\r\n\r\n");
        assert!(matches!(outcome, Err(TransferError::Protocol("send", _))));
        let (outcome, _) = receives(dir.path(), &[b' '; 5000]);
        assert!(matches!(outcome, Err(TransferError::Protocol("send", _))));
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn the_sender_hears_why_the_receiver_gave_up() {
        let dir = Path::new("/nonexistent/directory");
        let [sent, received] = go(dir, "x", 3, b"123");
        assert!(matches!(received, Err(TransferError::Local(..))));
        let text = sent.expect_err("refused").to_string();
        assert!(text.contains("could not keep the file") && !text.contains("/nonex"), "{text}");
    }
}
