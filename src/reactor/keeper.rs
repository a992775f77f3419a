//! Whoever keeps what the machine wants to find again: the reactor itself knows no file.

use std::fmt;

use crate::base::machine::Memory;

type Keep = Box<dyn FnMut(Memory, &[u8])>;

/// Keeps, or does not.
#[derive(Default)]
pub(super) struct Keeper(Option<Keep>);

impl Keeper {
    pub(super) fn new(keep: impl FnMut(Memory, &[u8]) + 'static) -> Self {
        Self(Some(Box::new(keep)))
    }

    pub(super) fn keep(&mut self, memory: Memory, bytes: &[u8]) {
        if let Some(keep) = &mut self.0 {
            keep(memory, bytes);
        }
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Keeper" } else { "no Keeper" })
    }
}
