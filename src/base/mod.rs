//! What every layer stands on: time, names, bounds, buffers and the contract of a core.
//!
//! Nothing here knows a format, a key or a socket.

pub mod bucket;
pub mod buffer;
pub mod clock;
pub mod counters;
pub mod fingerprint;
pub mod ids;
pub mod keyed_rate_limiter;
pub mod limits;
pub mod links;
pub mod log_limiter;
pub mod machine;
pub mod source;
