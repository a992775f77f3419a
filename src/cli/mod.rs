//! The three programs as people meet them: options, configuration file, key files, logging,
//! exit codes, and the person's tool.
#![allow(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind has no last variant")]

mod checks;
pub mod clock;
pub mod columns;
pub mod commands;
pub mod demo;
pub mod disk;
pub mod drafts;
pub mod failure;
pub mod file;
pub mod filenames;
pub mod flags;
pub mod help;
pub mod logger;
pub mod memories;
pub mod names;
pub mod options;
pub mod parse;
pub mod private;
pub mod programs;
pub mod progress;
pub mod run;
pub mod sandbox;
pub mod settings;
pub mod state;
pub mod tool;
pub mod transfer;
pub mod units;
pub mod values;
