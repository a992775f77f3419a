//! Hears the kernel tell of changed addresses and routes (netlink).
//!
//! A new place announces itself by a burst of changes. The first is passed on after a breath,
//! because it may already help; the rest of the burst once more when it has settled.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with,
};

/// The family's first protocol has the number 0, which is written as no protocol.
const NETLINK_ROUTE: Option<Protocol> = None;

/// `RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE`. Not
/// `RTMGRP_LINK`: a Wi-Fi scan fills it with noise, and a lost link loses its routes as well.
const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// The first change is passed on this long after it came. An interface has its routes a moment
/// before the switch at its other end forwards; whoever dials in that moment loses the question for
/// the gateway's hardware address, which the kernel asks again only after a second.
const BREATH: Duration = Duration::from_millis(10);
/// A burst is over this long after a change was passed on.
const SETTLED: Duration = Duration::from_millis(250);

/// Messages taken in one turn.
const READS_MAX: usize = 64;

/// How far a burst of changes has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burst {
    /// There is none.
    Calm,
    /// It has begun and was not passed on.
    Begun,
    /// It was passed on; whether more came since.
    Told { more: bool },
}

#[derive(Debug)]
pub(super) struct Paths {
    socket: OwnedFd,
    burst: Burst,
}

impl Paths {
    pub(super) fn new() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let kind = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(kind.0, kind.1, flags, NETLINK_ROUTE)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self { socket, burst: Burst::Calm })
    }

    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.socket.as_raw_fd()), token, Interest::READABLE)
    }

    /// Empties the socket: whether anything was there, and whether it was all.
    pub(super) fn drain(&self) -> (bool, bool) {
        let mut message = [0_u8; 8 * 1024];
        for read in 0..READS_MAX {
            match recv(&self.socket, &mut message[..], RecvFlags::empty()) {
                // Too many to be kept means that there were some.
                Ok(_) | Err(rustix::io::Errno::NOBUFS | rustix::io::Errno::INTR) => {}
                Err(_) => return (read > 0, true),
            }
        }
        (true, false)
    }

    /// A change came: when to ask [`Paths::due`], where nobody is waiting for that yet.
    pub(super) fn changed(&mut self) -> Option<Duration> {
        match &mut self.burst {
            Burst::Calm => {
                self.burst = Burst::Begun;
                return Some(BREATH);
            }
            Burst::Begun => {}
            Burst::Told { more } => *more = true,
        }
        None
    }

    /// That time is over: when to ask again, and to pass the changes on now; `None` if all is calm.
    pub(super) fn due(&mut self) -> Option<Duration> {
        let is_news = self.burst != Burst::Told { more: false };
        self.burst = if is_news { Burst::Told { more: false } } else { Burst::Calm };
        is_news.then_some(SETTLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_a_breath_after_its_start_and_after_it_has_settled() {
        let Ok(mut paths) = Paths::new() else { return };
        assert_eq!((paths.changed(), paths.changed()), (Some(BREATH), None));
        assert_eq!((paths.due(), paths.due()), (Some(SETTLED), None), "nothing came since");
        assert_eq!((paths.changed(), paths.due()), (Some(BREATH), Some(SETTLED)));
        assert_eq!((paths.changed(), paths.due(), paths.due()), (None, Some(SETTLED), None));
    }

    #[test]
    #[ignore = "needs a network of its own: unshare --map-root-user --net"]
    fn a_new_address_is_heard() {
        let paths = Paths::new().expect("a netlink socket");
        assert_eq!(paths.drain(), (false, true));
        for verb in ["add", "delete"] {
            let mut ip = std::process::Command::new("ip");
            let done = ip.args(["address", verb, "127.9.9.9/32", "dev", "lo"]).status();
            assert!(done.is_ok_and(|status| status.success()));
            std::thread::sleep(Duration::from_millis(50));
            assert_eq!(paths.drain(), (true, true));
        }
    }
}
