//! Packets on their way: judged and forwarded by the Routing Header alone.
//!
//! Nothing is remembered of a flow. A packet goes out, waits a moment for who is away, or is
//! dropped under a name of its own.

use std::collections::{BTreeSet, VecDeque};

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::ids::Name;
use crate::base::keyed_rate_limiter::KeyedRateLimiter;
use crate::base::limits::{
    FRAME_HEADER, HEAD_ROOM, HELLO_BURST, HELLO_EVERY, HOPS_MAX, NEIGHBOURS_MAX,
};
use crate::base::links::LinkId;
use crate::overlay::dht::alias::Alias;
use crate::overlay::hyperbolic::Hyperbolic;
use crate::wire::frame::{self, Kind};
use crate::wire::packet::ConType;
use crate::wire::route::Route;

use super::carrier::{Carriers, Origin};
use super::detours::Detours;
use super::flooded_lookup::FloodedLookups;
use super::guide::contype;
use super::hint::Hints;
use super::introductions::Introductions;
use super::kept::{Awaited, Kept, Parcel};
use super::roster::{Roster, Way};

/// Sixteenths of the memory that packets in queues, and packets kept for who is away, may fill.
pub(super) const QUEUES_SHARE: usize = 15;
const KEPT_SHARE: usize = 10;

/// What forwards.
#[derive(Debug)]
pub struct Post {
    /// The links it forwards over.
    pub carriers: Carriers,
    /// Packets for who is away.
    pub kept: Kept,
    /// What was dropped and why.
    pub counters: Counters,
    /// Packets passed on.
    pub forwarded: u64,
    /// Whom packets wait for, for whoever dials.
    pub wanted: VecDeque<Awaited>,
    /// The hyperbolic overlay, unless packets are routed statically.
    pub overlay: Option<Box<Hyperbolic>>,
    /// Aliases whose Names are known now, or known to be none's.
    pub sought: VecDeque<(Alias, Vec<Name>)>,
    /// Clients whose record was older than one from before, which is looked for, or was found.
    pub(super) outdone: BTreeSet<Name>,
    pub(super) found_clients: VecDeque<Name>,
    pub(super) introductions: Introductions,
    pub(super) to_introduce: VecDeque<(Name, Name)>,
    pub(super) detours: Detours,
    pub(super) flooded: FloodedLookups,
    hellos: KeyedRateLimiter<u64>,
    pub(super) pool: Pool,
    hints: Hints,
}

impl Post {
    /// A post with nothing on its way.
    #[must_use]
    pub fn new(pool: Pool, overlay: Option<Box<Hyperbolic>>) -> Self {
        Self {
            carriers: Carriers::default(),
            kept: Kept::default(),
            counters: Counters::default(),
            forwarded: 0,
            wanted: VecDeque::new(),
            overlay,
            sought: VecDeque::new(),
            outdone: BTreeSet::new(),
            found_clients: VecDeque::new(),
            introductions: Introductions::default(),
            to_introduce: VecDeque::new(),
            detours: Detours::default(),
            flooded: FloodedLookups::default(),
            hellos: KeyedRateLimiter::new(HELLO_EVERY, HELLO_BURST, NEIGHBOURS_MAX),
            pool,
            hints: Hints::default(),
        }
    }

    /// A packet arrived on a link.
    pub fn arrived(&mut self, mut frame: Buffer, on: LinkId, roster: &Roster, now: Time) {
        let Some(carrier) = self.carriers.get_mut(on) else { return };
        carrier.used = now;
        let (origin, Some(name)) = (carrier.origin, carrier.name) else { return };
        let from = (origin != Origin::Client).then_some(name);
        let client = (origin == Origin::Client).then_some(name);
        match admit(&mut frame, client) {
            Err(why) => self.counters.add(why),
            Ok(_) if is_hello(&frame) && !self.accept_hello(on, now) => {
                self.counters.add("dropped-hello-rate");
            }
            Ok(destination) => {
                let arrival = Some(on);
                self.route(Parcel { frame, destination, from, arrival, since: now }, roster, now);
            }
        }
    }

    /// Returns whether a Hello on this link is within the rate of its source.
    fn accept_hello(&mut self, on: LinkId, now: Time) -> bool {
        self.hellos.take(self.carriers.source_number(on), now) == Some(true)
    }

    /// Sends a packet on, keeps it or gives it up.
    pub fn route(&mut self, mut parcel: Parcel, roster: &Roster, now: Time) {
        let way = match self.overlay {
            Some(_) => self.guide(&mut parcel, roster, now),
            None => roster.way(&parcel.destination, parcel.from.as_ref(), now),
        };
        while let Some(ends) = self.to_introduce.pop_front() {
            self.introduce(ends, roster, now);
        }
        match way {
            Way::Link(out) => self.pass(parcel, out, now),
            Way::Here => self.run_errand(&parcel, now),
            Way::Flood => self.flood(&parcel, roster, now),
            Way::Wait(awaited) => {
                let mut dropped: u64 = 0;
                while !self.pool.has_room(KEPT_SHARE) && self.kept.drop_one() {
                    dropped = dropped.saturating_add(1);
                }
                if self.pool.has_room(KEPT_SHARE) {
                    self.wanted.push_back(awaited);
                    dropped = dropped.saturating_add(self.kept.push(awaited, parcel));
                } else {
                    self.counters.add("dropped-no-memory");
                }
                self.counters.add_many("dropped-kept-full", dropped);
            }
            Way::None => self.give_up(&parcel, "dropped-no-way", roster, now),
        }
    }

    fn pass(&mut self, parcel: Parcel, out: LinkId, now: Time) {
        // The fullest queue is shed first: links that are not read cost the others no room.
        if !self.pool.has_room(QUEUES_SHARE) {
            let shed = self.carriers.shed_fullest();
            self.counters.add_many("dropped-fullest-queue", shed);
            if !self.pool.has_room(QUEUES_SHARE) {
                self.counters.add("dropped-no-memory");
                return;
            }
        }
        let arrival = parcel.arrival;
        if self.carriers.get(out).is_some_and(|carrier| carrier.origin == Origin::Client) {
            // Errands are for CLOAK nodes; a client has no use for one, from any source.
            if frame::kind(&parcel.frame) == Ok(Kind::Errand) {
                return self.counters.add("dropped-errand-to-client");
            }
            self.overhear(&parcel.frame, now);
        }
        let source = arrival.map_or(0, |id| self.carriers.source_number(id));
        let is_sent = self.carriers.on(out, |carrier| {
            carrier.used = now;
            carrier.link.forward(parcel.frame, source, now)
        });
        if is_sent == Some(true) {
            self.forwarded = self.forwarded.saturating_add(1);
        } else {
            self.counters.add("dropped-queue-full");
        }
        // Only a client is held back: a relay cannot know whose packets fill a queue, and a
        // neighbour that is not read would take the flows of everybody behind it down with it.
        let is_client = |id| self.carriers.get(id).is_some_and(|c| c.origin == Origin::Client);
        if let Some(client) = arrival.filter(|id| is_client(*id)) {
            self.carriers.hold(client, out, now);
        }
    }

    /// Drops a packet and tells its source that there is no way.
    fn give_up(&mut self, lost: &Parcel, why: &'static str, roster: &Roster, now: Time) {
        self.counters.add(why);
        let packet = (&lost.frame[..], lost.from);
        let Some((source, hint)) = self.hints.about(packet, roster.own(), &self.pool, now) else {
            return;
        };
        // By our own routing, or else back to where the packet came from.
        let mut parcel = Parcel {
            frame: hint,
            destination: source,
            from: Some(*roster.own()),
            arrival: None,
            since: now,
        };
        let way = match &mut self.overlay {
            Some(_) => self.guide(&mut parcel, roster, now),
            None => roster.way(&source, None, now),
        };
        let way = match way {
            Way::Link(link) => Some(link),
            Way::Here | Way::Flood | Way::Wait(_) | Way::None => lost.arrival,
        };
        let hint = parcel.frame;
        let is_sent = way.and_then(|link| self.carriers.on(link, |c| c.link.send(hint, now)));
        if is_sent == Some(true) {
            self.counters.add("unreachable-told");
        }
    }

    /// Somebody came: what waits is routed again, the oldest of each first.
    pub fn reroute(&mut self, roster: &Roster, now: Time) {
        for parcel in self.kept.take() {
            self.route(parcel, roster, now);
        }
    }

    /// Gives up what has waited too long.
    pub fn tick(&mut self, roster: &Roster, now: Time) {
        while let Some(lost) = self.kept.expired(now) {
            self.give_up(&lost, "dropped-away", roster, now);
        }
    }

    /// Routes the packets that waited on a link that is no more.
    pub fn rescue(&mut self, packets: VecDeque<Buffer>, roster: &Roster, now: Time) {
        for frame in packets {
            let header = frame.get(FRAME_HEADER..).unwrap_or_default();
            let Ok(route) = Route::new_checked(header) else { continue };
            let destination = route.destination();
            let parcel = Parcel { frame, destination, from: None, arrival: None, since: now };
            self.route(parcel, roster, now);
        }
    }
}

/// Returns whether a frame holds a Hello, which the peer may have to answer.
fn is_hello(frame: &Buffer) -> bool {
    frame::kind(frame) == Ok(Kind::Packet) && contype(frame) == ConType::Hello as u8
}

/// Whether a packet may travel on, and where to; takes one of its hops.
fn admit(frame: &mut Buffer, client: Option<Name>) -> Result<Name, &'static str> {
    // FR-02: what is read further on counts on all of a packet's headers.
    if frame::kind(frame) == Ok(Kind::Packet) && frame.len() < HEAD_ROOM {
        return Err("dropped-bad-packet");
    }
    let header = frame.bytes_mut().get_mut(FRAME_HEADER..).unwrap_or_default();
    let mut route = Route::new_checked(header).map_err(|_| "dropped-bad-route")?;
    if client.is_some_and(|name| name != route.source()) {
        return Err("dropped-forged-source");
    }
    // A count above the bound is no licence to circle longer (OV-03).
    let Some(left) = route.hops().min(HOPS_MAX).checked_sub(1) else {
        return Err("dropped-hops-spent");
    };
    route.set_hops(left);
    Ok(route.destination())
}
