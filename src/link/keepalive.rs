//! Keepalive on a link that this end has nothing to send on.
//!
//! [`Monitor`](super::monitor::Monitor) detects a dead path by what this end sends. An end that
//! only receives sends nothing, and the reset of a far end that gives the link up is lost on the
//! dead path. The end that dialled therefore probes [`KEEPALIVE`] after it has last received
//! anything, for as long as packets can be expected: twice the longest recent pause between
//! packets, from [`KEEPALIVE_LEAST`] to [`KEEPALIVE_MOST`]. After that the link is silent. Either
//! end probes once for a root's pulse that is [`PULSE_LATE`].
//! `docs/protocol/link.md#liveness-ping-and-pong`.

use std::time::Duration;

use crate::base::clock::{Time, earliest};
use crate::base::limits::{KEEPALIVE, KEEPALIVE_LEAST, KEEPALIVE_MOST, PULSE_LATE, ROOT_PULSE};

/// The keepalive of one link.
#[derive(Debug, Default)]
pub struct Keepalive {
    is_calling: bool,
    heard: Time,
    /// Until when packets can be expected; `None` before the first.
    expected: Option<Time>,
    /// When the last packet was sent or received.
    used: Time,
    /// The longest recent pause between packets.
    pause: Duration,
    pulse_due: Option<Time>,
}

impl Keepalive {
    /// This end dialled.
    pub fn calling(&mut self) {
        self.is_calling = true;
    }

    /// Records a packet that is sent or received.
    pub fn used(&mut self, now: Time) {
        let pause = now.since(self.used);
        if self.expected.is_some() && pause >= KEEPALIVE {
            // One short pause does not end the memory of longer ones.
            let faded = self.pause.saturating_sub(self.pause.checked_div(4).unwrap_or_default());
            self.pause = pause.min(KEEPALIVE_MOST).max(faded);
        }
        self.used = now;
        self.expected =
            Some(now + self.pause.saturating_mul(2).clamp(KEEPALIVE_LEAST, KEEPALIVE_MOST));
    }

    /// Records that something was received.
    pub fn heard(&mut self, now: Time) {
        self.heard = now;
    }

    /// Records a root's pulse: the next one is due.
    pub fn pulsed(&mut self, now: Time) {
        self.pulse_due = Some(now + ROOT_PULSE + PULSE_LATE);
    }

    /// Records a probe.
    pub fn asked(&mut self, now: Time) {
        self.pulse_due.take_if(|due| *due <= now);
    }

    /// Returns whether packets were expected when anything was last received.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.expected.is_some_and(|until| self.heard < until)
    }

    /// When the next probe is due, if nothing is received before.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        let quiet = self.heard + KEEPALIVE;
        let packets = (self.is_calling && self.is_awaited()).then_some(quiet);
        earliest(packets, self.pulse_due.map(|due| due.max(quiet)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    /// How often it asks in so many seconds from then on, if each question is answered at once.
    fn asks(keepalive: &mut Keepalive, from: Time, seconds: u64) -> usize {
        let (mut count, until) = (0, from + Duration::from_secs(seconds));
        while let Some(next) = keepalive.next_timeout().filter(|next| *next <= until) {
            keepalive.asked(next);
            keepalive.heard(next);
            count += 1;
        }
        count
    }

    fn calling() -> Keepalive {
        let mut keepalive = Keepalive::default();
        keepalive.calling();
        keepalive
    }

    #[test]
    fn a_link_that_carried_nothing_is_silent() {
        let mut keepalive = calling();
        keepalive.heard(at(5));
        assert_eq!((keepalive.next_timeout(), keepalive.is_awaited()), (None, false));
    }

    #[test]
    fn who_was_called_asks_for_no_packets() {
        let mut keepalive = Keepalive::default();
        keepalive.used(at(5));
        keepalive.heard(at(5));
        assert!(keepalive.is_awaited());
        assert_eq!(keepalive.next_timeout(), None);
    }

    #[test]
    fn a_link_is_asked_for_a_moment_after_its_last_packet() {
        let mut keepalive = calling();
        for second in 0..60 {
            keepalive.used(at(second));
            keepalive.heard(at(second));
        }
        let most = KEEPALIVE_LEAST.as_secs() / KEEPALIVE.as_secs();
        assert_eq!(asks(&mut keepalive, at(60), 3600), most as usize);
        assert!(!keepalive.is_awaited());
    }

    #[test]
    fn a_far_end_that_speaks_seldom_is_asked_until_it_speaks_again() {
        for every in [3, 10, 60] {
            let mut keepalive = calling();
            let mut now = Time::ZERO;
            for spoken in 0..10 {
                keepalive.used(now);
                keepalive.heard(now);
                let next = now + Duration::from_secs(every);
                let asked = asks(&mut keepalive, now, every - 1);
                let all = (every - 1) / KEEPALIVE.as_secs();
                assert!(spoken == 0 || asked == all as usize, "{asked} of {all}, every {every} s");
                now = next;
            }
            assert!(asks(&mut keepalive, now, 3600) <= 60, "and not for ever");
        }
    }

    #[test]
    fn a_pulse_that_is_late_is_asked_for_once() {
        let mut keepalive = Keepalive::default();
        keepalive.heard(at(0));
        keepalive.pulsed(at(0));
        let late = at(0) + ROOT_PULSE + PULSE_LATE;
        assert_eq!(keepalive.next_timeout(), Some(late));
        assert_eq!(asks(&mut keepalive, at(0), 3600), 1);
    }
}
