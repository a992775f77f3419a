//! Hears the kernel tell of changed addresses and routes (netlink).
//!
//! A new place announces itself by a burst of changes. The first is passed on at once, because
//! it may already help; the rest of the burst once more when it has settled.

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

/// A burst is over this long after a change.
pub(super) const SETTLED: Duration = Duration::from_millis(250);

/// Messages taken in one turn.
const READS_MAX: usize = 64;

#[derive(Debug)]
pub(super) struct Paths {
    socket: OwnedFd,
    /// More changes came while the burst was settling.
    more: bool,
}

impl Paths {
    pub(super) fn new() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let kind = (AddressFamily::NETLINK, SocketType::RAW);
        let socket = socket_with(kind.0, kind.1, flags, NETLINK_ROUTE)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        Ok(Self { socket, more: false })
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

    /// A change: true if it opens a burst and is to be told at once.
    pub(super) fn changed(&mut self, settling: bool) -> bool {
        self.more = settling;
        !settling
    }

    /// The time to settle is over: true if something came meanwhile.
    pub(super) fn settled(&mut self) -> bool {
        std::mem::take(&mut self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_at_its_start_and_after_it_has_settled() {
        let Ok(mut paths) = Paths::new() else { return };
        assert!(paths.changed(false) && !paths.settled());
        assert!(paths.changed(false) && !paths.changed(true));
        assert!(paths.settled() && !paths.settled());
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
