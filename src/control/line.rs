//! One control connection: lines of JSON in and out, bounded, without a socket.
//!
//! Nothing is read while an answer waits to be written, so whoever asks and does not read holds up
//! nobody but himself.

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::base::limits::REQUEST_BYTES_MAX;
use crate::base::machine::Slices;

/// Why a line is not a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LineError {
    /// No end of line within the bound.
    #[error("a request has at most {REQUEST_BYTES_MAX} bytes")]
    TooLong,
    /// Not JSON, or not what was asked for.
    #[error("not a request: {0}")]
    Malformed(String),
}

/// Both directions of a control connection.
#[derive(Debug)]
pub struct Lines {
    input: Box<[u8]>,
    filled: usize,
    output: Vec<u8>,
    written: usize,
}

impl Default for Lines {
    fn default() -> Self {
        let input = vec![0; REQUEST_BYTES_MAX].into_boxed_slice();
        Self { input, filled: 0, output: Vec::new(), written: 0 }
    }
}

impl Lines {
    /// Where the next bytes belong; empty while an answer waits.
    pub fn recv_space(&mut self) -> &mut [u8] {
        if self.has_output() { &mut [] } else { &mut self.input[self.filled..] }
    }

    /// So many bytes were put there.
    pub fn recv_commit(&mut self, count: usize) {
        self.filled += count;
    }

    /// The next whole line, read as a `T`; `None` until there is one. After an error the
    /// connection is of no more use.
    pub fn next_line<T: DeserializeOwned>(&mut self) -> Option<Result<T, LineError>> {
        let held = &self.input[..self.filled];
        let Some(end) = held.iter().position(|byte| *byte == b'\n') else {
            return (self.filled == self.input.len()).then_some(Err(LineError::TooLong));
        };
        let value = serde_json::from_slice(&held[..end]);
        self.input.copy_within(end + 1..self.filled, 0);
        self.filled -= end + 1;
        Some(value.map_err(|error| LineError::Malformed(error.to_string())))
    }

    /// Takes what came behind the last line: the start of the stream that follows it.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.input[..self.filled].to_vec();
        self.filled = 0;
        rest
    }

    /// Queues a line.
    pub fn push<T: Serialize>(&mut self, value: &T) {
        let line = serde_json::to_string(value).expect("replies have no map keys but strings");
        self.output.extend_from_slice(line.as_bytes());
        self.output.push(b'\n');
    }

    /// Whether there is something to write.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.written < self.output.len()
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.output.len() - self.written
    }

    /// What is to be written next.
    pub fn send_slices<'a>(&'a self, into: &mut Slices<'a>) {
        into.push(&self.output[self.written..]);
    }

    /// So many bytes of it were written.
    pub fn send_commit(&mut self, count: usize) {
        self.written += count;
        if !self.has_output() {
            self.output.clear();
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::request::{Reply, Request};
    use quickcheck::quickcheck;

    fn give(lines: &mut Lines, bytes: &[u8]) {
        lines.recv_space()[..bytes.len()].copy_from_slice(bytes);
        lines.recv_commit(bytes.len());
    }

    #[test]
    fn requests_come_out_one_by_one_and_the_stream_stays() {
        let mut lines = Lines::default();
        give(&mut lines, b"{\"do\":\"status\"}\n{\"do\":\"recon");
        assert_eq!(lines.next_line(), Some(Ok(Request::Status)));
        assert_eq!(lines.next_line::<Request>(), None);
        give(&mut lines, b"nect\"}\nSSH-2.0");
        assert_eq!(lines.next_line(), Some(Ok(Request::Reconnect)));
        assert_eq!((lines.take_rest(), lines.take_rest()), (b"SSH-2.0".to_vec(), vec![]));
    }

    #[test]
    fn nothing_is_read_while_an_answer_waits() {
        // DO-07: one who asks and does not read.
        let mut lines = Lines::default();
        lines.push(&Reply::Ok);
        assert!(lines.recv_space().is_empty());
        let mut slices = Slices::default();
        lines.send_slices(&mut slices);
        assert_eq!(&slices[0][..], b"{\"is\":\"ok\"}\n");
        lines.send_commit(12);
        assert!(!lines.has_output() && !lines.recv_space().is_empty());
    }

    #[test]
    fn an_endless_line_is_an_error() {
        let mut lines = Lines::default();
        give(&mut lines, &[b' '; REQUEST_BYTES_MAX]);
        assert_eq!(lines.next_line::<Request>(), Some(Err(LineError::TooLong)));
    }

    quickcheck! {
        fn any_line_is_survived(bytes: Vec<u8>) -> bool {
            let mut lines = Lines::default();
            give(&mut lines, &bytes);
            let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
            (0..newlines).all(|_| lines.next_line::<Request>().is_some())
                && lines.next_line::<Request>().is_none()
        }
    }
}
