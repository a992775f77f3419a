//! One byte stream that carries frames between two proved Names.
//!
//! A [`Link`] composes four parts that do not know each other: [`intake`] cuts what is read into
//! frames, [`proof`] finds out who is there, [`queue`] orders what is written, [`monitor`] tells a
//! dead path from an idle one. Both ends of every link use it: CLOAK nodes towards their
//! neighbours and clients, a MUSeS node towards its CLOAK node. Sealing is not done here: what a
//! packet holds is its ends' business, and a relay that knew more would be a better target.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod drr;
pub mod fair;
pub mod intake;
pub mod keepalive;
pub mod monitor;
pub mod proof;
pub mod queue;
pub mod source_queues;

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use thiserror::Error;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, FRAME_MAX, LINK_STALLED, PROOF_MAX, UNPROVED_FRAME_MAX};
use crate::base::machine::{Deadline, Slices};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::wire::WireError;
use crate::wire::attachment::{Attachment, emit_names, names_len, parse_names};
use crate::wire::cursor::Writer;
use crate::wire::frame::{self, Kind};
use crate::wire::link::{Hello, Role, VERSION};
use crate::wire::referral::{Referral, parse_listens};
use crate::wire::tree::{Pulse, Standing};

use intake::Intake;
use monitor::{Monitor, Wanted};
use proof::{Proof, SIGNATURE_LEN};
use queue::Queue;

const _: () = assert!(FRAME_HEADER + Hello::LEN <= UNPROVED_FRAME_MAX);
const _: () = assert!(FRAME_HEADER + SIGNATURE_LEN <= UNPROVED_FRAME_MAX);

/// Why a link cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// Bytes that are no frame.
    #[error("a malformed frame: {0}")]
    Frame(WireError),
    /// A frame whose body is not what its kind says.
    #[error("a malformed message: {0}")]
    Message(WireError),
    /// A message that has no place here or now.
    #[error("a message out of turn")]
    Unexpected,
    /// The far end speaks another version of the protocol.
    #[error("the far end speaks another version of the link protocol than {VERSION}")]
    Version,
    /// The far end listed Names that have not signed that they are there.
    #[error("the far end lists Names without their signatures")]
    Unsigned,
    /// The far end is this node.
    #[error("the far end is this node itself")]
    OwnName,
    /// The far end is not who was expected.
    #[error("the far end has another Name than expected")]
    OtherName,
    /// The far end does not hold the key of the Name it gave.
    #[error("the far end did not prove its Name")]
    Signature,
    /// The far end is a client where none belongs, or the other way about.
    #[error("the far end has no business here in its role")]
    Role,
    /// The far end took too long to prove its Name.
    #[error("the far end did not prove its Name in time")]
    Late,
    /// The far end said again and again what was not signed by whom it is about.
    #[error("the far end says what is not signed")]
    Violations,
    /// Nothing was heard while something waited for an answer.
    #[error("the far end fell silent")]
    Silent,
    /// The far end answers and takes nothing of what waits for it.
    #[error("the far end does not read")]
    Stalled,
}

/// What a link has for its owner.
#[derive(Debug)]
pub enum Event {
    /// The far end is who it says; packets flow from here on.
    Proved {
        /// Who.
        name: Name,
        /// What it is to us.
        role: Role,
    },
    /// The Names attached to a neighbour, sorted; their signatures are not checked yet.
    Names(Vec<Attachment>),
    /// A client says that it is attached; its signature is not checked.
    Attach(Attachment),
    /// How a neighbour stands in a tree.
    Standing(Standing),
    /// That the root of a tree lives.
    Pulse(Pulse),
    /// The port where a neighbour listens for others.
    Listens(u16),
    /// Whom a neighbour names that has no place left in a tree.
    Referral(Referral),
    /// What a CLOAK node and its client tell each other of records; the body alone.
    Word(Kind, Buffer),
    /// A whole frame with a packet or an errand in it, ours alone.
    Packet(Buffer),
    /// A frame of a kind that a client has no use for; it was dropped.
    Ignored(Kind),
    /// The link is at its end: close it.
    Broken(LinkError),
}

/// One end of a link.
#[derive(Debug)]
pub struct Link {
    pool: Pool,
    intake: Intake,
    proof: Proof,
    queue: Queue,
    monitor: Monitor,
    events: VecDeque<Event>,
    proved: Option<Hello>,
    /// When the far end was asked for its proof: the answer is the first round trip sample.
    proof_asked: Time,
    /// When the link ends without that proof.
    proof_due: Time,
    /// Since when no byte of the packets that wait has left.
    stalled: Option<Time>,
    paused: bool,
    broken: Option<LinkError>,
}

impl Link {
    /// One end of a link over a stream that is open. `expected` refuses all other Names.
    #[must_use]
    pub fn new(
        identity: Rc<Identity>,
        role: Role,
        expected: Option<Name>,
        rng: &mut Rng,
        pool: &Pool,
        now: Time,
    ) -> Self {
        let proof = Proof::new(identity, role, expected, rng);
        let mut queue = Queue::default();
        let hello = message(pool, Kind::Hello, Hello::LEN, |into| proof.own().emit(into));
        queue.control(Kind::Hello, hello);
        Self {
            pool: pool.clone(),
            intake: Intake::new(pool),
            proof,
            queue,
            monitor: Monitor::default(),
            events: VecDeque::new(),
            proved: None,
            proof_asked: now,
            proof_due: now + PROOF_MAX,
            stalled: None,
            paused: false,
            broken: None,
        }
    }

    /// Says that this end dialled, so that it proves its Name last; a client always does.
    #[must_use]
    pub fn calling(mut self) -> Self {
        self.proof.calling();
        self.monitor.keepalive.calling();
        self
    }

    /// Where the next bytes belong; empty while paused and once broken.
    pub fn recv_space(&mut self) -> &mut [u8] {
        if self.paused || self.broken.is_some() { &mut [] } else { self.intake.space() }
    }

    /// So many bytes were put there.
    pub fn recv_commit(&mut self, count: usize, now: Time) {
        if count == 0 || self.broken.is_some() {
            return;
        }
        self.intake.commit(count);
        self.monitor.heard(self.proved.is_some() && self.queue.bytes() > 0, now);
        while self.broken.is_none() {
            let bound = if self.proved.is_some() { FRAME_MAX } else { UNPROVED_FRAME_MAX };
            let taken = match self.intake.next(bound) {
                Ok(None) => return,
                Ok(Some(frame)) => self.take(frame, now),
                Err(error) => Err(LinkError::Frame(error)),
            };
            if let Err(error) = taken {
                self.fail(error);
            }
        }
    }

    /// Takes one frame; `docs/protocol/link.md#which-frame-where` has the table.
    fn take(&mut self, frame: Buffer, now: Time) -> Result<(), LinkError> {
        let kind = frame::kind(&frame).map_err(LinkError::Frame)?;
        match self.proved {
            None => self.take_before_proof(kind, frame, now),
            Some(other) => self.take_after_proof(kind, frame, &other, now),
        }
    }

    /// Before the proof nothing has a place but what belongs to it.
    fn take_before_proof(
        &mut self,
        kind: Kind,
        mut frame: Buffer,
        now: Time,
    ) -> Result<(), LinkError> {
        frame.skip(FRAME_HEADER);
        match kind {
            Kind::Hello => {
                let signature = self.proof.hello(&frame)?;
                // The end that was called proves itself now, and is answered with the other proof.
                if signature.is_some() {
                    self.proof_asked = now;
                }
                self.prove(signature);
            }
            Kind::Proof => {
                let (other, signature) = self.proof.proof(&frame)?;
                self.prove(signature);
                self.monitor.measured(now.since(self.proof_asked));
                self.admit(other, now);
            }
            _ => return Err(LinkError::Unexpected),
        }
        Ok(())
    }

    /// What has no place ends a CLOAK node's link, because only its far end can have made it. A
    /// client drops it: its CLOAK node may have passed on what a third party made.
    fn take_after_proof(
        &mut self,
        kind: Kind,
        mut frame: Buffer,
        other: &Hello,
        now: Time,
    ) -> Result<(), LinkError> {
        if kind == Kind::Packet || kind == Kind::Errand && self.is_between_neighbours(other) {
            if kind == Kind::Packet {
                self.monitor.keepalive.used(now);
            }
            self.events.push_back(Event::Packet(frame));
            return Ok(());
        }
        frame.skip(FRAME_HEADER);
        if kind == Kind::Pulse {
            self.monitor.keepalive.pulsed(now);
        }
        match kind {
            Kind::Ping | Kind::Pong if !frame.is_empty() => {
                return Err(LinkError::Message(WireError::Trailing));
            }
            Kind::Ping => self.say(Wanted { ping: false, pong: true }),
            Kind::Pong => self.monitor.answered(now),
            Kind::Hello | Kind::Proof => return Err(LinkError::Unexpected),
            _ => {
                let event = match (self.proof.own().role, other.role) {
                    (Role::Client, _) => Ok(word_of_cloak_node(kind, frame)),
                    (Role::Neighbour, Role::Client) => self.word_of_client(kind, frame, other),
                    (Role::Neighbour, Role::Neighbour) => word_of_neighbour(kind, &frame, other),
                };
                self.events.push_back(event?);
            }
        }
        Ok(())
    }

    fn word_of_client(&self, kind: Kind, body: Buffer, client: &Hello) -> Result<Event, LinkError> {
        match kind {
            Kind::Record | Kind::Seek => Ok(Event::Word(kind, body)),
            Kind::Attach => Attachment::parse(&body, client.name, self.proof.own().name)
                .map(Event::Attach)
                .map_err(LinkError::Message),
            _ => Err(LinkError::Unexpected),
        }
    }

    fn is_between_neighbours(&self, other: &Hello) -> bool {
        (self.proof.own().role, other.role) == (Role::Neighbour, Role::Neighbour)
    }

    fn prove(&mut self, signature: Option<[u8; SIGNATURE_LEN]>) {
        let Some(signature) = signature else { return };
        let write = |into: &mut Writer<'_>| {
            into.bytes(&signature);
        };
        let proof = message(&self.pool, Kind::Proof, SIGNATURE_LEN, write);
        self.queue.control(Kind::Proof, proof);
    }

    fn admit(&mut self, other: Hello, now: Time) {
        self.proved = Some(other);
        self.queue.open();
        if self.queue.bytes() > 0 {
            self.monitor.sent(now);
        }
        self.events.push_back(Event::Proved { name: other.name, role: other.role });
    }

    fn fail(&mut self, error: LinkError) {
        self.broken = Some(error);
        self.events.push_back(Event::Broken(error));
    }

    fn say(&mut self, wanted: Wanted) {
        for (kind, is_wanted) in [(Kind::Ping, wanted.ping), (Kind::Pong, wanted.pong)] {
            if is_wanted && self.is_up() {
                self.queue.control(kind, message(&self.pool, kind, 0, |_| ()));
            }
        }
    }

    /// What happened; drain after every mutation.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Queues a whole frame with a packet in it; false if it was dropped, which is counted.
    pub fn send(&mut self, packet_frame: Buffer, now: Time) -> bool {
        self.forward(packet_frame, 0, now)
    }

    /// The same for a packet that came from the source with this number: sources share the link.
    pub fn forward(&mut self, packet_frame: Buffer, source: u64, now: Time) -> bool {
        // Errands announce no further packets.
        let is_packet = frame::kind(&packet_frame) == Ok(Kind::Packet);
        let is_kept = self.queue.push(packet_frame, source);
        self.stalled.get_or_insert(now);
        if self.proved.is_some() {
            self.monitor.sent(now);
            if is_packet {
                self.monitor.keepalive.used(now);
            }
        }
        is_kept
    }

    /// Tells a neighbour who is attached here, sorted, in place of what it was told before.
    pub fn announce<'a>(&mut self, list: impl ExactSizeIterator<Item = &'a Attachment>) {
        let len = names_len(list.len());
        let frame = message(&self.pool, Kind::Names, len, |into| emit_names(list, into));
        self.queue.control(Kind::Names, frame);
    }

    /// Tells the CLOAK node, as its client, that this end is attached to it.
    pub fn attach(&mut self, attachment: &Attachment) {
        let write = |into: &mut Writer<'_>| attachment.emit(into);
        self.queue.control(Kind::Attach, message(&self.pool, Kind::Attach, Attachment::LEN, write));
    }

    /// Tells a neighbour how this node stands in a tree, in place of what it was told before. Like
    /// a pulse it wants an answer: nobody else would notice that a neighbour with whom no packets
    /// are exchanged is gone.
    pub fn stand(&mut self, standing: &Standing, now: Time) {
        let mut body = vec![0; standing.room()];
        let mut writer = Writer::new(&mut body);
        standing.emit(&mut writer);
        let len = writer.len();
        body.truncate(len);
        let frame = message(&self.pool, Kind::Standing, len, |into| {
            into.bytes(&body);
        });
        self.queue.tree_control(Kind::Standing, standing.tree, frame);
        self.monitor.sent(now);
    }

    /// Tells a neighbour that a root lives; whether the neighbour does is asked with it.
    pub fn pulse(&mut self, pulse: &Pulse, now: Time) {
        let frame = message(&self.pool, Kind::Pulse, pulse.room(), |into| pulse.emit(into));
        self.queue.tree_control(Kind::Pulse, pulse.tree, frame);
        self.monitor.sent(now);
    }

    /// Tells a neighbour the port where this node listens for others.
    pub fn listens(&mut self, port: u16) {
        let write = |into: &mut Writer<'_>| {
            into.u16(port);
        };
        self.queue.control(Kind::Listens, message(&self.pool, Kind::Listens, 2, write));
    }

    /// Names others to a neighbour that this node has no place for in a tree.
    pub fn refer(&mut self, referral: &Referral) {
        let len = referral.room();
        let frame = message(&self.pool, Kind::Referral, len, |into| referral.emit(into));
        self.queue.tree_control(Kind::Referral, referral.tree, frame);
    }

    /// Says a word about records between a CLOAK node and its client.
    pub fn word(&mut self, kind: Kind, body: &[u8]) {
        let frame = message(&self.pool, kind, body.len(), |into| {
            into.bytes(body);
        });
        self.queue.control(kind, frame);
    }

    /// Asks whether the far end is alive, and doubts it until it is heard.
    pub fn suspect(&mut self, now: Time) {
        if self.is_up() {
            let wanted = self.monitor.suspect(now);
            self.say(wanted);
        }
    }

    /// Stops or resumes reading.
    pub fn pause(&mut self, paused: bool, now: Time) {
        if self.paused != paused {
            self.paused = paused;
            self.monitor.pause(paused, now);
        }
    }

    /// What is to be written next.
    pub fn send_slices<'a>(&'a self, into: &mut Slices<'a>) {
        if self.broken.is_none() {
            self.queue.slices(into);
        }
    }

    /// So many bytes of it were written.
    pub fn send_commit(&mut self, count: usize, now: Time) {
        self.queue.commit(count);
        if count > 0 {
            self.stalled = (self.queue.bytes() > 0).then_some(now);
        }
    }

    /// Does what time demands.
    pub fn tick(&mut self, now: Time) {
        if self.broken.is_some() {
            return;
        }
        if self.proved.is_none() {
            if self.proof_due <= now {
                self.fail(LinkError::Late);
            }
            return;
        }
        let wanted = self.monitor.tick(now);
        self.say(wanted);
        if self.monitor.is_dead() {
            self.fail(LinkError::Silent);
        } else if self.stall_due().is_some_and(|at| at <= now) {
            self.fail(LinkError::Stalled);
        }
    }

    /// When [`Link::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        if self.broken.is_some() {
            return None;
        }
        if self.proved.is_none() {
            return Some(Deadline { at: self.proof_due, why: "proof of a Name" });
        }
        let stall = self.stall_due().map(|at| Deadline { at, why: "give up a link that stands" });
        earliest(self.monitor.next_timeout(), stall)
    }

    /// When a queue that does not move is the end of the link. A client is held back on purpose,
    /// so only neighbours are judged by it.
    fn stall_due(&self) -> Option<Time> {
        self.proved.as_ref().filter(|other| self.is_between_neighbours(other))?;
        Some(self.stalled? + LINK_STALLED)
    }

    /// Memory of the packets that wait, in bytes.
    #[must_use]
    pub fn queue_memory(&self) -> usize {
        self.queue.memory()
    }

    /// Drops half of the packets that wait; how many they were.
    pub fn shed(&mut self) -> u64 {
        self.queue.shed()
    }

    /// Takes the packets that wait, for a fresh link.
    pub fn take_queue(&mut self) -> VecDeque<Buffer> {
        self.queue.take()
    }

    /// Whether there is something to write.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.broken.is_none() && self.queue.has_output()
    }

    /// Bytes of packets that wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.bytes()
    }

    /// How many packets those are.
    #[must_use]
    pub fn queued_packets(&self) -> usize {
        self.queue.packets()
    }

    /// Packets dropped because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// Whether the far end has proved its Name and the link goes on.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.proved.is_some() && self.broken.is_none()
    }

    /// Whether the far end may be gone: dial afresh, and in parallel.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.monitor.is_doubtful()
    }

    /// Whether the far end fell silent for good.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.monitor.is_dead()
    }

    /// Whether packets were expected when the far end was last heard.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.monitor.keepalive.is_awaited()
    }

    /// The last round trip that was measured: of a question, or of the proof.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.monitor.rtt()
    }
}

/// What a client hears of its CLOAK node, packets and signs of life apart.
fn word_of_cloak_node(kind: Kind, body: Buffer) -> Event {
    match kind {
        Kind::Places | Kind::Sought => Event::Word(kind, body),
        _ => Event::Ignored(kind),
    }
}

/// What a CLOAK node hears of another one.
fn word_of_neighbour(kind: Kind, body: &[u8], neighbour: &Hello) -> Result<Event, LinkError> {
    let event = match kind {
        Kind::Names => parse_names(body, neighbour.name).map(Event::Names),
        Kind::Standing => Standing::parse(body).map(Event::Standing),
        Kind::Pulse => Pulse::parse(body).map(Event::Pulse),
        Kind::Listens => parse_listens(body).map(Event::Listens),
        Kind::Referral => Referral::parse(body).map(Event::Referral),
        _ => return Err(LinkError::Unexpected),
    };
    event.map_err(LinkError::Message)
}

/// A control frame with a body of `len` bytes.
fn message(pool: &Pool, kind: Kind, len: usize, write: impl FnOnce(&mut Writer<'_>)) -> Buffer {
    let total = len.saturating_add(FRAME_HEADER);
    let mut frame = pool.take(total);
    let space = frame.spare().get_mut(..total);
    let parts = space.and_then(|space| space.split_at_mut_checked(FRAME_HEADER));
    if let Some((header, body)) = parts {
        frame::emit(header, kind, total);
        write(&mut Writer::new(body));
    }
    frame.grow(total);
    frame
}

#[cfg(test)]
mod tests;
