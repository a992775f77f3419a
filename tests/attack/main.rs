//! Attacks on real daemons, by a hostile neighbour and a hostile relay that are written from
//! `docs/protocol/link.md`, `overlay.md`, `routing.md`, `packet.md` and `dht.md` and share no code
//! with what they attack.
//!
//! ```text
//! cargo test --test attack                     the quick set: what must not happen at all
//! cargo test --release --test attack -- --all  everything, measured (make attack
//!                                              adds --write docs: the table)
//! cargo test --test attack -- hello            attacks whose name has this word
//! ```
//!
//! The quick set judges what does not depend on the machine: daemons live, sessions open and are
//! not reset. With `--all` the honest pair's throughput, the time that a new session takes, the
//! recovery and the relay's memory are measured and held against what `docs/SECURITY.md` promises.
//! `MUSES_ATTACK_BIN=DIR` attacks the programs of another build, `MUSES_ATTACK_KEEP=DIR` keeps the
//! daemons' logs, and `MUSES_E2E_LOG=debug` fills them.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an attacker stands outside the cores: it has a clock, threads and a table to print"
)]

mod child;
mod control;
mod daemon;
mod figures;
mod honest;
mod neighbour;
mod on_path;
#[path = "../e2e/process.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests, which ask for more")]
mod process;
mod report;
mod run;
mod scenarios;
mod trial;
mod wire;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::main()
}
