//! Hears the machine wake up.
//!
//! The poll's own timeout does not count sleep: without this a daemon with nothing to do would
//! notice the morning only hours later. A timer on the wall clock that is never due is cancelled
//! by the kernel when that clock jumps, and waking up is such a jump.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// Some ten thousand years from now, in seconds.
const NEVER: i64 = 1 << 38;

#[derive(Debug)]
pub(super) struct SleepAlarm(OwnedFd);

impl SleepAlarm {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        let never = Itimerspec {
            it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: Timespec { tv_sec: NEVER, tv_nsec: 0 },
        };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&timer, flags, &never)?;
        Ok(Self(timer))
    }

    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.0.as_raw_fd()), token, Interest::READABLE)
    }

    /// Makes ready for the next alarm. Whether the jump was sleep, the clock says.
    pub(super) fn rearm(&self) {
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}
