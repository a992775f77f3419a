//! Flowing or suspended, and when to try again (paper section II.C.2: interruption detection).
//!
//! A suspended tunnel sends Re-Hellos: at once on every event that could help, else at a short
//! fixed interval and only while something waits, because a backoff is what makes others slow to
//! return.

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::limits::{
    REHELLO_EVERY, REHELLO_LATER, REHELLO_PATIENCE, REHELLO_QUICK, REHELLO_SLOW,
};
use crate::crypto::rng::Rng;

/// Re-Hellos of a tunnel in which nothing waits, before it is taken for idle again.
const IDLE_TRIES: u32 = 4;

/// Why a tunnel is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The own way into the overlay is down.
    NoUplink,
    /// The peer does not answer.
    Silence,
    /// A relay says that it knows no way to the peer.
    Unreachable,
}

/// A tunnel's state between the two.
#[derive(Debug)]
pub(crate) struct Flow {
    outage: Option<Outage>,
    since: Time,
    uplink: bool,
    tries: u32,
    next_try: Option<Time>,
    resumed: u64,
}

impl Flow {
    /// A tunnel that flows.
    pub(crate) fn new(now: Time) -> Self {
        Self { outage: None, since: now, uplink: true, tries: 0, next_try: None, resumed: 0 }
    }

    /// The outage, if there is one.
    pub(crate) fn outage(&self) -> Option<Outage> {
        self.outage
    }

    /// Whether packets may leave.
    pub(crate) fn is_flowing(&self) -> bool {
        self.outage.is_none() && self.uplink
    }

    /// Whether the way into the overlay is up.
    pub(crate) fn has_uplink(&self) -> bool {
        self.uplink
    }

    /// Since when the present state lasts.
    pub(crate) fn since(&self) -> Time {
        self.since
    }

    /// How often an outage ended.
    pub(crate) fn resumed(&self) -> u64 {
        self.resumed
    }

    /// When the next Re-Hello (or Hello, or Finished) is due.
    pub(crate) fn next_try(&self) -> Option<Time> {
        self.next_try.filter(|_| self.uplink)
    }

    /// The path is gone. Whether that is news.
    pub(crate) fn suspend(&mut self, outage: Outage, now: Time) -> bool {
        if self.outage.is_some() {
            return false;
        }
        (self.outage, self.since, self.tries, self.next_try) = (Some(outage), now, 0, Some(now));
        true
    }

    /// The peer answered. Whether that is news.
    pub(crate) fn resume(&mut self, now: Time) -> bool {
        self.next_try = None;
        if self.outage.take().is_none() {
            return false;
        }
        self.since = now;
        self.resumed = self.resumed.saturating_add(1);
        true
    }

    /// The way into the overlay came or went.
    pub(crate) fn set_uplink(&mut self, up: bool, now: Time) {
        self.uplink = up;
        if up {
            self.hurry(now);
        }
    }

    /// Something happened that could help: try now.
    pub(crate) fn hurry(&mut self, now: Time) {
        self.tries = 0;
        if self.outage.is_some() || self.next_try.is_some() {
            self.next_try = Some(now);
        }
    }

    /// Try now although nothing is suspended (a worn key, an unconfirmed handshake).
    pub(crate) fn ask(&mut self, now: Time) {
        self.next_try.get_or_insert(now);
    }

    /// Whether a try is due.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.next_try().is_some_and(|at| at <= now)
    }

    /// A try was made; plans the next one. Where nothing waits, the tunnel is idle again after a
    /// few (true): an idle tunnel sends nothing.
    pub(crate) fn tried(&mut self, something_waits: bool, rng: &mut Rng, now: Time) -> bool {
        self.tries = self.tries.saturating_add(1);
        if !something_waits && self.tries >= IDLE_TRIES {
            (self.outage, self.since, self.next_try) = (None, now, None);
            return true;
        }
        let every = match now.since(self.since) {
            age if age < REHELLO_QUICK => REHELLO_EVERY,
            age if age < REHELLO_PATIENCE => REHELLO_LATER,
            _ => REHELLO_SLOW,
        };
        // A jitter of an eighth keeps the peers of a relay that returns from speaking at once.
        let eighth = u64::try_from(every.as_nanos() / 8).unwrap_or(1);
        let jitter = Duration::from_nanos(rng.below(eighth.saturating_mul(2)));
        self.next_try = Some(now + every - Duration::from_nanos(eighth) + jitter);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    /// A suspended tunnel in which something waits, and when it tries up to this age.
    fn tries(until: Duration) -> Vec<Time> {
        let (mut flow, mut rng, mut tries) = (Flow::new(at(0)), Rng::new([1; 32]), Vec::new());
        assert!(flow.suspend(Outage::Silence, at(0)));
        while let Some(now) = flow.next_try().filter(|now| now.since(at(0)) < until) {
            assert!(flow.is_due(now) && !flow.tried(true, &mut rng, now));
            tries.push(now);
        }
        tries
    }

    /// Whether the tries from one age to another are so far apart, give or take an eighth.
    fn are_apart(tries: &[Time], from: Duration, to: Duration, every: Duration) -> bool {
        let within = |pair: &&[Time]| pair[0] >= at(0) + from && pair[0] < at(0) + to;
        let gaps: Vec<_> =
            tries.windows(2).filter(within).map(|pair| pair[1].since(pair[0])).collect();
        let (least, most) = (every * 7 / 8, every * 9 / 8);
        let is_spread = gaps.iter().any(|gap| *gap < every) && gaps.iter().any(|gap| *gap > every);
        is_spread && gaps.iter().all(|gap| (least..=most).contains(gap))
    }

    #[test]
    fn tries_are_quick_at_first_later_and_slow_in_the_end() {
        let end = REHELLO_PATIENCE + REHELLO_QUICK;
        let tries = tries(end);
        assert!(are_apart(&tries, Duration::ZERO, REHELLO_QUICK, REHELLO_EVERY));
        assert!(are_apart(&tries, REHELLO_QUICK, REHELLO_PATIENCE, REHELLO_LATER));
        assert!(are_apart(&tries, REHELLO_PATIENCE, end - REHELLO_SLOW * 2, REHELLO_SLOW));
    }

    #[test]
    fn where_nothing_waits_the_tunnel_is_idle_after_a_few_tries() {
        let (mut flow, mut rng) = (Flow::new(at(0)), Rng::new([1; 32]));
        flow.suspend(Outage::Unreachable, at(10));
        let idle = (1..).find(|n| flow.tried(false, &mut rng, at(10 + 250 * n)));
        assert_eq!(idle, Some(u64::from(IDLE_TRIES)));
        assert_eq!((flow.outage(), flow.next_try()), (None, None));
        assert_eq!((flow.since(), flow.resumed()), (at(10 + 250 * u64::from(IDLE_TRIES)), 0));
        assert!(flow.is_flowing());
    }

    #[test]
    fn what_could_help_has_a_tunnel_try_at_once_and_anew() {
        let (mut flow, mut rng) = (Flow::new(at(0)), Rng::new([1; 32]));
        flow.hurry(at(5));
        assert_eq!(flow.next_try(), None, "nothing is to be tried");
        flow.ask(at(10));
        flow.tried(true, &mut rng, at(10));
        flow.hurry(at(20));
        assert_eq!(flow.next_try(), Some(at(20)), "a try without an outage");
        flow.suspend(Outage::Silence, at(30));
        (0..3).for_each(|_| assert!(!flow.tried(false, &mut rng, at(40))));
        flow.hurry(at(50));
        assert_eq!(flow.next_try(), Some(at(50)));
        assert!(!flow.tried(false, &mut rng, at(50)), "the tries are counted anew");
    }

    #[test]
    fn an_outage_lasts_from_its_first_sign_to_the_first_answer() {
        let mut flow = Flow::new(at(0));
        assert!(!flow.resume(at(5)) && flow.is_flowing());
        assert!(flow.suspend(Outage::Silence, at(10)));
        assert!(!flow.suspend(Outage::NoUplink, at(20)), "it is out already");
        assert_eq!((flow.outage(), flow.since()), (Some(Outage::Silence), at(10)));
        assert!(flow.resume(at(30)) && !flow.resume(at(40)));
        assert_eq!((flow.outage(), flow.since(), flow.resumed()), (None, at(30), 1));
    }

    #[test]
    fn without_an_uplink_nothing_is_tried() {
        let mut flow = Flow::new(at(0));
        flow.set_uplink(false, at(1));
        assert!(!flow.is_flowing() && !flow.has_uplink());
        flow.suspend(Outage::NoUplink, at(2));
        assert_eq!((flow.next_try(), flow.is_due(at(1000))), (None, false));
        flow.set_uplink(true, at(1000));
        assert!(flow.is_due(at(1000)) && !flow.is_flowing() && flow.has_uplink());
    }
}
