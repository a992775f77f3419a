//! One session: a two-way byte stream of one application connection inside a tunnel.

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::limits::{
    CREDIT_INITIAL, EPOCH_BYTES_HARD, EPOCH_PACKETS_HARD, PACKET_COST, PAYLOAD_MAX,
};
use crate::crypto::CryptoError;
use crate::crypto::seal::{Opener, Sealer};
use crate::wire::ack::Entry;
use crate::wire::packet::{ConType, Header, SessId};

use super::envelope;
use super::inbox::{CREDIT_USEFUL, Fit, Inbox, Item, cost};
use super::keys::{Keys, Rejected};
use super::log::Log;

/// How far one direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Nobody has accepted yet.
    Opening,
    /// Bytes may flow.
    Open,
    /// The end of the stream was said.
    Finished,
    /// Reset or refused: nothing more is wanted of it.
    Broken,
}

/// A session.
pub(crate) struct Session {
    id: SessId,
    outgoing: bool,
    began: Time,
    pub(crate) log: Log,
    pub(crate) inbox: Inbox,
    sealer: Option<(u32, Sealer)>,
    openers: Vec<(u32, Opener)>,
    /// The peer's grant, and what was spent of it.
    credit: u64,
    spent: u64,
    sent: u64,
    sending: Way,
    receiving: Way,
    /// Packets sealed before the present epoch are those below this SeqNBR.
    floor: u64,
}

impl Session {
    /// A session that has sent and received nothing, whose inbox is this one.
    pub(crate) fn new(id: SessId, outgoing: bool, inbox: Inbox, now: Time) -> Self {
        Self {
            id,
            outgoing,
            began: now,
            log: Log::default(),
            inbox,
            sealer: None,
            openers: Vec::new(),
            credit: CREDIT_INITIAL,
            spent: 0,
            sent: 0,
            sending: if outgoing { Way::Open } else { Way::Opening },
            receiving: Way::Opening,
            floor: 0,
        }
    }

    pub(crate) fn id(&self) -> SessId {
        self.id
    }

    pub(crate) fn is_outgoing(&self) -> bool {
        self.outgoing
    }

    pub(crate) fn began(&self) -> Time {
        self.began
    }

    pub(crate) fn sending(&self) -> Way {
        self.sending
    }

    pub(crate) fn receiving(&self) -> Way {
        self.receiving
    }

    /// Application bytes taken in.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the peer's credit holds data back.
    pub(crate) fn lacks_credit(&self) -> bool {
        self.credit.saturating_sub(self.spent) < CREDIT_USEFUL
    }

    /// Whether it will, once `len` bytes more are sent.
    pub(crate) fn lacks_credit_after(&self, len: usize) -> bool {
        let spent = self.spent.saturating_add(cost(ConType::Data, len));
        self.credit.saturating_sub(spent) < CREDIT_USEFUL
    }

    /// Data bytes the next packet may hold: bounded by credit, by the log and by key wear.
    pub(crate) fn room(&self, window: usize) -> usize {
        if self.sending != Way::Open || self.lacks_credit() || self.log.memory() >= window {
            return 0;
        }
        if self.wear().is_some_and(|(bytes, packets)| {
            bytes >= EPOCH_BYTES_HARD || packets >= EPOCH_PACKETS_HARD
        }) {
            return 0;
        }
        let credit = self.credit.saturating_sub(self.spent).saturating_sub(PACKET_COST);
        PAYLOAD_MAX.min(usize::try_from(credit).unwrap_or(PAYLOAD_MAX))
    }

    /// Bytes and packets sealed under the key in use.
    pub(crate) fn wear(&self) -> Option<(u64, u64)> {
        self.sealer.as_ref().map(|(_, sealer)| (sealer.bytes(), sealer.packets()))
    }

    /// Seals the next packet of this direction in place; the log does not have it yet.
    pub(crate) fn seal(
        &mut self,
        kind: ConType,
        payload: &mut Buffer,
        last: bool,
        keys: &Keys,
    ) -> Result<(), CryptoError> {
        let epoch = keys.epoch();
        let in_use = self.sealer.take().filter(|(of, _)| *of == epoch);
        let (_, sealer) = match in_use {
            Some(in_use) => self.sealer.insert(in_use),
            None => self.sealer.insert((epoch, keys.session_sealer(self.id)?)),
        };
        let (len, suite) = (payload.len(), keys.suite().number());
        let header = Header { kind, suite, last, epoch, seq: self.log.next(), session: self.id };
        envelope::close(payload, keys.ends(), &header, Some(sealer))?;
        self.spent = self.spent.saturating_add(cost(kind, len));
        if kind == ConType::Data {
            self.sent = self.sent.saturating_add(len as u64);
        }
        self.sending = match kind {
            ConType::Accept => Way::Open,
            ConType::Fin => Way::Finished,
            ConType::Refuse | ConType::Reset => Way::Broken,
            _ => self.sending,
        };
        Ok(())
    }

    /// Verifies, decrypts and keeps a packet of the other direction.
    pub(crate) fn receive(
        &mut self,
        header: &Header,
        mut payload: Buffer,
        keys: &Keys,
        now: Time,
    ) -> Result<Fit, Rejected> {
        let fit = self.inbox.fit(header.seq);
        if fit == Fit::TooFar {
            return Err("too-far-ahead");
        }
        if !self.openers.iter().any(|(epoch, _)| *epoch == header.epoch) {
            let opener = keys.session_opener(self.id, header.epoch).ok_or("unknown-epoch")?;
            self.openers.push((header.epoch, opener));
        }
        let opener = self.openers.iter_mut().find(|(epoch, _)| *epoch == header.epoch);
        let (_, opener) = opener.ok_or("unknown-epoch")?;
        envelope::open(&mut payload, header, opener).map_err(|_| "forged")?;
        if fit != Fit::Again {
            if !self.inbox.is_paid(header.kind, payload.len()) {
                return Err("beyond-credit");
            }
            self.inbox.put(header.seq, Item { kind: header.kind, payload }, now);
        }
        Ok(fit)
    }

    /// Notes what an item in order does to the direction it came by; false if it cannot follow
    /// what came before it.
    pub(crate) fn follow(&mut self, kind: ConType) -> bool {
        let (now, possible) = match (kind, self.receiving) {
            (ConType::Open, Way::Opening) => (Way::Open, !self.outgoing),
            (ConType::Accept, Way::Opening) => (Way::Open, self.outgoing),
            (ConType::Refuse, Way::Opening) => (Way::Broken, self.outgoing),
            (ConType::Data, Way::Open) => (Way::Open, true),
            (ConType::Fin, Way::Open) => (Way::Finished, true),
            (ConType::Reset, Way::Opening | Way::Open | Way::Finished) => (Way::Broken, true),
            _ => (self.receiving, false),
        };
        if possible {
            self.receiving = now;
        }
        possible
    }

    /// Takes the peer's grant; grants never shrink.
    pub(crate) fn grant(&mut self, credit: u64) {
        self.credit = self.credit.max(credit);
    }

    /// What this side says of the session.
    pub(crate) fn entry(&mut self, now: Time) -> Entry {
        let delay = now.since(self.inbox.highest_at()).as_micros();
        Entry {
            session: self.id.opener,
            gone: false,
            cumulative: self.inbox.next(),
            credit: self.inbox.credit(),
            delay_us: u32::try_from(delay).unwrap_or(u32::MAX),
            spans: self.inbox.spans(),
        }
    }

    /// A new epoch begins; whether packets of earlier ones are still unacknowledged.
    pub(crate) fn step(&mut self) -> bool {
        self.floor = self.log.next();
        self.is_unsettled()
    }

    /// Whether packets of earlier epochs are still unacknowledged.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.log.acked() < self.floor
    }

    /// The peer's packets of epochs before `epoch` are all here.
    pub(crate) fn settle(&mut self, epoch: u32) {
        self.openers.retain(|(of, _)| *of >= epoch);
    }

    /// Whether bytes wait for the application, or packets for those before them.
    pub(crate) fn is_behind(&self) -> bool {
        self.inbox.ready_bytes() > 0 || self.inbox.has_gap()
    }

    /// The application is gone: what is received from now on is acknowledged and dropped.
    pub(crate) fn deafen(&mut self) {
        self.inbox.discard();
    }

    /// Hands data in order to the application, unless nobody listens any more.
    pub(crate) fn deliver(&mut self, payload: Buffer, pool: &Pool) {
        if self.sending != Way::Broken && !payload.is_empty() {
            self.inbox.deliver(payload, pool);
        }
    }

    /// Whether both sides have said all and have it.
    pub(crate) fn is_complete(&self) -> bool {
        let heard = self.receiving >= Way::Finished && self.inbox.ready_bytes() == 0;
        let said = self.sending >= Way::Finished && self.log.is_empty();
        said && (heard || self.sending == Way::Broken)
    }
}
