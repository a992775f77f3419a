//! When the Re-Hellos of a tunnel were sent, so that an answer to one is a round trip sample.
//!
//! A Re-Hello is repeated at an interval that may be far shorter than the round trip. Each one
//! therefore says which Re-Hello of the other side it has received last
//! (`docs/protocol/reliability.md#re-hello`).

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::REHELLO_TIMES_MAX;

/// The send times of the latest Re-Hellos.
#[derive(Debug, Default)]
pub(crate) struct RehelloTimes {
    /// The epoch that the step leaves, the SeqNBR and the time of each, oldest first.
    sent: VecDeque<(u32, u64, Time)>,
}

impl RehelloTimes {
    /// Records a Re-Hello that is sent.
    pub(crate) fn on_sent(&mut self, leaving: u32, seq: u64, now: Time) {
        if self.sent.len() >= REHELLO_TIMES_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((leaving, seq, now));
    }

    /// Returns the round trip sample of a Re-Hello whose field *heard* is `heard`; `None` if it
    /// answers none, or one that is forgotten.
    pub(crate) fn sample(&self, leaving: u32, heard: u64, now: Time) -> Option<Duration> {
        let seq = heard.checked_sub(1)?;
        let mut sent = self.sent.iter();
        let (.., at) = sent.find(|(epoch, number, _)| (*epoch, *number) == (leaving, seq))?;
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
    fn an_answer_is_measured_by_the_re_hello_that_it_names() {
        let mut times = RehelloTimes::default();
        for seq in 0..2 * REHELLO_TIMES_MAX as u64 {
            times.on_sent(7, seq, at(250 * seq));
        }
        let last = 2 * REHELLO_TIMES_MAX as u64 - 1;
        let now = at(250 * last + 100);
        assert_eq!(times.sample(7, last + 1, now), Some(Duration::from_millis(100)));
        assert_eq!(times.sample(7, last - 3, now), Some(Duration::from_millis(1100)));
        for (epoch, heard) in [(7, 0), (7, 1), (7, last + 2), (8, last + 1)] {
            assert_eq!(times.sample(epoch, heard, now), None);
        }
        times.on_sent(8, 0, now);
        assert_eq!(times.sample(7, last + 1, now), Some(Duration::from_millis(100)));
    }
}
