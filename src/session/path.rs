//! The path as a tunnel feels it: congestion window, when to probe, when to give up.
//!
//! The window follows DCTCP (RFC 8257): overlay queues mark early, and the window shrinks by half
//! of the *fraction* that was marked, so it settles just below the first mark. Loss counts as a
//! full mark. Beside somebody who types the round trip says earlier that a queue grows ([`Delay`]).
//! All integer arithmetic: it decides what is sent.

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::{FRAME_MAX, HEAD_ROOM, ICV_MAX, PAYLOAD_MAX, RESTART_AGAIN};

use super::delay::Delay;
use super::rtt::RttEstimator;

/// Window at the start and after an outage, in bytes.
const WINDOW_START: u64 = 4 * FRAME_MAX as u64;
/// Window that always stays, in bytes.
const WINDOW_MIN: u64 = 2 * FRAME_MAX as u64;
/// The same beside somebody who types: one packet at a time, so that the least round trip is that
/// of an empty queue. On a megabit a second each stands there for 10 ms.
const WINDOW_COURTEOUS: u64 = 1 << 10;
/// A payload's least share of such a window, in bytes: smaller ones would be all header.
const PAYLOAD_COURTEOUS: usize = 1 << 10;
/// A packet up to this may be a keystroke, in bytes of payload.
const KEYSTROKE: usize = 512;
/// Window at most, in bytes: what a link's queue takes without dropping.
const WINDOW_MAX: u64 = 3 << 20;
/// Weight of the newest mark fraction: one sixteenth (RFC 8257 section 3.3).
const ALPHA_SHIFT: u32 = 4;
/// Fractions are in 1024ths.
const WHOLE: u64 = 1024;

/// Window, and what is under way.
#[derive(Debug)]
pub(crate) struct Path {
    rtt: RttEstimator,
    delay: Delay,
    window: u64,
    /// Above this the window grows by one packet a round instead of doubling.
    threshold: u64,
    in_flight: u64,
    /// Smoothed fraction of marked packets, in 1024ths.
    alpha: u64,
    /// Transmission number up to which the last reduction holds: one reduction a round.
    reduced_at: u64,
    /// What was sent last.
    transmission: u64,
    /// Peer's counters at the last look.
    seen: (u32, u32),
    /// Since when the oldest unanswered thing waits.
    waiting: Option<Time>,
    /// When the peer's counter of received packets last advanced.
    delivered_at: Time,
    /// When the peer's outage last had the path restarted, and for how long repetitions of that
    /// outage are ignored.
    restarted: (Time, Duration),
    /// When sessions were last session_pto_checked at for one that waits in vain.
    session_pto_checked: Time,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            rtt: RttEstimator::default(),
            delay: Delay::default(),
            window: WINDOW_START,
            threshold: WINDOW_MAX,
            in_flight: 0,
            alpha: 0,
            reduced_at: 0,
            transmission: 0,
            seen: (0, 0),
            waiting: None,
            delivered_at: Time::ZERO,
            restarted: (Time::ZERO, Duration::ZERO),
            session_pto_checked: Time::ZERO,
        }
    }
}

impl Path {
    /// Returns the round trip estimate.
    pub(crate) fn rtt(&self) -> &RttEstimator {
        &self.rtt
    }

    /// Returns the round trip estimate, for samples that are no data packets.
    pub(crate) fn rtt_mut(&mut self) -> &mut RttEstimator {
        &mut self.rtt
    }

    /// Congestion window in bytes.
    pub(crate) fn window(&self) -> u64 {
        self.window
    }

    /// Bytes under way.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Whether another packet may leave.
    pub(crate) fn has_room(&self) -> bool {
        self.in_flight < self.window
    }

    /// Bytes of payload that may leave although the window is full, of a session that has nothing
    /// under way: a keystroke does not wait for what is.
    pub(crate) fn room_beside(&self) -> usize {
        if self.in_flight < self.window.saturating_mul(2) { KEYSTROKE } else { 0 }
    }

    /// Whether the packet about to leave is the last the window takes.
    pub(crate) fn is_last(&self, len: u64) -> bool {
        self.in_flight.saturating_add(len) >= self.window
    }

    /// A packet left; its transmission number.
    pub(crate) fn sent(&mut self, len: u64, now: Time) -> u64 {
        self.in_flight = self.in_flight.saturating_add(len);
        self.await_answer(now);
        self.transmission = self.transmission.saturating_add(1);
        self.transmission
    }

    /// Something that deserves an answer left.
    pub(crate) fn await_answer(&mut self, now: Time) {
        self.waiting.get_or_insert(now);
    }

    /// A packet is no longer under way (lost, or acknowledged).
    pub(crate) fn landed(&mut self, len: u64) {
        self.in_flight = self.in_flight.saturating_sub(len);
    }

    /// Packets under way are of no interest any more: their session is over.
    pub(crate) fn abandoned(&mut self, len: u64) {
        self.landed(len);
        if len > 0 && self.in_flight == 0 {
            self.waiting = None;
        }
    }

    /// The peer acknowledged something new.
    pub(crate) fn progress(&mut self, now: Time) {
        self.waiting = (self.in_flight > 0).then_some(now);
    }

    /// The peer answered a probe: the path lives, whatever is still under way.
    pub(crate) fn answered(&mut self, now: Time) {
        self.progress(now);
    }

    /// A packet with so much payload is about to leave a session that has nothing else under way.
    pub(crate) fn alone(&mut self, payload: usize, now: Time) {
        if payload <= KEYSTROKE {
            self.delay.be_courteous(now);
        }
    }

    /// Bytes of payload one packet should hold: a keystroke waits until a packet is through.
    pub(crate) fn payload(&self, now: Time) -> usize {
        let quarter = usize::try_from(self.window / 4).unwrap_or(PAYLOAD_MAX);
        let least = if self.delay.is_courteous(now) { PAYLOAD_COURTEOUS } else { PAYLOAD_MAX };
        quarter.saturating_sub(HEAD_ROOM + ICV_MAX).clamp(least, PAYLOAD_MAX)
    }

    /// A packet measured the round trip: the one with this transmission number.
    pub(crate) fn measured(&mut self, sample: Duration, acked_transmission: u64, now: Time) {
        if !self.rtt.on_sample(sample, now) {
            return;
        }
        let is_turned = self.delay.measured(sample, now);
        if self.delay.is_courteous(now) {
            self.make_way(sample, is_turned, acked_transmission);
        }
    }

    /// Shortens the queues for somebody who types; empties them when it is time to see the path.
    fn make_way(&mut self, sample: Duration, is_turned: bool, transmission: u64) {
        if is_turned {
            self.reduced_at = self.transmission;
            self.threshold = self.window;
            self.window = WINDOW_COURTEOUS;
        } else if let Some(part) = self.delay.fitting(self.window, sample)
            && transmission > self.reduced_at
        {
            self.reduced_at = self.transmission;
            if self.window <= WINDOW_COURTEOUS {
                // How much room there is beside the others is found out as at the start.
                self.delay.set_base(sample);
                self.threshold = WINDOW_MAX;
            } else {
                self.window = part.max(WINDOW_COURTEOUS);
                self.threshold = self.window;
            }
        }
    }

    /// `acked` bytes were acknowledged; the window grows. `measured` is the transmission of which
    /// it was seen how long that took.
    pub(crate) fn grow(&mut self, acked: u64, measured: Option<u64>, now: Time) {
        // A window that was not filled proves nothing about what the path takes.
        if acked == 0 || self.in_flight.saturating_add(acked) < self.window / 2 {
            return;
        }
        // What was sent twice would fill the queues of a slower path unseen, and what was sent
        // before the window shrank still stands in them.
        let is_told = measured.is_some_and(|transmission| transmission > self.reduced_at);
        if !is_told && self.delay.is_courteous(now) {
            return;
        }
        let share = (FRAME_MAX as u64).saturating_mul(acked).checked_div(self.window);
        let share = share.unwrap_or(acked).max(1);
        let by = if self.window < self.threshold {
            acked
        } else if self.delay.is_courteous(now) {
            share.min(acked.div_ceil(8))
        } else {
            share
        };
        self.window = self.window.saturating_add(by).min(WINDOW_MAX);
    }

    /// The peer's counters of received and marked packets; `newest` is the newest transmission it
    /// has acknowledged.
    pub(crate) fn marks(&mut self, received: u32, marked: u32, newest: u64, now: Time) {
        let news = received.wrapping_sub(self.seen.0);
        let marks = u64::from(marked.wrapping_sub(self.seen.1));
        // Counters go up; an acknowledgement overtaken by a newer one says nothing.
        if news == 0 || news > u32::MAX / 2 {
            return;
        }
        (self.seen, self.delivered_at) = ((received, marked), now);
        let fraction = marks.saturating_mul(WHOLE).checked_div(news.into()).unwrap_or(0);
        let kept = self.alpha.saturating_sub(self.alpha >> ALPHA_SHIFT);
        self.alpha = kept.saturating_add(fraction.min(WHOLE) >> ALPHA_SHIFT);
        if marks > 0 {
            self.reduce(self.alpha.max(WHOLE / 16), newest);
        }
    }

    /// A packet was lost.
    pub(crate) fn lost(&mut self, transmission: u64) {
        self.reduce(WHOLE, transmission);
    }

    fn reduce(&mut self, fraction: u64, transmission: u64) {
        if transmission <= self.reduced_at {
            return;
        }
        self.reduced_at = self.transmission;
        let by = self.window.saturating_mul(fraction) / (2 * WHOLE);
        let less = self.window.saturating_sub(by);
        self.window = less.max(WINDOW_MIN.min(self.window));
        self.threshold = self.window;
    }

    /// The path was gone and is back: nothing is under way, and its width is found out as at the
    /// start, because it may be another one. Where it `is_new` so is its round trip.
    pub(crate) fn restart(&mut self, is_new: bool, now: Time) {
        self.threshold = WINDOW_MAX;
        self.window = WINDOW_START.min(self.window);
        if self.delay.restart(now) {
            self.window = WINDOW_COURTEOUS;
        }
        self.in_flight = 0;
        (self.waiting, self.reduced_at) = (None, self.transmission);
        if is_new {
            self.rtt.reset_pto();
        }
    }

    /// Returns whether a Re-Hello that reports an outage restarts the path. The peer reports the
    /// same outage in each Re-Hello until an answer arrives, so repetitions back off.
    pub(crate) fn may_restart(&mut self, is_first: bool, now: Time) -> bool {
        let (at, wait) = self.restarted;
        let wait = if is_first { Duration::ZERO } else { wait.saturating_mul(2) };
        let wait = wait.max(self.rtt.pto()).max(RESTART_AGAIN);
        let is_due = is_first || at + wait <= now;
        if is_due {
            self.restarted = (now, wait);
        }
        is_due
    }

    /// When the next probe is due.
    pub(crate) fn probe_at(&self) -> Option<Time> {
        self.waiting.map(|since| self.rtt.pto_deadline(since))
    }

    /// The probe timeout of a single session, where sessions are due to be compared with it.
    /// While one session gets acknowledgements the tunnel's own probe is not due, so what another
    /// one lost is found this way (RFC 9002 section 6.2).
    pub(crate) fn session_pto(&mut self, now: Time) -> Option<Duration> {
        let wait = self.rtt.pto_with_backoff();
        let is_time = self.session_pto_checked + wait <= now;
        if is_time {
            self.session_pto_checked = now;
        }
        is_time.then_some(wait)
    }

    /// Returns when silence becomes an outage. A path that still delivers packets that were sent
    /// long ago has a long queue and is not gone.
    pub(crate) fn outage_at(&self) -> Option<Time> {
        self.waiting.map(|since| since.max(self.delivered_at) + self.rtt.outage_timeout())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::{OUTAGE_MIN, PROBE_MIN};
    use std::collections::VecDeque;

    const LEN: u64 = FRAME_MAX as u64;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    fn round(path: &mut Path, marked: u32, counters: &mut (u32, u32)) {
        let mut newest = 0;
        while path.has_room() {
            newest = path.sent(LEN, at(0));
            counters.0 += 1;
        }
        counters.1 += marked;
        let acked = path.in_flight();
        path.grow(acked, Some(newest), at(0));
        path.landed(acked);
        path.marks(counters.0, counters.1, newest, at(0));
        path.progress(at(0));
    }

    #[test]
    fn the_window_doubles_until_the_first_mark_and_shrinks_by_what_was_marked() {
        let (mut path, mut counters) = (Path::default(), (0, 0));
        for _ in 0..3 {
            round(&mut path, 0, &mut counters);
        }
        let wide = path.window();
        assert!(wide >= 8 * WINDOW_START);
        round(&mut path, 2, &mut counters);
        assert!(path.window() > wide, "a few marks cost less than a doubling");
        path.sent(LEN, at(0));
        let (before, newest) = (path.window(), path.transmission);
        path.lost(newest);
        assert_eq!(path.window(), before / 2 + before % 2);
        path.lost(newest);
        assert_eq!(path.window(), before / 2 + before % 2, "once a round");
    }

    #[test]
    fn packets_that_come_late_are_no_outage_and_silence_is_one() {
        let mut path = Path::default();
        path.sent(LEN, at(0));
        let first = path.outage_at().expect("something waits");
        path.marks(1, 0, 0, at(300));
        let later = path.outage_at().expect("it still waits");
        assert_eq!(later, first + Duration::from_millis(300));
        path.marks(1, 0, 0, at(600));
        assert_eq!(path.outage_at(), Some(later), "the counter stands still");
    }

    #[test]
    fn what_repeats_an_outage_is_heeded_ever_more_seldom() {
        let mut path = Path::default();
        assert!(path.may_restart(true, at(0)));
        let heeded = (1..60).map(|n| n * 250).filter(|ms| path.may_restart(false, at(*ms)));
        assert_eq!(heeded.collect::<Vec<_>>(), [2000, 6000, 14_000]);
        assert!(path.may_restart(true, at(15_000)));
    }

    /// A bottleneck of so many bytes a millisecond, and two seconds of bulk through it, with or
    /// without somebody who types; returns the longest round trip of the last, in milliseconds.
    fn bulk(path: &mut Path, speed: u64, types: bool, from: u64) -> u64 {
        bulk_beside(path, speed, types, from, 0).0
    }

    /// The same where every packet also waits so many milliseconds in a queue that others fill;
    /// returns besides how many bytes came through in the last second.
    fn bulk_beside(path: &mut Path, speed: u64, types: bool, from: u64, others: u64) -> (u64, u64) {
        let (mut queue, mut longest) = (VecDeque::<(u64, u64, u64, u64)>::new(), 0);
        let mut through = 0;
        let mut free_at = from * 1000;
        for us in (from * 1000..(from + 2000) * 1000).step_by(100) {
            let now = Time::from_nanos(us * 1000);
            if types && us % 50_000 == 0 {
                path.alone(1, now);
            }
            while queue.front().is_some_and(|(done, ..)| *done <= us) {
                let Some((_, sent, len, transmission)) = queue.pop_front() else { break };
                path.measured(Duration::from_micros(us - sent), transmission, now);
                path.grow(len, Some(transmission), now);
                path.landed(len);
                if us > (from + 1000) * 1000 {
                    longest = longest.max((us - sent) / 1000);
                    through += len;
                }
            }
            while path.has_room() {
                let len = (path.payload(now) + HEAD_ROOM + ICV_MAX) as u64;
                let transmission = path.sent(len, now);
                free_at = free_at.max(us) + len * 1000 / speed;
                queue.push_back((free_at + 1000 * (1 + others), us, len, transmission));
            }
        }
        queue.iter().for_each(|(.., len, _)| path.landed(*len));
        (longest, through)
    }

    #[test]
    fn bulk_leaves_the_queues_short_for_who_types_and_fills_them_otherwise() {
        // 10 and 1 Mbit/s.
        for speed in [1250, 125] {
            assert!(bulk(&mut Path::default(), speed, false, 0) > 200);
            let mut path = Path::default();
            path.measured(Duration::from_millis(1), 0, at(0));
            let longest = bulk(&mut path, speed, true, 0);
            assert!(longest <= 50, "{longest} ms at {speed} kbyte/s");
        }
    }

    // Where others fill a queue, to give way to it would be to stand still for nothing.
    #[test]
    fn courtesy_gives_way_to_no_queue_that_others_fill() {
        let mut path = Path::default();
        path.measured(Duration::from_millis(1), 0, at(0));
        bulk(&mut path, 1250, true, 0);
        bulk_beside(&mut path, 1250, true, 2000, 100);
        let (longest, through) = bulk_beside(&mut path, 1250, true, 4000, 100);
        assert!(through > 1250 * 1000 / 2, "{through} bytes of 1.25 MB");
        assert!(longest <= 150, "{longest} ms, of which others take 100");
    }

    #[test]
    fn a_path_that_returns_slower_is_soon_clear_for_who_types() {
        let mut path = Path::default();
        path.measured(Duration::from_millis(1), 0, at(0));
        bulk(&mut path, 1250, true, 0);
        path.restart(true, at(2400));
        path.restart(true, at(6000));
        let longest = bulk(&mut path, 125, true, 6000);
        assert!(longest <= 50, "{longest} ms");
    }

    #[test]
    fn an_acknowledgement_of_nothing_new_widens_nothing() {
        let mut path = Path::default();
        path.alone(1, at(0));
        path.measured(Duration::from_millis(1), 0, at(0));
        path.lost(1);
        path.sent(WINDOW_START, at(0));
        let before = path.window();
        path.grow(0, Some(1), at(0));
        assert_eq!(path.window(), before);
    }

    #[test]
    fn beside_who_types_nothing_grows_unmeasured_and_a_keystroke_waits_for_no_window() {
        let mut path = Path::default();
        path.alone(1, at(0));
        path.measured(Duration::from_millis(1), 0, at(0));
        path.restart(true, at(0));
        path.sent(LEN, at(0));
        let before = path.window();
        assert!(!path.has_room() && path.room_beside() == 0, "twice the window is under way");
        path.grow(LEN, None, at(0));
        assert_eq!(path.window(), before);
        path.grow(LEN, Some(path.transmission), at(0));
        assert!(path.window() > before);
        while path.has_room() {
            path.sent(1, at(0));
        }
        assert_eq!(path.room_beside(), KEYSTROKE);
    }

    #[test]
    fn a_path_that_returns_is_found_out_as_at_the_start() {
        let (mut path, mut counters) = (Path::default(), (0, 0));
        path.lost(1);
        path.restart(true, at(0));
        let before = path.window();
        round(&mut path, 0, &mut counters);
        assert!(path.window() >= 2 * before - LEN, "it doubles");
    }

    #[test]
    fn silence_is_an_outage_only_while_something_waits() {
        let mut path = Path::default();
        path.measured(Duration::from_millis(1), 0, at(0));
        assert_eq!((path.probe_at(), path.outage_at()), (None, None));
        path.sent(100, at(10));
        assert_eq!(path.probe_at(), Some(at(10) + PROBE_MIN));
        assert_eq!(path.outage_at(), Some(at(10) + OUTAGE_MIN));
        path.landed(100);
        path.progress(at(20));
        assert_eq!(path.outage_at(), None);
    }

    #[test]
    fn probes_stay_apart_until_a_round_trip_was_measured() {
        let mut path = Path::default();
        path.measured(Duration::from_millis(1), 0, at(0));
        path.sent(100, at(0));
        path.rtt.on_pto(at(60));
        path.progress(at(100));
        assert_eq!(path.probe_at(), Some(at(100) + 2 * PROBE_MIN), "it may be the second's answer");
        path.measured(Duration::from_millis(1), 1, at(200));
        path.progress(at(200));
        assert_eq!(path.probe_at(), Some(at(200) + PROBE_MIN));
    }

    #[test]
    fn an_overtaken_acknowledgement_changes_nothing() {
        let mut path = Path::default();
        path.marks(10, 0, 1, at(0));
        path.marks(5, 5, 1, at(0));
        assert_eq!((path.alpha, path.seen), (0, (10, 0)));
    }
}
