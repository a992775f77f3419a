//! The file of a listening Unix socket: made for its owner only, and never left behind or taken
//! from a living process.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::PathBuf;

use mio::net::{UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use super::failure::words;

const BACKLOG: i32 = 1024;
const OWNER_ONLY: u32 = 0o600;

/// Removes the file when dropped, if it is still ours.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Opens a listening socket at `path`.
pub(super) fn listen(path: &str) -> Result<(UnixListener, SocketFile), String> {
    make_way(path)?;
    open(path).map_err(|error| words(&error))
}

/// Removes a socket file on which nobody answers.
fn make_way(path: &str) -> Result<(), String> {
    let file = match fs::symlink_metadata(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(words(&error)),
    };
    if !file.file_type().is_socket() {
        return Err("a file that is no socket is in the way".to_owned());
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| words(&error))
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(words(&error)),
        // Connected, or its queue is full: somebody lives there.
        Ok(_) | Err(_) => Err("another process listens on this socket".to_owned()),
    }
}

/// The mode is set between `bind` and `listen`, while nobody can connect yet.
fn open(path: &str) -> io::Result<(UnixListener, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let identity = identity(&fs::symlink_metadata(path)?);
    let file = SocketFile { path: path.into(), identity };
    fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok((UnixListener::from_std(socket.into()), file))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |file: Metadata| identity(&file) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_in(home: &tempfile::TempDir) -> String {
        home.path().join("socket").to_string_lossy().into_owned()
    }

    #[test]
    fn the_file_is_for_its_owner_and_goes_with_the_listener() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = path_in(&home);
        let (_socket, file) = listen(&path).expect("a free path");
        let mode = fs::metadata(&path).expect("the socket file").mode();
        assert_eq!(mode & 0o777, OWNER_ONLY);
        assert_eq!(
            listen(&path).map(drop),
            Err("another process listens on this socket".to_owned())
        );
        drop(file);
        assert!(!fs::exists(&path).expect("a readable directory"));
    }

    #[test]
    fn a_stale_socket_makes_way_and_another_file_does_not() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = path_in(&home);
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a free path"));
        drop(listen(&path).expect("a stale socket makes way"));
        fs::write(&path, "precious").expect("a file");
        let refused = listen(&path).map(drop);
        assert_eq!(refused, Err("a file that is no socket is in the way".to_owned()));
        assert_eq!(fs::read(&path).expect("the file"), b"precious");
    }

    #[test]
    fn a_file_that_took_our_place_is_left_alone() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = path_in(&home);
        let (_socket, file) = listen(&path).expect("a free path");
        // Renamed over, so that the new file cannot inherit the old one's number.
        fs::write(home.path().join("new"), "").expect("a file");
        fs::rename(home.path().join("new"), &path).expect("to be renamed");
        drop(file);
        assert!(fs::exists(&path).expect("a readable directory"));
    }
}
