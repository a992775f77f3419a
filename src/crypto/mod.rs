//! Placeholder for the crypto layer, until the real one is merged.

pub mod identity;
pub mod rng;
