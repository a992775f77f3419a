//! Files that have no name yet: removed when they are dropped, and when the program is told to
//! end in the middle of them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
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

/// Writes a file whole or not at all, in place of one that has its name already.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a link names is replaced, not the link; and a device is no place for a file.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it is there and no plain file: name another"));
    }
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let (draft, mut file) = Draft::create(dir.unwrap_or(Path::new(".")))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft.path(), path)
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

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, link) = (dir.path().join("a.svg"), dir.path().join("link"));
        write_whole(&file, b"a longer text").expect("writable");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        write_whole(&link, b"short").expect("writable");
        assert_eq!(fs::read(&file).expect("there"), b"short");
        assert!(link.symlink_metadata().expect("there").is_symlink());
        assert!(write_whole(dir.path(), b"").is_err(), "a directory stays");
        assert!(write_whole(&dir.path().join("none/a.svg"), b"").is_err());
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 2, "no draft is left");
    }
}
