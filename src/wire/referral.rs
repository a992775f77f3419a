//! Where else there is room: what a node with no place left for a neighbour says of its children.
//!
//! Every neighbour tells the port where it can be dialled (*listens*); the address is the one that
//! the hearer sees itself. `docs/protocol/overlay.md` has the layouts.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::WireError;
use super::cursor::{Reader, Writer};
use crate::base::ids::Name;
use crate::base::limits::{REFERRED_MAX, TREES_MAX};

/// Reads the port where the sender listens for neighbours.
pub fn parse_listens(body: &[u8]) -> Result<u16, WireError> {
    let mut reader = Reader::new(body);
    let port = parse_port(&mut reader)?;
    reader.end()?;
    Ok(port)
}

/// A node to ask instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    /// Who must prove to be there.
    pub name: Name,
    /// Where it can be dialled.
    pub at: SocketAddr,
}

impl Other {
    /// Bytes on the wire.
    pub const LEN: usize = Name::LEN + 16 + 2;
}

/// Nodes to ask for a place in a tree, the least burdened first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referral {
    /// Which tree.
    pub tree: u8,
    /// Whom; one to [`REFERRED_MAX`].
    pub others: Vec<Other>,
}

impl Referral {
    /// Reads the whole message.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let (tree, count) = (reader.u8()?, usize::from(reader.u8()?));
        if usize::from(tree) >= TREES_MAX || !(1..=REFERRED_MAX).contains(&count) {
            return Err(WireError::Bound);
        }
        let mut others = Vec::with_capacity(count);
        for _ in 0..count {
            let name = Name::from_bytes(reader.array()?);
            let ip = Ipv6Addr::from(reader.array::<16>()?).to_canonical();
            others.push(Other { name, at: SocketAddr::new(ip, parse_port(&mut reader)?) });
        }
        reader.end()?;
        Ok(Self { tree, others })
    }

    /// Bytes of the whole message.
    #[must_use]
    pub fn room(&self) -> usize {
        self.others.len().saturating_mul(Other::LEN).saturating_add(2)
    }

    /// Writes the whole message.
    pub fn emit(&self, into: &mut Writer<'_>) {
        into.u8(self.tree).u8(self.others.len() as u8);
        for Other { name, at } in &self.others {
            let ip = match at.ip() {
                IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                IpAddr::V6(v6) => v6,
            };
            into.bytes(name.as_bytes()).bytes(&ip.octets()).u16(at.port());
        }
    }
}

fn parse_port(reader: &mut Reader<'_>) -> Result<u16, WireError> {
    let port = reader.u16()?;
    if port == 0 { Err(WireError::Unknown) } else { Ok(port) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(referral: &Referral) -> Vec<u8> {
        let mut bytes = vec![0; referral.room()];
        referral.emit(&mut Writer::new(&mut bytes));
        bytes
    }

    #[test]
    fn a_referral_survives_its_bytes_and_no_byte_more_or_less() {
        let other = |fill, at: &str| Other {
            name: Name::from_bytes([fill; 32]),
            at: at.parse().expect("an address"),
        };
        let others = vec![other(1, "192.0.2.7:7001"), other(2, "[2001:db8::1]:1")];
        let referral = Referral { tree: 3, others };
        let bytes = bytes(&referral);
        assert_eq!(Referral::parse(&bytes), Ok(referral));
        assert!(Referral::parse(&bytes[..bytes.len() - 1]).is_err());
        assert_eq!(Referral::parse(&[&bytes[..], &[0]].concat()), Err(WireError::Trailing));
    }

    #[test]
    fn nobody_too_many_and_port_zero_are_refused() {
        let other = Other { name: Name::from_bytes([1; 32]), at: ([192, 0, 2, 7], 1).into() };
        for count in [0, REFERRED_MAX + 1] {
            let bytes = bytes(&Referral { tree: 0, others: vec![other; count] });
            assert_eq!(Referral::parse(&bytes), Err(WireError::Bound));
        }
        let nowhere = Other { at: ([192, 0, 2, 7], 0).into(), ..other };
        let bytes = bytes(&Referral { tree: 0, others: vec![nowhere] });
        assert_eq!(Referral::parse(&bytes), Err(WireError::Unknown));
        assert_eq!(parse_listens(&[0, 0]), Err(WireError::Unknown));
        assert_eq!(parse_listens(&[0, 1]), Ok(1));
        assert_eq!(parse_listens(&[0, 1, 0]), Err(WireError::Trailing));
    }
}
