//! The interfaces over which an address may be reached besides the one that the routes choose.
//!
//! A network that has stopped to carry packets (Wi-Fi out of range of its access point) keeps its
//! routes, so the kernel still prefers it. An attempt that is unanswered is therefore made over the
//! other interfaces as well.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use if_addrs::Interface;

use crate::base::limits::ALTERNATES_MAX;

/// Returns the names of those interfaces; `source` is the address that the routes chose.
pub(super) fn alternates(to: SocketAddr, source: IpAddr) -> Vec<String> {
    if to.ip().is_loopback() || source == to.ip() {
        return Vec::new();
    }
    // Without the list the routes decide alone.
    choose(&if_addrs::get_if_addrs().unwrap_or_default(), source)
}

fn choose(interfaces: &[Interface], source: IpAddr) -> Vec<String> {
    let chosen = interfaces.iter().find(|interface| interface.ip() == source);
    let Some(chosen) = chosen else { return Vec::new() };
    let is_alternate = |interface: &&Interface| {
        interface.name != chosen.name
            && !interface.is_loopback()
            && !interface.is_link_local()
            && interface.ip().is_ipv4() == source.is_ipv4()
    };
    let names = interfaces.iter().filter(is_alternate).map(|interface| &*interface.name);
    let names: BTreeSet<&str> = names.collect();
    names.into_iter().take(ALTERNATES_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr};

    use super::*;

    fn interface(name: &str, ip: [u8; 4]) -> Interface {
        let addr = Ifv4Addr {
            ip: ip.into(),
            netmask: [255, 255, 255, 0].into(),
            prefixlen: 24,
            broadcast: None,
        };
        let (index, oper_status) = (None, IfOperStatus::Up);
        let (addr, is_p2p) = (IfAddr::V4(addr), false);
        Interface { name: name.to_owned(), addr, index, oper_status, is_p2p }
    }

    #[test]
    fn the_others_are_those_with_an_address_that_leads_out() {
        let interfaces = [
            interface("lo", [127, 0, 0, 1]),
            interface("wlan0", [10, 1, 0, 2]),
            interface("wlan0", [10, 1, 0, 3]),
            interface("eth0", [10, 2, 0, 2]),
            interface("eth0", [10, 3, 0, 2]),
            interface("usb0", [169, 254, 0, 9]),
            interface("wwan0", [100, 64, 0, 7]),
        ];
        let others = |preferred: [u8; 4]| choose(&interfaces, preferred.into());
        assert_eq!(others([10, 1, 0, 3]), ["eth0", "wwan0"]);
        assert_eq!(others([100, 64, 0, 7]), ["eth0", "wlan0"]);
        assert!(others([10, 9, 9, 9]).is_empty(), "no interface has it");
        assert!(choose(&interfaces[..3], [10, 1, 0, 2].into()).is_empty(), "there is one way");
        let many: Vec<_> = (0..9).map(|at| interface(&format!("e{at}"), [10, at, 0, 2])).collect();
        assert_eq!(choose(&many, [10, 0, 0, 2].into()).len(), ALTERNATES_MAX);
    }

    #[test]
    fn loopback_has_no_alternate() {
        let to = "127.0.0.1:80".parse().expect("an address");
        assert!(alternates(to, IpAddr::from([127, 0, 0, 1])).is_empty());
    }

    #[test]
    fn an_address_of_no_interface_has_none() {
        let to = "192.0.2.1:80".parse().expect("an address");
        assert!(alternates(to, IpAddr::from([192, 0, 2, 77])).is_empty());
    }
}
