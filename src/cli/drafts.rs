//! Files that have no name yet: removed when they are dropped, and when the program is told to
//! end in the middle of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

static DRAFTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn drafts() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    DRAFTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that may come to nothing.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes one in a directory.
    pub fn create(dir: &Path) -> io::Result<(Self, File)> {
        let mut number = 0_u32;
        loop {
            let path = dir.join(format!(".muses-{}-{number}.part", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => {
                    drafts().insert(path.clone());
                    return Ok((Self { path }, file));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is, until it is renamed.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        drafts().remove(&self.path);
        // Gone already if it was given a name.
        let _ = fs::remove_file(&self.path);
    }
}

/// From now on, a signal to end the program takes the drafts with it.
pub fn remove_on_signal() -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let wait = move || {
        let signal = signals.forever().next();
        for path in drafts().iter() {
            let _ = fs::remove_file(path);
        }
        // What a shell reports for a program that the signal ended.
        std::process::exit(128 + signal.unwrap_or(0));
    };
    thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_leaves_nothing_behind_and_two_do_not_meet() {
        let dir = tempfile::tempdir().expect("a directory");
        let one = Draft::create(dir.path()).expect("writable");
        let two = Draft::create(dir.path()).expect("writable");
        assert_ne!(one.0.path(), two.0.path());
        drop((one, two));
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 0);
    }
}
