//! Deficit round robin; a queue that was empty goes before the others (FQ-CoDel, RFC 8290).

use std::collections::VecDeque;

use crate::base::limits::FRAME_MAX;

/// Bytes that may leave in one turn.
const QUANTUM: isize = FRAME_MAX as isize;

/// What one queue may still send.
#[derive(Debug, Default)]
pub struct Deficit {
    /// Bytes in this turn; what was sent beyond them counts for the next.
    credit: isize,
    is_active: bool,
}

impl Deficit {
    /// So many bytes have left.
    pub fn spend(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_sub_unsigned(bytes);
    }
}

/// A queue among those that are scheduled.
pub trait Scheduled {
    /// Its deficit.
    fn deficit(&mut self) -> &mut Deficit;

    /// The credit that its next packet needs; none if no packet waits.
    fn needed(&self) -> Option<usize>;
}

/// Which queue sends next; queues are known by their place in a slice.
#[derive(Debug, Default)]
pub struct Drr {
    /// Queues that were empty: they go before the others.
    new: VecDeque<usize>,
    old: VecDeque<usize>,
}

impl Drr {
    /// A packet waits in the queue at this place.
    pub fn activate(&mut self, at: usize, queue: &mut impl Scheduled) {
        let deficit = queue.deficit();
        if !std::mem::replace(&mut deficit.is_active, true) {
            deficit.credit = QUANTUM;
            self.new.push_back(at);
        }
    }

    /// The queue whose packet leaves next.
    pub fn next<'a, T: Scheduled>(&mut self, all: &'a mut [T]) -> Option<&'a mut T> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let at = *list.front()?;
            let queue = all.get_mut(at)?;
            let needed = queue.needed();
            let deficit = queue.deficit();
            if needed.is_some_and(|needed| deficit.credit >= needed.cast_signed()) {
                return all.get_mut(at);
            }
            list.pop_front();
            // An empty queue that was new goes among the others once, or it could come back as new
            // for ever.
            if needed.is_some() || is_new {
                let more = if needed.is_some() { QUANTUM } else { 0 };
                deficit.credit = deficit.credit.saturating_add(more);
                self.old.push_back(at);
            } else {
                deficit.is_active = false;
            }
        }
    }
}
