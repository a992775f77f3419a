//! One byte stream that carries frames between two proved Names.
//!
//! A [`Link`] composes four parts that do not know each other: [`intake`] cuts what is read into
//! frames, [`proof`] finds out who is there, [`queue`] orders what is written, [`monitor`] tells a
//! dead path from an idle one. Both ends of every link use it: CLOAK nodes towards their
//! neighbours and clients, a MUSeS node towards its CLOAK node. Sealing is not done here: what a
//! packet holds is its ends' business, and a relay that knew more would be a better target.

pub mod fair;
pub mod intake;
pub mod monitor;
pub mod proof;
pub mod queue;

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
use crate::wire::cursor::Writer;
use crate::wire::frame::{self, Kind};
use crate::wire::link::{Hello, Role, emit_names, parse_names};
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
    /// The Names attached to a neighbour, sorted.
    Names(Vec<Name>),
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

    /// Takes one frame. Before the proof nothing has a place but what belongs to it.
    fn take(&mut self, mut frame: Buffer, now: Time) -> Result<(), LinkError> {
        let kind = frame::kind(&frame).map_err(LinkError::Frame)?;
        if matches!(kind, Kind::Packet | Kind::Errand) {
            let other = self.proved.ok_or(LinkError::Unexpected)?;
            if kind == Kind::Errand && !self.is_between_neighbours(&other) {
                return Err(LinkError::Unexpected);
            }
            self.events.push_back(Event::Packet(frame));
            return Ok(());
        }
        frame.skip(FRAME_HEADER);
        match (kind, self.proved) {
            (Kind::Hello, None) => {
                let signature = self.proof.hello(&frame)?;
                self.prove(signature);
            }
            (Kind::Proof, None) => {
                let (other, signature) = self.proof.proof(&frame)?;
                self.prove(signature);
                self.admit(other, now);
            }
            (Kind::Names, Some(other)) => {
                if !self.is_between_neighbours(&other) {
                    return Err(LinkError::Unexpected);
                }
                let names = parse_names(&frame).map_err(LinkError::Message)?;
                self.events.push_back(Event::Names(names));
            }
            (Kind::Standing, Some(other)) if self.is_between_neighbours(&other) => {
                let standing = Standing::parse(&frame).map_err(LinkError::Message)?;
                self.events.push_back(Event::Standing(standing));
            }
            (Kind::Pulse, Some(other)) if self.is_between_neighbours(&other) => {
                let pulse = Pulse::parse(&frame).map_err(LinkError::Message)?;
                self.events.push_back(Event::Pulse(pulse));
            }
            (Kind::Listens, Some(other)) if self.is_between_neighbours(&other) => {
                let port = parse_listens(&frame).map_err(LinkError::Message)?;
                self.events.push_back(Event::Listens(port));
            }
            (Kind::Referral, Some(other)) if self.is_between_neighbours(&other) => {
                let referral = Referral::parse(&frame).map_err(LinkError::Message)?;
                self.events.push_back(Event::Referral(referral));
            }
            (Kind::Places | Kind::Sought, Some(_)) if self.proof.own().role == Role::Client => {
                self.events.push_back(Event::Word(kind, frame));
            }
            (Kind::Record | Kind::Seek, Some(Hello { role: Role::Client, .. })) => {
                self.events.push_back(Event::Word(kind, frame));
            }
            (Kind::Ping | Kind::Pong, Some(_)) if !frame.is_empty() => {
                return Err(LinkError::Message(WireError::Trailing));
            }
            (Kind::Ping, Some(_)) => self.say(Wanted { ping: false, pong: true }),
            (Kind::Pong, Some(_)) => self.monitor.answered(now),
            _ => return Err(LinkError::Unexpected),
        }
        Ok(())
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
        let is_kept = self.queue.push(packet_frame);
        self.stalled.get_or_insert(now);
        if self.proved.is_some() {
            self.monitor.sent(now);
        }
        is_kept
    }

    /// Tells a neighbour the Names attached here, sorted, in place of those told before.
    pub fn announce<'n>(&mut self, names: impl ExactSizeIterator<Item = &'n Name>) {
        let len = 2 + names.len() * Name::LEN;
        let frame = message(&self.pool, Kind::Names, len, |into| emit_names(names, into));
        self.queue.control(Kind::Names, frame);
    }

    /// Tells a neighbour how this node stands in a tree, in place of what it was told before. Like
    /// a pulse it wants an answer: nobody else would notice that a neighbour with whom no packets
    /// are exchanged is gone.
    pub fn stand(&mut self, standing: &Standing, now: Time) {
        let mut body = vec![0; standing.room()];
        let mut writer = Writer::new(&mut body);
        standing.emit(&mut writer);
        let len = writer.len();
        let frame = message(&self.pool, Kind::Standing, len, |into| {
            into.bytes(&body[..len]);
        });
        self.queue.tree_control(Kind::Standing, standing.tree, frame);
        self.monitor.sent(now);
    }

    /// Tells a neighbour that a root lives; whether the neighbour does is asked with it.
    pub fn pulse(&mut self, pulse: &Pulse, now: Time) {
        let frame = message(&self.pool, Kind::Pulse, Pulse::LEN, |into| pulse.emit(into));
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

    /// Round trip of the last question and answer.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.monitor.rtt()
    }
}

/// A control frame with a body of `len` bytes.
fn message(pool: &Pool, kind: Kind, len: usize, write: impl FnOnce(&mut Writer<'_>)) -> Buffer {
    let total = FRAME_HEADER + len;
    let mut frame = pool.take(total);
    let space = &mut frame.spare()[..total];
    frame::emit(space, kind, total);
    write(&mut Writer::new(&mut space[FRAME_HEADER..]));
    frame.grow(total);
    frame
}

#[cfg(test)]
mod tests;
