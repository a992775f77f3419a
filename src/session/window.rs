//! Numbers seen before: a ring of bits over the newest numbers (RFC 6479).
//!
//! The window moves only for numbers whose packet was verified (RFC 4303 section 3.4.3), so a
//! forged far number cannot make it forget.

/// Words of 64 numbers; one word is always being refilled.
const WORDS: u64 = 129;
/// Numbers below the newest that are told apart.
pub(crate) const SIZE: u64 = (WORDS - 1) * 64;

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Not seen before.
    New,
    /// Seen before.
    Again,
    /// Too far below the newest to tell.
    TooOld,
}

/// The window.
#[derive(Debug)]
pub(crate) struct Window {
    ring: [u64; WORDS as usize],
    /// One above the newest number seen.
    next: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { ring: [0; WORDS as usize], next: 0 }
    }
}

impl Window {
    fn place(number: u64) -> (usize, u64) {
        ((number / 64 % WORDS) as usize, 1 << (number % 64))
    }

    fn change(&mut self, place: usize, change: impl FnOnce(u64) -> u64) {
        if let Some(word) = self.ring.get_mut(place) {
            *word = change(*word);
        }
    }

    /// What is known of `number`; changes nothing.
    pub(crate) fn look(&self, number: u64) -> Seen {
        // There is no number above it that could stand for "seen".
        if number == u64::MAX {
            return Seen::TooOld;
        }
        match self.next.saturating_sub(number) {
            0 => Seen::New,
            below if below > SIZE => Seen::TooOld,
            _ => {
                let (place, bit) = Self::place(number);
                let is_new = self.ring.get(place).is_some_and(|word| word & bit == 0);
                if is_new { Seen::New } else { Seen::Again }
            }
        }
    }

    /// Remembers `number`, whose packet is verified; says what was known of it before.
    pub(crate) fn note(&mut self, number: u64) -> Seen {
        let known = self.look(number);
        if known != Seen::New {
            return known;
        }
        if number >= self.next {
            // Words between the old and the new newest hold numbers of a round ago.
            let (old, new) = (self.next.div_ceil(64), number / 64);
            for word in old.max(new.saturating_sub(WORDS - 1))..=new {
                self.change((word % WORDS) as usize, |_| 0);
            }
            self.next = number.saturating_add(1);
        }
        let (place, bit) = Self::place(number);
        self.change(place, |word| word | bit);
        Seen::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;
    use std::collections::BTreeSet;

    quickcheck! {
        /// CR-04: against a set as the model, over jumps small and large.
        fn it_knows_what_a_set_knows(steps: Vec<(bool, u16)>) -> bool {
            let (mut window, mut model, mut at) = (Window::default(), BTreeSet::new(), 0_u64);
            steps.into_iter().all(|(up, by)| {
                at = if up { at + u64::from(by) } else { at.saturating_sub(u64::from(by)) };
                let newest = model.last().copied();
                let expected = match newest {
                    Some(newest) if at <= newest && newest - at >= SIZE => Seen::TooOld,
                    _ if model.contains(&at) => Seen::Again,
                    _ => Seen::New,
                };
                if expected == Seen::New {
                    model.insert(at);
                }
                window.note(at) == expected
            })
        }
    }

    /// CR-04, CR-07: the edges of the window.
    #[test]
    fn the_edges_hold() {
        let mut window = Window::default();
        assert_eq!(window.note(0), Seen::New);
        assert_eq!(window.note(0), Seen::Again);
        assert_eq!(window.note(SIZE), Seen::New);
        assert_eq!(window.note(0), Seen::TooOld);
        assert_eq!(window.note(1), Seen::New);
        let last = u64::MAX - 1;
        assert_eq!(window.look(last), Seen::New);
        assert_eq!(window.note(2), Seen::New, "a look moves nothing");
        assert_eq!((window.note(last), window.note(last)), (Seen::New, Seen::Again));
        assert_eq!(window.note(3), Seen::TooOld);
        assert_eq!(window.note(u64::MAX), Seen::TooOld, "it could come twice");
    }
}
