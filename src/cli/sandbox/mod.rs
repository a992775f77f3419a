//! What a daemon denies itself before it hears the first byte from outside: should it be taken
//! over, it has nothing but what it needs.
//!
//! * `memory`: no core dump, no reading by other processes of the user, keys not swapped out;
//! * `files` (Landlock): the state directory, and reading what the system's resolver reads;
//! * `calls` (seccomp): nothing that starts programs, reads other processes or loads code into the
//!   kernel.
//!
//! All of it is in force before the first socket is opened, when the process has one thread: the
//! resolver's threads inherit it. What was opened before, the tape for instance, stays open. Where
//! the kernel lacks something one line says so, and the rest holds.

mod calls;
mod files;
mod memory;

use std::path::PathBuf;

pub use files::Files;

/// Why a part of it is not in force, in a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The system has no more to give: its kernel is old, or the user has a bound.
    Offered(String),
    /// It has, and it failed.
    Failed(String),
}

impl Lack {
    fn log(&self) {
        match self {
            Self::Offered(line) => log::info!("{line}"),
            Self::Failed(line) => log::warn!("{line}"),
        }
    }
}

/// Confines the calling thread and those that it starts to `files`, and their system calls. Gives
/// each part that is not in force.
#[must_use]
pub fn confine(files: &Files) -> Vec<Lack> {
    [files.confine(), calls::confine()].into_iter().filter_map(Result::err).collect()
}

/// The whole process: its memory, then the same.
pub(super) fn enter(files: &Files) {
    memory::protect().iter().chain(&confine(files)).for_each(Lack::log);
}

/// The directory in which a file is.
fn parent(path: &str) -> PathBuf {
    let path = PathBuf::from(path);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or_else(|| PathBuf::from("."), PathBuf::from)
}
