//! A tunnel: the secure association of two Names, whatever happens below.
//!
//! It composes SSM (`Keys`, and the sealer of each session) and SRM (`Table`, `Path`,
//! `Flow`, `Acks`); packets in, packets and events out.

mod event;
mod inward;
#[cfg(any(test, fuzzing, feature = "fuzzing"))]
mod liar;
mod outward;
mod pace;
mod report;

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::limits::{CREDIT_PROBE, FINISHED_KEPT, HINT_EVERY};
use crate::crypto::rng::Rng;
use crate::wire::packet::{ConType, PSessId, SessId};
use crate::wire::reason::Reason;

use super::acks::Acks;
use super::envelope;
use super::flow::{Flow, Outage};
use super::keys::Keys;
use super::path::Path;
use super::rehello_times::RehelloTimes;
use super::stream::Way;
use super::table::Table;

pub use event::{Bounds, Event, Held, Wear};

/// Sixteenths of the memory budget above which no data is taken in; the rest is left to what frees
/// memory, acknowledgements above all.
const MEMORY_FULL: usize = 15;

/// What came of an unauthenticated hint: the peer was asked, and has this long to answer.
#[derive(Clone, Copy)]
struct Doubt {
    /// Who was heard since then is there.
    alive: Time,
    until: Time,
}

/// Sixteenths of the memory budget above which each tunnel has its share only.
const MEMORY_SHARED: usize = 8;

/// A tunnel.
pub struct Tunnel {
    keys: Keys,
    table: Table,
    path: Path,
    flow: Flow,
    acks: Acks,
    rehello_times: RehelloTimes,
    bounds: Bounds,
    pool: Pool,
    rng: Rng,
    /// The initiator's Finished, until the peer confirms.
    finished: Option<Buffer>,
    /// When the initiator's Finished last came.
    finished_at: Time,
    /// Whether the peer has shown that it is in this tunnel and knows this side to be. Before that
    /// no application's bytes leave, so that another handshake may take this one's place.
    is_confirmed: bool,
    /// An application waits for it.
    is_wanted: bool,
    /// A hint says that the path is gone; see [`Tunnel::hint_unreachable`].
    doubt: Option<Doubt>,
    /// When the last packet of the peer was verified.
    last_heard: Time,
    /// Whether something was held back by the path since the last [`Event::Room`].
    crowded: bool,
    /// Sessions held back by credit, sorted, and when to ask for news of it. They come and go with
    /// every grant, so this is memory that stays and no tree.
    starved: Vec<u64>,
    starved_ask: Option<(Time, Duration)>,
    hinted: Option<Time>,
    /// Packets sent again, and their bytes.
    sent_again: (u64, u64),
    out: VecDeque<Buffer>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Tunnel {
    /// A tunnel whose handshake is done on this side. The initiator hands in its Finished, which
    /// is repeated until the peer confirms; the other side confirms that.
    #[must_use]
    pub(crate) fn new(
        keys: Keys,
        finished: Option<Buffer>,
        bounds: Bounds,
        pool: Pool,
        rng: Rng,
        now: Time,
    ) -> Self {
        let mut tunnel = Self {
            table: Table::new(finished.is_some()),
            keys,
            path: Path::default(),
            flow: Flow::new(now),
            acks: Acks::default(),
            rehello_times: RehelloTimes::default(),
            bounds,
            pool,
            rng,
            finished,
            finished_at: now,
            is_confirmed: false,
            is_wanted: false,
            doubt: None,
            last_heard: now,
            crowded: false,
            starved: Vec::new(),
            starved_ask: None,
            hinted: None,
            sent_again: (0, 0),
            out: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        };
        if tunnel.finished.is_some() {
            tunnel.flow.ask(now);
            tunnel.tick(now);
        } else {
            tunnel.confirm();
        }
        tunnel
    }

    /// Takes the time that the peer took to answer in the handshake.
    pub(crate) fn on_handshake_rtt(&mut self, rtt: Duration) {
        self.path.rtt_mut().on_handshake_rtt(rtt);
    }

    /// Opens a session to the peer's service.
    pub fn open(&mut self, port: u16, service: u16, now: Time) -> Result<u64, Reason> {
        let answerer = PSessId { port: service, serial: self.peer_serial() };
        let key = self.table.open(port, answerer, now).ok_or(Reason::Full)?;
        self.say(key, ConType::Open, &[], now);
        Ok(key)
    }

    /// The local service accepted the peer's session.
    pub fn accept(&mut self, key: u64, now: Time) {
        self.say(key, ConType::Accept, &[], now);
    }

    /// It did not.
    pub fn refuse(&mut self, key: u64, reason: Reason, now: Time) {
        self.say(key, ConType::Refuse, &[reason as u8], now);
    }

    /// The application will send no more.
    pub fn finish(&mut self, key: u64, now: Time) {
        if self.table.get(key).is_some_and(|session| session.sending() == Way::Open) {
            self.say(key, ConType::Fin, &[], now);
            self.reap(key, now);
        }
    }

    /// The session ends at once, on both sides.
    pub fn reset(&mut self, key: u64, reason: Reason, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        session.deafen();
        if session.receiving() == Way::Broken || session.sending() == Way::Broken {
            return;
        }
        self.say(key, ConType::Reset, &[reason as u8], now);
    }

    /// How many bytes the session takes now, or what holds it back.
    pub fn room(&mut self, key: u64, now: Time) -> Result<usize, Held> {
        let Some(session) = self.table.get(key) else { return Err(Held::Closed) };
        if session.sending() != Way::Open {
            return Err(Held::Closed);
        }
        if !self.flow.is_flowing() || !self.is_confirmed {
            // An idle tunnel is not suspended when its uplink goes, so no resume will say it.
            self.crowded = true;
            return Err(Held::Outage);
        }
        match session.room(self.bounds.window) {
            0 if session.lacks_credit() => {
                if let Err(place) = self.starved.binary_search(&key) {
                    self.starved.insert(place, key);
                }
                self.starved_ask.get_or_insert((now + CREDIT_PROBE, CREDIT_PROBE));
                Err(Held::Credit)
            }
            0 => Err(Held::Log),
            room if self.path.has_room() && self.table.is_lossless() => {
                Ok(room.min(self.path.payload(now)))
            }
            room => {
                let beside = if session.log.is_empty() { self.path.room_beside() } else { 0 };
                self.crowded |= beside == 0;
                if beside > 0 { Ok(room.min(beside)) } else { Err(Held::Path) }
            }
        }
    }

    /// Seals application bytes (a payload in an [`envelope::blank`] buffer, at most
    /// [`Tunnel::room`] long) and sends them.
    pub fn send(&mut self, key: u64, payload: Buffer, now: Time) {
        self.dispatch(key, ConType::Data, payload, now);
        self.check_wear(key, now);
    }

    /// What waits for the application.
    pub fn ready(&self, key: u64) -> impl Iterator<Item = &Buffer> {
        self.table.get(key).into_iter().flat_map(|session| session.inbox.ready())
    }

    /// Bytes that wait for the application.
    #[must_use]
    pub fn ready_bytes(&self, key: u64) -> u64 {
        self.table.get(key).map_or(0, |session| session.inbox.ready_bytes())
    }

    /// The application took `count` of them.
    pub fn consume(&mut self, key: u64, count: usize, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        session.inbox.consume(count);
        // Behind the end of the stream nobody needs credit.
        if session.receiving() < Way::Finished {
            let is_wider = self.pool.has_room(8) && session.inbox.widen(self.bounds.window as u64);
            if is_wider || session.inbox.owes_credit() {
                self.acks.owe(key, now);
            }
        }
        self.reap(key, now);
        self.flush(now);
    }

    /// Lets the peer know that this side is going.
    pub fn say_goodbye(&mut self) {
        let mut body = envelope::blank(&self.pool, 0);
        if self.keys.seal(ConType::Goodbye, &mut body).is_ok() {
            self.out.push_back(body);
        }
    }

    /// Ends the tunnel on this side: every session's application gets a reset.
    pub fn end(&mut self, reason: Reason) {
        for key in self.table.clear() {
            self.events.push_back(Event::Reset(key, reason));
        }
        self.events.push_back(Event::Ended(reason));
    }

    /// The way into the overlay came or went.
    pub fn set_uplink(&mut self, up: bool, now: Time) {
        if up == self.flow.has_uplink() {
            return;
        }
        if !up && self.table.len() > 0 {
            self.suspend(Outage::NoUplink, now);
        }
        self.flow.set_uplink(up, now);
        self.tick(now);
    }

    /// Something happened that could help: an address, a route, a wake-up, a person's wish.
    pub fn path_changed(&mut self, now: Time) {
        if self.table.len() > 0 && self.flow.outage().is_none() {
            self.flow.ask(now);
        }
        self.flow.hurry(now);
        self.tick(now);
    }

    /// An unauthenticated hint says that the peer cannot be reached. It ends and stops nothing: the
    /// peer is asked, and only if it neither answers in a round trip nor is heard otherwise in the
    /// second half of it, the tunnel is suspended.
    pub fn hint_unreachable(&mut self, now: Time) {
        let is_out = self.flow.outage().is_some() || !self.is_confirmed;
        if self.path.in_flight() == 0 || is_out || self.is_hinted(now) {
            return;
        }
        let wait = self.path.rtt().answer_timeout();
        let half = wait.checked_div(2).unwrap_or(wait);
        self.doubt = Some(Doubt { alive: now + half, until: now + wait });
        self.flow.ask(now);
        self.flow.hurry(now);
        self.tick(now);
    }

    /// Another handshake's tunnel would do as well: this one has carried no application's bytes.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Returns whether this side has accepted a handshake whose confirmation has not reached the
    /// peer: its Finished still arrives.
    pub(crate) fn is_being_finished(&self, now: Time) -> bool {
        !self.is_confirmed && now.since(self.finished_at) < FINISHED_KEPT
    }

    /// The peer's Finished came once more.
    pub(crate) fn confirm_again(&mut self, now: Time) {
        self.finished_at = now;
        self.confirm();
    }

    /// An application waits for the peer's confirmation: it is asked for until it comes.
    pub(crate) fn want(&mut self, now: Time) {
        if !self.is_confirmed && !self.is_wanted {
            self.is_wanted = true;
            self.flow.ask(now);
            self.flow.hurry(now);
            self.tick(now);
        }
    }

    /// An unauthenticated hint says that the peer was restarted. It ends nothing; the tunnel asks.
    pub fn hint_restarted(&mut self, now: Time) {
        if self.table.len() > 0 && !self.is_hinted(now) {
            self.path_changed(now);
        }
    }

    /// Whether a hint was heeded a moment ago; else this one is.
    fn is_hinted(&mut self, now: Time) -> bool {
        let heeded = self.hinted.is_some_and(|last| now.since(last) < HINT_EVERY);
        if !heeded {
            self.hinted = Some(now);
        }
        heeded
    }

    /// The next packet to leave: a whole link frame.
    pub fn poll_packet(&mut self) -> Option<Buffer> {
        self.out.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The tunnel's own SessID.
    #[must_use]
    pub fn id(&self) -> SessId {
        self.keys.tunnel()
    }

    fn own_serial(&self) -> u64 {
        let id = self.keys.tunnel();
        if self.table.is_initiator() { id.opener.serial } else { id.answerer.serial }
    }

    fn peer_serial(&self) -> u64 {
        let id = self.keys.tunnel();
        if self.table.is_initiator() { id.answerer.serial } else { id.opener.serial }
    }
}
