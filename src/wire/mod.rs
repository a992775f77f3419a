//! Formats: bytes to values and back, with no state and no crypto.
//!
//! Packets that are forwarded or opened in place have a *view* over their bytes
//! ([`route::Route`], `packet::Packet`): once `new_checked` passed, no getter panics. Messages
//! that carry meaning have a *repr*: `parse` refuses what is not canonical, `emit` writes every
//! byte. Every enumeration is total, so an unknown value is an error and never a panic.
//! The layouts are in `docs/protocol/`.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod ack;
pub mod attachment;
pub mod cursor;
pub mod errand;
pub mod frame;
pub mod hello;
pub mod link;
pub mod moved;
pub mod packet;
pub mod places;
pub mod reason;
pub mod referral;
pub mod route;
pub mod socks;
pub mod sought;
pub mod tree;

use thiserror::Error;

/// Bytes that are not what the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// Fewer bytes than the format needs.
    #[error("too short")]
    Short,
    /// More bytes than the format has.
    #[error("trailing bytes")]
    Trailing,
    /// A length or number above its bound.
    #[error("a length above its bound")]
    Bound,
    /// A value the format does not know.
    #[error("an unknown value")]
    Unknown,
    /// A version this program does not speak.
    #[error("an unknown version")]
    Version,
}
