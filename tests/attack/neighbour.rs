//! A hostile neighbour: one TCP connection, one fresh key, and no manners.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use muses::crypto::identity::Identity;
use socket2::{Domain, Socket, Type};

use super::wire::{self, Name, kind};

/// The address that a stranger comes from; honest devices come from 127.0.0.1.
pub(crate) const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// Another of a stranger's addresses: all in other /32, none an honest device's.
pub(crate) fn stranger(number: usize) -> Ipv4Addr {
    let [high, low] = u16::try_from(number + 1).expect("few addresses").to_be_bytes();
    Ipv4Addr::new(127, 66, high, low)
}

/// A connection from an address of our choice that has said nothing.
pub(crate) fn connect(at: SocketAddr, from: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(from), 0).into())?;
    socket.connect_timeout(&at.into(), CONNECT_MAX)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

/// A link on which both ends have proved their Names, or are about to.
pub(crate) struct Link {
    pub(crate) stream: TcpStream,
    pub(crate) key: Identity,
    /// The far end's Name, once it has said it.
    pub(crate) far: Name,
    unread: Vec<u8>,
}

impl Link {
    /// Connects and proves a fresh key's Name.
    pub(crate) fn fresh(at: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        Self::prove(at, from, wire::fresh(), wire::NEIGHBOUR)
    }

    /// Connects and proves this key's Name in this role.
    pub(crate) fn prove(
        at: SocketAddr,
        from: Ipv4Addr,
        key: Identity,
        role: u8,
    ) -> io::Result<Self> {
        let stream = connect(at, from)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        let mut this = Self { stream, key, far: [0; 32], unread: Vec::new() };
        this.greet(role)?;
        Ok(this)
    }

    fn greet(&mut self, role: u8) -> io::Result<()> {
        let (name, challenge) = (wire::name_of(&self.key), wire::random());
        let hello = [&[wire::LINK_VERSION, role][..], &name, &challenge].concat();
        self.send(&wire::frame(kind::HELLO, &hello))?;
        let theirs = self.expect(kind::HELLO)?;
        let bad = || io::Error::other("a Hello of another length");
        let far_challenge: [u8; 32] =
            theirs.get(34..66).and_then(|bytes| bytes.try_into().ok()).ok_or_else(bad)?;
        self.far = theirs[2..34].try_into().map_err(|_| bad())?;
        self.expect(kind::PROOF)?;
        let other = (theirs[1], self.far, far_challenge);
        let proof = self.key.sign(&wire::proof_text((role, name, challenge), other));
        self.send(&wire::frame(kind::PROOF, &proof))
    }

    fn expect(&mut self, wanted: u8) -> io::Result<Vec<u8>> {
        match self.receive()? {
            (found, body) if found == wanted => Ok(body),
            (found, _) => Err(io::Error::other(format!("kind {found} in place of {wanted}"))),
        }
    }

    pub(crate) fn name(&self) -> Name {
        wire::name_of(&self.key)
    }

    /// Writes bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next frame, for as long as the stream's timeout.
    pub(crate) fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(found) = self.next_frame() {
                return Ok(found);
            }
            let mut chunk = [0; 32 << 10];
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let length = u32::from_be_bytes(self.unread.get(..4)?.try_into().ok()?);
        let length = usize::try_from(length).ok()?;
        let frame = self.unread.get(4..4 + length)?.to_vec();
        self.unread.drain(..4 + length);
        Some((*frame.first()?, frame[1..].to_vec()))
    }

    /// Lives as a good neighbour would for so long: answers Pings, gives each frame to `look`, and
    /// sends what that returns.
    pub(crate) fn live(
        &mut self,
        time: Duration,
        mut look: impl FnMut(&mut Self, u8, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            match self.receive() {
                Ok((kind::PING, _)) => self.send(&wire::frame(kind::PONG, &[]))?,
                Ok((found, body)) => look(self, found, &body)?,
                Err(error) if is_pause(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether an error only says that nothing came in time.
pub(crate) fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
