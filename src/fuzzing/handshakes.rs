//! Handshake messages from nobody: whatever arrives in whatever order, no tunnel comes of garbage
//! and little memory is held for it (HS-01, HS-02, HS-07, HS-16).

use std::time::Duration;

use super::cloaks::cut;
use super::pair::{A, Pair};
use super::script::Script;
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, ROUTE_LEN};
use crate::wire::frame::{self, Kind};
use crate::wire::packet::{ConType, Header, PSessId, SessId};
use crate::wire::route;

/// Packet memory that strangers may make a side hold.
const HELD_MAX: usize = 2 << 20;

/// Two devices that want to meet; the input bends, invents and repeats what they say.
pub fn handshake(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let mut pair = Pair::default();
    pair.ask(A, 1);
    // A true answer to a true Hello makes an initiator's tunnel, and nothing else does: a true
    // Finished is never delivered here.
    let mut may_have_tunnel = [false; 2];
    while !script.is_over() {
        let code = script.byte();
        let side = usize::from(code >> 4 & 1);
        match code & 0x0f {
            0..=3 => {
                if let Some(kind) = deliver_true(&mut pair, side, &mut script) {
                    may_have_tunnel[side] |= kind == ConType::HelloBack;
                }
            }
            4..=6 => deliver_bent(&mut pair, side, &mut script),
            7 => deliver_cut(&mut pair, side, &mut script),
            8..=11 => {
                let mut frame = invented(&pair, side, &mut script);
                if code & 0x0f == 11 {
                    cut(&mut frame, &mut script);
                }
                pair.deliver(side, &frame);
            }
            12 => pair.wait(Duration::from_millis(u64::from(script.byte()) * 8)),
            13 => {
                let port = u16::from(script.byte());
                pair.ask(side, port);
            }
            _ => pair.wire[side].clear(),
        }
        for (at, side) in pair.sides.iter().enumerate() {
            let has_tunnel = side.peers.tunnel(&pair.peer_of(at)).is_some();
            assert!(!has_tunnel || may_have_tunnel[at], "a tunnel with nobody");
            assert!(side.pool.used() <= HELD_MAX, "{} bytes are held", side.pool.used());
        }
    }
}

fn header_of(frame: &[u8]) -> Option<Header> {
    Header::parse(frame.get(FRAME_HEADER + ROUTE_LEN..)?).ok()
}

/// Delivers something that was said, now or before.
fn deliver_true(pair: &mut Pair, side: usize, script: &mut Script<'_>) -> Option<ConType> {
    let at = script.short();
    let count = pair.archive[side].len();
    let frame = pair.archive[side].get(at % count.max(1))?.clone();
    let kind = header_of(&frame)?.kind;
    if kind != ConType::Finished {
        pair.deliver(side, &frame);
    }
    Some(kind)
}

/// The same with some bytes of its body changed.
fn deliver_bent(pair: &mut Pair, side: usize, script: &mut Script<'_>) {
    let (at, place, mask) = (script.short(), script.short(), script.byte());
    let count = pair.archive[side].len();
    let Some(frame) = pair.archive[side].get(at % count.max(1)) else { return };
    let mut frame = frame.clone();
    if frame.len() == HEAD_ROOM {
        return;
    }
    let place = HEAD_ROOM + place % (frame.len() - HEAD_ROOM);
    frame[place] ^= mask.max(1);
    for (at, byte) in (place + 1..frame.len()).zip(script.piece()) {
        frame[at] ^= byte;
    }
    pair.deliver(side, &frame);
}

/// The same cut to any length, or with something behind it.
fn deliver_cut(pair: &mut Pair, side: usize, script: &mut Script<'_>) {
    let at = script.short();
    let count = pair.archive[side].len();
    let Some(frame) = pair.archive[side].get(at % count.max(1)) else { return };
    let mut frame = frame.clone();
    frame.extend(script.piece());
    cut(&mut frame, script);
    pair.deliver(side, &frame);
}

/// A packet that nobody said.
fn invented(pair: &Pair, side: usize, script: &mut Script<'_>) -> Vec<u8> {
    let source = match script.byte() {
        0..128 => pair.peer_of(side),
        128..192 => pair.sides[side].name,
        fill => Name::from_bytes([fill; 32]),
    };
    let kind = ConType::ALL[script.below(ConType::ALL.len())];
    let mut half = || PSessId { port: 0, serial: u64::from(script.byte()) };
    let mut session = SessId { opener: half(), answerer: half() };
    if let Some(said) = pair.archive[1 - side].last().and_then(|frame| header_of(frame)) {
        // Half of the time it belongs to the handshake under way.
        session = if script.byte() & 1 == 0 { said.session } else { session };
    }
    let suite = script.byte();
    let header = Header { kind, suite, last: false, epoch: 0, seq: 0, session };
    let body = script.piece();
    let mut bytes = vec![0; HEAD_ROOM + body.len()];
    let total = bytes.len();
    frame::emit(&mut bytes, Kind::Packet, total);
    route::emit(&mut bytes[FRAME_HEADER..], &source, &pair.sides[side].name, 1);
    header.emit(&mut bytes[FRAME_HEADER + ROUTE_LEN..HEAD_ROOM]);
    bytes[HEAD_ROOM..].copy_from_slice(body);
    bytes
}
