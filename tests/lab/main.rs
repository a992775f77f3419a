//! The mobility laboratory: the paper's experiment (section IV, Figures 6 and 7) and its kin, with
//! real processes in network namespaces.
//!
//! ```text
//! cargo test --test lab                     the small set, once
//! cargo test --release --test lab -- --all  everything, five times (make lab
//!                                                adds --write docs: the report)
//! cargo test --test lab -- moves --runs 3   scenarios whose name has this word
//! ```
//!
//! `MUSES_LAB_KEEP=DIR` keeps the daemons' logs there, one directory a run, and
//! `MUSES_E2E_LOG=debug` fills them.
//!
//! It needs root, iproute2 and `/dev/net/tun`; without them it says what it skips.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a laboratory stands outside the cores: it has a clock, threads and a table to print"
)]

mod devices;
mod figure;
mod keys;
mod namespace;
mod network;
mod outage;
mod outcome;
#[path = "../e2e/process.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which ask for more")]
mod process;
mod report;
mod run;
mod scenario;
mod scenarios;
mod stream;
mod tun;
mod wire;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
