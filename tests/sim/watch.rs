//! Watches the wire: no key may ever seal two different packets under one number.

use std::collections::BTreeMap;

use muses::base::fingerprint::Fingerprint;
use muses::base::limits::{FRAME_HEADER, PERSISTENT_LEN, ROUTE_LEN};
use muses::wire::frame::{self, Kind};
use muses::wire::packet::{ConType, Header};
use muses::wire::route::Route;

use crate::net::ConnId;

/// Which key sealed a packet, and its number: sender, class of key, SessID, epoch, SeqNBR.
type Seal = (u64, u8, [u8; 16], u32, u64);

#[derive(Default)]
pub(crate) struct Watch {
    parts: BTreeMap<(ConnId, usize), Vec<u8>>,
    seals: BTreeMap<Seal, u64>,
    pub(crate) failure: Option<String>,
    /// Packets seen, by type.
    pub(crate) packets: BTreeMap<u8, u64>,
}

/// Packets of one class are sealed with the same keys; `None`: with none, or Noise's own.
fn class(kind: ConType) -> Option<u8> {
    match kind {
        ConType::ReHello | ConType::ReHelloBack => Some(1),
        ConType::FinishedBack | ConType::Ack | ConType::Probe | ConType::Goodbye => Some(2),
        kind if kind.is_session() => Some(3),
        _ => None,
    }
}

impl Watch {
    /// Bytes were written to one way of a connection.
    pub(crate) fn see(&mut self, conn: ConnId, end: usize, bytes: &[u8]) {
        let mut part = self.parts.remove(&(conn, end)).unwrap_or_default();
        part.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match frame::length(&part[at..]) {
                Ok(Some(length)) if part.len() - at >= length => {
                    self.frame(&part[at..at + length]);
                    at += length;
                }
                Ok(_) => break,
                Err(error) => {
                    self.failure.get_or_insert(format!("a link carries no frame: {error}"));
                    break;
                }
            }
        }
        part.drain(..at);
        self.parts.insert((conn, end), part);
    }

    fn frame(&mut self, frame: &[u8]) {
        if frame::kind(frame) != Ok(Kind::Packet) || frame.len() < FRAME_HEADER + ROUTE_LEN {
            return;
        }
        let packet = &frame[FRAME_HEADER + ROUTE_LEN..];
        let (Ok(route), Ok(header)) =
            (Route::new_checked(&frame[FRAME_HEADER..]), Header::parse(packet))
        else {
            self.failure.get_or_insert("a frame holds no packet".to_owned());
            return;
        };
        *self.packets.entry(header.kind as u8).or_default() += 1;
        let Some(class) = class(header.kind) else { return };
        let mut source = Fingerprint::default();
        source.fold_bytes(route.source().as_bytes());
        let session = header.session.to_bytes();
        let seal = (source.value(), class, session, header.epoch, header.seq);
        let mut print = Fingerprint::default();
        print.fold_bytes(packet);
        let known = *self.seals.entry(seal).or_insert(print.value());
        if known != print.value() {
            let sealed = packet.len() - PERSISTENT_LEN;
            self.failure.get_or_insert(format!(
                "SeqNBR {} of epoch {} sealed two packets: {:?}, {sealed} bytes",
                header.seq, header.epoch, header.kind
            ));
        }
    }
}
