//! SOCKS5 (RFC 1928): what a local application says first, and what it is told.
//!
//! ```text
//! greeting   05 count methods…                 ->  05 00, or 05 ff
//! request    05 command 00 type host… port     ->  05 code 00 type bound… port
//! ```
//!
//! [`Negotiation`] takes the bytes as they come, in any pieces, and never a byte of what the
//! application sends behind its request. A web page that posts to the port, or a browser that
//! tries TLS, is known by its first byte and dropped before anything happens.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::reason::Reason;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;
/// Bytes before the host in a request.
const HEAD: usize = 4;
/// A request with a domain of 255 bytes: the longest message there is.
const MESSAGE_MAX: usize = HEAD + 1 + 255 + 2;

/// The reply field of RFC 1928 section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The far service has accepted the connection.
    Succeeded = 0,
    /// Any failure without a code of its own.
    General = 1,
    /// Not allowed by the far side's rules.
    NotAllowed = 2,
    /// Network unreachable.
    NetworkUnreachable = 3,
    /// Host unreachable.
    HostUnreachable = 4,
    /// Connection refused.
    Refused = 5,
    /// TTL expired: what clients print for a time-out.
    TimedOut = 6,
    /// The command is neither CONNECT nor known.
    CommandNotSupported = 7,
    /// The address type is unknown.
    AddressNotSupported = 8,
}

impl From<Reason> for Code {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::NotAllowed | Reason::SecretDiffers | Reason::SecretMissing => Self::NotAllowed,
            Reason::NoService | Reason::Refused | Reason::ByApplication => Self::Refused,
            Reason::Unreachable | Reason::NoSuchHost | Reason::Stopped => Self::HostUnreachable,
            Reason::TimedOut | Reason::Expired => Self::TimedOut,
            Reason::NoSuite | Reason::Full | Reason::Killed | Reason::Restarted | Reason::LetGo => {
                Self::General
            }
        }
    }
}

/// Where the application wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
    /// A name, which nobody has looked up.
    Domain(String),
}

/// Why a negotiation came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It speaks HTTP: a web page, or a proxy setting of the wrong kind.
    Http,
    /// It speaks TLS.
    Tls,
    /// It speaks SOCKS4, which cannot carry names.
    Socks4,
    /// It speaks something else.
    Stranger,
    /// It insists on authentication.
    Method,
    /// The request is not version 5.
    Version,
    /// BIND, UDP ASSOCIATE or an unknown command.
    Command,
    /// An unknown address type.
    AddressType,
    /// An empty domain, or one that is not text.
    Domain,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Wait for more bytes.
    NeedMore,
    /// Write these, then feed what is left.
    Answer([u8; 2]),
    /// Open a session; answer with [`reply`] once the outcome is known.
    Connect {
        /// Host part.
        host: Host,
        /// Port part.
        port: u16,
    },
    /// Write these, if any, then close.
    Refuse(Vec<u8>, Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Request,
    /// The request is out; what follows is the application's.
    Over,
    /// Refused; what follows is swallowed, because a close over unread bytes resets the
    /// connection and takes the answer with it.
    Refused,
}

/// One application's negotiation.
#[derive(Clone, Debug)]
pub struct Negotiation {
    stage: Stage,
    held: Vec<u8>,
}

impl Default for Negotiation {
    fn default() -> Self {
        Self { stage: Stage::Greeting, held: Vec::new() }
    }
}

impl Negotiation {
    /// Takes in bytes: how many were consumed, and what to do next. After an
    /// [`Step::Answer`] the rest must be fed again.
    pub fn feed(&mut self, bytes: &[u8]) -> (usize, Step) {
        let mut consumed = 0;
        loop {
            let wanted = match self.stage {
                Stage::Over => return (0, Step::NeedMore),
                Stage::Refused => return (bytes.len(), Step::NeedMore),
                Stage::Greeting => match greeting_len(&self.held) {
                    Ok(len) => len,
                    Err(fault) => return self.refuse(bytes, Vec::new(), fault),
                },
                Stage::Request => match request_len(&self.held) {
                    Ok(len) => len,
                    Err((code, fault)) => return self.refuse(bytes, reply(code, None), fault),
                },
            };
            debug_assert!(wanted <= MESSAGE_MAX, "a message has a greatest length");
            if self.held.len() == wanted {
                return self.finish(consumed, bytes);
            }
            let rest = bytes.get(consumed..).unwrap_or_default();
            if rest.is_empty() {
                return (consumed, Step::NeedMore);
            }
            let missing = wanted.saturating_sub(self.held.len());
            let taken = rest.get(..missing).unwrap_or(rest);
            self.held.extend_from_slice(taken);
            consumed = consumed.saturating_add(taken.len());
        }
    }

    /// Whether nothing was ever fed: an application that only tries whether we are there.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.stage == Stage::Greeting && self.held.is_empty()
    }

    fn finish(&mut self, consumed: usize, bytes: &[u8]) -> (usize, Step) {
        let message = std::mem::take(&mut self.held);
        if self.stage == Stage::Greeting {
            let methods = message.get(2..).unwrap_or_default();
            if !methods.contains(&NO_AUTHENTICATION) {
                return self.refuse(bytes, vec![VERSION, NO_METHOD], Fault::Method);
            }
            self.stage = Stage::Request;
            return (consumed, Step::Answer([VERSION, NO_AUTHENTICATION]));
        }
        let [_, command, _, kind, fields @ .., high, low] = message.as_slice() else {
            return self.refuse(bytes, reply(Code::General, None), Fault::Version);
        };
        if *command != CONNECT {
            let answer = reply(Code::CommandNotSupported, None);
            return self.refuse(bytes, answer, Fault::Command);
        }
        let Some(host) = host(*kind, fields) else {
            let answer = reply(Code::HostUnreachable, None);
            return self.refuse(bytes, answer, Fault::Domain);
        };
        self.stage = Stage::Over;
        (consumed, Step::Connect { host, port: u16::from_be_bytes([*high, *low]) })
    }

    fn refuse(&mut self, bytes: &[u8], answer: Vec<u8>, fault: Fault) -> (usize, Step) {
        self.stage = Stage::Refused;
        self.held = Vec::new();
        (bytes.len(), Step::Refuse(answer, fault))
    }
}

/// Bytes of the greeting, as far as the bytes held tell; more bytes may tell more.
fn greeting_len(held: &[u8]) -> Result<usize, Fault> {
    match held {
        [] => Ok(1),
        [VERSION] => Ok(2),
        [VERSION, count, ..] => Ok(usize::from(*count).saturating_add(2)),
        [4, ..] => Err(Fault::Socks4),
        // RFC 8446 section 5.1: a ClientHello is a record of type 22.
        [22, ..] => Err(Fault::Tls),
        // RFC 9110 section 9.1: every method registered is in capitals.
        [b'A'..=b'Z', ..] => Err(Fault::Http),
        [_, ..] => Err(Fault::Stranger),
    }
}

/// The same for the request.
fn request_len(held: &[u8]) -> Result<usize, (Code, Fault)> {
    if held.first().is_some_and(|version| *version != VERSION) {
        return Err((Code::General, Fault::Version));
    }
    match *held {
        [_, _, _, IPV4, ..] => Ok(HEAD + 4 + 2),
        [_, _, _, IPV6, ..] => Ok(HEAD + 16 + 2),
        [_, _, _, DOMAIN] => Ok(HEAD + 1),
        [_, _, _, DOMAIN, len, ..] => Ok(usize::from(len).saturating_add(HEAD + 1 + 2)),
        [_, _, _, _, ..] => Err((Code::AddressNotSupported, Fault::AddressType)),
        _ => Ok(HEAD),
    }
}

fn host(kind: u8, fields: &[u8]) -> Option<Host> {
    match kind {
        IPV4 => return <[u8; 4]>::try_from(fields).ok().map(|bytes| Host::V4(bytes.into())),
        IPV6 => return <[u8; 16]>::try_from(fields).ok().map(|bytes| Host::V6(bytes.into())),
        _ => {}
    }
    let (_, name) = fields.split_first()?;
    let name = std::str::from_utf8(name).ok()?;
    let printable = !name.is_empty() && !name.chars().any(char::is_control);
    printable.then(|| Host::Domain(name.to_owned()))
}

/// The answer to a request. `bound` is what the session is bound to; zeros where nothing is.
#[must_use]
pub fn reply(code: Code, bound: Option<SocketAddr>) -> Vec<u8> {
    let bound = bound.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    let mut bytes = vec![VERSION, code as u8, 0];
    match bound {
        SocketAddr::V4(v4) => {
            bytes.push(IPV4);
            bytes.extend_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            bytes.push(IPV6);
            bytes.extend_from_slice(&v6.ip().octets());
        }
    }
    bytes.extend_from_slice(&bound.port().to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    /// Feeds `bytes` cut into pieces; the steps that mattered, and what was left unconsumed.
    fn run(bytes: &[u8], mut cuts: impl Iterator<Item = usize>) -> (Vec<Step>, usize) {
        let mut negotiation = Negotiation::default();
        let (mut steps, mut at, mut end) = (Vec::new(), 0, 0);
        loop {
            let (consumed, step) = negotiation.feed(&bytes[at..end]);
            at += consumed;
            if step != Step::NeedMore {
                steps.push(step);
            } else if end == bytes.len() {
                return (steps, bytes.len() - at);
            } else {
                end = (end + cuts.next().unwrap_or(usize::MAX).clamp(1, 300)).min(bytes.len());
            }
        }
    }

    fn whole(bytes: &[u8]) -> (Vec<Step>, usize) {
        run(bytes, std::iter::empty())
    }

    fn refused(bytes: &[u8]) -> (Vec<u8>, Fault) {
        let (mut steps, left) = whole(bytes);
        assert_eq!(left, 0, "what follows a refusal is swallowed");
        match steps.pop() {
            Some(Step::Refuse(answer, fault)) => (answer, fault),
            other => panic!("not refused: {other:?}"),
        }
    }

    fn request(command: u8, kind: u8, rest: &[u8]) -> Vec<u8> {
        [&[5, 1, 0, 5, command, 0, kind], rest].concat()
    }

    fn domain(name: &[u8], port: [u8; 2]) -> Vec<u8> {
        request(CONNECT, DOMAIN, &[&[name.len() as u8], name, &port].concat())
    }

    #[test]
    fn the_three_kinds_of_host_are_understood() {
        let (steps, left) = whole(&domain(b"bob.muses", [0, 22]));
        let host = Host::Domain("bob.muses".into());
        assert_eq!(steps, [Step::Answer([5, 0]), Step::Connect { host, port: 22 }]);
        assert_eq!(left, 0);
        let (steps, _) = whole(&request(CONNECT, IPV4, &[10, 0, 0, 1, 1, 0]));
        let host = Host::V4(Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(steps.last(), Some(&Step::Connect { host, port: 256 }));
        let (steps, _) = whole(&request(CONNECT, IPV6, &[&[0xfd; 16][..], &[0, 80]].concat()));
        let host = Host::V6(Ipv6Addr::from([0xfd; 16]));
        assert_eq!(steps.last(), Some(&Step::Connect { host, port: 80 }));
    }

    #[test]
    fn a_name_of_255_bytes_is_taken_and_early_data_is_left() {
        let name = "n".repeat(255);
        let bytes = [&domain(name.as_bytes(), [0, 1])[..], b"GET / HTTP/1.1"].concat();
        let (steps, left) = whole(&bytes);
        let host = Host::Domain(name);
        assert_eq!(steps.last(), Some(&Step::Connect { host, port: 1 }));
        assert_eq!(left, 14);
    }

    /// LO-01: nothing is answered to a browser, not even an error page.
    #[test]
    fn a_web_page_is_dropped_at_its_first_byte() {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "PATCH"] {
            let bytes = format!("{method} / HTTP/1.1\r\n\r\n\u{5}\u{1}\0");
            assert_eq!(refused(bytes.as_bytes()), (Vec::new(), Fault::Http));
        }
        assert_eq!(refused(&[0x16, 3, 1, 2, 0, 1]), (Vec::new(), Fault::Tls));
        assert_eq!(refused(&[4, 1, 0, 22, 0, 0, 0, 1, 0]), (Vec::new(), Fault::Socks4));
        assert_eq!(refused(b"\0"), (Vec::new(), Fault::Stranger));
    }

    /// LO-08: the codes of RFC 1928.
    #[test]
    fn what_is_not_done_is_refused_with_its_own_code() {
        assert_eq!(refused(&[5, 2, 1, 2]), (vec![5, 0xff], Fault::Method));
        assert_eq!(refused(&[5, 0]), (vec![5, 0xff], Fault::Method));
        let code = |answer: (Vec<u8>, Fault)| (answer.0[1], answer.1, answer.0.len());
        for command in [0, 2, 3, 9] {
            let bytes = request(command, IPV4, &[0; 6]);
            assert_eq!(code(refused(&bytes)), (7, Fault::Command, 10));
        }
        for kind in [0, 2, 5, 255] {
            assert_eq!(code(refused(&request(1, kind, &[0; 9]))), (8, Fault::AddressType, 10));
        }
        assert_eq!(code(refused(&domain(b"", [0, 1]))), (4, Fault::Domain, 10));
        assert_eq!(code(refused(&domain(b"\xff\xfe", [0, 1]))), (4, Fault::Domain, 10));
        assert_eq!(code(refused(&domain(b"a\nb", [0, 1]))), (4, Fault::Domain, 10));
        assert_eq!(code(refused(&[5, 1, 0, 4, 1, 0, 1])), (1, Fault::Version, 10));
    }

    #[test]
    fn replies_are_laid_out_as_the_rfc_says() {
        let v6 = SocketAddr::from(([0xab; 16], 0x1234));
        assert_eq!(reply(Code::Succeeded, None), [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        let bytes = reply(Code::Refused, Some(v6));
        assert_eq!((&bytes[..4], &bytes[20..]), (&[5, 5, 0, 4][..], &[0x12, 0x34][..]));
        let codes: Vec<u8> = Reason::ALL.iter().map(|reason| Code::from(*reason) as u8).collect();
        assert_eq!(codes, [2, 5, 5, 4, 6, 4, 2, 2, 1, 1, 5, 1, 6, 4, 1, 1]);
    }

    quickcheck! {
        fn pieces_do_not_matter(bytes: Vec<u8>, cuts: Vec<u8>, form: u8) -> bool {
            let bytes = match form % 4 {
                0 => bytes,
                1 => domain(&bytes[..bytes.len().min(255)], [7, 7]),
                2 => request(form, form / 16, &bytes),
                _ => [&[5, form], &bytes[..]].concat(),
            };
            let cuts = cuts.into_iter().map(usize::from);
            let single = run(&bytes, std::iter::repeat(1));
            single == whole(&bytes) && single == run(&bytes, cuts)
        }

        fn no_bytes_make_it_panic(bytes: Vec<u8>) -> bool {
            let mut negotiation = Negotiation::default();
            let (consumed, _) = negotiation.feed(&bytes);
            consumed <= bytes.len()
        }
    }

    #[test]
    fn a_negotiation_knows_whether_it_began() {
        let mut negotiation = Negotiation::default();
        assert!(negotiation.is_untouched());
        negotiation.feed(&[5]);
        assert!(!negotiation.is_untouched());
    }
}
