//! `muses connect`: stdin and stdout joined to a session.
//!
//! Each direction ends when its own source ends, and takes the other with it only where nobody
//! can use it any more.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::api::{self, Stream};

use super::super::failure::Failure;

const CHUNK: usize = 64 << 10;
/// How often a session whose far side has ended is looked at, while stdin is still open.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs it.
pub(super) fn run(state: Option<PathBuf>, name: &str, port: u16) -> Result<(), Failure> {
    let stream = api::connect(state.as_deref(), name, port).map_err(Failure::run)?;
    let towards = stream.try_clone()?;
    let (tell, up) = channel();
    // Not joined: it may sit in a read of stdin that nothing ends.
    Builder::new().name("stdin".into()).spawn(move || {
        let outcome = upward(&towards);
        tell_end(&tell, outcome);
    })?;
    downward(&stream)?;
    if io::stdin().is_terminal() {
        // A person who sees the far side end does not want to press ^D as well.
        return Ok(());
    }
    loop {
        match up.recv_timeout(LOOK_EVERY) {
            Ok(outcome) => return outcome.map_err(Failure::from),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) if is_over(&stream) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn tell_end(tell: &Sender<io::Result<()>>, outcome: io::Result<()>) {
    // Nobody listens if the other direction has ended the program.
    let _ = tell.send(outcome);
}

/// An unbuffered handle: the standard ones of the library buffer by lines.
fn raw(of: BorrowedFd<'_>) -> io::Result<File> {
    Ok(of.try_clone_to_owned()?.into())
}

fn upward(mut stream: &Stream) -> io::Result<()> {
    let stdin = raw(io::stdin().as_fd())?;
    match copy(&stdin, &mut stream) {
        // The far side takes no more; what it still sends is worth reading.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match stream.shutdown(Shutdown::Write) {
            // It ended while we did.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            outcome => outcome,
        },
    }
}

fn downward(stream: &Stream) -> Result<(), Failure> {
    let mut stdout = raw(io::stdout().as_fd())?;
    copy(stream, &mut stdout).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::NobodyReads,
        io::ErrorKind::ConnectionReset => Failure::run("the far side reset the connection"),
        _ => Failure::from(error),
    })?;
    // Whoever reads our stdout is to see its end now, though stdin may go on.
    rustix::fs::open("/dev/null", rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())
        .and_then(rustix::stdio::dup2_stdout)
        .map_err(|error| Failure::from(io::Error::from(error)))
}

fn copy(mut from: impl Read, into: &mut impl Write) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => into.write_all(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether the session takes nothing any more either.
fn is_over(stream: &Stream) -> bool {
    let mut look = [PollFd::new(stream, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let looked = poll(&mut look, Some(&now));
    looked.is_ok() && look[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}
