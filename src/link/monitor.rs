//! Liveness without chatter: a clock that runs only while an answer is owed.
//!
//! Something sent and nothing heard: ask, then doubt, then give up. Anything heard settles it. A
//! link on which nothing waits is asked by [`Keepalive`], and an idle one has no deadline and sends
//! nothing. While data flows one way for long, the far end has nothing to say, so it is asked every
//! [`LINK_ASK`] and a dead path is found within [`LINK_DEAD`]. Where a round trip takes longer than
//! half of [`LINK_DOUBT`] both waits grow with it; the proof of the Names measures the first one.

use std::time::Duration;

use super::keepalive::Keepalive;
use crate::base::clock::{Time, earliest};
use crate::base::limits::{LINK_ASK, LINK_DEAD, LINK_DOUBT};
use crate::base::machine::Deadline;

/// An end that does not read says this often that it is alive: the other end's question lies
/// unread behind its data.
const ALIVE_EVERY: Duration = Duration::from_millis(LINK_ASK.as_millis() as u64 / 2);

/// What a monitor wants sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A question.
    pub ping: bool,
    /// A sign of life that nobody asked for.
    pub pong: bool,
}

/// The liveness of one link.
#[derive(Debug, Default)]
pub struct Monitor {
    /// Since when something sent waits for an answer.
    waiting: Option<Time>,
    /// When the question that is still open was asked.
    asked: Option<Time>,
    doubtful: bool,
    dead: bool,
    rtt: Option<Duration>,
    /// The longest recent round trip; each later sample reduces it by a quarter at most.
    longest_rtt: Duration,
    /// When the next sign of life is due; only while this end does not read.
    alive_at: Option<Time>,
    /// When it asks although nothing waits.
    pub keepalive: Keepalive,
}

impl Monitor {
    /// Something that deserves an answer was queued or written.
    pub fn sent(&mut self, now: Time) {
        self.waiting.get_or_insert(now);
    }

    /// Bytes arrived; `more` says whether something of ours still waits to be written.
    pub fn heard(&mut self, more: bool, now: Time) {
        self.doubtful = false;
        self.waiting = more.then_some(now);
        self.keepalive.heard(now);
    }

    /// The answer to a question arrived.
    pub fn answered(&mut self, now: Time) {
        if let Some(asked) = self.asked.take() {
            self.measured(now.since(asked));
        }
    }

    /// Takes a round trip sample.
    pub fn measured(&mut self, rtt: Duration) {
        let quarter = self.longest_rtt.checked_div(4).unwrap_or_default();
        let faded = self.longest_rtt.saturating_sub(quarter);
        self.longest_rtt = rtt.max(faded);
        self.rtt = Some(rtt);
    }

    /// Something happened that may have cut the path: ask at once and doubt until heard.
    pub fn suspect(&mut self, now: Time) -> Wanted {
        self.waiting = Some(now - LINK_DOUBT);
        self.doubtful = true;
        self.ask(now)
    }

    /// This end stopped reading, or reads again.
    pub fn pause(&mut self, paused: bool, now: Time) {
        // Whoever does not read hears nothing: the silence was this end's own.
        self.waiting = self.waiting.map(|_| now);
        self.alive_at = paused.then_some(now + ALIVE_EVERY);
    }

    /// Whether the link may be dead.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Whether it is.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Returns the last round trip sample.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Returns the silence after which the link is doubtful: two round trips, if that is longer.
    fn doubt_after(&self) -> Duration {
        LINK_DOUBT.max(self.longest_rtt.saturating_mul(2))
    }

    /// Returns the silence after which the link is dead: four round trips, if that is longer.
    fn dead_after(&self) -> Duration {
        LINK_DEAD.max(self.longest_rtt.saturating_mul(4))
    }

    /// The next stage of waiting, and when it begins.
    fn due(&self) -> Option<Deadline> {
        if self.alive_at.is_some() {
            return None;
        }
        let Some(since) = self.waiting else {
            let at = self.keepalive.next_timeout()?;
            return Some(Deadline { at, why: "ask a quiet link" });
        };
        Some(if self.asked.is_none() {
            Deadline { at: since + LINK_ASK, why: "ask a silent link" }
        } else if !self.doubtful {
            Deadline { at: since + self.doubt_after(), why: "doubt a silent link" }
        } else {
            Deadline { at: since + self.dead_after(), why: "give up a silent link" }
        })
    }

    /// When [`Monitor::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let alive = self.alive_at.map(|at| Deadline { at, why: "sign of life" });
        earliest(self.due().filter(|_| !self.dead), alive)
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) -> Wanted {
        let mut wanted = Wanted::default();
        if self.alive_at.is_some_and(|at| at <= now) {
            self.alive_at = Some(now + ALIVE_EVERY);
            wanted.pong = true;
        }
        let Some(due) = self.due().filter(|due| due.at <= now) else { return wanted };
        let since = *self.waiting.get_or_insert(now);
        self.keepalive.asked(now);
        // The driver is late: this machine slept or was stopped, and what the far end said
        // meanwhile was not read yet. That is no silence of the far end.
        if now.since(due.at) > LINK_DOUBT {
            return Wanted { ping: self.suspect(now).ping, ..wanted };
        }
        wanted.ping = self.ask(now).ping;
        self.doubtful |= since + self.doubt_after() <= now;
        self.dead |= since + self.dead_after() <= now;
        wanted
    }

    fn ask(&mut self, now: Time) -> Wanted {
        let ping = self.asked.is_none();
        self.asked.get_or_insert(now);
        Wanted { ping, pong: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    /// Ticks at every deadline up to `end`; returns the instants of questions, in milliseconds.
    fn run(monitor: &mut Monitor, end: u64) -> Vec<u64> {
        let mut asked = Vec::new();
        while let Some(due) = monitor.next_timeout().filter(|due| due.at <= at(end)) {
            if monitor.tick(due.at).ping {
                asked.push(due.at.as_nanos() / 1_000_000);
            }
        }
        asked
    }

    #[test]
    fn an_end_that_does_not_read_judges_nobody() {
        let mut monitor = Monitor::default();
        monitor.sent(at(0));
        monitor.pause(true, at(100));
        for ms in (0..10_000).step_by(100) {
            let wanted = monitor.tick(at(ms));
            assert!(!wanted.ping && !monitor.is_doubtful() && !monitor.is_dead());
        }
        monitor.pause(false, at(10_000));
        assert!(!monitor.tick(at(10_199)).ping && monitor.tick(at(10_200)).ping);
    }

    #[test]
    fn an_idle_link_has_no_deadline() {
        let mut monitor = Monitor::default();
        assert_eq!(monitor.next_timeout(), None);
        monitor.sent(at(0));
        monitor.heard(false, at(1));
        assert_eq!(monitor.next_timeout(), None);
    }

    #[test]
    fn silence_is_asked_then_doubted_then_dead() {
        let mut monitor = Monitor::default();
        monitor.sent(at(10));
        monitor.sent(at(300));
        assert_eq!(run(&mut monitor, 409), [210]);
        assert!(!monitor.is_doubtful());
        run(&mut monitor, 410);
        assert!(monitor.is_doubtful() && !monitor.is_dead());
        run(&mut monitor, 3010);
        assert!(monitor.is_dead());
        assert_eq!(monitor.next_timeout(), None);
    }

    #[test]
    fn a_long_one_way_flow_is_asked_again_and_again() {
        let mut monitor = Monitor::default();
        let mut asked = Vec::new();
        for ms in 0..2000 {
            monitor.sent(at(ms));
            asked.extend(run(&mut monitor, ms));
            if asked.last().is_some_and(|last| last + 30 == ms) {
                monitor.answered(at(ms));
                monitor.heard(false, at(ms));
            }
        }
        assert_eq!(asked, [200, 431, 662, 893, 1124, 1355, 1586, 1817]);
        assert_eq!(monitor.rtt(), Some(Duration::from_millis(30)));
        run(&mut monitor, 1849 + 3000);
        assert!(monitor.is_dead(), "and found within three seconds of the last answer");
    }

    #[test]
    fn a_slow_path_is_given_time_in_proportion_and_a_quick_one_none_for_long() {
        let mut monitor = Monitor::default();
        monitor.measured(Duration::from_secs(10));
        monitor.sent(at(0));
        assert_eq!(run(&mut monitor, 19_999), [200]);
        assert!(!monitor.is_doubtful());
        run(&mut monitor, 39_999);
        assert!(monitor.is_doubtful() && !monitor.is_dead());
        run(&mut monitor, 40_000);
        assert!(monitor.is_dead());
        let mut monitor = Monitor::default();
        monitor.measured(Duration::from_secs(10));
        (0..20).for_each(|_| monitor.measured(Duration::from_millis(30)));
        monitor.sent(at(0));
        run(&mut monitor, 3000);
        assert!(monitor.is_dead());
    }

    #[test]
    fn one_question_is_open_at_a_time_and_any_byte_settles_the_silence() {
        let mut monitor = Monitor::default();
        monitor.sent(at(0));
        assert_eq!(run(&mut monitor, 1500), [200]);
        assert!(monitor.is_doubtful());
        monitor.heard(true, at(1500));
        assert!(!monitor.is_doubtful());
        assert!(run(&mut monitor, 2499).is_empty(), "the first question is still open");
    }

    #[test]
    fn a_driver_that_slept_blames_nobody() {
        let mut monitor = Monitor::default();
        monitor.sent(at(0));
        assert!(monitor.tick(at(60_000)).ping);
        assert!(monitor.is_doubtful() && !monitor.is_dead());
        run(&mut monitor, 62_600);
        assert!(monitor.is_dead());
    }

    #[test]
    fn an_end_that_does_not_read_says_that_it_lives() {
        let mut monitor = Monitor::default();
        monitor.pause(true, at(0));
        assert_eq!(monitor.next_timeout().map(|due| due.at), Some(at(100)));
        assert!(monitor.tick(at(100)).pong);
        monitor.pause(false, at(150));
        assert_eq!(monitor.next_timeout(), None);
    }
}
