//! Record and replay of any [`Machine`](crate::base::machine::Machine).
//!
//! A tape holds every input of a core in order, with its time, and after each a check: the low
//! half of a running digest of all that went in and came out. Played to the same core it gives
//! the same outputs, and the first difference is found at the input that caused it, with no
//! output stored. A failure seen in the field is thereby a file that reproduces it.
//!
//! What recording asks of a core beyond the laws of the contract: `recv_space` only makes room.
//! Asked twice it lends the same memory with what was put there, and whatever it changes (a
//! buffer taken, a link marked as paused) does not depend on how often it was asked. Each time
//! it was asked in vain, or nothing was committed after it, is on the tape.
//!
//! **A tape holds the seed, hence all keys, and the plaintext.** Whoever has it has everything.
//!
//! ```
//! # use muses::base::machine::Machine;
//! # fn example<M: Machine>(core: M, again: M) -> Result<(), Box<dyn std::error::Error>> {
//! use muses::tape::{Header, Recorded, play};
//!
//! let mut tape = Vec::new();
//! let header = Header { kind: 1, started: 0, origin: b"{}".to_vec() };
//! let mut recorded = Recorded::new(core, &header, &mut tape)?;
//! // … a driver drives `recorded` as it would drive `core` …
//! recorded.finish()?;
//! drop(recorded);
//! let report = play(&tape[..], |_kind, _origin| Ok(again))?;
//! assert!(report.divergence.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! Not done here: drawing or listing a tape, choosing what to record.

mod digest;
mod event;
mod header;
mod intake;
mod parse;
mod player;
mod recorder;
mod sink;
#[cfg(test)]
mod tests;

pub use self::header::Header;
pub use self::player::{Divergence, Report, TapeError, play};
pub use self::recorder::Recorded;
pub use self::sink::{FileSink, SIZE_DEFAULT};
