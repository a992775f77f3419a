//! What happens when, in virtual time.

use std::collections::BTreeMap;

use crate::base::clock::Time;

/// Events by their instants; those of one instant happen in the order in which they were planned.
#[derive(Debug)]
pub struct Agenda<E> {
    events: BTreeMap<(Time, u64), E>,
    planned: u64,
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { events: BTreeMap::new(), planned: 0 }
    }
}

impl<E> Agenda<E> {
    /// Plans an event.
    pub fn plan(&mut self, at: Time, event: E) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    /// The next event that happens no later than `until`.
    pub fn next(&mut self, until: Time) -> Option<(Time, E)> {
        let first = self.events.first_entry().filter(|first| first.key().0 <= until)?;
        let ((at, _), event) = first.remove_entry();
        Some((at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_by_plan() {
        let mut agenda = Agenda::default();
        let at = Time::from_nanos;
        for (nanos, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            agenda.plan(at(nanos), event);
        }
        let until_five: String =
            std::iter::from_fn(|| agenda.next(at(5))).map(|(_, event)| event).collect();
        assert_eq!(until_five, "abcd");
        agenda.plan(at(9), 'e');
        assert_eq!(agenda.next(at(8)), None);
        assert_eq!(agenda.next(at(9)), Some((at(9), 'e')));
    }
}
