//! The highest number seen of each Name, remembered beyond the record that had it.
//!
//! Whoever plays an old record again, after ours expired or after we restarted, is not believed
//! (DH-02). Names that this node asked for itself stay longest: a stranger who has us see many
//! Names only pushes out other strangers.

use std::collections::BTreeMap;

use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::NUMBERS_MAX;

#[derive(Clone, Copy, Debug)]
struct Seen {
    number: u64,
    is_asked: bool,
    /// The turn at which it was seen last.
    turn: u64,
}

/// Numbers by Name, at most [`NUMBERS_MAX`].
#[derive(Debug, Default)]
pub struct Numbers {
    seen: BTreeMap<Name, Seen>,
    turn: u64,
    /// Changes of what is worth keeping.
    lessons: u64,
}

impl Numbers {
    /// What an earlier run remembered; all of them were asked for then.
    #[must_use]
    pub fn new(remembered: impl IntoIterator<Item = (Name, u64)>) -> Self {
        let mut numbers = Self::default();
        remembered.into_iter().for_each(|(name, number)| numbers.see(name, number, true));
        numbers
    }

    /// The highest number seen of a Name, 0 if none was.
    #[must_use]
    pub fn highest(&self, name: &Name) -> u64 {
        self.seen.get(name).map_or(0, |seen| seen.number)
    }

    /// A number was seen; `is_asked`: because this node wanted to know.
    pub fn see(&mut self, name: Name, number: u64, is_asked: bool) {
        self.turn = self.turn.saturating_add(1);
        let turn = self.turn;
        let seen = self.seen.entry(name).or_insert(Seen { number: 0, is_asked: false, turn });
        let is_news = number > seen.number || is_asked && !seen.is_asked;
        let is_lesson = is_news && (is_asked || seen.is_asked);
        self.lessons = self.lessons.saturating_add(is_lesson.into());
        *seen = Seen { number: number.max(seen.number), is_asked: is_asked || seen.is_asked, turn };
        if self.seen.len() > NUMBERS_MAX {
            let order = |(_, seen): &(&Name, &Seen)| (seen.is_asked, seen.turn);
            let least = self.seen.iter().min_by_key(order).map(|(name, _)| *name);
            least.and_then(|name| self.seen.remove(&name));
        }
    }

    /// How many Names have one here.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Counts the changes of what [`Numbers::remembered`] says.
    #[must_use]
    pub const fn lessons(&self) -> u64 {
        self.lessons
    }

    /// All that is worth keeping over a restart: what this node asked for, by Name.
    #[must_use]
    pub fn remembered(&self) -> Vec<(Name, u64)> {
        let asked = self.seen.iter().filter(|(_, seen)| seen.is_asked);
        asked.map(|(name, seen)| (*name, seen.number)).collect()
    }

    /// Folds all of it into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        for (name, seen) in &self.seen {
            into.fold_bytes(name.as_bytes());
            into.fold(seen.number);
            into.fold(u64::from(seen.is_asked));
            into.fold(seen.turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Name {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Name::from_bytes(bytes)
    }

    // DH-02: also after a restart.
    #[test]
    fn the_highest_number_stays_over_a_restart() {
        let mut numbers = Numbers::default();
        numbers.see(name(1), 7, true);
        numbers.see(name(1), 5, false);
        numbers.see(name(2), 9, false);
        assert_eq!(numbers.highest(&name(1)), 7);
        let again = Numbers::new(numbers.remembered());
        assert_eq!([again.highest(&name(1)), again.highest(&name(2))], [7, 0]);
        let lessons = |numbers: &Numbers| numbers.lessons();
        let before = lessons(&numbers);
        numbers.see(name(1), 7, true);
        numbers.see(name(2), 10, false);
        assert_eq!(lessons(&numbers), before, "nothing that is kept has changed");
        numbers.see(name(1), 8, false);
        numbers.see(name(2), 10, true);
        assert_eq!(lessons(&numbers), before + 2);
    }

    #[test]
    fn strangers_push_out_strangers_only() {
        let mut numbers = Numbers::new([(name(0), 3)]);
        (1..=NUMBERS_MAX as u32 + 50).for_each(|at| numbers.see(name(at), 1, false));
        assert_eq!(numbers.seen.len(), NUMBERS_MAX);
        assert_eq!([numbers.highest(&name(0)), numbers.highest(&name(1))], [3, 0]);
        assert_eq!(numbers.highest(&name(NUMBERS_MAX as u32 + 50)), 1);
    }
}
