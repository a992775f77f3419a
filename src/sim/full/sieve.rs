//! What a relay that swallows packets lets through: all that it is told itself, and nothing that
//! it should pass on.

use crate::wire::frame::{self, Kind};

/// Takes packets and errands out of one way of a link.
#[derive(Debug, Default)]
pub struct Sieve {
    /// A frame that is not whole yet.
    held: Vec<u8>,
}

impl Sieve {
    /// What is left of these bytes, and of those before.
    pub fn strain(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let (mut through, mut at) = (Vec::new(), 0);
        while let Ok(Some(length)) = frame::length(&self.held[at..]) {
            let Some(whole) = self.held.get(at..at + length) else { break };
            if !matches!(frame::kind(whole), Ok(Kind::Packet | Kind::Errand)) {
                through.extend_from_slice(whole);
            }
            at += length;
        }
        self.held.drain(..at);
        through
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_taken_out_however_the_bytes_are_cut() {
        let message = |kind, total| {
            let mut bytes = vec![kind as u8; total];
            frame::emit(&mut bytes, kind, total);
            bytes
        };
        let kinds = [(Kind::Ping, 5), (Kind::Packet, 300), (Kind::Pulse, 20), (Kind::Errand, 9)];
        let all = kinds.map(|(kind, total)| message(kind, total)).concat();
        let kept = [message(Kind::Ping, 5), message(Kind::Pulse, 20)].concat();
        for chunk in [1, 7, 400] {
            let mut sieve = Sieve::default();
            let through: Vec<u8> = all.chunks(chunk).flat_map(|part| sieve.strain(part)).collect();
            assert_eq!(through, kept, "{chunk}");
        }
    }
}
