//! SRM, receiving side: packets put back in order, and what to tell the sender.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::base::limits::{CREDIT_INITIAL, PACKET_COST, REORDER_MAX};
use crate::wire::ack::{Span, Spans};
use crate::wire::packet::ConType;

/// Payloads up to this length are gathered, so that a stream of single bytes does not hold a
/// buffer for each.
const GATHERED: usize = 512;

/// Payload of a packet that is not data: a reason, or nothing.
const CONTROL_MAX: usize = 1;

/// A verified packet's meaning.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its type.
    pub(crate) kind: ConType,
    /// Its payload.
    pub(crate) payload: Buffer,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It was the next one.
    InOrder,
    /// It waits for those before it.
    Ahead,
    /// It is here already.
    Again,
    /// It lies beyond what is kept; it will be sent again.
    TooFar,
}

/// The packets of one direction of a session, by SeqNBR.
#[derive(Debug)]
pub(crate) struct Inbox {
    /// Every SeqNBR below was received.
    next: u64,
    /// Packets from `next` on, holes included.
    ahead: VecDeque<Option<Item>>,
    /// Plaintext in order, waiting for the application.
    ready: VecDeque<Buffer>,
    ready_bytes: u64,
    /// Cost of all data received in order.
    cost: u64,
    /// Cost of all data kept, holes or not.
    kept: u64,
    window: u64,
    granted: u64,
    /// The newest grant when all before it were used up.
    edge: u64,
    /// The sender has come to the edge of a grant and waits for the next.
    is_short: bool,
    highest_at: Time,
    received: u64,
    /// What all inboxes of the tunnel hold, this one's part included.
    held: Rc<Cell<u64>>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let ahead = self.ahead.iter().flatten();
        let ahead: u64 = ahead.map(|item| cost(item.kind, item.payload.len())).sum();
        self.release(ahead.saturating_add(self.ready_bytes));
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            next: 0,
            ahead: VecDeque::new(),
            ready: VecDeque::new(),
            ready_bytes: 0,
            cost: 0,
            kept: 0,
            window: CREDIT_INITIAL,
            granted: CREDIT_INITIAL,
            edge: CREDIT_INITIAL,
            is_short: false,
            highest_at: Time::ZERO,
            received: 0,
            held: Rc::default(),
        }
    }
}

/// Credit below which no data is sent: what is left would make only tiny packets.
pub(crate) const CREDIT_USEFUL: u64 = PACKET_COST + 1024;

/// What a packet costs of the credit: control costs nothing, or it could be starved by data.
pub(crate) fn cost(kind: ConType, len: usize) -> u64 {
    if kind == ConType::Data { PACKET_COST.saturating_add(len as u64) } else { 0 }
}

impl Inbox {
    /// An empty inbox of a tunnel whose inboxes hold so much.
    pub(crate) fn of(held: Rc<Cell<u64>>) -> Self {
        let mut inbox = Self::default();
        inbox.held = held;
        inbox
    }

    fn charge(&self, count: u64) {
        self.held.set(self.held.get().saturating_add(count));
    }

    fn release(&self, count: u64) {
        self.held.set(self.held.get().saturating_sub(count));
    }

    /// Where a packet would go; decided before its ICV is even checked, changes nothing.
    pub(crate) fn fit(&self, seq: u64) -> Fit {
        match seq.checked_sub(self.next) {
            None => Fit::Again,
            Some(0) => Fit::InOrder,
            Some(gap) if gap >= REORDER_MAX => Fit::TooFar,
            Some(gap) if self.ahead.get(gap as usize).is_some_and(Option::is_some) => Fit::Again,
            Some(_) => Fit::Ahead,
        }
    }

    /// Whether the credit granted pays for a packet: a sender that ignores it must not fill this
    /// side's memory (RL-05). What control says is a byte at most, and free.
    pub(crate) fn is_paid(&self, kind: ConType, len: usize) -> bool {
        let is_brief = kind == ConType::Data || len <= CONTROL_MAX;
        is_brief && self.kept.saturating_add(cost(kind, len)) <= self.granted
    }

    /// Keeps a verified packet that fits.
    pub(crate) fn put(&mut self, seq: u64, item: Item, now: Time) {
        let Some(place) = seq.checked_sub(self.next).map(|place| place as usize) else { return };
        if place >= self.ahead.len() {
            self.ahead.resize_with(place, || None);
            self.ahead.push_back(None);
            self.highest_at = now;
        }
        let Some(here) = self.ahead.get_mut(place) else { return };
        let cost = cost(item.kind, item.payload.len());
        *here = Some(item);
        self.kept = self.kept.saturating_add(cost);
        self.charge(cost);
    }

    /// The next packet in order, if it is here.
    pub(crate) fn take(&mut self) -> Option<Item> {
        if self.ahead.front()?.is_none() {
            return None;
        }
        let item = self.ahead.pop_front().flatten()?;
        self.next = self.next.saturating_add(1);
        let cost = cost(item.kind, item.payload.len());
        self.cost = self.cost.saturating_add(cost);
        self.release(cost);
        Some(item)
    }

    /// Whether packets are missing below one that is here.
    pub(crate) fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Every SeqNBR below this was received.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Application bytes received in order.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// When the highest packet arrived.
    pub(crate) fn highest_at(&self) -> Time {
        self.highest_at
    }

    /// What is here beyond the first gap.
    pub(crate) fn spans(&self) -> Spans {
        let mut spans = Spans::default();
        let mut open: Option<u64> = None;
        let places = self.ahead.iter().map(Option::is_some).chain([false]);
        for (seq, here) in (self.next..).zip(places) {
            match (here, open) {
                (true, None) => open = Some(seq),
                (false, Some(start)) => {
                    open = None;
                    if !spans.push(Span { start, end: seq }) {
                        break;
                    }
                }
                _ => {}
            }
        }
        spans
    }

    /// Puts data in order behind what waits for the application.
    pub(crate) fn deliver(&mut self, payload: Buffer, pool: &Pool) {
        let len = payload.len();
        self.ready_bytes = self.ready_bytes.saturating_add(len as u64);
        self.charge(len as u64);
        self.received = self.received.saturating_add(len as u64);
        if len > GATHERED {
            self.ready.push_back(payload);
            return;
        }
        match self.ready.back_mut() {
            Some(last) if last.spare_len() >= len && last.capacity() > GATHERED => {
                last.extend(&payload);
            }
            _ => {
                let mut gathered = pool.take(4 * GATHERED);
                gathered.extend(&payload);
                self.ready.push_back(gathered);
            }
        }
    }

    /// Buffers waiting for the application, first first.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Buffer> {
        self.ready.iter()
    }

    /// Bytes waiting for the application.
    pub(crate) fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    /// The application took `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        let mut left = count;
        self.ready_bytes = self.ready_bytes.saturating_sub(count as u64);
        self.release(count as u64);
        while let Some(first) = self.ready.front_mut() {
            let Some(rest) = left.checked_sub(first.len()) else {
                first.skip(left);
                break;
            };
            left = rest;
            self.ready.pop_front();
        }
    }

    /// Forgets what waits for the application.
    pub(crate) fn discard(&mut self) {
        self.ready.clear();
        self.release(self.ready_bytes);
        self.ready_bytes = 0;
    }

    /// Credit there is to grant: what the application has taken, and the window beyond it.
    fn free(&self) -> u64 {
        self.cost.saturating_add(self.window.saturating_sub(self.ready_bytes))
    }

    /// Whether so little is left before the edge that no data is sent for it.
    fn is_at_edge(&self) -> bool {
        self.kept.saturating_add(CREDIT_USEFUL) > self.edge
    }

    /// Credit to tell the sender.
    pub(crate) fn credit(&mut self) -> u64 {
        self.granted = self.granted.max(self.free());
        if self.is_at_edge() {
            self.edge = self.granted;
        }
        self.granted
    }

    /// Whether the sender should hear of new credit: half the window is free again.
    pub(crate) fn owes_credit(&self) -> bool {
        self.free().saturating_sub(self.granted) >= self.window / 2
    }

    /// A packet of data has come; `is_last` says that the sender may not send more now.
    pub(crate) fn ended(&mut self, is_last: bool) {
        let is_used_up = self.kept <= self.edge && self.is_at_edge();
        // A packet behind it, which the next grant let go, makes that no less true.
        self.is_short |= is_last && is_used_up;
    }

    /// Widens the window of an application that has taken all and waits, while the sender may not
    /// send for want of credit: on a long path that is what holds it up. Whether it was widened.
    pub(crate) fn widen(&mut self, max: u64) -> bool {
        let is_narrow = self.ready_bytes == 0 && self.window < max;
        let is_due = is_narrow && std::mem::take(&mut self.is_short);
        if is_due {
            self.window = self.window.saturating_mul(2).min(max);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::{TestResult, quickcheck};

    fn item(pool: &Pool, byte: u8) -> Item {
        Item { kind: ConType::Data, payload: pool.copy(&[byte]) }
    }

    quickcheck! {
        /// RL-01: any order, any repetition: each packet once, in order.
        fn order_is_restored(order: Vec<u8>) -> TestResult {
            let (pool, mut inbox, mut out) = (Pool::new(1 << 20), Inbox::default(), Vec::new());
            let all: Vec<u64> = order.iter().map(|seq| u64::from(seq % 32)).chain(0..32).collect();
            for seq in all {
                if matches!(inbox.fit(seq), Fit::InOrder | Fit::Ahead) {
                    inbox.put(seq, item(&pool, seq as u8), Time::ZERO);
                }
                let spans = inbox.spans();
                let is_next_missing = inbox.ahead.front().is_some_and(Option::is_none);
                let is_wrong = |span: &Span| span.start <= inbox.next() && is_next_missing;
                if spans.as_slice().iter().any(is_wrong) {
                    return TestResult::failed();
                }
                while let Some(item) = inbox.take() {
                    out.push(item.payload[0]);
                }
            }
            TestResult::from_bool(out == (0..32).collect::<Vec<u8>>() && !inbox.has_gap())
        }
    }

    #[test]
    fn a_far_packet_is_not_kept() {
        let inbox = Inbox::default();
        assert_eq!(inbox.fit(REORDER_MAX), Fit::TooFar);
        assert_eq!(inbox.fit(u64::MAX), Fit::TooFar);
        assert_eq!(inbox.fit(REORDER_MAX - 1), Fit::Ahead);
    }

    /// RL-12: single bytes share a buffer and leave in order, however they are taken.
    #[test]
    fn single_bytes_are_gathered() {
        let (pool, mut inbox) = (Pool::new(1 << 20), Inbox::default());
        for byte in 0..200_u8 {
            inbox.deliver(pool.copy(&[byte]), &pool);
        }
        assert_eq!((inbox.ready_bytes(), inbox.ready().count()), (200, 1));
        let mut out = Vec::new();
        while inbox.ready_bytes() > 0 {
            let first = inbox.ready().next().map(|first| first[..first.len().min(7)].to_vec());
            let taken = first.expect("bytes are ready");
            inbox.consume(taken.len());
            out.extend(taken);
        }
        assert_eq!(out, (0..200).collect::<Vec<u8>>());
        assert_eq!(pool.used(), 0);
    }

    /// RL-05: what was not granted is not kept, ahead of a gap or not.
    #[test]
    fn credit_pays_for_what_is_kept() {
        let (pool, mut inbox) = (Pool::new(1 << 20), Inbox::default());
        let len = 16_000;
        let affordable = CREDIT_INITIAL / (len as u64 + PACKET_COST);
        for seq in 0..affordable {
            assert!(inbox.is_paid(ConType::Data, len));
            let payload = pool.copy(&[0; 16_000]);
            inbox.put(2 * seq, Item { kind: ConType::Data, payload }, Time::ZERO);
        }
        assert!(!inbox.is_paid(ConType::Data, len) && inbox.is_paid(ConType::Fin, 0));
        assert!(!inbox.is_paid(ConType::Fin, 2));
    }

    #[test]
    fn the_window_grows_for_who_waits_while_the_sender_may_not_send() {
        let (pool, mut inbox, max) = (Pool::new(1 << 20), Inbox::default(), 1 << 20);
        let arrive = |inbox: &mut Inbox, len: u64, is_last| {
            let payload = pool.copy(&vec![0; len as usize]);
            inbox.put(inbox.next, Item { kind: ConType::Data, payload }, Time::ZERO);
            let item = inbox.take().expect("in order");
            inbox.deliver(item.payload, &pool);
            inbox.ended(is_last);
        };
        arrive(&mut inbox, 16_000, true);
        inbox.consume(16_000);
        assert!(!inbox.widen(max), "the path held it up, not the credit");
        for is_last in [false, true] {
            while inbox.edge - inbox.kept > 16_000 {
                arrive(&mut inbox, 8_000, false);
                inbox.consume(8_000);
            }
            let rest = inbox.edge - inbox.kept - PACKET_COST;
            arrive(&mut inbox, rest, is_last);
            inbox.consume(rest as usize - 1);
            assert!(!inbox.widen(max), "the application has not taken all");
            inbox.consume(1);
            assert_eq!((inbox.widen(max), inbox.widen(max)), (is_last, false));
            inbox.credit();
        }
        assert_eq!(inbox.window, 2 * CREDIT_INITIAL);
        while inbox.edge - inbox.kept > 16_000 {
            arrive(&mut inbox, 8_000, false);
            inbox.consume(8_000);
        }
        let rest = inbox.edge - inbox.kept - PACKET_COST;
        arrive(&mut inbox, rest, true);
        inbox.credit();
        arrive(&mut inbox, 100, false);
        inbox.consume(rest as usize + 100);
        assert!(inbox.widen(max), "the next grant's first packet came in the same turn");
    }

    /// RL-05: credit never promises more than the window holds, and never shrinks.
    #[test]
    fn credit_follows_the_application() {
        let (pool, mut inbox) = (Pool::new(1 << 20), Inbox::default());
        let start = inbox.credit();
        let payload = pool.copy(&[0; 4000]);
        inbox.put(0, Item { kind: ConType::Data, payload }, Time::ZERO);
        let item = inbox.take().expect("in order");
        inbox.deliver(item.payload, &pool);
        assert_eq!(inbox.credit(), start + PACKET_COST);
        inbox.consume(4000);
        assert_eq!(inbox.credit(), start + 4000 + PACKET_COST);
        assert!(!inbox.owes_credit());
    }
}
