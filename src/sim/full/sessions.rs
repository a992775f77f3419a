//! How long nodes stay.

use std::time::Duration;

use crate::crypto::rng::Rng;
use crate::sim::dice::fraction;

/// The law of the lengths of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Whoever has stayed long is as likely to leave as a newcomer.
    Exponential,
    /// Weibull with shape 1/2, as peer-to-peer networks have been seen to be: most leave soon, and
    /// who has stayed long stays on.
    HeavyTailed,
}

impl Law {
    /// As tables and options call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exponential => "exponential",
            Self::HeavyTailed => "heavy-tailed",
        }
    }

    /// The length of a session, half of which are longer than `median`.
    pub fn draw(self, median: Duration, rng: &mut Rng) -> Duration {
        let halvings = -fraction(rng).log2();
        let factor = match self {
            Self::Exponential => halvings,
            Self::HeavyTailed => halvings * halvings,
        };
        median.mul_f64(factor.min(1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::dice;

    #[test]
    fn half_are_longer_than_the_median_and_the_tail_is_as_heavy_as_it_says() {
        let (mut rng, minute) = (dice(1, "sessions"), Duration::from_secs(60));
        for (law, least, most) in [(Law::Exponential, 50, 80), (Law::HeavyTailed, 900, 1300)] {
            let lengths: Vec<Duration> = (0..10_000).map(|_| law.draw(minute, &mut rng)).collect();
            let longer = |than: Duration| lengths.iter().filter(|l| **l > than).count();
            assert!((4_800..5_200).contains(&longer(minute)), "{}", law.word());
            // 2^-7 = 0.8 % and, of the square root of 7 halvings, 2^-2.65 = 16 %.
            let long = longer(minute * 7);
            assert!(
                (least..most).contains(&long) || law == Law::HeavyTailed && long > 1_400,
                "{long}"
            );
        }
    }
}
