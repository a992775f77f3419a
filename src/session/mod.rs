//! Secured sessions: tunnels between two Names, and the byte streams inside them.
//!
//! SSM is [`envelope`], `keys` and `epoch`; SRM is `log`, `inbox`, `path`, [`flow`] and
//! `acks`, gathered by `table` and `stream`; a [`tunnel`] is both together, and [`peers`]
//! makes tunnels by the `handshake`. The layer knows Names and packets, never links.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod acks;
mod delay;
pub mod envelope;
mod epoch;
pub mod flow;
mod handshake;
mod inbox;
mod keys;
mod log;
mod path;
pub mod peers;
mod rehello_times;
mod rtt;
mod stream;
mod table;
pub mod tunnel;
mod window;

#[cfg(test)]
mod tests;
