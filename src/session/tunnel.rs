//! A tunnel: the secure association of two Names, whatever happens below.
//!
//! It composes SSM ([`Keys`], and the sealer of each session) and SRM ([`Table`], [`Path`],
//! [`Flow`], [`Acks`]); packets in, packets and events out.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::limits::{
    CREDIT_PROBE, EPOCH_AGE_SOFT, EPOCH_BYTES_SOFT, EPOCH_PACKETS_SOFT, HEAD_ROOM, HINT_EVERY,
    ICV_MAX, PAYLOAD_MAX, WINDOW_DEFAULT,
};
use crate::base::machine::Deadline;
use crate::crypto::rng::Rng;
use crate::wire::ack::{Ack, Entries, Entry, ReHello, emit_entry};
use crate::wire::cursor::Writer;
use crate::wire::packet::{ConType, Header, PSessId, SessId};
use crate::wire::reason::Reason;

use super::acks::Acks;
use super::envelope;
use super::flow::{Flow, Outage};
use super::inbox::Fit;
use super::keys::{Keys, Rejected, Stage};
use super::log::Acked;
use super::path::Path;
use super::stream::{Session, Way};
use super::table::{Known, Table};

/// Sixteenths of the memory budget above which no data is taken in; the rest is left to what frees
/// memory, acknowledgements above all.
const MEMORY_FULL: usize = 15;

/// What happens in a tunnel. A session's key is the opener's half of its SessID, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer opened a session for this service.
    Incoming(u64, u16),
    /// The far service accepted.
    Accepted(u64),
    /// It did not.
    Refused(u64, Reason),
    /// Bytes wait for the application.
    Readable(u64),
    /// The peer's application will send no more.
    Finished(u64),
    /// The session is over, and not in order.
    Reset(u64, Reason),
    /// The session may send again.
    Writable(u64),
    /// Both directions are over and delivered; the key is dead.
    Closed(u64),
    /// Sessions held back by the path may send again.
    Room,
    /// The peer confirmed the handshake.
    Up,
    /// The path is gone.
    Suspended(Outage),
    /// The path is back.
    Resumed,
    /// The tunnel is over; its sessions were told before.
    Ended(Reason),
}

/// What holds a session's data back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The tunnel is suspended or its uplink is down.
    Outage,
    /// The congestion window is full.
    Path,
    /// The peer's application does not read.
    Credit,
    /// The session's log is full: the peer has to acknowledge first.
    Log,
    /// It has finished, or is not open yet.
    Closed,
}

/// When a key is worn; the defaults are the specification's, tests lower them.
#[derive(Clone, Copy, Debug)]
pub struct Wear {
    /// Bytes under one key.
    pub bytes: u64,
    /// Packets under one key.
    pub packets: u64,
    /// Age of an epoch in use.
    pub age: Duration,
}

impl Default for Wear {
    fn default() -> Self {
        Self { bytes: EPOCH_BYTES_SOFT, packets: EPOCH_PACKETS_SOFT, age: EPOCH_AGE_SOFT }
    }
}

/// What a tunnel may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one session's log, and of the credit it grants.
    pub window: usize,
    /// How long an outage may last before the sessions are given up; `None`: for ever.
    pub retain: Option<Duration>,
    /// When keys are worn.
    pub wear: Wear,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { window: WINDOW_DEFAULT, retain: None, wear: Wear::default() }
    }
}

/// A tunnel.
pub struct Tunnel {
    keys: Keys,
    table: Table,
    path: Path,
    flow: Flow,
    acks: Acks,
    bounds: Bounds,
    pool: Pool,
    rng: Rng,
    /// The initiator's Finished, until the peer confirms.
    unconfirmed: Option<Buffer>,
    /// Whether something was held back by the path since the last [`Event::Room`].
    crowded: bool,
    /// Sessions held back by credit, and when to ask for news of it.
    starved: BTreeSet<u64>,
    starved_ask: Option<(Time, Duration)>,
    hinted: Option<Time>,
    sent_again: u64,
    out: VecDeque<Buffer>,
    events: VecDeque<Event>,
    counters: Counters,
}

impl Tunnel {
    /// A tunnel whose handshake is done on this side. The initiator hands in its Finished, which
    /// is repeated until the peer confirms.
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
            bounds,
            pool,
            rng,
            unconfirmed: finished,
            crowded: false,
            starved: BTreeSet::new(),
            starved_ask: None,
            hinted: None,
            sent_again: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
        };
        if tunnel.unconfirmed.is_some() {
            tunnel.flow.ask(now);
            tunnel.tick(now);
        }
        tunnel
    }

    // ---- What the application wants --------------------------------------------------------

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
        if !self.flow.is_flowing() {
            return Err(Held::Outage);
        }
        match session.room(self.bounds.window) {
            0 if session.lacks_credit() => {
                self.starved.insert(key);
                self.starved_ask.get_or_insert((now + CREDIT_PROBE, CREDIT_PROBE));
                Err(Held::Credit)
            }
            0 => Err(Held::Log),
            room if self.path.has_room() && self.table.is_lossless() => Ok(room),
            _ => {
                self.crowded = true;
                Err(Held::Path)
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
        if session.inbox.owes_credit() {
            if self.pool.has_room(8) {
                session.inbox.widen(self.path.rtt(), self.bounds.window as u64, now);
            }
            self.acks.owe(key, now);
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

    // ---- What the network does --------------------------------------------------------------

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

    /// An unauthenticated hint says that the peer cannot be reached. It ends nothing; at most it
    /// makes the tunnel find out.
    pub fn hint_unreachable(&mut self, now: Time) {
        let heeded = self.hinted.is_some_and(|last| now.since(last) < HINT_EVERY);
        if heeded || self.path.in_flight() == 0 || self.flow.outage().is_some() {
            return;
        }
        self.hinted = Some(now);
        self.suspend(Outage::Unreachable, now);
        self.tick(now);
    }

    /// Takes in a packet of this tunnel: its header, and what followed the header.
    pub fn receive(&mut self, header: &Header, body: Buffer, marked: bool, now: Time) {
        let outcome = match header.kind {
            kind if kind.is_session() => self.receive_session(header, body, marked, now),
            ConType::ReHello | ConType::ReHelloBack => self.receive_step(header, body, now),
            ConType::Ack | ConType::Probe | ConType::Goodbye | ConType::FinishedBack => {
                self.receive_control(header, body, now)
            }
            _ => Err("unexpected-type"),
        };
        if let Err(name) = outcome {
            self.counters.add(name);
        }
        self.flush(now);
    }

    fn receive_session(
        &mut self,
        header: &Header,
        body: Buffer,
        marked: bool,
        now: Time,
    ) -> Result<(), Rejected> {
        // Never acknowledged, so it comes again once applications have taken what fills the memory.
        if header.kind == ConType::Data && !self.pool.has_room(MEMORY_FULL) {
            return Err("no-memory");
        }
        let key = header.session.opener.to_u64();
        match self.table.known(key) {
            Known::Here => {}
            Known::Never => return Err("unknown-session"),
            Known::New if header.session.answerer.serial != self.own_serial() => {
                return Err("unknown-session");
            }
            known @ (Known::New | Known::Over) => {
                let mut session = Session::new(header.session, false, now);
                session.receive(header, body, &self.keys, now)?;
                if known == Known::Over {
                    self.acks.deny(key, now);
                } else if self.table.admit(session) {
                    self.heard(now);
                    self.follow(key, header, Fit::Ahead, marked, now);
                } else {
                    return Err("too-many-sessions");
                }
                return Ok(());
            }
        }
        let Some(session) = self.table.get_mut(key) else { return Err("unknown-session") };
        if session.id() != header.session {
            return Err("unknown-session");
        }
        let fit = session.receive(header, body, &self.keys, now)?;
        if fit == Fit::Again {
            self.counters.add("received-again");
        }
        self.heard(now);
        self.follow(key, header, fit, marked, now);
        Ok(())
    }

    /// Hands on what is in order now, and owes an acknowledgement.
    fn follow(&mut self, key: u64, header: &Header, fit: Fit, marked: bool, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        let mut readable = false;
        while let Some(item) = session.inbox.take() {
            if !session.follow(item.kind) {
                self.counters.add("out-of-place");
                continue;
            }
            let reason = Reason::parse(&item.payload).unwrap_or(Reason::ByApplication);
            match item.kind {
                ConType::Open => {
                    let service = session.id().answerer.port;
                    self.events.push_back(Event::Incoming(key, service));
                }
                ConType::Accept => self.events.push_back(Event::Accepted(key)),
                ConType::Refuse => self.events.push_back(Event::Refused(key, reason)),
                ConType::Reset => {
                    session.deafen();
                    self.events.push_back(Event::Reset(key, reason));
                }
                ConType::Fin => self.events.push_back(Event::Finished(key)),
                _ => {
                    session.deliver(item.payload, &self.pool);
                    readable = true;
                }
            }
        }
        if readable {
            self.events.push_back(Event::Readable(key));
        }
        let at_once = header.last
            || fit != Fit::InOrder
            || session.inbox.has_gap()
            || session.receiving() >= Way::Finished;
        self.acks.received(key, marked, at_once, now);
        self.reap(key, now);
    }

    fn receive_control(
        &mut self,
        header: &Header,
        mut body: Buffer,
        now: Time,
    ) -> Result<(), Rejected> {
        self.keys.open(header, &mut body)?;
        match header.kind {
            ConType::FinishedBack if body[..] == [0] => self.heard(now),
            ConType::FinishedBack | ConType::Goodbye => {
                let reason = Reason::parse(&body).unwrap_or(Reason::Stopped);
                self.end(reason);
            }
            ConType::Probe => {
                self.heard(now);
                let key = body[..].try_into().map(u64::from_be_bytes).map_err(|_| "malformed")?;
                match self.table.known(key) {
                    Known::Here => self.acks.owe(key, now),
                    Known::Over => self.acks.deny(key, now),
                    Known::New | Known::Never => self.acks.at(now),
                }
            }
            _ => {
                self.heard(now);
                let (head, entries) = Ack::parse(&body).map_err(|_| "malformed")?;
                self.apply(&head, entries, now)?;
                if head.settled && header.epoch == self.keys.epoch() && !self.keys.is_settled() {
                    self.keys.settle();
                    self.table.settle(self.keys.epoch());
                }
                self.path.answered(now);
            }
        }
        Ok(())
    }

    fn receive_step(
        &mut self,
        header: &Header,
        mut body: Buffer,
        now: Time,
    ) -> Result<(), Rejected> {
        let stage = self.keys.open_step(header, &mut body)?;
        let (hello, rest) = ReHello::parse(&body).map_err(|_| "malformed")?;
        let (head, entries) = Ack::parse(rest).map_err(|_| "malformed")?;
        self.judge(entries)?;
        self.keys.admit(header, stage, hello.nonce)?;
        self.heard(now);
        if stage == Stage::Ahead {
            self.keys.step(&mut self.rng, now).map_err(|_| "crypto-failed")?;
            self.table.step();
        }
        let was_out = self.flow.outage().is_some();
        if header.kind == ConType::ReHello {
            self.say_hello(ConType::ReHelloBack, Stage::Done, now);
        }
        if hello.outage || was_out {
            self.table.lose_all();
            self.path.restart();
        }
        self.apply(&head, entries, now)?;
        // The Re-Hello speaks of as many sessions as fit; the rest follows here.
        let keys: Vec<u64> = self.table.iter().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| self.acks.owe(key, now));
        self.acks.at(now);
        if self.flow.resume(now) {
            self.events.push_back(Event::Resumed);
        }
        self.crowded = true;
        Ok(())
    }

    /// Refuses a Re-Hello with an impossible claim whole, before anything moves (RS-02, RS-03).
    fn judge(&self, entries: Entries<'_>) -> Result<(), Rejected> {
        for entry in entries {
            let entry = entry.map_err(|_| "malformed")?;
            let Some(session) = self.table.get(entry.session.to_u64()) else { continue };
            let end = entry.spans.as_slice().last().map_or(entry.cumulative, |span| span.end);
            let possible = session.log.judge(entry.cumulative).is_ok() && end <= session.log.next();
            if !entry.gone && !possible {
                return Err("impossible-claim");
            }
        }
        Ok(())
    }

    fn apply(&mut self, head: &Ack, entries: Entries<'_>, now: Time) -> Result<(), Rejected> {
        let mut sum = Acked::default();
        for entry in entries {
            let entry = entry.map_err(|_| "malformed")?;
            let key = entry.session.to_u64();
            match self.table.known(key) {
                Known::Here if entry.gone => self.forget_gone(key),
                Known::Here => {
                    let news = self.acknowledge(key, &entry, now)?;
                    sum.bytes += news.bytes;
                    sum.landed += news.landed;
                    sum.lost += news.lost;
                    sum.transmission = sum.transmission.max(news.transmission);
                    sum.rtt = sum.rtt.or(news.rtt);
                    self.reap(key, now);
                }
                Known::Over if !entry.gone => self.acks.deny(key, now),
                _ => {}
            }
        }
        if let Some(rtt) = sum.rtt {
            self.path.measured(rtt);
        }
        self.path.grow(sum.landed);
        self.path.landed(sum.landed + sum.lost);
        self.path.marks(head.received, head.marked, sum.transmission);
        if sum.lost > 0 {
            self.path.lost(sum.transmission);
        }
        if sum.bytes > 0 {
            self.path.progress(now);
        }
        Ok(())
    }

    fn acknowledge(&mut self, key: u64, entry: &Entry, now: Time) -> Result<Acked, Rejected> {
        let was_settled = self.table.is_settled();
        let held = |table: &Table, window| table.get(key).is_some_and(|s| s.room(window) == 0);
        let was_held = held(&self.table, self.bounds.window);
        let news = self.table.acknowledge(entry, now).map_err(|_| "impossible-claim")?;
        if was_held && !held(&self.table, self.bounds.window) {
            self.starved.remove(&key);
            self.events.push_back(Event::Writable(key));
        }
        if !was_settled && self.table.is_settled() {
            self.acks.at(now);
        }
        Ok(news)
    }

    /// The peer does not have the session. If all was said it is simply over.
    fn forget_gone(&mut self, key: u64) {
        let Some(session) = self.table.remove(key) else { return };
        self.starved.remove(&key);
        let said = session.sending() >= Way::Finished;
        let event = if said && session.receiving() >= Way::Finished {
            Event::Closed(key)
        } else {
            Event::Reset(key, Reason::Restarted)
        };
        self.events.push_back(event);
    }

    /// A packet of the peer was verified: it is there and has the keys.
    fn heard(&mut self, now: Time) {
        if self.unconfirmed.take().is_some() {
            self.flow.resume(now);
            self.events.push_back(Event::Up);
        }
    }

    // ---- What leaves ------------------------------------------------------------------------

    /// Seals and sends a packet without application bytes; it costs no credit and waits for no
    /// window.
    fn say(&mut self, key: u64, kind: ConType, body: &[u8], now: Time) {
        let mut payload = envelope::blank(&self.pool, body.len());
        payload.extend(body);
        self.dispatch(key, kind, payload, now);
    }

    fn dispatch(&mut self, key: u64, kind: ConType, mut payload: Buffer, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        let last = kind != ConType::Data
            || self.path.is_last((payload.len() + HEAD_ROOM + ICV_MAX) as u64)
            || session.lacks_credit_after(payload.len());
        if session.seal(kind, &mut payload, last, &self.keys).is_err() {
            // CR-16: nothing unsealed leaves; bytes taken in cannot be given back, so the
            // application hears of it.
            self.counters.add("crypto-failed");
            self.table.remove(key);
            self.events.push_back(Event::Reset(key, Reason::ByApplication));
            return;
        }
        if self.flow.is_flowing() {
            let transmission = self.path.sent(payload.len() as u64, now);
            session.log.push(payload.share(), transmission, now);
            self.out.push_back(payload);
        } else {
            session.log.push_waiting(payload);
            self.table.note_loss(key);
        }
    }

    /// Sends again what was lost, then acknowledgements that are due, then lets others send.
    fn flush(&mut self, now: Time) {
        if !self.flow.is_flowing() {
            return;
        }
        while self.path.has_room() {
            let Some((key, frame)) = self.table.next_lost() else { break };
            self.send_again(key, frame, now);
        }
        if self.acks.due().is_some_and(|due| due <= now) {
            self.acknowledge_all(now);
        }
        if self.crowded && self.path.has_room() && self.table.is_lossless() {
            self.crowded = false;
            self.events.push_back(Event::Room);
        }
    }

    fn send_again(&mut self, key: u64, frame: Buffer, now: Time) {
        let transmission = self.path.sent(frame.len() as u64, now);
        self.table.resent(key, transmission, now);
        self.sent_again += 1;
        self.out.push_back(frame);
    }

    fn ack_head(&self) -> Ack {
        let (received, marked) = self.acks.counters();
        Ack { settled: self.table.is_settled(), received, marked }
    }

    fn acknowledge_all(&mut self, now: Time) {
        loop {
            let mut body = envelope::blank(&self.pool, 2048);
            let head = self.ack_head();
            let room = 2048.min(body.spare_len());
            let mut writer = Writer::new(&mut body.spare()[..room]);
            head.emit(&mut writer);
            while let Some(key) = self.acks.next_owing() {
                let Some(session) = self.table.get_mut(key) else { continue };
                if !emit_entry(&session.entry(now), &mut writer) {
                    self.acks.put_back(key);
                    break;
                }
            }
            while writer.room() > 64 {
                let Some(key) = self.acks.next_gone() else { break };
                let session = PSessId::from_u64(key);
                emit_entry(&Entry { session, gone: true, ..Entry::default() }, &mut writer);
            }
            let len = writer.len();
            body.grow(len);
            self.seal_out(ConType::Ack, body);
            if self.acks.is_clear() {
                break;
            }
        }
        self.acks.paid();
    }

    fn seal_out(&mut self, kind: ConType, mut body: Buffer) {
        match self.keys.seal(kind, &mut body) {
            Ok(()) => self.out.push_back(body),
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    /// Sends a Re-Hello or its answer: the fresh number, and what was received of every session.
    fn say_hello(&mut self, kind: ConType, stage: Stage, now: Time) {
        let nonce = match stage {
            Stage::Ahead => self.keys.nonce(&mut self.rng),
            Stage::Done => self.keys.last_nonce().unwrap_or_default(),
        };
        let head = self.ack_head();
        let mut body = envelope::blank(&self.pool, PAYLOAD_MAX);
        let mut writer = Writer::new(&mut body.spare()[..PAYLOAD_MAX]);
        ReHello { nonce, outage: self.flow.outage().is_some() }.emit(&mut writer);
        head.emit(&mut writer);
        for (_, session) in self.table.iter_mut() {
            if !emit_entry(&session.entry(now), &mut writer) {
                break;
            }
        }
        let len = writer.len();
        body.grow(len);
        match self.keys.seal_step(kind, stage, &mut body) {
            Ok(()) => self.out.push_back(body),
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    fn check_wear(&mut self, key: u64, now: Time) {
        let wear = self.bounds.wear;
        let session = self.table.get(key);
        let worn = session
            .and_then(Session::wear)
            .is_some_and(|(bytes, packets)| bytes >= wear.bytes || packets >= wear.packets);
        if worn || now.since(self.keys.began()) >= wear.age {
            self.flow.ask(now);
            self.tick(now);
        }
    }

    // ---- Time -------------------------------------------------------------------------------

    fn suspend(&mut self, outage: Outage, now: Time) {
        if self.flow.suspend(outage, now) {
            self.table.lose_all();
            self.path.restart();
            self.acks.forget();
            self.events.push_back(Event::Suspended(outage));
        }
    }

    /// When the tunnel wants [`Tunnel::tick`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let due = |at, why| Deadline { at, why };
        let mut next = self.flow.next_try().map(|at| due(at, "re-hello"));
        if self.flow.is_flowing() {
            let probe = earliest(self.path.probe_at(), self.path.outage_at());
            next = earliest(next, self.acks.due().map(|at| due(at, "acknowledgement")));
            next = earliest(next, probe.map(|at| due(at, "probe")));
            next = earliest(next, self.starved_ask.map(|(at, _)| due(at, "credit probe")));
        }
        earliest(next, self.expiry().map(|at| due(at, "retention")))
    }

    fn expiry(&self) -> Option<Time> {
        self.flow.outage()?;
        Some(self.flow.since() + self.bounds.retain?)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        if self.expiry().is_some_and(|at| at <= now) {
            self.end(Reason::Expired);
            return;
        }
        if self.flow.is_flowing() {
            self.tick_path(now);
        }
        if self.flow.is_due(now) {
            match self.unconfirmed.as_ref().map(Buffer::share) {
                Some(finished) => self.out.push_back(finished),
                None => self.say_hello(ConType::ReHello, Stage::Ahead, now),
            }
            let waits = self.unconfirmed.is_some()
                || self.flow.outage().is_none()
                || self.table.is_waiting()
                || !self.starved.is_empty();
            self.flow.tried(waits, &mut self.rng, now);
            if self.flow.is_flowing() {
                self.crowded = true;
            }
        }
        self.flush(now);
    }

    fn tick_path(&mut self, now: Time) {
        if self.path.outage_at().is_some_and(|at| at <= now) {
            self.suspend(Outage::Silence, now);
            return;
        }
        if self.path.probe_at().is_some_and(|at| at <= now) {
            self.path.probed();
            let len = self.table.lose_oldest();
            self.path.landed(len);
            match self.table.next_lost() {
                Some((key, frame)) if len > 0 => self.send_again(key, frame, now),
                _ => self.ask_credit(now),
            }
        }
        if let Some((at, wait)) = self.starved_ask
            && at <= now
        {
            let wait = (wait * 2).min(CREDIT_PROBE * 10);
            self.starved_ask = (!self.starved.is_empty()).then_some((now + wait, wait));
            self.ask_credit(now);
        }
    }

    /// Asks for news of a session that is held back by credit.
    fn ask_credit(&mut self, now: Time) {
        let Some(key) = self.starved.first().copied() else { return };
        let mut body = envelope::blank(&self.pool, 8);
        body.extend(&key.to_be_bytes());
        self.seal_out(ConType::Probe, body);
        self.path.await_answer(now);
    }

    /// Lets a session go that is over, once its last acknowledgement has left.
    fn reap(&mut self, key: u64, now: Time) {
        let Some(session) = self.table.get(key) else { return };
        let is_broken = session.receiving() == Way::Broken;
        if !is_broken && !session.is_complete() {
            return;
        }
        if self.flow.is_flowing() {
            self.acks.owe(key, now);
            self.acknowledge_all(now);
        }
        self.starved.remove(&key);
        self.table.remove(key);
        self.events.push_back(Event::Closed(key));
    }

    // ---- What others see --------------------------------------------------------------------

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

    /// Confirms the handshake to the initiator, again if it asks again.
    pub(crate) fn confirm(&mut self) {
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[0]);
        self.seal_out(ConType::FinishedBack, body);
    }

    /// Whether the initiator still waits for the peer's confirmation.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.unconfirmed.is_some()
    }

    /// The outage, and since when the present state lasts.
    #[must_use]
    pub fn outage(&self) -> (Option<Outage>, Time) {
        (self.flow.outage(), self.flow.since())
    }

    /// When the next attempt at resuming is due.
    #[must_use]
    pub fn next_try(&self) -> Option<Time> {
        self.flow.next_try()
    }

    /// Sessions that are open.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.table.len()
    }

    /// What was dropped or noticed.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(u64::from(self.keys.epoch()));
        into.fold(self.path.in_flight() ^ self.path.window() << 32);
        into.fold(self.flow.since().as_nanos() ^ self.flow.resumed());
        for (key, session) in self.table.iter() {
            into.fold(key);
            into.fold(session.log.next() ^ session.log.acked() << 32);
            into.fold(session.inbox.next() ^ session.inbox.ready_bytes() << 32);
        }
    }

    /// The tunnel's part of the status; Name, alias and waits are the caller's to add.
    #[must_use]
    pub fn status(&self) -> crate::control::status::Tunnel {
        crate::control::status::Tunnel {
            suite: self.keys.suite().to_string(),
            epoch: self.keys.epoch(),
            rtt_us: u64::try_from(self.path.rtt().as_micros()).unwrap_or(u64::MAX),
            window: self.path.window(),
            in_flight: self.path.in_flight(),
            resumed: self.flow.resumed(),
            sent_again: self.sent_again,
            ..Default::default()
        }
    }

    /// A session's part of the status; its number, local side and wait are the caller's to add.
    #[must_use]
    pub fn session_status(&self, key: u64) -> Option<(crate::control::status::Session, Time)> {
        let session = self.table.get(key)?;
        let status = crate::control::status::Session {
            port: session.id().answerer.port,
            outgoing: session.is_outgoing(),
            sent: session.sent(),
            received: session.inbox.received(),
            unacknowledged: session.log.memory() as u64,
            ..Default::default()
        };
        Some((status, session.began()))
    }

    /// What a session waits for, as far as the tunnel knows.
    #[must_use]
    pub fn held(&self, key: u64) -> Option<Held> {
        let session = self.table.get(key)?;
        if self.flow.outage().is_some() || !self.flow.has_uplink() {
            return Some(Held::Outage);
        }
        match session.room(self.bounds.window) {
            _ if session.sending() != Way::Open => Some(Held::Closed),
            0 if session.lacks_credit() => Some(Held::Credit),
            0 => Some(Held::Log),
            _ => None,
        }
    }
}
