//! When the Re-Hellos of an outage left, so that an answer measures the round trip.
//!
//! A Re-Hello is repeated at an interval that may be far shorter than the round trip, so an answer
//! says which attempt it was for (`docs/protocol/reliability.md#re-hello`).

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::ATTEMPTS_KNOWN;

/// The latest attempts.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// The epoch that the step leaves, number and time of each, oldest first.
    sent: VecDeque<(u32, u64, Time)>,
}

impl Attempts {
    /// Records that an attempt left.
    pub(crate) fn sent(&mut self, leaving: u32, number: u64, now: Time) {
        if self.sent.len() >= ATTEMPTS_KNOWN {
            self.sent.pop_front();
        }
        self.sent.push_back((leaving, number, now));
    }

    /// The round trip, where the peer has heard `heard` attempts at leaving this epoch.
    pub(crate) fn answered(&self, leaving: u32, heard: u64, now: Time) -> Option<Duration> {
        let newest = heard.checked_sub(1)?;
        let mut sent = self.sent.iter();
        let (.., at) = sent.find(|(epoch, number, _)| (*epoch, *number) == (leaving, newest))?;
        Some(now.since(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn an_answer_is_measured_by_the_attempt_that_it_names() {
        let mut attempts = Attempts::default();
        for number in 0..2 * ATTEMPTS_KNOWN as u64 {
            attempts.sent(7, number, at(250 * number));
        }
        let last = 2 * ATTEMPTS_KNOWN as u64 - 1;
        let now = at(250 * last + 100);
        assert_eq!(attempts.answered(7, last + 1, now), Some(Duration::from_millis(100)));
        assert_eq!(attempts.answered(7, last - 3, now), Some(Duration::from_millis(1100)));
        for (epoch, heard) in [(7, 0), (7, 1), (7, last + 2), (8, last + 1)] {
            assert_eq!(attempts.answered(epoch, heard, now), None);
        }
        attempts.sent(8, 0, now);
        assert_eq!(attempts.answered(7, last + 1, now), Some(Duration::from_millis(100)));
    }
}
