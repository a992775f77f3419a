//! Placeholder until the crypto layer is merged: only what the key file needs.

pub mod identity;
