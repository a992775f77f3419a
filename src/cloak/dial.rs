//! When a peer is dialled: afresh, in parallel and at short fixed intervals.
//!
//! A kernel whose connection attempt or retransmission went unheard sleeps for seconds to minutes,
//! so this node does not wait for it: the next attempt starts while earlier ones are still under
//! way, and the first to be proved wins. There is no backoff (it is what makes others slow to
//! return); what is bounded is how many attempts are under way and how often one starts (DO-14).
//!
//! An attempt takes two round trips, and the round trip is not known before. Attempts older than
//! [`DIAL_MAX`] are therefore thinned out so that each is at least twice as old as the next one:
//! whatever the round trip of a path that returns, one of them is given enough time. When the first
//! attempt connects the others are aborted: the younger ones would all reach the peer, and the SYNs
//! of the older ones are lost.

use std::time::Duration;

use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{
    DIAL_AGAIN, DIAL_EVERY, DIAL_IDLE, DIAL_LONGEST, DIAL_MAX, DIAL_OFFLINE, DIAL_SELF, DIAL_TRIES,
    WANTED_FOR,
};
use crate::base::links::LinkId;
use crate::base::machine::{Cause, Deadline};
use crate::crypto::rng::Rng;

/// How the neighbour that a dialler is for does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not there.
    Away,
    /// There, but perhaps no more.
    Doubtful,
    /// There.
    Up,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    link: LinkId,
    since: Time,
    /// The stream is open; the far end has not proved its Name.
    is_connected: bool,
}

/// What a dialler wants done.
#[derive(Debug, Default)]
pub struct Step {
    /// Attempts to abort.
    pub give_up: Vec<LinkId>,
    /// Whether to start one.
    pub dial: bool,
}

/// The dialling of one peer.
#[derive(Debug)]
pub struct Dialler {
    /// Where.
    pub endpoint: Endpoint,
    /// Who answered there last.
    pub name: Option<Name>,
    /// What ended the last attempt, and when.
    pub last_error: Option<(String, Time)>,
    /// Oldest first.
    attempts: Vec<Attempt>,
    next: Time,
    started: Option<Time>,
    wanted_until: Time,
    is_self: bool,
}

impl Dialler {
    /// A dialler that dials at once.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            name: None,
            last_error: None,
            attempts: Vec::new(),
            next: Time::ZERO,
            started: None,
            wanted_until: Time::ZERO,
            is_self: false,
        }
    }

    /// Something waits for this peer.
    pub fn want(&mut self, now: Time) {
        if self.wanted_until <= now && !self.is_self {
            let soon = self.started.map_or(now, |started| started + DIAL_EVERY);
            self.next = self.next.min(soon);
        }
        self.wanted_until = now + WANTED_FOR;
    }

    /// Dials at once, because addresses or routes have changed. Attempts under way go on: their
    /// path may be unchanged.
    pub fn kick(&mut self, now: Time) {
        let soon = self.started.map_or(now, |started| (started + DIAL_AGAIN).max(now));
        self.next = self.next.min(soon);
    }

    /// Lets all attempts go.
    pub fn take_attempts(&mut self) -> Vec<LinkId> {
        self.attempts.drain(..).map(|attempt| attempt.link).collect()
    }

    /// An attempt has started.
    pub fn started(&mut self, link: LinkId, now: Time) {
        self.attempts.push(Attempt { link, since: now, is_connected: false });
    }

    /// Records that an attempt has connected. Returns the attempts to be aborted.
    pub fn connected(&mut self, link: LinkId) -> Vec<LinkId> {
        let is_first = !self.attempts.iter().any(|attempt| attempt.is_connected);
        let this = self.attempts.iter_mut().find(|attempt| attempt.link == link);
        this.into_iter().for_each(|attempt| attempt.is_connected = true);
        let others = self.attempts.extract_if(.., |attempt| is_first && attempt.link != link);
        others.map(|attempt| attempt.link).collect()
    }

    /// An attempt found this neighbour; the others are to be aborted.
    pub fn proved(&mut self, link: LinkId, name: Name) -> Vec<LinkId> {
        self.name = Some(name);
        self.is_self = false;
        // Should this link be lost, it is redialled at once, but no quicker than any other.
        self.next = self.started.map_or(self.next, |at| self.next.min(at + DIAL_EVERY));
        self.attempts.retain(|attempt| attempt.link != link);
        self.take_attempts()
    }

    /// An attempt, or the link it became, has ended; `why` is empty where all is in order.
    pub fn ended(&mut self, link: LinkId, why: String, is_self: bool, now: Time) {
        self.attempts.retain(|attempt| attempt.link != link);
        if !why.is_empty() {
            self.last_error = Some((why, now));
        }
        if is_self {
            self.is_self = true;
            self.next = now + DIAL_SELF;
        }
    }

    /// An attempt found no way out of this machine: that there is one again is told
    /// ([`Dialler::kick`]) and need not be found out.
    pub fn offline(&mut self, now: Time) {
        self.next = now + DIAL_OFFLINE;
    }

    /// Whether attempts are under way.
    #[must_use]
    pub fn is_trying(&self) -> bool {
        !self.attempts.is_empty()
    }

    /// The attempts under way, oldest first.
    pub fn attempts(&self) -> impl Iterator<Item = LinkId> {
        self.attempts.iter().map(|attempt| attempt.link)
    }

    /// When [`Dialler::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self, health: Health) -> Option<Deadline> {
        let give_up = self.give_up_at(health).map(|at| Deadline { at, why: "give up an attempt" });
        let may_dial = health != Health::Up && self.attempts.len() < DIAL_TRIES;
        earliest(give_up, may_dial.then_some(Deadline { at: self.next, why: "dial a peer" }))
    }

    /// Folds the state into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold(self.next.as_nanos());
        into.fold(self.wanted_until.as_nanos());
        for attempt in &self.attempts {
            into.fold(attempt.link.raw());
            into.fold(attempt.since.as_nanos());
        }
        into.fold_bytes(self.name.as_ref().map_or(&[], |name| name.as_bytes()));
    }

    /// Returns when an attempt is given up: when it is more than half as old as the one before it,
    /// which started at `older`. While the neighbour has another link, [`DIAL_MAX`] is enough.
    fn ends_at(attempt: &Attempt, older: Option<Time>, health: Health) -> Time {
        let patience = match older {
            _ if health == Health::Up => DIAL_MAX,
            Some(older) => attempt.since.since(older).max(DIAL_MAX),
            None => DIAL_LONGEST,
        };
        attempt.since + patience.min(DIAL_LONGEST)
    }

    fn give_up_at(&self, health: Health) -> Option<Time> {
        let older = self.attempts.iter().map(|attempt| attempt.since);
        let older = [None].into_iter().chain(older.map(Some));
        let attempts = self.attempts.iter().zip(older);
        attempts.map(|(attempt, older)| Self::ends_at(attempt, older, health)).min()
    }

    /// Does what is due.
    pub fn tick(&mut self, health: Health, rng: &mut Rng, now: Time) -> Step {
        let mut step = Step::default();
        let mut older = None;
        self.attempts.retain(|attempt| {
            let is_over = Self::ends_at(attempt, older, health) <= now;
            if is_over {
                step.give_up.push(attempt.link);
            } else {
                older = Some(attempt.since);
            }
            !is_over
        });
        if !step.give_up.is_empty() {
            self.last_error = Some(("no answer in time".to_owned(), now));
        }
        step.dial = health != Health::Up && self.attempts.len() < DIAL_TRIES && self.next <= now;
        if step.dial {
            self.started = Some(now);
            self.next = now + self.interval(health, rng, now);
        }
        step
    }

    /// With a quarter of jitter either way, so that a relay that returns is not stormed.
    fn interval(&self, health: Health, rng: &mut Rng, now: Time) -> Duration {
        let base = match health {
            _ if self.is_self => DIAL_SELF,
            Health::Doubtful => DIAL_EVERY,
            Health::Away | Health::Up if now < self.wanted_until => DIAL_EVERY,
            Health::Away | Health::Up => DIAL_IDLE,
        };
        let nanos = base.as_nanos() as u64;
        let least = nanos.saturating_sub(nanos / 4);
        Duration::from_nanos(least.saturating_add(rng.below(nanos / 2)))
    }
}

/// Why a stream ended, for people.
pub(super) fn cause_text(cause: Cause) -> &'static str {
    match cause {
        Cause::Reset => "the connection was reset",
        Cause::Refused => "nobody listens there",
        Cause::Unreachable => "no route to the host",
        Cause::TimedOut => "no answer in time",
        Cause::NoSuchHost => "the host name has no address",
        Cause::Denied => "the system does not allow it",
        Cause::Offline => "this machine has no way there",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::links::Links;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    /// Runs a dialler whose attempts never end by themselves; returns starts and the most that
    /// were under way at once.
    fn run(
        dialler: &mut Dialler,
        health: Health,
        from: u64,
        end: u64,
        wanted: bool,
    ) -> (u64, usize) {
        let (mut rng, mut links, mut starts, mut most) =
            (Rng::new([1; 32]), Links::default(), 0, 0);
        for ms in from..end {
            if wanted {
                dialler.want(at(ms));
            }
            if dialler.tick(health, &mut rng, at(ms)).dial {
                dialler.started(links.insert(()), at(ms));
                starts += 1;
            }
            most = most.max(dialler.attempts.len());
        }
        (starts, most)
    }

    fn dialler() -> Dialler {
        Dialler::new(Endpoint::Host("r".into(), 1))
    }

    #[test]
    fn attempts_run_in_parallel_and_are_bounded() {
        // DO-14: bounded under way, and no more than ten a second into a black hole.
        let (starts, most) = run(&mut dialler(), Health::Away, 0, 10_000, true);
        assert!(most <= DIAL_TRIES, "{most}");
        assert!((75..=115).contains(&starts), "{starts}");
    }

    #[test]
    fn the_first_attempt_has_time_for_a_slow_path() {
        let mut dialler = dialler();
        let longest = DIAL_LONGEST.as_millis() as u64;
        run(&mut dialler, Health::Away, 0, longest - 10, true);
        assert_eq!(dialler.attempts[0].since, at(0));
        run(&mut dialler, Health::Away, longest - 10, longest + 10, true);
        assert!(dialler.attempts[0].since > at(0));
    }

    /// A path is back at `from` on which an attempt connects in `needed`; after how long the first
    /// one does, in milliseconds.
    fn found_after(from: u64, needed: u64) -> u64 {
        let (mut dialler, mut rng, mut links) = (dialler(), Rng::new([1; 32]), Links::default());
        for ms in 0..from + 100 * needed {
            dialler.want(at(ms));
            if dialler.tick(Health::Away, &mut rng, at(ms)).dial {
                dialler.started(links.insert(()), at(ms));
            }
            let fresh = dialler.attempts.iter().filter(|attempt| attempt.since >= at(from));
            let oldest = fresh.map(|attempt| at(ms).since(attempt.since)).max();
            if oldest >= Some(Duration::from_millis(needed)) {
                return ms - from;
            }
        }
        u64::MAX
    }

    #[test]
    fn a_slow_path_that_returns_is_found_in_three_times_the_time_that_it_takes() {
        for from in [1000, 7000, 33_000, 100_000, 777_000] {
            for needed in [50, 900, 1100, 3000, 20_000] {
                let found = found_after(from, needed);
                assert!(found <= 3 * needed + 200, "{found} ms for {needed}, back at {from}");
            }
        }
    }

    #[test]
    fn the_first_that_connects_ends_the_others_once() {
        let (mut dialler, mut links) = (dialler(), Links::default());
        let [a, b, c, d] = [(); 4].map(|()| links.insert(()));
        for (ms, link) in [a, b, c].into_iter().enumerate() {
            dialler.started(link, at(ms as u64));
        }
        assert_eq!(dialler.connected(b), [a, c]);
        dialler.started(d, at(10));
        assert!(dialler.connected(d).is_empty(), "the first may never be proved");
        assert_eq!(dialler.attempts().collect::<Vec<_>>(), [b, d]);
    }

    #[test]
    fn nothing_waits_and_dialling_is_slow_until_something_does() {
        let mut dialler = dialler();
        assert_eq!(run(&mut dialler, Health::Up, 0, 5000, true).0, 0);
        let quiet = 10_000 + u64::try_from(WANTED_FOR.as_millis()).expect("minutes");
        let idle = run(&mut dialler, Health::Away, quiet, quiet + 10_000, false).0;
        assert!((8..=14).contains(&idle), "{idle}");
        dialler.take_attempts();
        let started = dialler.started.expect("dialled");
        dialler.want(at(quiet + 10_000));
        let due = dialler.next_timeout(Health::Away).expect("a deadline");
        assert!(due.at <= at(quiet + 10_000).max(started + DIAL_EVERY));
    }

    #[test]
    fn the_first_proved_wins_and_a_path_change_dials_at_once() {
        let mut dialler = dialler();
        let mut links = Links::default();
        let [a, b] = [links.insert(()), links.insert(())];
        dialler.started(a, at(0));
        dialler.started(b, at(1));
        assert_eq!(dialler.proved(a, Name::from_bytes([1; 32])), [b]);
        dialler.started(b, at(2));
        dialler.tick(Health::Doubtful, &mut Rng::new([1; 32]), at(3));
        dialler.kick(at(50));
        assert!(dialler.tick(Health::Doubtful, &mut Rng::new([1; 32]), at(50)).dial);
        assert!(!dialler.tick(Health::Doubtful, &mut Rng::new([1; 32]), at(51)).dial);
        dialler.kick(at(51));
        assert!(!dialler.tick(Health::Doubtful, &mut Rng::new([1; 32]), at(52)).dial);
        assert!(dialler.tick(Health::Doubtful, &mut Rng::new([1; 32]), at(50) + DIAL_AGAIN).dial);
        assert_eq!(dialler.attempts().collect::<Vec<_>>(), [b], "it may lead over a living path");
    }

    #[test]
    fn who_has_no_way_out_waits_to_be_told_of_one() {
        let (mut dialler, mut rng) = (dialler(), Rng::new([1; 32]));
        let mut starts = 0;
        for ms in 0..10_000 {
            dialler.want(at(ms));
            if dialler.tick(Health::Away, &mut rng, at(ms)).dial {
                starts += 1;
                dialler.offline(at(ms));
            }
        }
        assert_eq!(starts, 10_000 / DIAL_OFFLINE.as_millis());
        assert!(!dialler.tick(Health::Away, &mut rng, at(10_000 - 1)).dial);
        dialler.kick(at(10_000 - 1));
        assert!(dialler.tick(Health::Away, &mut rng, at(10_000 - 1)).dial);
    }

    #[test]
    fn a_peer_that_is_this_node_is_seldom_dialled() {
        let mut dialler = dialler();
        let link = Links::default().insert(());
        dialler.ended(link, "own".into(), true, at(0));
        assert_eq!(run(&mut dialler, Health::Away, 1, 29_000, true).0, 0);
    }
}
