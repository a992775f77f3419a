//! What stands in the path's queues, told by the round trip, and who would suffer from it.
//!
//! Marks and losses say that a queue is full; somebody who types beside a download feels it long
//! before. So while small packets go out of sessions that have nothing else under way, the tunnel
//! is *courteous*: it keeps the time that its own bytes wait in queues short. Otherwise it would
//! give way to every flow beside it that is not.

use std::time::Duration;

use crate::base::clock::Time;

/// Waiting in queues that a courteous tunnel allows itself.
const ALLOWED: Duration = Duration::from_millis(15);
/// Courtesy lasts this long after the last small packet.
const LASTS: Duration = Duration::from_secs(2);
/// The least round trip is that of this time and the turn before it: a path may become longer.
const TURN: Duration = Duration::from_secs(10);
/// The first turn of a path, and the next is twice as long: what was sent first may have stood
/// behind what was sent before it.
const FIRST_TURN: Duration = Duration::from_secs(2);

/// Round trips of one path.
#[derive(Debug, Default)]
pub(crate) struct Delay {
    /// The least round trip of this turn and of the one before.
    least: [Option<Duration>; 2],
    turned: Time,
    /// Turns of this path so far.
    turns: u32,
    courteous_until: Option<Time>,
    /// There was courtesy when the path went, and nothing was measured since.
    was_courteous: bool,
}

impl Delay {
    /// The path went, or is back and may be another: nothing is known of it. Whoever typed before
    /// does so again: true while that holds.
    pub(crate) fn restart(&mut self, now: Time) -> bool {
        (self.least, self.turns) = ([None; 2], 0);
        self.was_courteous |= self.is_courteous(now);
        if self.was_courteous {
            self.be_courteous(now);
        }
        self.was_courteous
    }

    /// A round trip was measured. True when a turn is over: the queues should be empty for a
    /// moment, so that the least can be seen again.
    pub(crate) fn measured(&mut self, sample: Duration, now: Time) -> bool {
        self.was_courteous = false;
        let turn = FIRST_TURN.saturating_mul(1 << self.turns.min(3)).min(TURN);
        let is_over = self.least[0].is_some() && now.since(self.turned) >= turn;
        if is_over || self.least[0].is_none() {
            self.least = [None, self.least[0]];
            self.turned = now;
            self.turns = self.turns.saturating_add(is_over.into());
        }
        self.least[0] = Some(self.least[0].map_or(sample, |least| least.min(sample)));
        is_over
    }

    /// Sets the base round trip (RFC 6817's base delay) to a sample that one packet alone took: the
    /// queue in it is other traffic's and does not shrink when this tunnel gives way.
    pub(crate) fn set_base(&mut self, sample: Duration) {
        self.least = [Some(sample); 2];
    }

    fn least(&self) -> Duration {
        self.least.iter().flatten().min().copied().unwrap_or_default()
    }

    /// A small packet left, and nothing else of its session is under way: somebody may be typing.
    pub(crate) fn be_courteous(&mut self, now: Time) {
        self.courteous_until = Some(now + LASTS);
    }

    /// Whether somebody has typed lately.
    pub(crate) fn is_courteous(&self, now: Time) -> bool {
        self.courteous_until.is_some_and(|until| now < until)
    }

    /// The part of a window that stands in queues no longer than is allowed, where a round trip of
    /// this length shows that not all of it does.
    pub(crate) fn fitting(&self, window: u64, sample: Duration) -> Option<u64> {
        let fits = self.least().saturating_add(ALLOWED);
        let part = u128::from(window).saturating_mul(fits.as_nanos());
        let part = part.checked_div(sample.as_nanos()).filter(|_| sample > fits)?;
        Some(part as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_window_shrinks_to_what_the_allowed_queue_takes() {
        let mut delay = Delay::default();
        delay.measured(10 * MS, Time::ZERO);
        delay.measured(50 * MS, Time::ZERO);
        assert_eq!(delay.fitting(60_000, 25 * MS), None);
        assert_eq!(delay.fitting(60_000, 50 * MS), Some(30_000));
    }

    #[test]
    fn the_least_is_forgotten_after_two_turns_and_asked_for_at_each() {
        let mut delay = Delay::default();
        assert!(!delay.measured(MS, Time::ZERO));
        let mut at = Time::ZERO;
        for (turn, least) in [(2, 1), (4, 50), (8, 50), (10, 50), (10, 50)] {
            let end = at + Duration::from_secs(turn);
            assert!(!delay.measured(50 * MS, Time::from_nanos(end.as_nanos() - 1)));
            assert!(delay.measured(50 * MS, end), "{turn} s");
            assert_eq!(delay.least(), least * MS);
            at = end;
        }
    }

    #[test]
    fn courtesy_lasts_a_moment() {
        let mut delay = Delay::default();
        assert!(!delay.is_courteous(Time::ZERO));
        delay.be_courteous(Time::ZERO);
        assert!(delay.is_courteous(Time::ZERO + LASTS - MS));
        assert!(!delay.is_courteous(Time::ZERO + LASTS));
        assert!(!delay.restart(Time::ZERO + LASTS));
    }

    #[test]
    fn who_typed_before_an_outage_types_after_it() {
        let mut delay = Delay::default();
        delay.measured(MS, Time::ZERO);
        delay.be_courteous(Time::ZERO);
        assert!(delay.restart(Time::ZERO + MS), "it goes");
        let back = Time::ZERO + TURN;
        assert!(!delay.is_courteous(back) && delay.restart(back) && delay.is_courteous(back));
        assert_eq!(delay.least(), Duration::ZERO, "it may be another path");
        delay.measured(MS, back);
        assert!(!delay.restart(back + LASTS));
    }
}
