//! MUSeS: secured sessions between named devices that outlive the network.
//!
//! The crate is a pure protocol core with a thin shell around it. Arrows point down only
//! (`tests/tidy.rs` holds them):
//!
//! ```text
//! base      time, ids, limits, buffers, the Machine contract
//! wire      formats only: bytes <-> values
//! crypto    suites, key derivation, identity, Noise over OpenSSL
//! link      one byte stream that carries frames between two proved Names
//! control   requests and status as JSON lines
//! session   tunnel and session: SSM seal/open, SRM log/ack/credit/resume    (blind to overlay)
//! overlay   where a packet goes next                                        (blind to session)
//! node      the MUSeS core: LCM, tunnels, uplink      cloak   the CLOAK core: neighbours, clients
//! sim       overlays that stand in no network: geometry alone, or real CLOAK cores
//! tape      record and replay of any Machine
//! reactor   drives any Machine with mio: the only code that sees sockets and the clock
//! api, cli  the library for applications; options, logging, the three programs
//! ```
//!
//! Everything below the reactor is driven through [`base::machine::Machine`], whose text has the
//! laws of that contract.

#![forbid(unsafe_code)]

#[cfg(all(fuzzing, not(all(feature = "fuzzing", debug_assertions))))]
compile_error!("with cfg(fuzzing) every MAC fits: no build but a fuzzer's may have it");

pub mod api;
pub mod base;
#[cfg(all(feature = "cli", feature = "reactor"))]
pub mod cli;
pub mod cloak;
pub mod control;
pub mod crypto;
pub mod device;
#[cfg(any(test, fuzzing, feature = "fuzzing"))]
pub mod fuzzing;
pub mod link;
pub mod node;
pub mod overlay;
#[cfg(feature = "reactor")]
pub mod reactor;
pub mod session;
pub mod sim;
pub mod tape;
pub mod wire;
