//! Overlays that stand in no network: what the overlay does, measured from a seed.
//!
//! Above `overlay`, whose very code runs here, and below the programs, which print what is
//! measured. No clock, no socket, no file: equal seeds give equal figures on every machine.
//!
//! [`light`] is geometry, trees and routing alone, without packets and without time, and goes to a
//! million nodes.

pub mod light;
