//! The round trip estimate of a tunnel, and the timeouts derived from it (RFC 6298, RFC 9002).
//!
//! Acknowledged packets are the samples. Before the first one, and after an outage, the estimate is
//! *provisional*: the time that the answer to a handshake or to a Re-Hello took.

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::{
    ACK_DELAY, HANDSHAKE_RTT_MAX, HINT_WAIT_MIN, OUTAGE_MAX, OUTAGE_MIN, PROBE_MAX, PROBE_MIN,
};

/// The estimate before anything is measured.
const INITIAL_RTT: Duration = Duration::from_millis(100);

/// The round trip estimate.
#[derive(Debug, Default)]
pub(crate) struct RttEstimator {
    /// Smoothed round trip; `None` before the first sample.
    srtt: Option<Duration>,
    rttvar: Duration,
    /// Provisional round trip; zero after a sample.
    provisional: Duration,
    /// Before this, nothing that was sent since the provisional estimate can be acknowledged.
    provisional_until: Time,
    /// Probe timeouts since the last sample. A packet that was sent twice is no sample, so on a
    /// path that has become slower the backoff holds until another packet is one (Karn's rule).
    pto_count: u32,
    /// When the last probe timeout was.
    last_pto: Time,
}

impl RttEstimator {
    /// Returns the smoothed round trip, zero before the first sample.
    pub(crate) fn srtt(&self) -> Duration {
        self.srtt.unwrap_or_default()
    }

    /// Takes a sample (RFC 6298 section 2). Returns false for one of a packet that was sent before
    /// the outage, which is ignored.
    pub(crate) fn on_sample(&mut self, rtt: Duration, now: Time) -> bool {
        if now < self.provisional_until {
            return false;
        }
        (self.pto_count, self.provisional) = (0, Duration::ZERO);
        match self.srtt {
            None => {
                self.rttvar = rtt.checked_div(2).unwrap_or(rtt);
                self.srtt = Some(rtt);
            }
            Some(srtt) => {
                self.rttvar = mean(self.rttvar, rtt.abs_diff(srtt), 4);
                self.srtt = Some(mean(srtt, rtt, 8));
            }
        }
        true
    }

    /// Takes the time that a Re-Hello took to be answered. The first answer that ends an outage may
    /// have been delayed by it; answers to later Re-Hellos are not, so the least counts.
    pub(crate) fn on_rehello_rtt(&mut self, rtt: Duration, ends_outage: bool, now: Time) {
        let is_provisional = !self.provisional.is_zero();
        let is_less = is_provisional && rtt < self.provisional;
        let is_slower = !is_provisional && rtt > self.srtt().saturating_mul(2);
        if ends_outage || is_less || is_slower {
            let tenth = rtt.checked_div(10).unwrap_or_default();
            self.provisional = rtt;
            self.provisional_until = now + rtt.saturating_sub(tenth);
        }
    }

    /// Takes the time that a handshake message took to be answered. It was repeated, so an outage
    /// may be part of that: it counts up to [`HANDSHAKE_RTT_MAX`].
    pub(crate) fn on_handshake_rtt(&mut self, rtt: Duration) {
        self.provisional = rtt.min(HANDSHAKE_RTT_MAX);
    }

    /// Takes the time of another handshake message; the lesser of both counts.
    pub(crate) fn on_second_handshake_rtt(&mut self, rtt: Duration) {
        self.provisional = self.provisional.min(rtt);
    }

    /// Ends the backoff of the probe timeout: the path may be another one.
    pub(crate) fn reset_pto(&mut self) {
        self.pto_count = 0;
    }

    /// Records a probe timeout.
    pub(crate) fn on_pto(&mut self, now: Time) {
        self.pto_count = self.pto_count.saturating_add(1);
        self.last_pto = now;
    }

    /// Returns the estimate and its spread, of which `least` is the least.
    fn with_spread(&self, least: Duration) -> Duration {
        let spread = self.rttvar.saturating_mul(4).max(least);
        self.srtt.unwrap_or(INITIAL_RTT).saturating_add(spread)
    }

    /// Returns the same where the peer may delay the acknowledgement (RFC 9002 section 6.2.1).
    fn ack_timeout(&self) -> Duration {
        self.with_spread(ACK_DELAY.saturating_mul(2))
    }

    /// Returns how long an immediate answer may take.
    pub(crate) fn answer_timeout(&self) -> Duration {
        self.with_spread(HINT_WAIT_MIN).max(self.provisional)
    }

    /// Returns the probe timeout without backoff.
    pub(crate) fn pto(&self) -> Duration {
        self.ack_timeout().max(self.provisional.saturating_mul(2)).max(PROBE_MIN)
    }

    /// Returns the probe timeout.
    pub(crate) fn pto_with_backoff(&self) -> Duration {
        let doubled = self.pto().saturating_mul(1 << self.pto_count.min(6));
        doubled.min(PROBE_MAX.max(self.pto()))
    }

    /// Returns when the next probe is due, for what waits since then. The timeout doubles, so half
    /// of it has passed at the last probe.
    pub(crate) fn pto_deadline(&self, since: Time) -> Time {
        let pto = self.pto_with_backoff();
        (since + pto).max(self.last_pto + pto.checked_div(2).unwrap_or(pto))
    }

    /// Returns how long silence lasts before it is an outage.
    pub(crate) fn outage_timeout(&self) -> Duration {
        let ack = self.ack_timeout().max(PROBE_MIN);
        let silence = ack.saturating_mul(4).clamp(OUTAGE_MIN, OUTAGE_MAX);
        silence.max(ack.saturating_mul(2)).max(self.provisional.saturating_mul(3))
    }
}

/// Returns the mean of `count` values, of which one is `new` and the others are `old`.
fn mean(old: Duration, new: Duration, count: u32) -> Duration {
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
        let mut rtt = RttEstimator::default();
        let usual = rtt.outage_timeout();
        rtt.on_handshake_rtt(s(2));
        assert_eq!((rtt.pto(), rtt.outage_timeout()), (s(4), s(6)));
        rtt.on_second_handshake_rtt(s(1));
        assert_eq!((rtt.pto(), rtt.outage_timeout()), (s(2), s(3)));
        rtt.on_handshake_rtt(s(600));
        assert_eq!(rtt.outage_timeout(), 3 * HANDSHAKE_RTT_MAX);
        rtt.on_rehello_rtt(s(60), true, at(0));
        rtt.on_rehello_rtt(s(30), false, at(0));
        rtt.on_rehello_rtt(s(45), false, at(0));
        assert_eq!(rtt.outage_timeout(), s(90));
        assert!(!rtt.on_sample(Duration::from_millis(10), at(20_000)), "it left before the outage");
        assert_eq!(rtt.outage_timeout(), s(90));
        assert!(rtt.on_sample(Duration::from_millis(10), at(27_000)));
        assert!(rtt.outage_timeout() <= usual);
    }

    #[test]
    fn an_answer_that_is_no_slower_than_packets_says_nothing() {
        let mut rtt = RttEstimator::default();
        rtt.on_sample(s(1), at(0));
        let before = rtt.outage_timeout();
        rtt.on_rehello_rtt(s(2), false, at(0));
        assert_eq!(rtt.outage_timeout(), before);
        rtt.on_rehello_rtt(s(3), false, at(0));
        assert!(rtt.outage_timeout() >= s(9));
    }

    #[test]
    fn probes_double_up_to_a_bound_and_never_repeat_an_instant() {
        let mut rtt = RttEstimator::default();
        rtt.on_sample(Duration::from_millis(1), at(0));
        let (mut probes, since) = (Vec::new(), at(1000));
        for _ in 0..10 {
            let next = rtt.pto_deadline(since);
            rtt.on_pto(next);
            probes.push(next.since(since).as_millis());
        }
        assert_eq!(probes[..7], [60, 120, 240, 480, 960, 1920, 3840]);
        assert_eq!(probes[7..], [5760, 7680, 9600]);
    }
}
