//! SRM, sending side: sealed packets kept until the peer has them.
//!
//! The log keeps *ciphertext*: what is sent again is the same bytes under the same SeqNBR, so no
//! plaintext is ever sealed twice and no key is needed to repeat (DESIGN section 5).

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::wire::ack::Span;

/// A packet this many places below one that arrived counts as lost (RFC 9002 section 6.1.1).
const REORDERED: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    InFlight,
    Lost,
    Arrived,
}

#[derive(Debug)]
struct Kept {
    frame: Buffer,
    fate: Fate,
    sent_at: Time,
    transmission: u64,
    /// How often it left on this path: what left before an outage left on another.
    sendings: u32,
}

/// What an acknowledgement brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Bytes acknowledged for the first time.
    pub(crate) bytes: u64,
    /// How many of them counted as under way.
    pub(crate) landed: u64,
    /// Newest transmission acknowledged.
    pub(crate) transmission: u64,
    /// Newest of those that were sent again, and are not acknowledged too soon for that.
    pub(crate) resent: u64,
    /// Newest of those that were sent again and are acknowledged too soon for that, and how soon.
    early: Option<(u64, Duration)>,
    /// Whether something that left only once is among it.
    is_plain: bool,
    /// Round trip of the highest packet, where it was sent only once.
    pub(crate) rtt: Option<Duration>,
    /// Bytes that were under way and now count as lost.
    pub(crate) lost: u64,
}

impl Acked {
    /// Adds what the same acknowledgement brought to another session.
    pub(crate) fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.landed = self.landed.saturating_add(other.landed);
        self.lost = self.lost.saturating_add(other.lost);
        self.transmission = self.transmission.max(other.transmission);
        self.rtt = self.rtt.or(other.rtt);
    }
}

/// An acknowledgement that cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FalseClaim;

/// The packets of one direction of a session, by SeqNBR.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: VecDeque<Kept>,
    /// SeqNBR of the first packet kept: everything below is acknowledged.
    base: u64,
    memory: usize,
    /// Bytes that count as under way.
    in_flight: u64,
    lost: usize,
    /// No packet below this place is lost.
    scan: usize,
    /// Shortest round trip so far.
    shortest: Option<Duration>,
    /// Whether the last answer was to a packet sent again, and sooner than any before.
    was_early: bool,
    /// Since when nothing new was acknowledged, while something is under way.
    unacked_since: Option<Time>,
    /// Probes since then.
    pto_count: u32,
}

impl Log {
    /// SeqNBR of the next packet; also the number of packets sealed so far.
    pub(crate) fn next(&self) -> u64 {
        self.base.saturating_add(self.kept.len() as u64)
    }

    /// Everything below is acknowledged.
    pub(crate) fn acked(&self) -> u64 {
        self.base
    }

    /// Whether all is acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Memory held, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Bytes that count as under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether a lost packet waits to be sent again.
    pub(crate) fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// Keeps the packet with SeqNBR [`Log::next`], which leaves now.
    pub(crate) fn push(&mut self, frame: Buffer, transmission: u64, now: Time) {
        self.unacked_since.get_or_insert(now);
        self.memory = self.memory.saturating_add(frame.capacity());
        self.in_flight = self.in_flight.saturating_add(frame.len() as u64);
        self.kept.push_back(Kept {
            frame,
            fate: Fate::InFlight,
            sent_at: now,
            transmission,
            sendings: 1,
        });
    }

    /// Keeps a packet that cannot leave now (the tunnel is suspended).
    pub(crate) fn push_waiting(&mut self, frame: Buffer) {
        let (len, unacked_since) = (frame.len() as u64, self.unacked_since);
        self.push(frame, 0, Time::ZERO);
        self.unacked_since = unacked_since;
        self.in_flight = self.in_flight.saturating_sub(len);
        if let Some(kept) = self.kept.back_mut() {
            (kept.fate, kept.sendings) = (Fate::Lost, 0);
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Whether a claim to have received everything below `cumulative` can be true and is not
    /// older than what is known (RS-02, RS-03).
    pub(crate) fn judge(&self, cumulative: u64) -> Result<(), FalseClaim> {
        if (self.base..=self.next()).contains(&cumulative) { Ok(()) } else { Err(FalseClaim) }
    }

    /// Takes in an acknowledgement. Old news changes nothing; a claim to have received what was
    /// never sent is refused whole (RL-03).
    pub(crate) fn acknowledge(
        &mut self,
        cumulative: u64,
        spans: &[Span],
        delay: Duration,
        now: Time,
    ) -> Result<Acked, FalseClaim> {
        let highest = spans.last().map_or(cumulative, |span| span.end);
        if highest > self.next() {
            return Err(FalseClaim);
        }
        let mut news = Acked::default();
        while self.base < cumulative {
            let Some(kept) = self.kept.pop_front() else { break };
            self.memory = self.memory.saturating_sub(kept.frame.capacity());
            self.scan = self.scan.saturating_sub(1);
            self.base = self.base.saturating_add(1);
            self.arrived(&kept, self.base == highest, delay, now, &mut news);
        }
        for span in spans {
            for seq in span.start.max(self.base)..span.end {
                let at = seq.saturating_sub(self.base) as usize;
                let Some(kept) = self.kept.get_mut(at) else { break };
                if kept.fate == Fate::Arrived {
                    continue;
                }
                let snapshot = Kept { frame: kept.frame.share(), ..*kept };
                kept.fate = Fate::Arrived;
                let is_highest = seq.saturating_add(1) == highest;
                self.arrived(&snapshot, is_highest, delay, now, &mut news);
            }
        }
        self.weigh_early(&mut news);
        self.find_lost(highest, &mut news);
        if news.bytes > 0 {
            (self.unacked_since, self.pto_count) = ((self.in_flight > 0).then_some(now), 0);
        }
        Ok(news)
    }

    fn arrived(
        &mut self,
        kept: &Kept,
        is_highest: bool,
        delay: Duration,
        now: Time,
        news: &mut Acked,
    ) {
        let len = kept.frame.len() as u64;
        match kept.fate {
            Fate::Arrived => return,
            Fate::InFlight => {
                news.landed = news.landed.saturating_add(len);
                self.in_flight = self.in_flight.saturating_sub(len);
            }
            Fate::Lost => self.lost = self.lost.saturating_sub(1),
        }
        news.bytes = news.bytes.saturating_add(len);
        news.transmission = news.transmission.max(kept.transmission);
        let since = now.since(kept.sent_at).saturating_sub(delay);
        match kept.sendings {
            0 => {}
            1 => {
                news.is_plain = true;
                if is_highest {
                    let shortest = self.shortest.map_or(since, |shortest| shortest.min(since));
                    (news.rtt, self.shortest) = (Some(since), Some(shortest));
                }
            }
            _ if self.shortest.is_some_and(|shortest| since >= shortest) => {
                news.resent = news.resent.max(kept.transmission);
            }
            _ => news.early = news.early.max(Some((kept.transmission, since))),
        }
    }

    /// An answer to a packet sent again that comes sooner than any before it is taken for the first
    /// sending's. If the next one does too, and none of them speaks of a packet that left only
    /// once, the path has become shorter.
    fn weigh_early(&mut self, news: &mut Acked) {
        let early = news.early.filter(|_| !news.is_plain);
        match early.filter(|_| self.was_early) {
            Some((transmission, since)) => {
                self.shortest = Some(since);
                news.resent = news.resent.max(transmission);
                self.was_early = false;
            }
            None if news.bytes > 0 => self.was_early = early.is_some(),
            None => {}
        }
    }

    /// What is some places below the highest arrival and left before it is lost; so is, wherever it
    /// stands, what left some transmissions before one that was sent again and arrived: where a
    /// whole tail was swallowed, the probe's arrival is all there is to tell.
    fn find_lost(&mut self, highest: u64, news: &mut Acked) {
        let below = highest.saturating_sub(REORDERED).saturating_sub(self.base) as usize;
        let end = if news.resent > 0 { self.kept.len() } else { below };
        for (at, kept) in self.kept.iter_mut().enumerate().take(end) {
            let is_overtaken = (at < below && kept.transmission < news.transmission)
                || kept.transmission.saturating_add(REORDERED) <= news.resent;
            if kept.fate == Fate::InFlight && is_overtaken {
                kept.fate = Fate::Lost;
                let len = kept.frame.len() as u64;
                news.lost = news.lost.saturating_add(len);
                self.in_flight = self.in_flight.saturating_sub(len);
                self.lost = self.lost.saturating_add(1);
                self.scan = self.scan.min(at);
            }
        }
    }

    /// Everything under way is lost: the path was gone, and the next may be another. Returns the
    /// bytes that were.
    pub(crate) fn lose_all(&mut self) -> u64 {
        let mut bytes = 0_u64;
        for kept in &mut self.kept {
            if kept.fate == Fate::InFlight {
                kept.fate = Fate::Lost;
                bytes = bytes.saturating_add(kept.frame.len() as u64);
                self.lost = self.lost.saturating_add(1);
            }
            kept.sendings = 0;
        }
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.scan = 0;
        (self.shortest, self.was_early, self.unacked_since, self.pto_count) =
            (None, false, None, 0);
        bytes
    }

    /// The oldest packet under way counts as lost, so that it serves as a probe. Returns its bytes.
    pub(crate) fn lose_oldest(&mut self) -> u64 {
        let mut places = self.kept.iter_mut().enumerate();
        let oldest = places.find(|(_, kept)| kept.fate == Fate::InFlight);
        let Some((at, kept)) = oldest else { return 0 };
        kept.fate = Fate::Lost;
        let len = kept.frame.len() as u64;
        self.lost = self.lost.saturating_add(1);
        self.scan = self.scan.min(at);
        self.in_flight = self.in_flight.saturating_sub(len);
        len
    }

    /// Whether nothing new was acknowledged for so long, twice that after each probe.
    fn is_pto_due(&self, wait: Duration, now: Time) -> bool {
        let doubled = wait.saturating_mul(1 << self.pto_count.min(6));
        self.in_flight > 0 && self.unacked_since.is_some_and(|since| since + doubled <= now)
    }

    /// The oldest packet under way counts as lost if it has waited for so long. Returns its bytes.
    pub(crate) fn lose_at_pto(&mut self, wait: Duration, now: Time) -> u64 {
        if !self.is_pto_due(wait, now) {
            return 0;
        }
        self.pto_count = self.pto_count.saturating_add(1);
        self.lose_oldest()
    }

    /// The next lost packet, to be sent again: its bytes, and a place to note the transmission.
    pub(crate) fn next_lost(&mut self) -> Option<Buffer> {
        if self.lost == 0 {
            return None;
        }
        let from = self.scan.min(self.kept.len());
        let mut places = (from..).zip(self.kept.range(from..));
        let (at, kept) = places.find(|(_, kept)| kept.fate == Fate::Lost)?;
        self.scan = at;
        Some(kept.frame.share())
    }

    /// The packet [`Log::next_lost`] gave has left.
    pub(crate) fn resent(&mut self, transmission: u64, now: Time) {
        self.unacked_since.get_or_insert(now);
        if let Some(kept) = self.kept.get_mut(self.scan) {
            (kept.fate, kept.sent_at, kept.transmission) = (Fate::InFlight, now, transmission);
            kept.sendings = kept.sendings.saturating_add(1);
            self.in_flight = self.in_flight.saturating_add(kept.frame.len() as u64);
            self.lost = self.lost.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::buffer::Pool;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    fn log(count: u64) -> Log {
        let (pool, mut log) = (Pool::new(1 << 20), Log::default());
        for seq in 0..count {
            log.push(pool.copy(&[seq as u8]), seq + 1, at(seq));
        }
        log
    }

    fn span(start: u64, end: u64) -> Span {
        Span { start, end }
    }

    /// RL-03, RS-02: what was never sent cannot be acknowledged, and nothing is freed by trying.
    #[test]
    fn a_false_claim_changes_nothing() {
        let mut log = log(3);
        assert_eq!(log.acknowledge(4, &[], Duration::ZERO, at(9)), Err(FalseClaim));
        assert_eq!(log.acknowledge(0, &[span(1, 4)], Duration::ZERO, at(9)), Err(FalseClaim));
        assert_eq!((log.acked(), log.next()), (0, 3));
        assert_eq!((log.judge(0), log.judge(3), log.judge(4)), (Ok(()), Ok(()), Err(FalseClaim)));
        log.acknowledge(2, &[], Duration::ZERO, at(9)).expect("a true claim");
        assert_eq!(log.judge(1), Err(FalseClaim));
    }

    #[test]
    fn a_hole_is_lost_once_three_later_packets_arrived() {
        let mut log = log(6);
        let news = log.acknowledge(0, &[span(1, 3)], Duration::ZERO, at(9)).expect("true");
        assert_eq!((news.bytes, news.lost), (2, 0));
        let news = log.acknowledge(0, &[span(1, 4)], Duration::ZERO, at(9)).expect("true");
        assert_eq!((news.bytes, news.lost, log.has_lost()), (1, 1, true));
        assert_eq!(log.next_lost().as_deref(), Some(&[0][..]));
        log.resent(7, at(10));
        assert_eq!((log.next_lost().is_none(), log.has_lost()), (true, false));
        let news = log.acknowledge(4, &[], Duration::ZERO, at(12)).expect("true");
        assert_eq!((news.bytes, news.landed, news.rtt), (1, 1, None), "sent twice: no round trip");
        assert_eq!((log.acked(), log.next()), (4, 6));
    }

    /// The simulator's seed 470: each probe brought one packet, and the next waited for its own.
    #[test]
    fn a_swallowed_tail_is_lost_once_the_probe_has_arrived() {
        // An answer sooner than any before is that of the first sending, which says nothing. The
        // last two packets left too shortly before the probe to be judged by it.
        for (arrives, lost) in [(105, 0), (110, 4)] {
            let mut log = log(8);
            log.acknowledge(1, &[], Duration::ZERO, at(9)).expect("true");
            assert_eq!((log.lose_oldest(), log.next_lost().as_deref()), (1, Some(&[1][..])));
            log.resent(9, at(100));
            let news = log.acknowledge(2, &[], Duration::ZERO, at(arrives)).expect("true");
            assert_eq!((news.lost, log.has_lost()), (lost, lost > 0));
        }
    }

    /// The simulator's seed 4590: the path had become shorter while the tail was swallowed, so
    /// every probe was answered sooner than any packet before.
    #[test]
    fn a_second_early_answer_tells_of_a_shorter_path() {
        let mut log = log(8);
        log.acknowledge(1, &[], Duration::ZERO, at(90)).expect("true");
        let mut probe = |place: u64, sent: u64| {
            assert_eq!(log.lose_oldest(), 1);
            assert_eq!(log.next_lost().as_deref(), Some(&[place as u8][..]));
            log.resent(8 + place, at(sent));
            log.acknowledge(place + 1, &[], Duration::ZERO, at(sent + 20)).expect("true").lost
        };
        assert_eq!((probe(1, 100), probe(2, 200)), (0, 4));
    }

    #[test]
    fn after_an_outage_all_is_sent_again_in_order() {
        let mut log = log(4);
        log.acknowledge(0, &[span(1, 2)], Duration::ZERO, at(9)).expect("true");
        assert_eq!(log.lose_all(), 3);
        let mut order = Vec::new();
        while let Some(frame) = log.next_lost() {
            order.push(frame[0]);
            log.resent(9, at(10));
        }
        assert_eq!(order, [0, 2, 3]);
        log.acknowledge(4, &[], Duration::ZERO, at(11)).expect("true");
        assert_eq!((log.is_empty(), log.memory(), log.in_flight()), (true, 0, 0));
    }

    #[test]
    fn what_left_first_after_an_outage_measures_the_path_and_what_left_before_does_not() {
        let mut log = log(2);
        log.lose_all();
        let news = log.acknowledge(1, &[], Duration::ZERO, at(5_000)).expect("true");
        assert_eq!((news.bytes, news.rtt), (1, None), "it had arrived");
        assert!(log.next_lost().is_some());
        log.resent(3, at(5_000));
        let news = log.acknowledge(2, &[], Duration::ZERO, at(5_300)).expect("true");
        assert_eq!(news.rtt, Some(Duration::from_millis(300)));
    }

    #[test]
    fn the_round_trip_is_that_of_the_highest_packet_less_its_wait() {
        let mut log = log(2);
        let news = log.acknowledge(2, &[], Duration::from_millis(3), at(11)).expect("true");
        assert_eq!(news.rtt, Some(Duration::from_millis(7)));
    }

    #[test]
    fn what_waits_while_other_sessions_get_answers_is_lost_in_time_and_ever_later() {
        let (wait, mut log) = (Duration::from_millis(60), log(2));
        assert_eq!(log.lose_at_pto(wait, at(59)), 0);
        assert_eq!(log.lose_at_pto(wait, at(60)), 1);
        assert!(log.next_lost().is_some());
        log.resent(3, at(60));
        assert_eq!(log.lose_at_pto(wait, at(119)), 0, "twice the wait after a probe");
        assert_eq!(log.lose_at_pto(wait, at(120)), 1);
        log.acknowledge(1, &[], Duration::ZERO, at(130)).expect("possible");
        assert_eq!((log.pto_count, log.lose_at_pto(wait, at(189))), (0, 0));
        assert_eq!(log.lose_at_pto(wait, at(190)), 1);
        log.acknowledge(2, &[], Duration::ZERO, at(200)).expect("possible");
        assert_eq!((log.unacked_since, log.lose_at_pto(wait, at(900))), (None, 0));
    }
}
