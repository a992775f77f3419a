//! Hands what the machine wants to find again to a function that keeps it: the reactor itself
//! knows no file. What could not be kept (a full disk) stays in memory and is tried again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::machine::Memory;

type Keep = Box<dyn FnMut(Memory, &[u8]) -> Result<(), String>>;

/// What could not be kept is tried again after this long.
const AGAIN: Duration = Duration::from_secs(10);

/// Keeps, or does not.
#[derive(Default)]
pub(super) struct Keeper {
    keep: Option<Keep>,
    /// The latest of each kind that could not be kept.
    waiting: BTreeMap<Memory, Vec<u8>>,
    again: Option<Time>,
}

impl Keeper {
    pub(super) fn new(keep: impl FnMut(Memory, &[u8]) -> Result<(), String> + 'static) -> Self {
        Self { keep: Some(Box::new(keep)), ..Self::default() }
    }

    /// Keeps it, or tries again later. That it cannot be kept is said once.
    pub(super) fn keep(&mut self, memory: Memory, bytes: Vec<u8>, now: Time) {
        let Some(keep) = &mut self.keep else { return };
        match keep(memory, &bytes) {
            Ok(()) => {
                let was_waiting = self.waiting.remove(&memory).is_some();
                if was_waiting && self.waiting.is_empty() {
                    log::info!("what was learnt is kept again");
                }
            }
            Err(why) => {
                if self.waiting.is_empty() {
                    log::warn!(
                        "what was learnt is in memory only, and tried to be kept every {} s: {why}",
                        AGAIN.as_secs()
                    );
                }
                self.waiting.insert(memory, bytes);
                self.again = Some(now + AGAIN);
            }
        }
    }

    /// When to try again.
    pub(super) const fn next_timeout(&self) -> Option<Time> {
        self.again
    }

    /// Tries again what is due.
    pub(super) fn tick(&mut self, now: Time) {
        if self.again.is_some_and(|at| at <= now) {
            self.retry(now);
        }
    }

    /// Tries again all that waits.
    pub(super) fn retry(&mut self, now: Time) {
        self.again = None;
        let waiting: Vec<(Memory, Vec<u8>)> =
            self.waiting.iter().map(|(memory, bytes)| (*memory, bytes.clone())).collect();
        for (memory, bytes) in waiting {
            self.keep(memory, bytes, now);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.keep.is_some() { "Keeper" } else { "no Keeper" })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    // DO-13.
    #[test]
    fn what_a_full_disk_refuses_is_tried_again_until_it_is_kept() {
        let (is_full, kept) = (Rc::new(Cell::new(true)), Rc::new(RefCell::new(Vec::new())));
        let (full, list) = (Rc::clone(&is_full), Rc::clone(&kept));
        let mut keeper = Keeper::new(move |memory, bytes| {
            if full.get() {
                return Err(String::from("no space left"));
            }
            list.borrow_mut().push((memory, bytes.to_vec()));
            Ok(())
        });
        keeper.keep(Memory::Pins, vec![1], Time::ZERO);
        keeper.keep(Memory::Pins, vec![2], Time::ZERO);
        let first = keeper.next_timeout().expect("another attempt");
        keeper.tick(first);
        let second = keeper.next_timeout().expect("one more");
        assert_eq!(second, first + AGAIN);
        is_full.set(false);
        keeper.tick(first);
        assert!(kept.borrow().is_empty(), "it is not due");
        keeper.tick(second);
        assert_eq!(*kept.borrow(), [(Memory::Pins, vec![2])], "the latest, once");
        assert_eq!(keeper.next_timeout(), None);
    }
}
