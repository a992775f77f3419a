//! The control protocol: one JSON object a line over the daemon's Unix socket.
//!
//! A client sends one [`request::Request`] and reads [`request::Reply`] lines. After the last
//! reply to `connect` and `accept` the same connection carries the session's bytes.
//! `docs/protocol/control.md`.

pub mod line;
pub mod map;
pub mod request;
pub mod status;
