//! Files that hold secrets: nobody else may read them, and they appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags};
use rustix::io::Errno;
use thiserror::Error;
use zeroize::Zeroizing;

use super::failure::Wrong;

/// Bytes of a secret's file, at most.
const BYTES_MAX: u64 = 64 << 10;
/// Bytes of a pre-shared secret, at least: 128 bits if they are random.
const SECRET_MIN: usize = 16;

/// Why a private file cannot be used.
#[derive(Debug, Error)]
pub enum PrivateError {
    /// It is not there.
    #[error("{0} does not exist")]
    Missing(PathBuf),
    /// It cannot be read or written.
    #[error("cannot use {0}: {1}")]
    Io(PathBuf, #[source] io::Error),
    /// It is a directory, a pipe or a symbolic link.
    #[error("{0} is not a plain file")]
    NotPlain(PathBuf),
    /// Somebody else could have written it.
    #[error("{0} belongs to another user")]
    NotOurs(PathBuf),
    /// Somebody else can read it.
    #[error(
        "{0} can be read by other users: run 'chmod 600 {0}', and change what is in it if they may have"
    )]
    Readable(PathBuf),
    /// No secret is so long.
    #[error("{0} is longer than a key file can be")]
    Long(PathBuf),
}

/// Reads a file that only its owner, who must be us, can read.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    read_up_to(path, BYTES_MAX)
}

/// The same, of a file that may be so long.
pub fn read_up_to(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    let io = |error: io::Error| PrivateError::Io(path.to_owned(), error);
    // Without blocking, so that a pipe in the file's place cannot hold the daemon up.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(PrivateError::Missing(path.to_owned()));
        }
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            return Err(PrivateError::NotPlain(path.to_owned()));
        }
        Err(error) => return Err(io(error)),
    };
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(PrivateError::NotPlain(path.to_owned()));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(PrivateError::NotOurs(path.to_owned()));
    }
    if found.mode() & 0o077 != 0 {
        return Err(PrivateError::Readable(path.to_owned()));
    }
    if found.len() > most {
        return Err(PrivateError::Long(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(most as usize));
    (&file).take(most).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// Reads a pre-shared secret.
pub fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let bytes = read(path).map_err(|error| {
        Wrong::new(error.to_string(), "name a file of your own with mode 600 that holds the secret")
    })?;
    let secret = bytes.trim_ascii();
    if secret.len() < SECRET_MIN {
        let what = format!("the secret in {} is too short", path.display());
        return Err(Wrong::new(what, format!("it needs {SECRET_MIN} random bytes or more")));
    }
    Ok(Zeroizing::new(secret.to_vec()))
}

/// Makes a private file with these bytes; false if another file has the name already, which
/// then stays as it is.
pub fn create(path: &Path, bytes: &[u8]) -> Result<bool, PrivateError> {
    draft(path, bytes, |draft| publish(draft, path))
}

/// Puts a private file with these bytes in the place of the one that has the name, if one has.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    draft(path, bytes, |draft| {
        fs::rename(draft, path)?;
        sync_directory(path)
    })
}

/// Writes a file whole, then gives it its name by `finish`.
fn draft<T>(
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<T, PrivateError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let write = || -> io::Result<T> {
        // A draft of an earlier process with our number that died half-way.
        let _ = fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        finish(&draft)
    };
    let made = write();
    let _ = fs::remove_file(&draft);
    made.map_err(|error| PrivateError::Io(path.to_owned(), error))
}

/// Gives a finished file its name; false if the name is taken.
pub fn publish(draft: &Path, path: &Path) -> io::Result<bool> {
    let moved = match rustix::fs::renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        // Some file systems cannot; a hard link never replaces anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(draft, path).and_then(|()| fs::remove_file(draft))
        }
        outcome => outcome.map_err(io::Error::from),
    };
    match moved {
        Ok(()) => {
            sync_directory(path)?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has the disk know of a file's new name.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn a_private_file_is_made_once_and_only_for_us() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        assert!(matches!(read(&path), Err(PrivateError::Missing(_))));
        assert!(create(&path, b"first").expect("writable"));
        assert!(!create(&path, b"second").expect("writable"));
        assert_eq!(read(&path).expect("ours").as_slice(), b"first");
        assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600);
        replace(&path, b"third").expect("writable");
        assert_eq!(read(&path).expect("ours").as_slice(), b"third");
        assert!(matches!(read_up_to(&path, 4), Err(PrivateError::Long(_))));
        assert_eq!(path.metadata().expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1, "no draft stays behind");
    }

    /// HS-15.
    #[test]
    fn what_others_could_read_or_have_put_there_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        create(&path, b"first").expect("writable");
        chmod(&path, 0o640);
        let error = read(&path).expect_err("readable by the group");
        assert!(
            matches!(error, PrivateError::Readable(_)) && error.to_string().contains("chmod 600")
        );
        chmod(&path, 0o600);
        let link = dir.path().join("link");
        symlink(&path, &link).expect("writable");
        assert!(matches!(read(&link), Err(PrivateError::NotPlain(_))));
        assert!(matches!(read(dir.path()), Err(PrivateError::NotPlain(_))));
    }

    #[test]
    fn a_secret_is_long_enough_and_its_white_space_does_not_count() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("psk");
        create(&path, b"\n 0123456789abcdef \n").expect("writable");
        assert_eq!(read_secret(&path).expect("long enough").as_slice(), b"0123456789abcdef");
        let short = dir.path().join("short");
        create(&short, b"  0123456789abcde  ").expect("writable");
        let error = read_secret(&short).expect_err("15 bytes").to_string();
        assert!(error.contains("too short") && !error.contains("0123"), "{error}");
    }
}
