//! Two links to one Name: which of them carries the packets?
//!
//! The end that dials proves its Name last (`link::proof`), so it decides first: while its present
//! link is well it lets the new one go unproved, and the other end never sees it up. What an end
//! that was called sees proved is therefore meant, and it takes over at once: an owner who comes
//! back is not locked out by his own ghost (features F.10).
//!
//! One case is left: both ends dialled at the same time and each proved its own link before it saw
//! the other's. Then both keep the link that the lower Name dialled. The other link stays open as a
//! spare for a moment, for what is under way on it, and the end that dialled it closes it; no link
//! is ever closed by both ends' different opinions (features F.14).

use std::time::Duration;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::CROSSING;

/// The link that carries a neighbour's packets now.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// Whether this end dialled it.
    pub is_dialled: bool,
    /// When its far end proved its Name.
    pub proved: Time,
    /// Whether nothing speaks against it.
    pub is_well: bool,
    /// Its round trip.
    pub rtt: Duration,
}

/// What becomes of a fresh link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes over, and the present one is closed.
    Replace,
    /// It takes over, and the present one becomes a spare.
    Overtake,
    /// It becomes a spare.
    Spare,
    /// It is let go before this end proves its Name on it.
    Drop,
}

/// Judges a fresh link from `own` to `other` beside the present one.
#[must_use]
pub fn judge(own: &Name, other: &Name, present: Present, is_dialled: bool, now: Time) -> Verdict {
    if is_dialled {
        return if present.is_well { Verdict::Drop } else { Verdict::Replace };
    }
    let is_fresh = now.since(present.proved) < CROSSING.max(present.rtt.saturating_mul(4));
    if !(present.is_dialled && present.is_well && is_fresh) {
        return Verdict::Replace;
    }
    if own < other { Verdict::Spare } else { Verdict::Overtake }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Drop, Overtake, Replace, Spare};

    const LOW: Name = Name::from_bytes([1; 32]);
    const HIGH: Name = Name::from_bytes([2; 32]);

    fn present(is_dialled: bool, is_well: bool) -> Present {
        Present { is_dialled, proved: Time::ZERO, is_well, rtt: Duration::ZERO }
    }

    #[test]
    fn links_that_crossed_leave_both_ends_with_the_one_the_lower_name_dialled() {
        // Each has its own link and sees the other's arrive.
        assert_eq!(judge(&LOW, &HIGH, present(true, true), false, Time::ZERO), Spare);
        assert_eq!(judge(&HIGH, &LOW, present(true, true), false, Time::ZERO), Overtake);
    }

    #[test]
    fn who_dials_again_is_heeded_at_once_and_who_need_not_does_not() {
        for (own, other) in [(&LOW, &HIGH), (&HIGH, &LOW)] {
            assert_eq!(judge(own, other, present(false, true), false, Time::ZERO), Replace);
            assert_eq!(judge(own, other, present(true, false), false, Time::ZERO), Replace);
            let late = Time::ZERO + CROSSING;
            assert_eq!(judge(own, other, present(true, true), false, late), Replace);
            assert_eq!(judge(own, other, present(false, true), true, late), Drop);
            assert_eq!(judge(own, other, present(true, false), true, late), Replace);
        }
    }
}
