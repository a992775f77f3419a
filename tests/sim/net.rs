//! The network: TCP-like pipes in virtual time, and what can go wrong with them.
//!
//! A connection has two ends and a way from each. It promises what TCP promises (order, no loss
//! within its life) and breaks down as TCP does: it stalls, it is reset, or its far end falls
//! silent for ever.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use muses::base::clock::Time;
use muses::base::links::LinkId;
use muses::base::machine::{Port, Slices};

use crate::chance::Chance;
use crate::watch::Watch;

pub(crate) type ConnId = usize;

/// Who holds an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// A link of a process' run.
    Process(usize, u32, LinkId),
    /// A process has not accepted yet.
    Backlog(usize, Port),
    App(usize),
    /// Closed in order: what still arrives is swallowed.
    Lingering,
    /// What arrives is answered by a reset.
    Gone,
}

#[derive(Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Fin,
    Reset,
}

#[derive(Debug, Default)]
struct Way {
    under_way: VecDeque<(Time, Piece)>,
    arrived: VecDeque<u8>,
    /// Bytes under way and arrived.
    size: usize,
    is_ended: bool,
    has_fin: bool,
    last: Time,
    busy: Time,
    held: Time,
    /// The writer takes no more until then.
    clogged: Time,
    /// The writer waits for room.
    is_starved: bool,
}

#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) owners: [Owner; 2],
    ways: [Way; 2],
    /// A reset has arrived at this end.
    is_reset: [bool; 2],
    /// The two processes, where the network is between the ends.
    pub(crate) wire: Option<(usize, usize)>,
    /// Nothing arrives any more, and nobody is told.
    is_void: bool,
    capacity: usize,
}

/// What happens to who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialling {
    Works,
    Silent,
    Refused,
    Unreachable,
}

/// The network between two processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    pub(crate) is_down: bool,
    pub(crate) dialling: Dialling,
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    /// Bytes per second.
    pub(crate) bandwidth: u64,
    pub(crate) capacity: usize,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            is_down: false,
            dialling: Dialling::Works,
            latency: Duration::from_micros(20),
            jitter: Duration::ZERO,
            bandwidth: 1 << 30,
            capacity: 256 << 10,
        }
    }
}

/// All connections.
pub(crate) struct Net {
    conns: Vec<Option<Conn>>,
    wires: BTreeMap<(usize, usize), Wire>,
    /// One call in so many is cut short; zero: none.
    pub(crate) short: u64,
    pub(crate) watch: Watch,
    pub(crate) chance: Chance,
    /// Arrivals to be scheduled, and owners to be woken.
    pub(crate) arrivals: Vec<(Time, ConnId, usize)>,
    pub(crate) stirred: Vec<(Time, Owner)>,
    /// Bytes written between processes.
    pub(crate) carried: u64,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Net {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            conns: Vec::new(),
            wires: BTreeMap::new(),
            short: 0,
            watch: Watch::default(),
            chance,
            arrivals: Vec::new(),
            stirred: Vec::new(),
            carried: 0,
        }
    }

    pub(crate) fn wire(&mut self, a: usize, b: usize) -> &mut Wire {
        self.wires.entry(pair(a, b)).or_default()
    }

    pub(crate) fn wires_mut(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.wires.values_mut()
    }

    fn wire_of(&self, conn: &Conn) -> Wire {
        conn.wire.and_then(|wire| self.wires.get(&wire)).copied().unwrap_or_default()
    }

    pub(crate) fn open(&mut self, owners: [Owner; 2], wire: Option<(usize, usize)>) -> ConnId {
        let wire = wire.map(|(a, b)| pair(a, b));
        let found = wire.and_then(|wire| self.wires.get(&wire)).copied().unwrap_or_default();
        let capacity = found.capacity;
        let ways = Default::default();
        let conn = Conn { owners, ways, is_reset: [false; 2], wire, is_void: false, capacity };
        self.conns.push(Some(conn));
        self.conns.len() - 1
    }

    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(id)?.as_mut()
    }

    pub(crate) fn get(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id)?.as_ref()
    }

    fn stir(&mut self, owner: Owner, at: Time) {
        self.stirred.push((at, owner));
    }

    // ---- What the ends do -------------------------------------------------------------------

    fn push(&mut self, id: ConnId, end: usize, piece: Piece, now: Time) {
        let Some(conn) = self.conns[id].as_ref() else { return };
        let wire = self.wire_of(conn);
        let jitter = self.chance.within(wire.jitter);
        let Some(conn) = self.conns[id].as_mut() else { return };
        let way = &mut conn.ways[end];
        let mut at = now + wire.latency + jitter;
        if let Piece::Bytes(bytes) = &piece {
            let nanos = bytes.len() as u64 * 1_000_000_000 / wire.bandwidth;
            way.busy = way.busy.max(now) + Duration::from_nanos(nanos);
            at = at.max(way.busy + wire.latency);
        }
        at = at.max(way.last);
        way.last = at;
        way.under_way.push_back((at, piece));
        self.arrivals.push((at, id, end));
    }

    /// Writes as much as is taken now; zero is "would block", and a later stir.
    pub(crate) fn write(
        &mut self,
        id: ConnId,
        end: usize,
        slices: &Slices<'_>,
        now: Time,
    ) -> usize {
        let is_short = self.short > 0 && self.chance.one_in(self.short);
        let delay = self.chance.span(Duration::from_millis(5));
        let Some(conn) = self.conns[id].as_mut() else { return 0 };
        let (owner, is_wired) = (conn.owners[end], conn.wire.is_some());
        let way = &mut conn.ways[end];
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut count = total.min(conn.capacity.saturating_sub(way.size));
        if count == 0 || now < way.clogged {
            way.is_starved = true;
            return 0;
        }
        if is_short {
            let most = if self.chance.one_in(2) { 7 } else { count as u64 };
            count = count.min(1 + self.chance.below(most) as usize);
            way.clogged = now + delay;
            way.is_starved = true;
            self.stirred.push((now + delay, owner));
        }
        way.size += count;
        let mut bytes = Vec::with_capacity(count);
        for slice in slices.iter() {
            let part = slice.len().min(count - bytes.len());
            bytes.extend_from_slice(&slice[..part]);
        }
        if is_wired {
            self.carried += count as u64;
            self.watch.see(id, end, &bytes);
        }
        self.push(id, end, Piece::Bytes(bytes), now);
        count
    }

    /// Reads what has arrived.
    pub(crate) fn read(&mut self, id: ConnId, end: usize, into: &mut [u8], now: Time) -> usize {
        let is_short = self.short > 0 && self.chance.one_in(self.short);
        let Some(conn) = self.conns[id].as_mut() else { return 0 };
        let (writer, way) = (conn.owners[1 - end], &mut conn.ways[1 - end]);
        let mut count = into.len().min(way.arrived.len());
        if is_short && count > 1 {
            count = 1 + self.chance.size(count as u64 - 1) as usize;
        }
        for (slot, byte) in into.iter_mut().zip(way.arrived.drain(..count)) {
            *slot = byte;
        }
        way.size -= count;
        if count > 0 && std::mem::take(&mut way.is_starved) {
            self.stir(writer, now);
        }
        count
    }

    /// Bytes that can be read.
    pub(crate) fn readable(&self, id: ConnId, end: usize) -> usize {
        self.get(id).map_or(0, |conn| conn.ways[1 - end].arrived.len())
    }

    /// Whether the far end of stream has arrived and all before it was read.
    pub(crate) fn is_ended(&self, id: ConnId, end: usize) -> bool {
        self.get(id).is_some_and(|conn| {
            conn.ways[1 - end].has_fin && conn.ways[1 - end].arrived.is_empty()
        })
    }

    pub(crate) fn is_reset(&self, id: ConnId, end: usize) -> bool {
        self.get(id).is_none_or(|conn| conn.is_reset[end])
    }

    /// Sends an end of stream.
    pub(crate) fn end(&mut self, id: ConnId, end: usize, now: Time) {
        let Some(conn) = self.get_mut(id) else { return };
        if !std::mem::replace(&mut conn.ways[end].is_ended, true) {
            self.push(id, end, Piece::Fin, now);
        }
    }

    /// Closes an end; with `reset` the far end is told so.
    pub(crate) fn leave(&mut self, id: ConnId, end: usize, reset: bool, now: Time) {
        let Some(conn) = self.get_mut(id) else { return };
        conn.owners[end] = if reset { Owner::Gone } else { Owner::Lingering };
        let way = &mut conn.ways[1 - end];
        let freed = way.arrived.len();
        way.arrived.clear();
        way.size -= freed;
        if reset {
            self.push(id, end, Piece::Reset, now);
        } else {
            self.end(id, end, now);
        }
    }

    /// Whoever held this end is gone: what arrives from now on is answered by a reset.
    pub(crate) fn desert(&mut self, id: ConnId, end: usize) {
        if let Some(conn) = self.get_mut(id) {
            conn.owners[end] = Owner::Gone;
        }
    }

    // ---- What the network does --------------------------------------------------------------

    /// Lets arrive what is due.
    pub(crate) fn arrive(&mut self, id: ConnId, end: usize, now: Time) {
        loop {
            let Some(conn) = self.get(id) else { return };
            let is_down = self.wire_of(conn).is_down;
            let Some(conn) = self.get_mut(id) else { return };
            let way = &mut conn.ways[end];
            if conn.is_void || is_down || now < way.held {
                return;
            }
            if way.under_way.front().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let Some((_, piece)) = way.under_way.pop_front() else { return };
            let owner = conn.owners[1 - end];
            match piece {
                Piece::Bytes(bytes) => match owner {
                    Owner::Lingering => {
                        way.size -= bytes.len();
                        let writer = conn.owners[end];
                        self.stir(writer, now);
                    }
                    Owner::Gone => {
                        way.size -= bytes.len();
                        self.push(id, 1 - end, Piece::Reset, now);
                    }
                    _ => {
                        way.arrived.extend(bytes);
                        self.stir(owner, now);
                    }
                },
                Piece::Fin => {
                    way.has_fin = true;
                    self.stir(owner, now);
                }
                Piece::Reset => {
                    conn.is_reset[1 - end] = true;
                    if matches!(owner, Owner::Gone | Owner::Lingering) {
                        self.conns[id] = None;
                        return;
                    }
                    self.stir(owner, now);
                }
            }
        }
    }

    fn on_wire(&self, a: usize, b: usize) -> Vec<ConnId> {
        let wire = Some(pair(a, b));
        let of = |conn: &&Conn| conn.wire == wire;
        let found = self.conns.iter().enumerate();
        found.filter(|(_, conn)| conn.as_ref().filter(of).is_some()).map(|(id, _)| id).collect()
    }

    /// Holds back what is under way until `until`.
    pub(crate) fn stall(&mut self, a: usize, b: usize, until: Time) {
        for id in self.on_wire(a, b) {
            let Some(conn) = self.conns[id].as_mut() else { continue };
            for (end, way) in conn.ways.iter_mut().enumerate() {
                way.held = way.held.max(until);
                self.arrivals.push((until, id, end));
            }
        }
    }

    /// The path is back: what was held arrives when the kernels send it again, up to `patience`
    /// later.
    pub(crate) fn heal(&mut self, a: usize, b: usize, patience: Duration, now: Time) {
        let wire = self.wire(a, b);
        (wire.is_down, wire.dialling) = (false, Dialling::Works);
        let until = now + self.chance.within(patience);
        self.stall(a, b, until);
    }

    /// The connections of a wire live on and carry nothing for ever.
    pub(crate) fn void(&mut self, a: usize, b: usize) {
        for id in self.on_wire(a, b) {
            if let Some(conn) = self.get_mut(id) {
                conn.is_void = true;
            }
        }
    }

    /// Something in the middle resets the connections of a wire, or ends them with what has
    /// arrived so far.
    pub(crate) fn break_off(&mut self, a: usize, b: usize, reset: bool, now: Time) {
        for id in self.on_wire(a, b) {
            let Some(conn) = self.get_mut(id).filter(|conn| !conn.is_void) else { continue };
            conn.is_void = true;
            for end in [0, 1] {
                if reset {
                    conn.is_reset[end] = true;
                } else {
                    conn.ways[1 - end].has_fin = true;
                }
            }
            let owners = conn.owners;
            owners.into_iter().for_each(|owner| self.stir(owner, now));
        }
    }

    /// The kernel ends all that a dead process held.
    pub(crate) fn orphan(&mut self, process: usize, now: Time) {
        for id in 0..self.conns.len() {
            let Some(conn) = self.get(id) else { continue };
            for end in [0, 1] {
                let is_its = match conn.owners[end] {
                    Owner::Process(owner, _, _) | Owner::Backlog(owner, _) => owner == process,
                    Owner::App(_) | Owner::Lingering | Owner::Gone => false,
                };
                if is_its {
                    let unread = self.readable(id, end) > 0;
                    self.leave(id, end, unread, now);
                    if let Some(conn) = self.get_mut(id) {
                        conn.owners[end] = Owner::Gone;
                    }
                    break;
                }
            }
        }
    }
}
