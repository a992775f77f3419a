//! `muses send`.

use std::path::{Path, PathBuf};

use indicatif::MultiProgress;

use crate::api;

use super::super::failure::Failure;
use super::super::filenames;
use super::super::programs::print;
use super::super::progress::{Progress, Subject};
use super::super::transfer::{self, Outgoing};
use super::super::units;

/// Runs it.
pub(super) fn run(
    state: Option<PathBuf>,
    file: &str,
    name: &str,
    port: u16,
) -> Result<(), Failure> {
    let path = Path::new(file);
    let (mut source, size) = transfer::open(path).map_err(Failure::run)?;
    let stream = api::connect(state.as_deref(), name, port).map_err(Failure::run)?;
    let what = format!("{} to {name}", filenames::plain(file));
    let subject = Subject { what, size, state, session: stream.session() };
    let progress = Progress::start(subject, &MultiProgress::new());
    let outgoing = Outgoing { name: file.to_owned(), size, source: &mut source };
    let sent = transfer::send(outgoing, &stream, |count| progress.moved(count));
    drop(progress);
    let sent = sent.map_err(Failure::run)?;
    print(&format!("{name} has '{}', {}, sha256 {}\n", sent.name, units::bytes(size), sent.digest))
}
