//! Where a packet goes next.
//!
//! [`Routing`] is the one question a CLOAK node asks: given a destination, the neighbour the packet
//! came from and the [`table::Table`] of neighbours, who gets it next? Static routing answers from
//! a file; hyperbolic routing will answer from addresses, behind the same question. Nothing here
//! knows a link, a key or a packet.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod attached;
pub mod dht;
pub mod forest;
pub mod greedy;
pub mod hyperbolic;
pub mod metric;
pub mod next_hop_cache;
pub mod routes;
pub mod source;
pub mod table;
pub mod verification;
pub mod word;

use serde::{Deserialize, Serialize};

use crate::base::ids::Name;
use routes::{Routes, Via};
use table::Table;

/// Who gets a packet next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hop {
    /// The neighbour with this Name, up or away.
    Neighbour(Name),
    /// Whoever will answer where this peer is dialled: nobody did yet.
    Peer(usize),
}

/// How next hops are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Routing {
    /// By a file.
    Static {
        /// What the file says.
        routes: Routes,
        /// Whether what nobody knows goes to the first dialled peer, as with a host's gateway.
        is_leaf: bool,
    },
}

impl Routing {
    /// Who gets a packet for `destination` that came from `from` (`None`: from a client).
    #[must_use]
    pub fn next(&self, destination: &Name, from: Option<&Name>, table: &Table) -> Option<Hop> {
        let Self::Static { routes, is_leaf } = self;
        if destination == table.own() {
            return None;
        }
        let known = known(routes, destination, from, table);
        let or_default = || {
            let via = routes.default_route()?;
            Some(resolve(via, table)).filter(|hop| !is_back(hop, from))
        };
        let gateway = || if *is_leaf { gateway(from, table) } else { None };
        known.or_else(or_default).or_else(gateway)
    }
}

/// The way by what is known of this very destination: the neighbour itself, then a person's word,
/// then a neighbour's. One that is up goes before one that is away; but one that is away goes
/// before a default, because it will be back while the default's node never heard of the Name.
fn known(routes: &Routes, destination: &Name, from: Option<&Name>, table: &Table) -> Option<Hop> {
    let itself = table.knows(destination).then_some(Hop::Neighbour(*destination));
    let explicit = routes.explicit(destination).map(|via| resolve(via, table));
    let serving = table.holders(destination).map(|name| Hop::Neighbour(*name));
    let mut away = None;
    for hop in itself.into_iter().chain(explicit).chain(serving) {
        if is_back(&hop, from) {
            continue;
        }
        if is_up(&hop, table) {
            return Some(hop);
        }
        away = away.or(Some(hop));
    }
    away
}

/// The first dialled peer that is up, or that will be. A packet that came from a gateway is not
/// handed to another one: this node is no way between the two.
fn gateway(from: Option<&Name>, table: &Table) -> Option<Hop> {
    if from.is_some_and(|name| table.is_dialled(name)) {
        return None;
    }
    let mut hops = table.peers().enumerate().map(|(at, (_, name))| match name {
        Some(name) => Hop::Neighbour(*name),
        None => Hop::Peer(at),
    });
    let first = hops.clone().next();
    hops.find(|hop| is_up(hop, table)).or(first)
}

fn resolve(via: &Via, table: &Table) -> Hop {
    match via {
        Via::Name(name) => Hop::Neighbour(*name),
        Via::Peer(endpoint) => {
            let found = table.peers().enumerate().find(|(_, (peer, _))| *peer == endpoint);
            match found {
                Some((_, (_, Some(name)))) => Hop::Neighbour(*name),
                Some((at, _)) => Hop::Peer(at),
                None => Hop::Peer(usize::MAX),
            }
        }
    }
}

fn is_up(hop: &Hop, table: &Table) -> bool {
    matches!(hop, Hop::Neighbour(name) if table.is_up(name))
}

fn is_back(hop: &Hop, from: Option<&Name>) -> bool {
    matches!((hop, from), (Hop::Neighbour(name), Some(from)) if name == from)
}

#[cfg(test)]
mod tests {
    use super::attached::signed;
    use super::*;
    use crate::base::clock::Time;
    use crate::base::ids::Endpoint;
    use crate::crypto::identity::Identity;

    fn name(fill: u8) -> Name {
        Identity::from_seed([fill; 32]).name()
    }

    fn endpoint(port: u16) -> Endpoint {
        Endpoint::Host("r".into(), port)
    }

    fn routing(text: &str, is_leaf: bool) -> Routing {
        Routing::Static { routes: text.parse().expect("good routes"), is_leaf }
    }

    const OWN: u8 = 0;
    const A: u8 = 1;
    const B: u8 = 2;
    const DEST: u8 = 9;

    /// A and B are up; B serves DEST; peer 1 is A, peer 2 never answered.
    fn table() -> Table {
        let mut table = Table::new(name(OWN), &[endpoint(1), endpoint(2)]);
        table.bind(0, name(A));
        table.set_up(name(A), true);
        table.set_up(name(B), true);
        table.attached.hear(name(B), &[signed(DEST, name(B), 1)], Time::ZERO);
        table
    }

    fn to(fill: u8) -> Option<Hop> {
        Some(Hop::Neighbour(name(fill)))
    }

    #[test]
    fn neighbours_and_their_names_need_no_route() {
        let plain = routing("", false);
        let table = table();
        assert_eq!(plain.next(&name(A), None, &table), to(A));
        assert_eq!(plain.next(&name(DEST), None, &table), to(B));
        assert_eq!(plain.next(&name(7), None, &table), None);
        assert_eq!(plain.next(&name(OWN), None, &table), None);
    }

    #[test]
    fn a_route_goes_before_a_neighbours_word_and_a_default_behind_it() {
        let table = table();
        let routed = routing(&format!("{} via r:1\ndefault via {}", name(DEST), name(B)), false);
        assert_eq!(routed.next(&name(DEST), None, &table), to(A));
        assert_eq!(routed.next(&name(7), None, &table), to(B));
        assert_eq!(
            routing("default via r:2", false).next(&name(7), None, &table),
            Some(Hop::Peer(1))
        );
    }

    #[test]
    fn nothing_goes_back_to_where_it_came_from() {
        // OV-03: no two nodes play ping-pong with a packet.
        let table = table();
        let routed = routing(&format!("default via {}", name(A)), false);
        assert_eq!(routed.next(&name(7), Some(&name(A)), &table), None);
        assert_eq!(routed.next(&name(DEST), Some(&name(B)), &table), to(A));
    }

    #[test]
    fn one_that_is_up_goes_before_one_away_and_one_away_before_a_default() {
        let mut table = table();
        let routed = routing(&format!("{} via r:1\ndefault via {}", name(DEST), name(A)), false);
        table.set_up(name(A), false);
        assert_eq!(routed.next(&name(DEST), None, &table), to(B));
        table.set_up(name(B), false);
        assert_eq!(routed.next(&name(DEST), None, &table), to(A));
        table.set_up(name(A), true);
        table.forget(&name(B));
        let by_default = routing(&format!("default via {}", name(A)), false);
        table.attached.hear(name(B), &[signed(DEST, name(B), 1)], Time::ZERO);
        assert_eq!(by_default.next(&name(DEST), None, &table), to(B), "B will be back");
    }

    #[test]
    fn a_leaf_sends_what_nobody_knows_to_its_first_peer_that_is_up() {
        let leaf = routing("", true);
        let mut table = table();
        assert_eq!(leaf.next(&name(7), None, &table), to(A));
        table.bind(1, name(B));
        table.set_up(name(A), false);
        assert_eq!(leaf.next(&name(7), None, &table), to(B));
        table.set_up(name(B), false);
        assert_eq!(leaf.next(&name(7), None, &table), to(A), "the first, once it is back");
        assert_eq!(leaf.next(&name(7), Some(&name(B)), &table), None, "no way between gateways");
        assert_eq!(leaf.next(&name(7), Some(&name(5)), &table), to(A));
    }
}
