//! Places elsewhere: who has none left names children to ask instead, and they are dialled.
//!
//! What is said over the network is dialled with care (OV-12): only what a neighbour says that this
//! node has asked for a place in vain, while it hangs nowhere in that tree; few at once and seldom;
//! whoever answers must prove the Name that was said; and never into a network that the neighbour
//! itself was not reached in.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};

use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    REFERRED_EVERY, REFERRED_KEPT, REFERRED_LINKS, REFERRED_MAX, REFERRED_TRIES,
};
use crate::base::links::LinkId;
use crate::base::machine::Deadline;
use crate::wire::referral::Other;

/// A node that was named, from its being dialled to the end of its link.
#[derive(Debug)]
struct Named {
    other: Other,
    /// Whether it has proved to be there.
    is_there: bool,
    /// When it must be of use.
    due: Time,
}

/// Nodes that full parents named.
#[derive(Debug)]
pub(super) struct Referrals {
    waiting: VecDeque<Other>,
    links: BTreeMap<LinkId, Named>,
    budget: Bucket,
}

impl Default for Referrals {
    fn default() -> Self {
        let budget = Bucket::new(REFERRED_EVERY, REFERRED_MAX as u32);
        Self { waiting: VecDeque::new(), links: BTreeMap::new(), budget }
    }
}

impl Referrals {
    /// These were named, in place of those named before that were not dialled yet.
    pub(super) fn named(&mut self, others: Vec<Other>) {
        let is_known =
            |other: &Other| self.links.values().any(|named| named.other.name == other.name);
        self.waiting = others.into_iter().filter(|other| !is_known(other)).collect();
    }

    /// Whom to dial now. Whoever is not dialled for lack of budget is named again.
    pub(super) fn next(&mut self, now: Time) -> Option<Other> {
        let under_way = self.links.values().filter(|named| !named.is_there).count();
        if under_way >= REFERRED_TRIES || self.links.len() >= REFERRED_LINKS {
            return None;
        }
        let other = self.waiting.pop_front()?;
        if self.budget.take(now) {
            return Some(other);
        }
        self.waiting.clear();
        None
    }

    /// It is dialled on this link.
    pub(super) fn dialled(&mut self, link: LinkId, other: Other, now: Time) {
        self.links.insert(link, Named { other, is_there: false, due: now + REFERRED_KEPT });
    }

    /// Who must be on a link, and where it goes.
    pub(super) fn expected(&self, link: LinkId) -> Option<Other> {
        self.links.get(&link).map(|named| named.other)
    }

    /// It has proved to be there.
    pub(super) fn proved(&mut self, link: LinkId) {
        if let Some(named) = self.links.get_mut(&link) {
            named.is_there = true;
        }
    }

    /// A link is gone.
    pub(super) fn ended(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Links to let go: those that are of no use when they must be.
    pub(super) fn tick(&mut self, is_useful: impl Fn(&Name) -> bool, now: Time) -> Vec<LinkId> {
        let mut useless = Vec::new();
        for (link, named) in self.links.iter_mut().filter(|(_, named)| named.due <= now) {
            named.due = now + REFERRED_KEPT;
            if !named.is_there || !is_useful(&named.other.name) {
                useless.push(*link);
            }
        }
        useless
    }

    /// When [`Referrals::tick`] has something to do.
    pub(super) fn next_timeout(&self) -> Option<Deadline> {
        let due = self.links.values().map(|named| named.due).min();
        due.map(|at| Deadline { at, why: "a place at somebody who was named" })
    }

    /// Folds the state into a digest.
    pub(super) fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.waiting.len() as u64);
        for (link, named) in &self.links {
            into.fold(link.raw());
            into.fold(named.due.as_nanos());
        }
    }
}

/// How far an address has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// On one machine.
    Machine,
    /// On one wire.
    Wire,
    /// In one network behind its own border.
    Site,
    /// Everywhere.
    World,
}

impl Reach {
    /// The reach of an address; none of what is no single host's.
    pub(super) fn of(ip: IpAddr) -> Option<Self> {
        let ip = ip.to_canonical();
        if ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
            return None;
        }
        let (is_wire, is_site) = match ip {
            IpAddr::V4(v4) => (v4.is_link_local(), v4.is_private() || is_shared(v4)),
            IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.is_unique_local()),
        };
        Some(match ip {
            _ if ip.is_loopback() => Self::Machine,
            _ if is_wire => Self::Wire,
            _ if is_site => Self::Site,
            _ => Self::World,
        })
    }
}

/// The addresses behind a provider's NAT (RFC 6598).
fn is_shared(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    first == 100 && second & 0xc0 == 64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::links::Links;

    fn other(fill: u8) -> Other {
        Other { name: Name::from_bytes([fill; 32]), at: ([192, 0, 2, fill], 7001).into() }
    }

    #[test]
    fn addresses_reach_as_far_as_they_do() {
        let reach = |ip: &str| Reach::of(ip.parse().expect("an address"));
        for (reaching, ips) in [
            (Some(Reach::Machine), &["127.0.0.1", "::1"][..]),
            (Some(Reach::Wire), &["169.254.1.1", "fe80::1"]),
            (Some(Reach::Site), &["fd00::1"]),
            (
                Some(Reach::Site),
                &["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::ffff:10.0.0.1"],
            ),
            (Some(Reach::World), &["192.0.2.1", "100.128.0.1", "2001:db8::1"]),
            (None, &["0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255"]),
        ] {
            ips.iter().for_each(|ip| assert_eq!(reach(ip), reaching, "{ip}"));
        }
    }

    #[test]
    fn few_are_dialled_at_once_and_seldom() {
        // OV-12: a liar makes this node dial a few addresses, and then hardly any.
        let (mut referrals, mut links, now) = (Referrals::default(), Links::default(), Time::ZERO);
        let mut dialled = 0;
        for round in 0..20 {
            referrals.named((0..8).map(|fill| other(round * 8 + fill)).collect());
            let mut under_way = Vec::new();
            while let Some(other) = referrals.next(now) {
                let link = links.insert(());
                referrals.dialled(link, other, now);
                under_way.push(link);
            }
            assert!(under_way.len() <= REFERRED_TRIES);
            dialled += under_way.len();
            under_way.into_iter().for_each(|link| referrals.ended(link));
        }
        assert_eq!(dialled, REFERRED_MAX);
    }

    #[test]
    fn who_is_of_no_use_is_let_go_and_who_is_stays() {
        let (mut referrals, mut links) = (Referrals::default(), Links::default());
        let [silent, useless, parent] = [0, 1, 2].map(|fill| {
            let link = links.insert(());
            referrals.dialled(link, other(fill), Time::ZERO);
            link
        });
        [useless, parent].into_iter().for_each(|link| referrals.proved(link));
        let is_useful = |name: &Name| *name == other(2).name;
        let due = Time::ZERO + REFERRED_KEPT;
        assert!(referrals.tick(is_useful, Time::ZERO).is_empty());
        assert_eq!(referrals.tick(is_useful, due), [silent, useless]);
        assert_eq!(referrals.tick(|_| false, due + REFERRED_KEPT), [silent, useless, parent]);
    }
}
