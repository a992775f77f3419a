//! What the two sides say to each other inside the handshake.
//!
//! The handshake itself is Noise XX; these are its payloads. `docs/protocol/handshake.md`.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;

/// Suites one offer may hold.
const SUITES_MAX: usize = 8;
/// Domain of the signature that binds a static key to a Name.
pub const BINDING_DOMAIN: &[u8] = b"MUSeS static key v1";

/// What stands before the Noise message in a Hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// A pre-shared secret is mixed in: Noise `XXpsk2` rather than `XX`.
    pub psk: bool,
    /// Only for a peer that still holds a tunnel with the sender: it learns that the tunnel is
    /// lost. Everybody else ignores it.
    pub notice: bool,
    /// The cookie of a Retry, which shows that answers to the sender's Name reach the sender.
    pub cookie: Option<Cookie>,
}

/// What a responder under load wants to see again before it computes anything with a public key.
pub type Cookie = [u8; 32];

const PSK: u8 = 1;
const NOTICE: u8 = 2;
const COOKIE: u8 = 4;

impl Manner {
    /// Bytes that it takes, at most.
    pub const LEN_MAX: usize = 1 + size_of::<Cookie>();

    /// Splits the flags and the cookie from the Noise message behind them.
    ///
    /// # Errors
    ///
    /// If a flag is unknown, or the cookie that is announced is not there.
    pub fn parse(body: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let mut reader = Reader::new(body);
        let flags = reader.u8()?;
        if flags & !(PSK | NOTICE | COOKIE) != 0 {
            return Err(WireError::Unknown);
        }
        let cookie = if flags & COOKIE == 0 { None } else { Some(reader.array()?) };
        let manner = Self { psk: flags & PSK != 0, notice: flags & NOTICE != 0, cookie };
        Ok((manner, reader.rest()))
    }

    /// Writes what stands before the Noise message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        let cookie = if self.cookie.is_some() { COOKIE } else { 0 };
        into.u8(u8::from(self.psk) | u8::from(self.notice) << 1 | cookie);
        if let Some(cookie) = &self.cookie {
            into.bytes(cookie);
        }
    }
}

/// Payload of the first message: the suites the initiator has, best first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Suite numbers; unknown ones are kept, they are the responder's to skip.
    pub suites: Vec<u8>,
}

impl Offer {
    /// Reads the whole payload.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let count = usize::from(reader.u8()?);
        if count == 0 || count > SUITES_MAX {
            return Err(WireError::Bound);
        }
        let suites = reader.bytes(count)?.to_vec();
        reader.end()?;
        Ok(Self { suites })
    }

    /// Writes the whole payload.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u8(self.suites.len() as u8).bytes(&self.suites);
    }
}

/// Payload of the second and third message: who I am, which life of mine this is, what we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Ed25519 signature of the Name over [`binding_text`].
    pub binding: [u8; 64],
    /// Random number of this run of the daemon: another one means that all sessions are lost.
    pub boot: [u8; 16],
    /// The suite chosen by the responder and repeated by the initiator.
    pub suite: u8,
}

impl Credentials {
    /// Bytes of the payload.
    pub const LEN: usize = 64 + 16 + 1;

    /// Reads the whole payload.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let read = Self { binding: reader.array()?, boot: reader.array()?, suite: reader.u8()? };
        reader.end()?;
        Ok(read)
    }

    /// Writes the whole payload.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.bytes(&self.binding).bytes(&self.boot).u8(self.suite);
    }
}

/// What a Name signs to bind its static X25519 key: the domain, the Name, the key.
#[must_use]
pub fn binding_text(name: &Name, static_key: &[u8; 32]) -> Vec<u8> {
    [BINDING_DOMAIN, name.as_bytes(), static_key].concat()
}

/// What both sides know before the handshake and mix into it: version and both Names, the
/// initiator's first. Whoever answers for another Name derives other keys.
#[must_use]
pub fn prologue(initiator: &Name, responder: &Name) -> Vec<u8> {
    [b"MUSeS v1".as_slice(), initiator.as_bytes(), responder.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_survive_their_bytes() {
        let offer = Offer { suites: vec![1, 2, 200] };
        let mut bytes = [0; 4];
        offer.emit(&mut Writer::new(&mut bytes));
        assert_eq!(Offer::parse(&bytes), Ok(offer));
        assert_eq!(Offer::parse(&[0]), Err(WireError::Bound));
        assert_eq!(Offer::parse(&[9; 10]), Err(WireError::Bound));

        let credentials = Credentials { binding: [1; 64], boot: [2; 16], suite: 3 };
        let mut bytes = [0; Credentials::LEN];
        credentials.emit(&mut Writer::new(&mut bytes));
        assert_eq!(Credentials::parse(&bytes), Ok(credentials));
        assert_eq!(Credentials::parse(&bytes[1..]), Err(WireError::Short));
    }

    #[test]
    fn an_unknown_flag_or_a_short_cookie_is_no_hello() {
        for flags in 0..8 {
            let mut bytes = vec![flags];
            bytes.extend([9; 32].iter().filter(|_| flags & COOKIE != 0));
            bytes.push(7);
            let (manner, rest) = Manner::parse(&bytes).expect("known flags");
            assert_eq!(rest, [7]);
            let mut again = [0; Manner::LEN_MAX];
            let mut writer = Writer::new(&mut again);
            manner.emit(&mut writer);
            assert_eq!(bytes[..bytes.len() - 1], again[..bytes.len() - 1]);
        }
        assert_eq!(Manner::parse(&[8]), Err(WireError::Unknown));
        assert_eq!(Manner::parse(&[]), Err(WireError::Short));
        assert_eq!(Manner::parse(&[COOKIE; 32]), Err(WireError::Short));
    }
}
