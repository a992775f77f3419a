//! What the fuzz targets do, inside the crate: linted with it and replayed by its tests.
//!
//! Each target is one function of bytes that panics where the program is wrong; `fuzz/` has a line
//! for each, `fuzz/corpus/` the inputs worth keeping, and `tests/corpus.rs` replays them all on
//! stable. Inputs with a structure of their own begin with a version byte, so that a change of
//! their reading never gives old corpora a new meaning by accident.
//!
//! [`pair`] is not a target: two devices back to back, for the targets and for the tests of
//! hostile peers.
//!
//! A fuzzer's build makes every MAC of a packet fit (`crypto::seal`), so what lies behind is
//! reached; handshakes and link proofs stay real. `tests/hostile.rs` and the replay run with real
//! MACs.

mod cloaks;
mod driver;
mod formats;
mod handshakes;
mod links;
mod machines;
pub mod pair;
mod raw_frames;
mod records;
mod script;
mod tables;
mod tapes;
mod texts;
mod trees;

pub use cloaks::{OVERLAY_VERSION, cloak_inputs};
pub use formats::packet_parser;
pub use handshakes::handshake;
pub use links::link_stream;
pub use machines::node_inputs;
pub use raw_frames::raw_frames;
pub use records::session_records;
pub use script::VERSION;
pub use tables::dht_messages;
pub use tapes::{EXAMPLE_KIND, example_device, tape};
#[cfg(all(feature = "cli", feature = "reactor"))]
pub use texts::config_file;
pub use texts::{control_line, identity_text, routes_file, socks};
pub use trees::tree_messages;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets of the core.
pub const TARGETS: [Target; 14] = [
    ("cloak_inputs", cloak_inputs),
    ("control_line", control_line),
    ("dht_messages", dht_messages),
    ("handshake", handshake),
    ("identity_text", identity_text),
    ("link_stream", link_stream),
    ("node_inputs", node_inputs),
    ("packet_parser", packet_parser),
    ("raw_frames", raw_frames),
    ("routes_file", routes_file),
    ("session_records", session_records),
    ("socks", socks),
    ("tape", tape),
    ("tree_messages", tree_messages),
];

#[cfg(test)]
mod tests;
