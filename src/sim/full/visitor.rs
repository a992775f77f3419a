//! A local client of a simulated node: what of a MUSeS node the overlay gets to see.
//!
//! It proves its Name, writes its record whenever it hears where it is, and sends and receives
//! packets. What is sealed in them is nobody's business here.

use std::rc::Rc;

use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN, ROUTE_LEN};
use crate::base::machine::Slices;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::link::{Event, Link};
use crate::node::whereabouts::Whereabouts;
use crate::wire::frame::{self, Kind};
use crate::wire::link::Role;
use crate::wire::packet::{ConType, Header, SessId};
use crate::wire::route::{self, Route};

/// Bytes of memory for its packets.
const MEMORY: usize = 1 << 20;

/// What became of a question with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is there.
    Arrived(u64),
    /// So is its answer.
    Answered(u64),
}

/// A client.
pub struct Visitor {
    name: Name,
    whereabouts: Whereabouts,
    link: Link,
    home: Option<Name>,
    pool: Pool,
}

impl Visitor {
    /// A client that attaches now; `born` is the wall clock then, in milliseconds.
    #[must_use]
    pub fn new(identity: &Rc<Identity>, born: u64, rng: &mut Rng, now: Time) -> Self {
        let pool = Pool::new(MEMORY);
        let link = Link::new(Rc::clone(identity), Role::Client, None, rng, &pool, now).calling();
        Self {
            name: identity.name(),
            whereabouts: Whereabouts::new(Rc::clone(identity), None, born, now),
            link,
            home: None,
            pool,
        }
    }

    /// Whether it is attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.home.is_some()
    }

    /// Sends a packet with a number in it: one that asks until it is answered, or the answer.
    pub fn send(&mut self, to: &Name, kind: ConType, number: u64, now: Time) {
        let total = HEAD_ROOM + 8;
        let mut frame = self.pool.take(total);
        let space = &mut frame.spare()[..total];
        frame::emit(space, Kind::Packet, total);
        route::emit(&mut space[FRAME_HEADER..], &self.name, to, HOPS_MAX);
        let session = SessId::default();
        let header = Header { kind, suite: 1, last: false, epoch: 0, seq: number, session };
        header.emit(&mut space[HEAD_ROOM - PERSISTENT_LEN..]);
        space[HEAD_ROOM..].copy_from_slice(&number.to_be_bytes());
        frame.grow(total);
        self.link.send(frame, now);
    }

    /// What it has to write to its node.
    pub fn take_output(&mut self, now: Time) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let mut slices = Slices::default();
            self.link.send_slices(&mut slices);
            let before = bytes.len();
            slices.iter().for_each(|part| bytes.extend_from_slice(part));
            if bytes.len() == before {
                return bytes;
            }
            self.link.send_commit(bytes.len() - before, now);
        }
    }

    /// Hears bytes of its node.
    pub fn hear(&mut self, mut bytes: &[u8], now: Time) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        while !bytes.is_empty() {
            let space = self.link.recv_space();
            let count = space.len().min(bytes.len());
            if count == 0 {
                break;
            }
            space[..count].copy_from_slice(&bytes[..count]);
            bytes = &bytes[count..];
            self.link.recv_commit(count, now);
            while let Some(event) = self.link.poll() {
                receipts.extend(self.learn(event, now));
            }
        }
        receipts
    }

    fn learn(&mut self, event: Event, now: Time) -> Option<Receipt> {
        match event {
            Event::Proved { name, .. } => self.home = Some(name),
            Event::Word(Kind::Places, area) => {
                if let Some(record) = self.whereabouts.record(self.home?, &area, now) {
                    self.link.word(Kind::Record, record.bytes());
                }
            }
            Event::Packet(frame) => {
                let header = Header::parse(&frame[FRAME_HEADER + ROUTE_LEN..]).ok()?;
                if header.kind == ConType::Ack {
                    return Some(Receipt::Answered(header.seq));
                }
                if header.kind == ConType::Probe {
                    let from = Route::new_checked(&frame[FRAME_HEADER..]).ok()?.source();
                    self.send(&from, ConType::Ack, header.seq, now);
                    return Some(Receipt::Arrived(header.seq));
                }
            }
            _ => {}
        }
        None
    }
}
