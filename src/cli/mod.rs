//! The three programs as people meet them: options, configuration file, key files, logging,
//! exit codes, and the person's tool.

pub mod failure;
pub mod file;
pub mod flags;
pub mod help;
pub mod logger;
pub mod names;
pub mod options;
pub mod parse;
pub mod private;
pub mod programs;
pub mod run;
pub mod settings;
pub mod state;
pub mod values;
