//! What passes between the nodes of a world: calls, bytes and ends of streams.

use std::time::Duration;

use super::stream::{End, Piece, Stream, lateness};
use super::world::{Event, Plug, World, address, node_at};
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::machine::{Cause, Input, Machine, Slices};
use crate::cloak::config::LISTEN;
use crate::sim::dice::{dice, fraction};
use crate::sim::graph::Node;

impl World {
    /// Nothing passes any more between nodes of different sides, and nobody is told.
    pub fn divide(&mut self, side: impl Fn(Node) -> bool) {
        self.divide = Some(((0..self.nodes()).map(side).collect(), self.now));
    }

    /// What was held back by the divide arrives when the kernels send it again: they have become
    /// slow by as much as the divide was long.
    pub fn unite(&mut self) {
        let Some((sides, since)) = self.divide.take() else { return };
        let patience = self.now.since(since);
        let is_split =
            |s: &Stream| sides[s.ends[0].node as usize] != sides[s.ends[1].node as usize];
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| is_split(stream)) {
            let until = self.now + patience.mul_f64(fraction(&mut self.rng));
            for (end, way) in stream.ways.iter_mut().enumerate() {
                way.hold(until);
                self.agenda.plan(until, Event::Arrive(*id, end));
            }
        }
    }

    pub(super) fn is_divided(&self, a: Node, b: Node) -> bool {
        let divide = self.divide.as_ref();
        divide.is_some_and(|(sides, _)| sides[a as usize] != sides[b as usize])
    }

    /// How long a piece travels between two nodes: drawn from both, and always the same.
    fn latency(&self, a: Node, b: Node) -> Duration {
        let (near, far) = (self.plan.nearest, self.plan.farthest);
        let pair = format!("way {} {}", a.min(b), a.max(b));
        near + (far - near).mul_f64(fraction(&mut dice(self.plan.seed, &pair)))
    }

    pub(super) fn dial(&mut self, node: Node, link: LinkId, at: Endpoint) {
        let resident = &mut self.residents[node as usize];
        resident.plugs.insert(link, Plug::Calling);
        let caller = End { node, life: resident.life, link };
        let Some(callee) = node_at(&at).filter(|callee| *callee < self.nodes()) else { return };
        let arrives =
            self.now + self.latency(node, callee) + lateness(self.plan.loss, &mut self.rng);
        self.agenda.plan(arrives, Event::Call(caller, at));
    }

    pub(super) fn call(&mut self, caller: End, at: &Endpoint) {
        let Some(callee) = node_at(at) else { return };
        if self.is_divided(caller.node, callee) {
            return;
        }
        let latency = self.latency(caller.node, callee);
        let (now, from) = (self.now, address(caller.node));
        let resident = &mut self.residents[callee as usize];
        let accepted = resident.core.as_mut().and_then(|core| core.accept(LISTEN, from, now));
        let stream = accepted.map(|link| {
            let id = self.opened;
            self.opened += 1;
            resident.plugs.insert(link, Plug::Stream(id, 1));
            let ends = [caller, End { node: callee, life: resident.life, link }];
            let ways = Default::default();
            self.streams.insert(id, Stream { ends, latency, is_silent: false, ways });
            id
        });
        self.agenda.plan(now + latency, Event::Answer(caller, stream));
        if stream.is_some() {
            self.follow_up(callee);
        }
    }

    pub(super) fn answer(&mut self, caller: End, stream: Option<u64>) {
        let is_waited_for = self.is_open(&caller);
        match stream {
            Some(id) if is_waited_for => {
                let resident = &mut self.residents[caller.node as usize];
                resident.plugs.insert(caller.link, Plug::Stream(id, 0));
                self.tell(caller.node, Input::Connected(caller.link));
            }
            Some(id) => self.send(id, 0, Piece::Reset),
            None if is_waited_for => {
                self.residents[caller.node as usize].plugs.remove(&caller.link);
                self.tell(caller.node, Input::Closed(caller.link, Cause::Refused));
            }
            None => {}
        }
    }

    pub(super) fn send(&mut self, id: u64, end: usize, piece: Piece) {
        let Some(stream) = self.streams.get(&id) else { return };
        let [a, b] = stream.ends;
        let is_divided = self.is_divided(a.node, b.node);
        let lateness = lateness(self.plan.loss, &mut self.rng);
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| !stream.is_silent) else {
            return;
        };
        let way = &mut stream.ways[end];
        if let Piece::Bytes(bytes) = &piece {
            way.counter.count(bytes, &mut self.tally);
        }
        let at = way.send(piece, stream.latency, lateness, self.now);
        if !is_divided {
            self.agenda.plan(at, Event::Arrive(id, end));
        }
    }

    /// Writes what a link has to say.
    pub(super) fn flush(&mut self, node: Node, link: LinkId) {
        let resident = &mut self.residents[node as usize];
        let (Some(core), Some(plug)) = (&mut resident.core, resident.plugs.get(&link).copied())
        else {
            return;
        };
        let mut slices = Slices::default();
        core.send_slices(link, &mut slices);
        let bytes: Vec<u8> = slices.iter().flat_map(|part| part.iter().copied()).collect();
        if bytes.is_empty() {
            return;
        }
        core.send_commit(link, bytes.len(), self.now);
        self.to_flush.push_back(link);
        match plug {
            Plug::Stream(id, end) => self.send(id, end, Piece::Bytes(bytes)),
            Plug::Visitor => {
                let Some((_, visitor)) = &mut resident.visitor else { return };
                let (receipts, now) = (visitor.hear(&bytes, self.now), self.now);
                self.receipts.extend(receipts.into_iter().map(|receipt| (receipt, now)));
            }
            Plug::Calling => {}
        }
    }

    /// Reads for a node what its client has to say; whether there was something.
    pub(super) fn serve_visitor(&mut self, node: Node) -> bool {
        let Some((link, visitor)) = &mut self.residents[node as usize].visitor else {
            return false;
        };
        let (link, bytes) = (*link, visitor.take_output(self.now));
        let mut given = 0;
        while given < bytes.len() {
            let count = self.give(node, link, &bytes[given..]);
            if count == 0 {
                break;
            }
            given += count;
            self.act(node);
        }
        given > 0
    }

    /// Puts bytes where a node wants them; how many it took.
    fn give(&mut self, node: Node, link: LinkId, bytes: &[u8]) -> usize {
        let Some(core) = &mut self.residents[node as usize].core else { return 0 };
        let space = core.recv_space(link);
        let count = space.len().min(bytes.len());
        space[..count].copy_from_slice(&bytes[..count]);
        if count > 0 {
            core.recv_commit(link, count, self.now);
        }
        count
    }

    pub(super) fn arrive(&mut self, id: u64, end: usize) {
        loop {
            let Some(stream) = self.streams.get(&id) else { return };
            let ([a, b], reader) = (stream.ends, stream.ends[1 - end]);
            let is_held = stream.is_silent || stream.ways[end].is_stalled;
            if is_held || self.is_divided(a.node, b.node) {
                return;
            }
            let is_hole = self.holes.contains(&reader.node);
            let Some(way) = self.streams.get_mut(&id).map(|stream| &mut stream.ways[end]) else {
                return;
            };
            let piece = match way.receive(self.now) {
                Some(Piece::Bytes(bytes)) if is_hole => Piece::Bytes(way.sieve.strain(&bytes)),
                Some(piece) => piece,
                None => return,
            };
            match piece {
                // Whoever reads here has left: that is the end of the stream.
                _ if !self.is_open(&reader) => return drop(self.streams.remove(&id)),
                Piece::Bytes(bytes) => {
                    if !self.read(reader, (id, end), &bytes) {
                        return;
                    }
                }
                Piece::Fin => self.tell(reader.node, Input::Eof(reader.link)),
                Piece::Reset => {
                    self.residents[reader.node as usize].plugs.remove(&reader.link);
                    self.streams.remove(&id);
                    self.tell(reader.node, Input::Closed(reader.link, Cause::Reset));
                }
            }
        }
    }

    /// Reads for a node; false once it takes no more.
    fn read(&mut self, reader: End, (id, end): (u64, usize), bytes: &[u8]) -> bool {
        let mut given = 0;
        while given < bytes.len() {
            let count = self.give(reader.node, reader.link, &bytes[given..]);
            given += count;
            if count == 0 && self.is_open(&reader) {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.ways[end].put_back(Piece::Bytes(bytes[given..].to_vec()), self.now);
                }
                return false;
            }
            self.act(reader.node);
            if count == 0 {
                break;
            }
        }
        self.follow_up(reader.node);
        true
    }
}
