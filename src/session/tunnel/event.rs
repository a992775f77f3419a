//! What happens in a tunnel, what holds a session back, and what a tunnel may use.

use std::time::Duration;

use crate::base::limits::{EPOCH_AGE_SOFT, EPOCH_BYTES_SOFT, EPOCH_PACKETS_SOFT, WINDOW_DEFAULT};
use crate::session::flow::Outage;
use crate::wire::reason::Reason;

/// What happens in a tunnel. A session's key is the opener's half of its SessID, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer opened a session for this service.
    Incoming(u64, u16),
    /// The far service accepted.
    Accepted(u64),
    /// It did not.
    Refused(u64, Reason),
    /// Bytes wait for the application.
    Readable(u64),
    /// The peer's application will send no more.
    Finished(u64),
    /// The session is over, and not in order.
    Reset(u64, Reason),
    /// The session may send again.
    Writable(u64),
    /// Both directions are over and delivered; the key is dead.
    Closed(u64),
    /// Sessions held back by the path may send again.
    Room,
    /// The peer confirmed the handshake.
    Up,
    /// The path is gone.
    Suspended(Outage),
    /// The path is back.
    Resumed,
    /// The path may still be gone, but nothing waits for it: it is tried when something does.
    Idle,
    /// The tunnel is over; its sessions were told before.
    Ended(Reason),
}

/// What holds a session's data back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The tunnel is suspended or its uplink is down.
    Outage,
    /// The congestion window is full.
    Path,
    /// The peer's application does not read.
    Credit,
    /// The session's log is full: the peer has to acknowledge first.
    Log,
    /// It has finished, or is not open yet.
    Closed,
}

/// When a key is worn; the defaults are the specification's, tests lower them.
#[derive(Clone, Copy, Debug)]
pub struct Wear {
    /// Bytes under one key.
    pub bytes: u64,
    /// Packets under one key.
    pub packets: u64,
    /// Age of an epoch in use.
    pub age: Duration,
}

impl Default for Wear {
    fn default() -> Self {
        Self { bytes: EPOCH_BYTES_SOFT, packets: EPOCH_PACKETS_SOFT, age: EPOCH_AGE_SOFT }
    }
}

/// What a tunnel may use.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one session's log, and of the credit it grants.
    pub window: usize,
    /// How long an outage may last before the sessions are given up; `None`: for ever.
    pub retain: Option<Duration>,
    /// When keys are worn.
    pub wear: Wear,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { window: WINDOW_DEFAULT, retain: None, wear: Wear::default() }
    }
}
