//! What leaves: sealed packets, those sent again, acknowledgements, Re-Hellos.

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::limits::{HEAD_ROOM, ICV_MAX, PAYLOAD_MAX};
use crate::session::envelope;
use crate::session::keys::Stage;
use crate::session::stream::Session;
use crate::wire::ack::{Ack, Entry, ReHello, emit_entry};
use crate::wire::cursor::Writer;
use crate::wire::packet::{ConType, PSessId};
use crate::wire::reason::Reason;

use super::Tunnel;
use super::event::Event;

/// Bytes one packet of acknowledgements may hold.
const ACK_MAX: usize = 2048;

impl Tunnel {
    /// Seals and sends a packet without application bytes; it costs no credit and waits for no
    /// window.
    pub(super) fn say(&mut self, key: u64, kind: ConType, body: &[u8], now: Time) {
        let mut payload = envelope::blank(&self.pool, body.len());
        payload.extend(body);
        self.dispatch(key, kind, payload, now);
    }

    pub(super) fn dispatch(&mut self, key: u64, kind: ConType, mut payload: Buffer, now: Time) {
        let Some(session) = self.table.get_mut(key) else { return };
        if kind == ConType::Data && session.log.is_empty() {
            self.path.alone(payload.len(), now);
        }
        let last = kind != ConType::Data
            || self.path.is_last(payload.len().saturating_add(HEAD_ROOM + ICV_MAX) as u64)
            || session.lacks_credit_after(payload.len());
        if session.seal(kind, &mut payload, last, &self.keys).is_err() {
            // CR-16: nothing unsealed leaves; bytes taken in cannot be given back, so the
            // application hears of it.
            self.counters.add("crypto-failed");
            self.let_go(key);
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
    pub(super) fn flush(&mut self, now: Time) {
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

    pub(super) fn send_again(&mut self, key: u64, frame: Buffer, now: Time) {
        let transmission = self.path.sent(frame.len() as u64, now);
        self.table.resent(key, transmission, now);
        let (packets, bytes) = &mut self.sent_again;
        *packets = packets.saturating_add(1);
        *bytes = bytes.saturating_add(frame.len() as u64);
        self.out.push_back(frame);
    }

    fn ack_head(&self) -> Ack {
        let (received, marked) = self.acks.counters();
        Ack { settled: self.table.is_settled(), received, marked }
    }

    pub(super) fn acknowledge_all(&mut self, now: Time) {
        loop {
            let mut body = envelope::blank(&self.pool, ACK_MAX);
            let head = self.ack_head();
            let mut writer = Writer::new(body.spare().get_mut(..ACK_MAX).unwrap_or_default());
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
        // Who only receives wears the tunnel's own key.
        if self.keys.sent() >= self.bounds.wear.packets {
            self.flow.ask(now);
        }
    }

    pub(super) fn seal_out(&mut self, kind: ConType, mut body: Buffer) {
        match self.keys.seal(kind, &mut body) {
            Ok(()) => self.out.push_back(body),
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    /// Sends a Re-Hello or its answer: the fresh number, and what was received of every session.
    pub(super) fn say_hello(&mut self, kind: ConType, stage: Stage, now: Time) {
        let nonce = match stage {
            Stage::Ahead => self.keys.nonce(&mut self.rng),
            Stage::Done => self.keys.last_nonce().unwrap_or_default(),
        };
        let head = self.ack_head();
        let mut body = envelope::blank(&self.pool, PAYLOAD_MAX);
        let mut writer = Writer::new(body.spare().get_mut(..PAYLOAD_MAX).unwrap_or_default());
        let is_answer = kind == ConType::ReHelloBack;
        let keep = stage == Stage::Ahead && (is_answer || self.keys.is_full());
        let (outage, heard) = (self.flow.outage().is_some(), self.keys.heard(stage));
        ReHello { nonce, outage, keep, heard }.emit(&mut writer);
        head.emit(&mut writer);
        for (_, session) in self.table.iter_mut() {
            if !emit_entry(&session.entry(now), &mut writer) {
                break;
            }
        }
        let len = writer.len();
        body.grow(len);
        match self.keys.seal_step(kind, stage, &mut body) {
            Ok((leaving, number)) => {
                self.rehello_times.on_sent(leaving, number, now);
                self.out.push_back(body);
            }
            Err(_) => self.counters.add("crypto-failed"),
        }
    }

    pub(super) fn check_wear(&mut self, key: u64, now: Time) {
        let wear = self.bounds.wear;
        let session = self.table.get(key);
        let worn = session
            .and_then(Session::wear)
            .is_some_and(|(bytes, packets)| bytes >= wear.bytes || packets >= wear.packets);
        let worn = worn || self.keys.sent() >= wear.packets;
        if worn || now.since(self.keys.began()) >= wear.age {
            self.flow.ask(now);
            self.tick(now);
        }
    }

    /// Asks for news of a session that is held back by credit.
    pub(super) fn ask_credit(&mut self, now: Time) {
        let Some(key) = self.starved.first().copied() else { return };
        let mut body = envelope::blank(&self.pool, 8);
        body.extend(&key.to_be_bytes());
        self.seal_out(ConType::Probe, body);
        self.path.await_answer(now);
    }

    /// Confirms the handshake to the initiator, again if it asks again or says nothing.
    pub(crate) fn confirm(&mut self) {
        let mut body = envelope::blank(&self.pool, 1);
        body.extend(&[0]);
        self.seal_out(ConType::FinishedBack, body);
    }
}
