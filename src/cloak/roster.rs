//! Who is attached, by proved Name: neighbours, clients, and the link that carries each.

use std::collections::BTreeMap;

use crate::base::clock::{Time, earliest};
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{AWAY_KEPT, AWAY_KNOWN, NAMES_MAX, NEIGHBOURS_MAX, STANDING_GRACE};
use crate::base::links::LinkId;
use crate::base::machine::Deadline;
use crate::overlay::table::Table;
use crate::overlay::{Hop, Routing};

use super::attachments::Attested;
use super::kept::Awaited;

/// A Name that proved itself, there or away.
#[derive(Debug)]
pub struct End {
    /// The link that carries its packets.
    pub primary: Option<LinkId>,
    /// Links that lost a crossing: one it dialled, one that we did.
    pub spares: [Option<LinkId>; 2],
    /// When it came or went.
    pub since: Time,
    /// A client's word that it is attached here, and the link that it came on.
    pub attested: Attested,
    pub(super) attested_on: Option<LinkId>,
    /// What ended its last link, and when.
    pub last_error: Option<(String, Time)>,
}

impl End {
    fn new(now: Time) -> Self {
        let (primary, attested_on, last_error) = Default::default();
        let (spares, attested) = ([None; 2], Attested::default());
        Self { primary, spares, since: now, attested, attested_on, last_error }
    }

    /// The spare that we dialled, or the one that its end did.
    pub fn spare(&mut self, is_dialled: bool) -> &mut Option<LinkId> {
        let [called, dialled] = &mut self.spares;
        if is_dialled { dialled } else { called }
    }
}

/// Where a packet goes from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Out on this link.
    Link(LinkId),
    /// To this node itself.
    Here,
    /// To several neighbours: it looks a Name up.
    Flood,
    /// Nowhere yet.
    Wait(Awaited),
    /// Nowhere.
    None,
}

/// Everybody attached.
#[derive(Debug)]
pub struct Roster {
    own: Name,
    started: Time,
    /// Local MUSeS nodes; one that left is kept a moment.
    pub clients: BTreeMap<Name, End>,
    /// CLOAK nodes; one that left is kept for a while.
    pub neighbours: BTreeMap<Name, End>,
    /// When a neighbour left last; before that, the start.
    pub left: Time,
    /// The same as the routing sees it.
    pub table: Table,
    routing: Routing,
}

impl Roster {
    /// A roster with nobody on it.
    #[must_use]
    pub fn new(own: Name, peers: &[Endpoint], routing: Routing, started: Time) -> Self {
        let table = Table::new(own, peers);
        let (clients, neighbours) = (BTreeMap::new(), BTreeMap::new());
        Self { own, started, clients, neighbours, left: started, table, routing }
    }

    /// The Name of this node.
    #[must_use]
    pub fn own(&self) -> &Name {
        &self.own
    }

    /// Where a packet goes.
    #[must_use]
    pub fn way(&self, destination: &Name, from: Option<&Name>, now: Time) -> Way {
        if let Some(client) = self.clients.get(destination) {
            return client.primary.map_or(Way::Wait(Awaited::Client(*destination)), Way::Link);
        }
        match self.routing.next(destination, from, &self.table) {
            Some(Hop::Neighbour(name)) => self
                .neighbours
                .get(&name)
                .and_then(|end| end.primary)
                .map_or(Way::Wait(Awaited::Hop(Hop::Neighbour(name))), Way::Link),
            Some(hop @ Hop::Peer(_)) => Way::Wait(Awaited::Hop(hop)),
            None if *destination != self.own && !self.is_settled(now) => Way::Wait(Awaited::Anyone),
            None => Way::None,
        }
    }

    /// The way to who is attached here, or to a neighbour that is up or serves the destination.
    #[must_use]
    pub fn near(&self, destination: &Name, from: Option<&Name>) -> Option<Way> {
        if let Some(client) = self.clients.get(destination) {
            return Some(
                client.primary.map_or(Way::Wait(Awaited::Client(*destination)), Way::Link),
            );
        }
        let near = [destination].into_iter().chain(self.table.holders(destination));
        let up =
            near.filter(|name| from != Some(*name)).filter_map(|name| self.neighbours.get(name));
        up.filter_map(|end| end.primary).next().map(Way::Link)
    }

    /// Whether a neighbour came so lately that it may not have said how it stands in the trees.
    #[must_use]
    pub fn has_fresh_neighbour(&self, now: Time) -> bool {
        let mut up = self.neighbours.values().filter(|end| end.primary.is_some());
        up.any(|end| now.since(end.since) < STANDING_GRACE)
    }

    /// Whether everybody who may be about to come has come: behind a peer that is away may be
    /// anybody, and who was cut off with a relay comes back to it a moment after it.
    pub fn is_settled(&self, now: Time) -> bool {
        let is_old = |since: Time| since + AWAY_KEPT <= now;
        let is_up = |name: Option<&Name>| name.is_some_and(|name| self.table.is_up(name));
        is_old(self.started)
            && self.table.peers().all(|(_, name)| is_up(name))
            && self.neighbours.values().all(|end| is_old(end.since))
    }

    /// Whether this client may come.
    #[must_use]
    pub fn has_room_for(&self, client: &Name) -> bool {
        self.clients.len() < NAMES_MAX || self.clients.contains_key(client)
    }

    /// Puts a client on its newest link; gives the link it had.
    pub fn attach(&mut self, name: Name, link: LinkId, now: Time) -> Option<LinkId> {
        let end = self.clients.entry(name).or_insert_with(|| End::new(now));
        end.since = now;
        end.primary.replace(link)
    }

    /// The place of a neighbour; where there are too many, the one that left first makes room.
    pub fn meet(&mut self, name: Name, now: Time) -> &mut End {
        if self.neighbours.len() >= NEIGHBOURS_MAX && !self.neighbours.contains_key(&name) {
            let away = self.neighbours.iter().filter(|(_, end)| end.primary.is_none());
            if let Some((oldest, _)) = away.min_by_key(|(_, end)| end.since) {
                let oldest = *oldest;
                self.forget(&oldest);
            }
        }
        self.neighbours.entry(name).or_insert_with(|| End::new(now))
    }

    fn forget(&mut self, name: &Name) {
        self.neighbours.remove(name);
        self.table.forget(name);
    }

    /// Takes a client's link off; it may come back in a moment.
    pub fn detach(&mut self, name: &Name, link: LinkId, now: Time) {
        let Some(end) = self.clients.get_mut(name) else { return };
        if end.primary == Some(link) {
            end.primary = None;
            end.since = now;
        }
    }

    /// Takes a neighbour's link off; a spare steps in if there is one.
    pub fn leave(&mut self, name: &Name, link: LinkId, why: &str, now: Time) {
        let Some(end) = self.neighbours.get_mut(name) else { return };
        for spare in &mut end.spares {
            spare.take_if(|spare| *spare == link);
        }
        if end.primary != Some(link) {
            return;
        }
        if !why.is_empty() {
            end.last_error = Some((why.to_owned(), now));
        }
        end.primary = end.spares.iter_mut().find_map(Option::take);
        if end.primary.is_none() {
            (end.since, self.left) = (now, now);
            self.table.set_up(*name, false);
        }
    }

    /// Forgets who has been away for long; gives the clients among them.
    pub fn tick(&mut self, now: Time) -> Vec<Name> {
        let is_over = |end: &End, kept| end.primary.is_none() && end.since + kept <= now;
        let left = self.clients.iter().filter(|(_, end)| is_over(end, AWAY_KEPT));
        let left: Vec<Name> = left.map(|(name, _)| *name).collect();
        self.clients.retain(|_, end| !is_over(end, AWAY_KEPT));
        let gone: Vec<Name> = self
            .neighbours
            .iter()
            .filter(|(_, end)| is_over(end, AWAY_KNOWN))
            .map(|(name, _)| *name)
            .collect();
        gone.iter().for_each(|name| self.forget(name));
        self.table.attached.tick(now);
        left
    }

    /// When somebody has been away for long.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let first = |ends: &BTreeMap<Name, End>, kept| {
            let away = ends.values().filter(|end| end.primary.is_none());
            away.map(|end| end.since + kept)
                .min()
                .map(|at| Deadline { at, why: "forget who is away" })
        };
        let attached = self.table.attached.next_timeout();
        let attached = attached.map(|at| Deadline { at, why: "an attachment ends" });
        let away = earliest(first(&self.clients, AWAY_KEPT), first(&self.neighbours, AWAY_KNOWN));
        earliest(attached, away)
    }
}
