//! The round trip of a tunnel's path, and the waits that follow from it (RFC 6298, RFC 9002).
//!
//! Packets measure it. Before the first one does, and after an outage, there is only what an answer
//! to a handshake or a Re-Hello took: the *guess*. It is replaced by the first packet's.

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::{
    ACK_DELAY, HANDSHAKE_RTT_MAX, HINT_WAIT_MIN, OUTAGE_MAX, OUTAGE_MIN, PROBE_MAX, PROBE_MIN,
};

/// Before anything is measured, an answer takes so long.
const RTT_UNKNOWN: Duration = Duration::from_millis(100);

/// The estimate.
#[derive(Debug, Default)]
pub(crate) struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    /// What the first answer may take; zero once a packet has measured it.
    guess: Duration,
    /// Until when nothing sent since can have been answered.
    guess_holds: Time,
    /// Probes since a packet measured it. An answer to what was sent twice measures nothing: on a
    /// path that has become slower the wait must stay doubled until one does (Karn's rule), or the
    /// second sendings alone would fill it.
    probes: u32,
    /// When the last one left.
    probed_at: Time,
}

impl Rtt {
    /// Smoothed, zero before the first measurement.
    pub(crate) fn smoothed(&self) -> Duration {
        self.smoothed.unwrap_or_default()
    }

    /// A packet measured it (RFC 6298 section 2). False where the answer is to what had left before
    /// the outage.
    pub(crate) fn measured(&mut self, sample: Duration, now: Time) -> bool {
        if now < self.guess_holds {
            return false;
        }
        (self.probes, self.guess) = (0, Duration::ZERO);
        match self.smoothed {
            None => {
                self.variation = sample.checked_div(2).unwrap_or(sample);
                self.smoothed = Some(sample);
            }
            Some(smoothed) => {
                self.variation = smooth(self.variation, sample.abs_diff(smoothed), 4);
                self.smoothed = Some(smooth(smoothed, sample, 8));
            }
        }
        true
    }

    /// A Re-Hello was answered after so long. What comes sooner is the answer to what had left
    /// before the outage. The first answer after it (`is_first`) may have been held up with the
    /// path, and those to later attempts were not.
    pub(crate) fn answered(&mut self, rtt: Duration, is_first: bool, now: Time) {
        let is_guessed = !self.guess.is_zero();
        let is_less = is_guessed && rtt < self.guess;
        let is_slower = !is_guessed && rtt > self.smoothed().saturating_mul(2);
        if is_first || is_less || is_slower {
            self.guess = rtt;
            self.guess_holds = now + rtt.saturating_sub(rtt.checked_div(10).unwrap_or_default());
        }
    }

    /// A handshake took so long. Its messages are repeated, so most of that may be an outage.
    pub(crate) fn greeted(&mut self, rtt: Duration) {
        self.guess = rtt.min(HANDSHAKE_RTT_MAX);
    }

    /// Its other half took so long.
    pub(crate) fn greeted_again(&mut self, rtt: Duration) {
        self.guess = self.guess.min(rtt);
    }

    /// The path may be another one.
    pub(crate) fn restart(&mut self) {
        self.probes = 0;
    }

    /// A probe left.
    pub(crate) fn probed(&mut self, now: Time) {
        self.probes = self.probes.saturating_add(1);
        self.probed_at = now;
    }

    fn variation_of_answers(&self) -> Duration {
        self.variation.saturating_mul(4)
    }

    /// How long an answer takes as far as packets have measured it. It waits for company at the
    /// peer, whatever the path does (RFC 9002 section 6.2.1).
    fn usual(&self) -> Duration {
        let spread = self.variation_of_answers().max(ACK_DELAY.saturating_mul(2));
        self.smoothed.unwrap_or(RTT_UNKNOWN).saturating_add(spread)
    }

    /// How long an answer may take.
    pub(crate) fn answer_within(&self) -> Duration {
        let spread = self.variation_of_answers().max(HINT_WAIT_MIN);
        self.smoothed.unwrap_or(RTT_UNKNOWN).saturating_add(spread).max(self.guess)
    }

    /// How long nothing new is acknowledged before the first probe.
    pub(crate) fn probe_after(&self) -> Duration {
        self.usual().max(self.guess.saturating_mul(2)).max(PROBE_MIN)
    }

    /// The same before the next one.
    pub(crate) fn next_probe_after(&self) -> Duration {
        let doubled = self.probe_after().saturating_mul(1 << self.probes.min(6));
        doubled.min(PROBE_MAX.max(self.probe_after()))
    }

    /// When the next probe is due, where something waits since then: half of the doubled wait has
    /// passed with the last one.
    pub(crate) fn probe_at(&self, since: Time) -> Time {
        let wait = self.next_probe_after();
        (since + wait).max(self.probed_at + wait.checked_div(2).unwrap_or(wait))
    }

    /// How long silence must last to be an outage.
    pub(crate) fn outage_after(&self) -> Duration {
        let usual = self.usual().max(PROBE_MIN);
        let silence = usual.saturating_mul(4).clamp(OUTAGE_MIN, OUTAGE_MAX);
        silence.max(usual.saturating_mul(2)).max(self.guess.saturating_mul(3))
    }
}

/// The mean of so many values, of which `new` is one and the others are `old`.
fn smooth(old: Duration, new: Duration, count: u32) -> Duration {
    let sum = old.saturating_mul(count.saturating_sub(1)).saturating_add(new);
    sum.checked_div(count).unwrap_or(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn before_a_packet_is_measured_an_answer_has_the_time_that_the_last_one_took() {
        let mut rtt = Rtt::default();
        let usual = rtt.outage_after();
        rtt.greeted(s(2));
        assert_eq!((rtt.probe_after(), rtt.outage_after()), (s(4), s(6)));
        rtt.greeted_again(s(1));
        assert_eq!((rtt.probe_after(), rtt.outage_after()), (s(2), s(3)));
        rtt.greeted(s(600));
        assert_eq!(rtt.outage_after(), 3 * HANDSHAKE_RTT_MAX);
        rtt.answered(s(60), true, at(0));
        rtt.answered(s(30), false, at(0));
        rtt.answered(s(45), false, at(0));
        assert_eq!(rtt.outage_after(), s(90));
        assert!(!rtt.measured(Duration::from_millis(10), at(20_000)), "it left before the outage");
        assert_eq!(rtt.outage_after(), s(90));
        assert!(rtt.measured(Duration::from_millis(10), at(27_000)));
        assert!(rtt.outage_after() <= usual);
    }

    #[test]
    fn an_answer_that_is_no_slower_than_packets_says_nothing() {
        let mut rtt = Rtt::default();
        rtt.measured(s(1), at(0));
        let before = rtt.outage_after();
        rtt.answered(s(2), false, at(0));
        assert_eq!(rtt.outage_after(), before);
        rtt.answered(s(3), false, at(0));
        assert!(rtt.outage_after() >= s(9));
    }

    #[test]
    fn probes_double_up_to_a_bound_and_never_repeat_an_instant() {
        let mut rtt = Rtt::default();
        rtt.measured(Duration::from_millis(1), at(0));
        let (mut probes, since) = (Vec::new(), at(1000));
        for _ in 0..10 {
            let next = rtt.probe_at(since);
            rtt.probed(next);
            probes.push(next.since(since).as_millis());
        }
        assert_eq!(probes[..7], [60, 120, 240, 480, 960, 1920, 3840]);
        assert_eq!(probes[7..], [5760, 7680, 9600]);
    }
}
