//! The three programs as people meet them: options, configuration file, key files, logging,
//! exit codes, and the person's tool.

pub mod failure;
pub mod file;
pub mod flags;
pub mod help;
pub mod parse;
pub mod settings;
pub mod values;
