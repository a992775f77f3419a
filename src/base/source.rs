//! Where a connection comes from, as limits count it.

use std::net::{IpAddr, SocketAddr};

use super::ids::Endpoint;

/// The site that a connection comes from: what one party has at no cost.
///
/// An IPv4 address counts as a whole, an IPv6 address by its first 56 bits, the least that a site
/// is given (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// This machine, by a Unix socket or by memory.
    Local,
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first seven bytes of an IPv6 address.
    V6([u8; 7]),
}

impl Source {
    /// The source of a connection from this endpoint.
    #[must_use]
    pub fn of(from: &Endpoint) -> Self {
        match from {
            Endpoint::Tcp(address) => Self::of_address(address),
            Endpoint::Host(..) | Endpoint::Unix(_) => Self::Local,
        }
    }

    /// A number of its own, for what is spread over sources; none for what is on this machine.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Local => None,
            Self::V4(bytes) => Some(u32::from_be_bytes(bytes).into()),
            Self::V6([a, b, c, d, e, f, g]) => Some(u64::from_be_bytes([0, a, b, c, d, e, f, g])),
        }
    }

    fn of_address(address: &SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_site_are_one_source() {
        let source = |text: &str| Source::of(&text.parse().expect("an endpoint"));
        assert_eq!(source("192.0.2.1:7"), source("192.0.2.1:8"));
        assert_eq!(source("192.0.2.1:7"), source("[::ffff:192.0.2.1]:7"));
        assert_ne!(source("192.0.2.1:7"), source("192.0.2.2:7"));
        assert_eq!(source("[2001:db8:0:a1::1]:7"), source("[2001:db8:0:a2:ffff::1]:9"));
        assert_ne!(source("[2001:db8:0:a1::1]:7"), source("[2001:db8:0:1a1::1]:7"));
        assert_eq!(source("unix:/run/x"), Source::Local);
    }
}
