//! The full simulation: real CLOAK cores, links that prove themselves, signatures, timers and all,
//! over streams in virtual time.
//!
//! [`world`] drives the cores and `traffic` carries what they say, as reactors and networks do;
//! [`observer`] sees all of them at once, which no node can. Thousands of nodes run on one core.

pub mod agenda;
pub mod life;
pub mod mail;
pub mod observer;
pub mod sessions;
pub mod sieve;
pub mod stream;
pub mod tables;
pub mod tally;
pub mod town;
mod traffic;
pub mod visitor;
pub mod world;

#[cfg(test)]
mod tests;
