//! A person's wishes: stop (SIGTERM, SIGINT), try again now (SIGHUP).

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};
use signal_hook_mio::v1_0::Signals as Pipe;

pub(super) struct Signals {
    pipe: Pipe,
    registered: Vec<SigId>,
}

/// What the signals since the last look ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) stop: bool,
    pub(super) path_changed: bool,
}

impl Signals {
    /// Heeds the signals from now on. The second one to stop ends the process there and then,
    /// in the signal handler: whoever asks twice does not want to wait for us.
    pub(super) fn new() -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let pipe = Pipe::new([SIGTERM, SIGINT, SIGHUP])?;
        let mut this = Self { pipe, registered: Vec::new() };
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal must find the flag unset.
            let end = flag::register_conditional_default(signal, Arc::clone(&asked))?;
            this.registered.push(end);
            this.registered.push(flag::register(signal, Arc::clone(&asked))?);
        }
        Ok(this)
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.pipe, token, Interest::READABLE)
    }

    pub(super) fn pending(&mut self) -> Wishes {
        let mut wishes = Wishes::default();
        for signal in self.pipe.pending() {
            match signal {
                SIGHUP => wishes.path_changed = true,
                _ => wishes.stop = true,
            }
        }
        wishes
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}
