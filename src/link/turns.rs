//! Whose turn it is: deficit round robin, those that had nothing waiting first (RFC 8290).

use std::collections::VecDeque;

use crate::base::limits::FRAME_MAX;

/// Bytes that may leave in one turn.
const QUANTUM: isize = FRAME_MAX as isize;

/// What one of those that take turns may still send.
#[derive(Debug, Default)]
pub struct Share {
    /// Bytes in this turn; what was sent beyond them counts for the next.
    credit: isize,
    is_listed: bool,
}

impl Share {
    /// So many bytes have left.
    pub fn spend(&mut self, bytes: usize) {
        self.credit = self.credit.saturating_sub_unsigned(bytes);
    }
}

/// One of those that take turns.
pub trait TakesTurns {
    /// Its share.
    fn share(&mut self) -> &mut Share;

    /// The credit that its next packet needs; none if no packet waits.
    fn needed(&self) -> Option<usize>;
}

/// The order, by place.
#[derive(Debug, Default)]
pub struct Turns {
    /// Those that had nothing waiting; they go before the others.
    fresh: VecDeque<usize>,
    turns: VecDeque<usize>,
}

impl Turns {
    /// A packet waits at this place.
    pub fn enter(&mut self, at: usize, one: &mut impl TakesTurns) {
        let share = one.share();
        if !std::mem::replace(&mut share.is_listed, true) {
            share.credit = QUANTUM;
            self.fresh.push_back(at);
        }
    }

    /// Whose packet leaves next.
    pub fn next<'a, T: TakesTurns>(&mut self, all: &'a mut [T]) -> Option<&'a mut T> {
        loop {
            let is_fresh = !self.fresh.is_empty();
            let list = if is_fresh { &mut self.fresh } else { &mut self.turns };
            let at = *list.front()?;
            let one = all.get_mut(at)?;
            let needed = one.needed();
            let share = one.share();
            if needed.is_some_and(|needed| share.credit >= needed.cast_signed()) {
                return all.get_mut(at);
            }
            list.pop_front();
            // An empty one that was fresh has its turn among the others once, or it could come
            // back as fresh for ever.
            if needed.is_some() || is_fresh {
                let more = if needed.is_some() { QUANTUM } else { 0 };
                share.credit = share.credit.saturating_add(more);
                self.turns.push_back(at);
            } else {
                share.is_listed = false;
            }
        }
    }
}
