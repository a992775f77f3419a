//! Overlays that stand in no network: what the overlay does, measured from a seed.
//!
//! No clock, no socket, no file: equal seeds give equal figures on every machine. [`light`] is
//! geometry, trees and routing alone, the very code of `overlay`, without packets and time, and
//! goes to a million nodes. [`full`] drives real CLOAK cores in virtual time, thousands of them.
//! Both grow from the same [`graph`]s and print [`tables`].

pub mod dice;
pub mod full;
pub mod graph;
pub mod light;
pub mod table;
pub mod tables;
