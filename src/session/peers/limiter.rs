//! Which handshake messages are worth computing with public keys.
//!
//! A Hello is not authenticated: its source can be written by anybody. So only few are answered
//! just so; under load the answer is a [cookie](HandshakeLimiter::judge), made without any state,
//! and public keys are used only for a Hello that brings it back. Who writes a foreign Name as the
//! source never gets the cookie, because the overlay brings it to the device of that Name.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::keyed_rate_limiter::KeyedRateLimiter;
use crate::base::limits::{COOKIE_LIFE, HELLOS_EVERY, HELLOS_PER_NAME, TUNNELS_MAX};
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::wire::hello::Cookie;

/// What becomes of a Hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is answered.
    Answer,
    /// It is to come again with this cookie.
    Retry(Cookie),
    /// Its Name has had its share.
    Drop,
}

/// What one class of Names may cause together.
struct Share {
    /// Hellos answered without a cookie.
    open: Bucket,
    /// Hellos answered for their cookie.
    proved: Bucket,
}

/// Bounds the public-key work that handshakes cause.
pub(super) struct HandshakeLimiter {
    /// What cookies are made with, and when each began: the present secret first. There is none
    /// before the first load.
    secrets: VecDeque<(Secret, Time)>,
    strangers: Share,
    known: Share,
    /// Known Names that have lately shown a cookie, each with a share of its own.
    names: KeyedRateLimiter<Name>,
    /// Answers to own Hellos that are looked at.
    answers: Bucket,
}

impl HandshakeLimiter {
    pub(super) fn new() -> Self {
        let ms = Duration::from_millis;
        Self {
            secrets: VecDeque::new(),
            strangers: Share { open: Bucket::new(ms(100), 20), proved: Bucket::new(ms(50), 20) },
            known: Share { open: Bucket::new(ms(100), 20), proved: Bucket::new(HELLOS_EVERY, 100) },
            names: KeyedRateLimiter::new(
                HELLOS_EVERY.saturating_mul(HELLOS_PER_NAME),
                HELLOS_PER_NAME,
                TUNNELS_MAX,
            ),
            answers: Bucket::new(ms(4), 50),
        }
    }

    /// Decides about a Hello of `peer` whose tunnel is to be opened under `serial`.
    pub(super) fn judge(
        &mut self,
        (peer, serial): (&Name, u64),
        cookie: Option<Cookie>,
        is_known: bool,
        (rng, now): (&mut Rng, Time),
    ) -> Verdict {
        let is_young = |began: Time| now.since(began) < COOKIE_LIFE.saturating_mul(2);
        let is_proved = cookie.is_some_and(|cookie| {
            let shown = Secret::from_bytes(cookie);
            let mut secrets = self.secrets.iter().filter(|(_, began)| is_young(*began));
            secrets.any(|(secret, _)| make(secret, peer, serial) == shown)
        });
        if is_proved {
            let has_share = !is_known || self.take_share(peer, now);
            let share = if is_known { &mut self.known } else { &mut self.strangers };
            let is_taken = has_share && share.proved.take(now);
            return if is_taken { Verdict::Answer } else { Verdict::Drop };
        }
        let share = if is_known { &mut self.known } else { &mut self.strangers };
        if share.open.take(now) {
            return Verdict::Answer;
        }
        let present = self.present(rng, now);
        Verdict::Retry(*make(present, peer, serial).as_bytes())
    }

    /// Whether another answer to one of this node's own Hellos may be looked at.
    pub(super) fn take_answer(&mut self, now: Time) -> bool {
        self.answers.take(now)
    }

    fn take_share(&mut self, peer: &Name, now: Time) -> bool {
        // Where so many peers are busy at once, a further one has the common share alone.
        self.names.take(*peer, now).unwrap_or(true)
    }

    fn present(&mut self, rng: &mut Rng, now: Time) -> &Secret {
        let began = self.secrets.front().map(|(_, began)| *began);
        if began.is_none_or(|began| now.since(began) >= COOKIE_LIFE) {
            self.secrets.truncate(1);
            self.secrets.push_front((Secret::from_bytes(rng.array()), now));
        }
        let (secret, _) = self.secrets.front().expect("one was put there");
        secret
    }
}

fn make(secret: &Secret, peer: &Name, serial: u64) -> Secret {
    secret.derive("cookie", &[peer.as_bytes(), &serial.to_be_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos(ms * 1_000_000)
    }

    fn name(byte: u8) -> Name {
        Name::from_bytes([byte; 32])
    }

    // HS-12: a cookie is good for its Name, its serial and a minute or two, and for nothing else.
    #[test]
    fn only_who_got_the_cookie_is_answered_under_load() {
        let mut rng = Rng::new([1; 32]);
        let mut limiter = HandshakeLimiter::new();
        let mut judge = |of: u8, serial, cookie, now| {
            limiter.judge((&name(of), serial), cookie, true, (&mut rng, now))
        };
        let mut count = 0;
        let cookie = loop {
            match judge(1, 7, None, at(1)) {
                Verdict::Retry(cookie) => break cookie,
                verdict => assert_eq!(verdict, Verdict::Answer),
            }
            count += 1;
        };
        assert_eq!(count, 20);
        assert_eq!(judge(1, 7, Some(cookie), at(1)), Verdict::Answer);
        for (of, serial, cookie) in [(1, 8, cookie), (2, 7, cookie), (1, 7, [0; 32])] {
            assert!(matches!(judge(of, serial, Some(cookie), at(1)), Verdict::Retry(_)));
        }
        let life = u64::try_from(COOKIE_LIFE.as_millis()).expect("short");
        assert_eq!(judge(1, 7, Some(cookie), at(life + 1)), Verdict::Answer);
        let late = (0..100).map(|_| judge(1, 9, None, at(2 * life + 1)));
        assert_eq!(late.filter(|verdict| *verdict == Verdict::Answer).count(), 20);
        assert!(matches!(judge(1, 7, Some(cookie), at(2 * life + 1)), Verdict::Retry(_)));
    }

    // DO-08: a known Name that asks without end leaves the others their share.
    #[test]
    fn one_name_takes_its_own_share_only() {
        let mut rng = Rng::new([1; 32]);
        let mut limiter = HandshakeLimiter::new();
        let (mut greedy, mut modest) = (0, 0);
        for ms in 0..10_000 {
            for (of, serial) in [(1, 2 * ms), (2, 2 * ms + 1)] {
                if of == 2 && ms % 250 > 0 {
                    continue;
                }
                let verdict = limiter.judge((&name(of), serial), None, true, (&mut rng, at(ms)));
                let verdict = match verdict {
                    Verdict::Retry(cookie) => {
                        let cookie = Some(cookie);
                        limiter.judge((&name(of), serial), cookie, true, (&mut rng, at(ms)))
                    }
                    verdict => verdict,
                };
                let count = if of == 1 { &mut greedy } else { &mut modest };
                *count += u32::from(verdict == Verdict::Answer);
            }
        }
        assert_eq!(modest, 40, "one every quarter of a second, all of them answered");
        assert!(greedy <= 20 + 100 + 10 + 100, "{greedy} answered");
    }
}
