//! Where a packet goes in the hyperbolic overlay, and what this node does for the table of records.
//!
//! The node that a packet enters by writes into its header where the destination is; every other
//! one only reads it there. What the overlay itself has to say travels the same way, as an
//! *errand*.

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN, ROUTE_LEN};
use crate::overlay::Hop;
use crate::overlay::dht::Order;
use crate::overlay::dht::key::Wanted;
use crate::overlay::dht::record::Places;
use crate::overlay::forest::former::Farewell;
use crate::overlay::hyperbolic::Next;
use crate::wire::errand::{self, Errand};
use crate::wire::frame::{self, Kind};
use crate::wire::packet::ConType;
use crate::wire::route::{self, Course, Route};

use super::flooded_lookup;
use super::kept::{Awaited, Parcel};
use super::post::Post;
use super::roster::{Roster, Way};

impl Post {
    /// Where a parcel goes; its header is made ready for that.
    pub(super) fn guide(&mut self, parcel: &mut Parcel, roster: &Roster, now: Time) -> Way {
        let (destination, from) = (parcel.destination, parcel.from);
        let is_errand = frame::kind(&parcel.frame) == Ok(Kind::Errand);
        let kind = contype(&parcel.frame);
        let body = parcel.frame.get(FRAME_HEADER + ROUTE_LEN..);
        let is_farewell = is_errand && body.is_some_and(errand::is_moved);
        let is_flooded = is_errand && flooded_lookup::nonce(&parcel.frame).is_some();
        let Some(overlay) = &mut self.overlay else { return Way::None };
        let header = parcel.frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
        let Ok(mut route) = Route::new_checked(header) else { return Way::None };
        let is_keyed = matches!(route.course(), Course::Climb(_) | Course::Descend(_));
        if !is_keyed {
            let is_mine = destination == *roster.own() || roster.clients.contains_key(&destination);
            if is_errand && is_mine {
                return Way::Here;
            }
            if let Some(way) = roster.near(&destination, from.as_ref()) {
                return way;
            }
            if is_flooded {
                return Way::Flood;
            }
            if !overlay.has_company() && !is_errand {
                let is_fresh = roster.has_fresh_neighbour(now);
                let wait = Way::Wait(Awaited::Anyone);
                return if is_fresh { wait } else { roster.way(&destination, from.as_ref(), now) };
            }
        }
        // Not so a packet of somebody else that comes back from a link that broke.
        let source = route.source();
        let is_ours = source == *roster.own() || roster.clients.contains_key(&source);
        let is_origin = from.is_none() && is_ours;
        if is_origin {
            route.set_here(overlay.forest.places().map(|(tag, word)| (tag, &**word)));
        }
        if is_origin && !is_keyed && !is_errand {
            let Some(record) = overlay.dht.record(&destination, now) else {
                overlay.dht.look_up(Wanted::Name(destination), now);
                return Way::Wait(Awaited::Record(destination));
            };
            let places = &record.record().places;
            let pair = (route.source(), destination);
            let course = self.detours.course(pair, kind, places.len() as u8, now);
            self.counters.add_many("sent-on-detour", u64::from(course != Course::Nearest));
            route.depart(course);
            route.set_there(places.iter().map(|(tag, word)| (*tag, &**word)));
            let (client, own) = (route.source(), overlay.dht.own(&route.source()));
            let number = own.map(|own| own.record().number);
            if number.is_some_and(|n| self.introductions.is_due(client, destination, n, now)) {
                self.to_introduce.push_back((client, destination));
            }
        }
        let next = overlay.next(&mut route, now);
        match next {
            Next::Neighbour(name) => {
                let primary = roster.neighbours.get(&name).and_then(|end| end.primary);
                primary.map_or(Way::Wait(Awaited::Hop(Hop::Neighbour(name))), Way::Link)
            }
            Next::Here if is_errand => Way::Here,
            // Packets for that place will be stuck here as well.
            Next::Stuck if is_farewell && !is_origin => Way::Here,
            Next::Stuck if is_origin && !is_keyed && !is_errand => {
                overlay.dht.doubt(&destination, now);
                Way::Wait(Awaited::Record(destination))
            }
            // The trees may be about to close again around what was lost.
            Next::Stuck if !is_keyed && !is_farewell && !roster.is_settled(now) => {
                Way::Wait(Awaited::Anyone)
            }
            Next::Here | Next::Unplaced | Next::Stuck => Way::None,
        }
    }

    /// An errand that ends here.
    pub(super) fn run_errand(&mut self, parcel: &Parcel, now: Time) {
        if !self.accept_errand(parcel, now) {
            return;
        }
        let Some(overlay) = &mut self.overlay else { return };
        let header = parcel.frame.get(FRAME_HEADER..).unwrap_or_default();
        let Ok(route) = Route::new_checked(header) else { return };
        let Ok(here) = route.here() else { return };
        let key = match route.course() {
            Course::Descend(_) => Some((*route.destination().as_bytes(), route.tried())),
            _ => None,
        };
        let places = here
            .iter()
            .filter_map(|(tag, letters)| Some((*tag, crate::overlay::word::Word::new(letters)?)));
        let asker = (route.source(), places.collect());
        let body = parcel.frame.get(FRAME_HEADER + ROUTE_LEN..).unwrap_or_default();
        match Errand::parse(body) {
            Ok(Errand::Moved(moved)) => overlay.hear_moved(&moved, parcel.from, now),
            Ok(errand) => overlay.arrived(&errand, asker, parcel.from, key, now),
            Err(_) => self.counters.add("bad-errand"),
        }
    }

    /// Sends a client's record to a peer's own node.
    pub(super) fn introduce(&mut self, (client, peer): (Name, Name), roster: &Roster, now: Time) {
        let Some(overlay) = &mut self.overlay else { return };
        let Some(places) = overlay.dht.record(&peer, now).map(|r| r.record().places.clone()) else {
            return;
        };
        let Some(own) = overlay.dht.own(&client) else { return };
        let body = Errand::Push { record: own.bytes() }.to_bytes();
        self.send_errand((peer, Course::Nearest, 0), &places, &body, roster, now);
    }

    /// A client has a new record: whoever it talks to hears of it at once.
    pub(super) fn introduce_again(&mut self, client: &Name, roster: &Roster, now: Time) {
        let own = self.overlay.as_ref().and_then(|overlay| overlay.dht.own(client));
        let Some(number) = own.map(|own| own.record().number) else { return };
        for peer in self.introductions.peers(client, now) {
            if self.introductions.is_due(*client, peer, number, now) {
                self.introduce((*client, peer), roster, now);
            }
        }
    }

    /// Does what the table of records wants done, and says what a client should know.
    pub(super) fn run_orders(&mut self, roster: &Roster, now: Time) {
        while let Some(order) = self.overlay.as_mut().and_then(|overlay| overlay.poll_order()) {
            match order {
                Order::Descend { tree, key, replica, body } => {
                    let to = (Name::from_bytes(key), Course::Climb(tree), replica);
                    self.send_errand(to, &Places::new(), &body, roster, now);
                }
                Order::Reply { to, places, body } => {
                    self.send_errand((to, Course::Nearest, 0), &places, &body, roster, now);
                }
                Order::Flood { name, body } => self.flood_own(name, &body, roster, now),
                Order::Found(Wanted::Name(name), _) => {
                    if self.outdone.remove(&name) {
                        self.found_clients.push_back(name);
                    }
                    self.reroute(roster, now);
                }
                Order::Lost(Wanted::Name(_)) => {}
                Order::Found(Wanted::Alias(alias), names) => self.sought.push_back((alias, names)),
                Order::Lost(Wanted::Alias(alias)) => self.sought.push_back((alias, Vec::new())),
            }
        }
    }

    /// Says where this node is now at the places it left.
    pub(super) fn say_farewell(&mut self, roster: &Roster, now: Time) {
        while let Some(farewell) = self.overlay.as_mut().and_then(|o| o.forest.poll_farewell()) {
            let Farewell { to, place, moved } = farewell;
            let body = Errand::Moved(Box::new(moved)).to_bytes();
            self.send_errand((to, Course::Nearest, 0), &vec![place], &body, roster, now);
        }
    }

    /// Sends an errand to a Name, or on its course to a key with the number of its replica.
    fn send_errand(
        &mut self,
        (to, course, replica): (Name, Course, u8),
        places: &Places,
        body: &[u8],
        roster: &Roster,
        now: Time,
    ) {
        let mut frame = self.errand(&to, HOPS_MAX, body, roster);
        let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
        if let Ok(mut route) = Route::new_checked(header) {
            route.set_course(course, replica, u32::MAX);
            route.set_there(places.iter().map(|(tag, word)| (*tag, &**word)));
        }
        let parcel = Parcel { frame, destination: to, from: None, arrival: None, since: now };
        self.route(parcel, roster, now);
    }

    /// An errand of this node that may take so many hops, on its course to a Name without places.
    pub(super) fn errand(&self, to: &Name, hops: u8, body: &[u8], roster: &Roster) -> Buffer {
        let mut head = [0; FRAME_HEADER + ROUTE_LEN];
        let total = head.len().saturating_add(body.len());
        frame::emit(&mut head, Kind::Errand, total);
        route::emit(&mut head[FRAME_HEADER..], roster.own(), to, hops);
        let mut frame = self.pool.take(total);
        frame.extend(&head);
        frame.extend(body);
        frame
    }

    /// A client gets a packet. From a peer: it answers. From a relay that knows no way to a Name:
    /// where that was is asked again.
    pub(super) fn overhear(&mut self, frame: &Buffer, now: Time) {
        let kind = contype(frame);
        if kind != ConType::Unreachable as u8 {
            return self.note_answer(frame, kind, now);
        }
        let about = frame.get(HEAD_ROOM..).and_then(|body| body.try_into().ok());
        if let (Some(overlay), Some(about)) = (&mut self.overlay, about.map(Name::from_bytes)) {
            overlay.dht.doubt(&about, now);
            self.introductions.forget(&about);
        }
    }

    fn note_answer(&mut self, frame: &Buffer, kind: u8, now: Time) {
        let header = frame.get(FRAME_HEADER..).unwrap_or_default();
        let Ok(route) = Route::new_checked(header) else { return };
        // A tree that is not marked as tried is one that the sender chose.
        let chosen = match route.course() {
            Course::Tree(tree) if route.tried() & 1 << tree == 0 => Some(tree),
            _ => None,
        };
        if chosen.is_some() || !self.detours.is_empty() {
            self.detours.heard((route.destination(), route.source()), kind, chosen, now);
        }
    }
}

/// The ConTYPE of the packet in a frame; zero, which none has, where there is no packet.
pub(super) fn contype(frame: &Buffer) -> u8 {
    frame.get(HEAD_ROOM - PERSISTENT_LEN + 1).copied().unwrap_or(0)
}
