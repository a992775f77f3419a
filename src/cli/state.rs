//! The state directory: who this device is, and where its daemon is spoken to.
//!
//! ```text
//! DIR            mode 0700, ours
//! DIR/identity   the private key, mode 0600, made once and never replaced
//! DIR/lock       held by the one daemon that uses the directory
//! DIR/control    the daemon's Unix socket
//! DIR/*.json     what the daemon wants to find again at its next start
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::rand::GetRandomFlags;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::identity::Identity;

use super::private::{self, PrivateError};

/// Bytes of a Unix socket's path on the systems we know, less the closing zero of the strictest.
const SOCKET_PATH_MAX: usize = 103;

/// Why a state directory cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// It cannot be made or read.
    #[error("cannot use the state directory {0}: {1}: choose another with --state")]
    Io(PathBuf, #[source] io::Error),
    /// Others could put their own files into it.
    #[error("the state directory {0} can be written by other users: run 'chmod 700 {0}'")]
    Writable(PathBuf),
    /// It is somebody else's.
    #[error("the state directory {0} belongs to another user: choose another with --state")]
    NotOurs(PathBuf),
    /// The control socket's path would not fit into a socket address.
    #[error("the path of the state directory {0} is too long for a socket: choose a shorter one")]
    Long(PathBuf),
    /// Another daemon uses it.
    #[error(
        "{program} already runs for the state directory {dir}: stop it, or choose another with --state"
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// What the other daemon says it is.
        program: String,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The key file's content is no identity.
    #[error("the key file {0} is damaged: put a copy back, or move it away to become a new device")]
    Damaged(PathBuf),
    /// The system gives no random bytes.
    #[error("the system has no random bytes: {0}")]
    Random(#[source] io::Error),
}

/// A state directory that exists and is ours.
#[derive(Clone, Debug)]
pub struct StateDir {
    path: PathBuf,
}

/// Held while a daemon uses its state directory; the system lets go of it with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl StateDir {
    /// Opens a state directory, made with mode 0700 if it is missing.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let io = |error| StateError::Io(path.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
        // Absolute, so that a hint that names it can be followed from anywhere.
        let path = fs::canonicalize(path).map_err(io)?;
        let found = fs::metadata(&path).map_err(io)?;
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(StateError::NotOurs(path));
        }
        if found.mode() & 0o022 != 0 {
            return Err(StateError::Writable(path));
        }
        let state = Self { path };
        if state.control().as_os_str().len() > SOCKET_PATH_MAX {
            return Err(StateError::Long(state.path));
        }
        Ok(state)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the daemon's control socket is.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.path.join("control")
    }

    /// The device's identity, made from fresh random bytes if there is none. One that is there
    /// and cannot be used is an error: a new one in its place would be another device.
    pub fn identity(&self) -> Result<Identity, StateError> {
        let path = self.path.join("identity");
        match private::read(&path) {
            Err(PrivateError::Missing(_)) => {}
            Err(error) => return Err(error.into()),
            Ok(bytes) => return parse(&path, &bytes),
        }
        let fresh = Identity::from_seed(*seed()?);
        private::create(&path, Zeroizing::new(fresh.to_text()).as_bytes())?;
        // Read back, because another process may have been the first to make one.
        parse(&path, &private::read(&path)?)
    }

    /// Takes the directory for the daemon `program`.
    pub fn lock(&self, program: &str) -> Result<Lock, StateError> {
        let io = |error| StateError::Io(self.path.clone(), error);
        let mut form = OpenOptions::new();
        form.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = form.open(self.path.join("lock")).map_err(io)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut program = String::new();
                let _ = file.take(100).read_to_string(&mut program);
                let program = if program.is_empty() { "a daemon".into() } else { program };
                return Err(StateError::Locked { dir: self.path.clone(), program });
            }
            Err(error) => return Err(io(error.into())),
        }
        // The text is for people. A full disk takes none, and the directory is locked all the same.
        if file.set_len(0).is_ok() {
            let _ = write!(file, "{program} (process {})", std::process::id());
        }
        Ok(Lock { _file: file })
    }

    /// Takes away the control socket of a daemon that died. The lock says that it did.
    pub fn clear_control(&self, _held: &Lock) -> Result<(), StateError> {
        let control = self.control();
        match fs::symlink_metadata(&control) {
            Ok(found) if found.file_type().is_socket() => {
                fs::remove_file(&control).map_err(|error| StateError::Io(control, error))
            }
            // What is not a socket is not ours to remove; binding will say so.
            _ => Ok(()),
        }
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Identity, StateError> {
    let damaged = || StateError::Damaged(path.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| damaged())?;
    Identity::from_text(text).map_err(|_| damaged())
}

/// Fresh random bytes from the system.
pub fn seed() -> Result<Zeroizing<[u8; 32]>, StateError> {
    let mut seed = Zeroizing::new([0; 32]);
    let mut filled = 0;
    while filled < seed.len() {
        match rustix::rand::getrandom(&mut seed[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(StateError::Random(error.into())),
        }
    }
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn temp() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a/state");
        (dir, path)
    }

    #[test]
    fn the_identity_is_made_once_and_kept() {
        let (_dir, path) = temp();
        let state = StateDir::open(&path).expect("made");
        assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o700);
        let name = state.identity().expect("fresh").name();
        let again = StateDir::open(&path).expect("there").identity().expect("kept");
        assert_eq!(again.name(), name);
        assert_eq!(path.join("identity").metadata().expect("there").mode() & 0o777, 0o600);
        assert_ne!(*seed().expect("random"), *seed().expect("random"));
    }

    /// HS-15: nothing is replaced, whatever is wrong with it.
    #[test]
    fn a_damaged_identity_is_refused_and_stays() {
        let (_dir, path) = temp();
        let state = StateDir::open(&path).expect("made");
        private::create(&path.join("identity"), b"").expect("writable");
        assert!(matches!(state.identity(), Err(StateError::Damaged(_))));
        assert_eq!(path.join("identity").metadata().expect("there").len(), 0);
    }

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let (_dir, path) = temp();
        StateDir::open(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o770)).expect("ours");
        assert!(matches!(StateDir::open(&path), Err(StateError::Writable(_))));
        let long = path.join("d".repeat(100));
        assert!(matches!(StateDir::open(&long), Err(StateError::Long(_))));
    }

    /// FA-10.
    #[test]
    fn only_one_daemon_uses_a_directory() {
        let (_dir, path) = temp();
        let state = StateDir::open(&path).expect("made");
        let lock = state.lock("muses-node").expect("free");
        let error = state.lock("muses-node").expect_err("taken").to_string();
        assert!(error.contains("muses-node (process "), "{error}");
        drop(lock);
        let lock = state.lock("cloak-node").expect("free again");
        state.clear_control(&lock).expect("nothing there");
    }
}
