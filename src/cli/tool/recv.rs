//! `muses recv`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::Builder;

use indicatif::MultiProgress;

use crate::api::{self, Peer, Stream};

use super::super::failure::{Failure, one_line};
use super::super::programs::print;
use super::super::progress::{Progress, Subject};
use super::super::settings::Settings;
use super::super::{drafts, transfer, units};

/// Runs it.
pub(super) fn run(state: Option<PathBuf>, settings: &Settings, port: u16) -> Result<(), Failure> {
    let dir =
        settings.one("dir").map_or_else(|| PathBuf::from("."), |given| given.text.clone().into());
    if !fs::metadata(&dir).is_ok_and(|found| found.is_dir()) {
        return Err(Failure::run(format!("{} is not a directory: make it first", dir.display())));
    }
    let allow: Vec<&str> = settings.all("allow").map(|given| given.text.as_str()).collect();
    let mut listener = api::listen(state.as_deref(), port, &allow).map_err(Failure::run)?;
    drafts::remove_on_signal()?;
    let bars = MultiProgress::new();
    let once = settings.count("once") > 0;
    loop {
        let (stream, peer) = listener.accept().map_err(Failure::run)?;
        if once {
            match receive(&dir, &stream, peer, state.clone(), &bars) {
                Ok(text) => return print(&text),
                Err(text) => complain(&bars, &text),
            }
            continue;
        }
        let (dir, state, bars) = (dir.clone(), state.clone(), bars.clone());
        // A thread each, so that one suspended sender holds up no others.
        Builder::new().name("receive".into()).spawn(move || {
            match receive(&dir, &stream, peer, state, &bars) {
                Ok(text) => tell(&bars, &text),
                Err(text) => complain(&bars, &text),
            }
        })?;
    }
}

fn receive(
    dir: &Path,
    stream: &Stream,
    peer: Peer,
    state: Option<PathBuf>,
    bars: &MultiProgress,
) -> Result<String, String> {
    let from = peer.name.short();
    let received = transfer::receive(dir, stream, |name, size| {
        let what = format!("{name} from {from}");
        let progress = Progress::start(Subject { what, size, state, session: peer.session }, bars);
        move |count| progress.moved(count)
    });
    match received {
        Ok(got) => {
            let size = units::bytes(got.size);
            let name = &got.name;
            Ok(format!("'{name}' from {}, {size}, sha256 {}\n", peer.name, got.digest))
        }
        Err(error) => Err(format!("from {}: {}", peer.name, one_line(&error.to_string()))),
    }
}

fn tell(bars: &MultiProgress, text: &str) {
    // Whoever reads our list may have gone; the files still come.
    let _ = bars.suspend(|| print(text));
}

fn complain(bars: &MultiProgress, text: &str) {
    let _ = bars.suspend(|| writeln!(io::stderr(), "muses recv: {text}"));
}
