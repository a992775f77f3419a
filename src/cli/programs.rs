//! The two daemons from their command line to their end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::api;

use super::failure::{Failure, end};
use super::flags::{CLOAK, NODE, Program};
use super::options::{CloakOptions, NodeOptions};
use super::parse::{Asked, no_operands, parse};
use super::settings::Settings;
use super::state::StateDir;
use super::{file, logger, run};

/// The words behind the program's own on the command line. What is not text is replaced, and
/// then found wrong as a value like any other.
#[must_use]
pub fn line() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// `muses-node`.
#[must_use]
pub fn node() -> ExitCode {
    end(
        NODE.name,
        daemon(&NODE, |settings| {
            let options = NodeOptions::read(settings)?;
            options.warnings().iter().for_each(|text| log::warn!("{text}"));
            let state = state_of(options.state.as_deref(), "muses")?;
            let lock = state.lock(NODE.name).map_err(Failure::run)?;
            run::node(options, &state, &lock)
        }),
    )
}

/// `cloak-node`.
#[must_use]
pub fn cloak() -> ExitCode {
    end(
        CLOAK.name,
        daemon(&CLOAK, |settings| {
            let options = CloakOptions::read(settings)?;
            options.warnings().iter().for_each(|text| log::warn!("{text}"));
            let state = state_of(options.state.as_deref(), "cloak")?;
            let lock = state.lock(CLOAK.name).map_err(Failure::run)?;
            run::cloak(options, &state, &lock)
        }),
    )
}

fn daemon(
    program: &Program,
    work: impl FnOnce(&Settings) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut settings = match parse(program, &[], &line())? {
        Asked::Print(text) => return print(&text),
        Asked::Run(settings) => settings,
    };
    no_operands(program, &settings)?;
    if let Some(config) = settings.one("config").map(|given| given.text.clone()) {
        file::read(program, Path::new(&config), &mut settings)?;
    }
    logger::start(settings.count("verbose"));
    end_at_any_panic();
    work(&settings)
}

/// FA-14: a thread that panics ends the process as the main one does, instead of leaving a daemon
/// that waits for it for ever.
fn end_at_any_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        if std::thread::current().name() != Some("main") {
            std::process::exit(101);
        }
    }));
}

/// Writes what was asked for on stdout.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// The path of the state directory asked for, or else the default one of `program`.
pub fn state_path(asked: Option<&Path>, program: &str) -> Result<PathBuf, Failure> {
    match asked {
        Some(path) => Ok(path.to_owned()),
        None => api::default_state(program).map_err(Failure::run),
    }
}

/// The same, opened.
pub fn state_of(asked: Option<&Path>, program: &str) -> Result<StateDir, Failure> {
    StateDir::open(&state_path(asked, program)?).map_err(Failure::run)
}
