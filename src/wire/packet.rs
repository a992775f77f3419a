//! The packet: persistent header, payload, ICV.
//!
//! ```text
//!  0      1         2       3      4            8                16              32
//!  +------+---------+-------+------+------------+----------------+---------------+---------+-----+
//!  | ver  | ConTYPE | suite | last | epoch      | SeqNBR         | SessID        | payload | ICV |
//!  +------+---------+-------+------+------------+----------------+---------------+---------+-----+
//! ```
//!
//! The header, SrcID and DstID (which stand in the Routing Header) and the sealed payload are all
//! under the ICV. `docs/protocol/packet.md`.

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::limits::PERSISTENT_LEN;

/// Version of the packet format and of everything sealed in it.
pub const VERSION: u8 = 1;

/// What a packet carries (the paper's ConTYPE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ConType {
    /// First message of the handshake, pSessID-a.
    Hello = 1,
    /// Its answer, pSessID-b.
    HelloBack = 2,
    /// The initiator's proof.
    Finished = 3,
    /// The responder's confirmation or refusal; the first sealed packet of a tunnel.
    FinishedBack = 4,
    /// Resumption, and stepping of the epoch.
    ReHello = 5,
    /// Its answer.
    ReHelloBack = 6,
    /// Acknowledgements and credit of a tunnel's sessions.
    Ack = 7,
    /// Asks for an [`ConType::Ack`].
    Probe = 8,
    /// The peer lets the tunnel go.
    Goodbye = 9,
    /// First packet of a session: the service wanted.
    Open = 16,
    /// The far service accepted.
    Accept = 17,
    /// It did not; the code says why.
    Refuse = 18,
    /// Application bytes.
    Data = 19,
    /// End of stream.
    Fin = 20,
    /// The application's connection was reset.
    Reset = 21,
    /// Not sealed: a relay knows no way to the destination. Nothing is ended by it.
    Unreachable = 32,
    /// Not sealed: a handshake cannot go on; the code says why. Nothing is ended by it.
    Refused = 33,
    /// Not sealed: a responder under load answers the Hello that brings this cookie back.
    Retry = 34,
}

impl ConType {
    /// All types, for tests and tables.
    pub const ALL: [Self; 18] = [
        Self::Hello,
        Self::HelloBack,
        Self::Finished,
        Self::FinishedBack,
        Self::ReHello,
        Self::ReHelloBack,
        Self::Ack,
        Self::Probe,
        Self::Goodbye,
        Self::Open,
        Self::Accept,
        Self::Refuse,
        Self::Data,
        Self::Fin,
        Self::Reset,
        Self::Unreachable,
        Self::Refused,
        Self::Retry,
    ];

    /// Whether it belongs to a session: numbered by the session's SeqNBR, acknowledged, in order.
    #[must_use]
    pub fn is_session(self) -> bool {
        (Self::Open..=Self::Reset).contains(&self)
    }
}

impl TryFrom<u8> for ConType {
    type Error = WireError;

    fn try_from(value: u8) -> Result<Self, WireError> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == value).ok_or(WireError::Unknown)
    }
}

/// Half of a SessID: port and serial of one side.
///
/// The peer's ID, the third part of the paper's pSessID, is bound through the keys and does not
/// travel. The serial makes it recur never: a port alone does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PSessId {
    /// Source port of the application, or the service's port.
    pub port: u16,
    /// 48-bit serial; see [`PSessId::SERIAL_MAX`].
    pub serial: u64,
}

impl PSessId {
    /// The last serial.
    pub const SERIAL_MAX: u64 = (1 << 48) - 1;

    /// Port and serial in one number.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        (self.port as u64) << 48 | self.serial & Self::SERIAL_MAX
    }

    /// The halves of a number made by [`PSessId::to_u64`].
    #[must_use]
    pub const fn from_u64(value: u64) -> Self {
        Self { port: (value >> 48) as u16, serial: value & Self::SERIAL_MAX }
    }
}

/// A session's identifier: pSessID-a • pSessID-b, the opener's half first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessId {
    /// The half of the side that opened.
    pub opener: PSessId,
    /// The half of the other side.
    pub answerer: PSessId,
}

impl SessId {
    /// The 16 bytes on the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let [opener, answerer] = [self.opener, self.answerer].map(PSessId::to_u64);
        (u128::from(opener) << u64::BITS | u128::from(answerer)).to_be_bytes()
    }

    fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        let [opener, answerer] = [(both >> u64::BITS) as u64, both as u64].map(PSessId::from_u64);
        Self { opener, answerer }
    }
}

/// The persistent header's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the packet carries.
    pub kind: ConType,
    /// Number of the suite that sealed it; zero where nothing is sealed.
    pub suite: u8,
    /// The sender waits for the acknowledgement before it sends more (Algorithm 1's `flag_last`).
    pub last: bool,
    /// Epoch of the keys that sealed it.
    pub epoch: u32,
    /// SeqNBR: number and nonce.
    pub seq: u64,
    /// SessID.
    pub session: SessId,
}

impl Header {
    /// Reads the header at the start of a packet.
    pub fn parse(packet: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(packet.get(..PERSISTENT_LEN).ok_or(WireError::Short)?);
        let [version, kind, suite, last] = reader.array()?;
        if version != VERSION {
            return Err(WireError::Version);
        }
        if last > 1 {
            return Err(WireError::Unknown);
        }
        Ok(Self {
            kind: kind.try_into()?,
            suite,
            last: last == 1,
            epoch: reader.u32()?,
            seq: reader.u64()?,
            session: SessId::from_bytes(reader.array()?),
        })
    }

    /// Writes the header to the first [`PERSISTENT_LEN`] bytes of `into`.
    pub fn emit(&self, into: &mut [u8]) {
        Writer::new(into)
            .bytes(&[VERSION, self.kind as u8, self.suite, u8::from(self.last)])
            .u32(self.epoch)
            .u64(self.seq)
            .bytes(&self.session.to_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    quickcheck! {
        fn a_header_survives_its_bytes(
            kind: u8, suite: u8, last: bool, epoch: u32, seq: u64, b: u64
        ) -> bool {
            let kind = ConType::ALL[usize::from(kind) % ConType::ALL.len()];
            let session = SessId { opener: PSessId::from_u64(!b), answerer: PSessId::from_u64(b) };
            let header = Header { kind, suite, last, epoch, seq, session };
            let mut bytes = [0xa5; PERSISTENT_LEN];
            header.emit(&mut bytes);
            Header::parse(&bytes) == Ok(header)
        }

        fn what_parses_is_canonical(bytes: Vec<u8>) -> bool {
            let Ok(header) = Header::parse(&bytes) else { return true };
            let mut again = [0; PERSISTENT_LEN];
            header.emit(&mut again);
            again[..] == bytes[..PERSISTENT_LEN]
        }
    }

    #[test]
    fn every_type_is_known_by_its_number_and_no_other_is() {
        let known: Vec<u8> = (0..=255).filter(|n| ConType::try_from(*n).is_ok()).collect();
        let listed: Vec<u8> = ConType::ALL.iter().map(|kind| *kind as u8).collect();
        assert_eq!(known, listed);
    }
}
