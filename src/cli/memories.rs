//! What a daemon wants to find again at its next start: JSON files of its state directory.
//!
//! ```text
//! DIR/pins.json      which Name each alias of the overlay meant when it was met first
//! DIR/overlay.json   neighbours that were dialled with success, numbers of records, and a number
//!                    above this node's own
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::base::ids::Name;
use crate::base::machine::Memory;
use crate::cloak::Remembered;
use crate::overlay::dht::pins::Pins;

use super::private::{self, PrivateError};
use super::state::StateDir;

/// Bytes of such a file, at most: every bound on what is in it is far below.
const BYTES_MAX: u64 = 1 << 20;

/// The files.
#[derive(Debug)]
pub struct Memories(PathBuf);

impl Memories {
    /// Those of a state directory.
    #[must_use]
    pub fn new(state: &StateDir) -> Self {
        Self(state.path().to_owned())
    }

    fn path(&self, memory: Memory) -> PathBuf {
        self.0.join(match memory {
            Memory::Pins => "pins.json",
            Memory::Overlay => "overlay.json",
        })
    }

    /// Keeps something.
    ///
    /// # Errors
    ///
    /// If it cannot be written. What was kept before is whole then (FA-08).
    pub fn keep(&self, memory: Memory, bytes: &[u8]) -> Result<(), PrivateError> {
        private::replace(&self.path(memory), bytes)
    }

    /// The pins that were kept.
    #[must_use]
    pub fn pins(&self) -> Vec<(String, Name)> {
        let pins = self.read(Memory::Pins, Pins::from_json).unwrap_or_default();
        pins.iter().map(|(alias, name)| (alias.to_string(), *name)).collect()
    }

    /// What was known of the overlay.
    #[must_use]
    pub fn overlay(&self) -> Remembered {
        self.read(Memory::Overlay, Remembered::from_json).unwrap_or_default()
    }

    /// A file that cannot be used is put aside for a person to look at: the next one that is kept
    /// would take its place.
    fn read<T>(
        &self,
        memory: Memory,
        parse: impl FnOnce(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Option<T> {
        let path = self.path(memory);
        let why = match private::read_up_to(&path, BYTES_MAX) {
            Err(PrivateError::Missing(_)) => return None,
            Err(error) => error.to_string(),
            Ok(bytes) => match parse(&bytes) {
                Ok(found) => return Some(found),
                Err(error) => format!("{} is damaged: {error}", path.display()),
            },
        };
        let aside = path.with_extension("json.broken");
        match fs::rename(&path, &aside) {
            Ok(()) => log::warn!("{why}; it is not used and now called {}", name(&aside)),
            Err(_) => log::warn!("{why}; it is not used"),
        }
        None
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_kept_is_found_again_and_what_is_broken_put_aside() {
        let dir = tempfile::tempdir().expect("a directory");
        let memories = Memories::new(&StateDir::open(&dir.path().join("s")).expect("made"));
        assert!(memories.pins().is_empty() && memories.overlay() == Remembered::default());
        let bob = Name::from_bytes([7; 32]);
        let pins = Pins::new([("bob".parse().expect("an alias"), bob)]);
        memories.keep(Memory::Pins, b"first").expect("room");
        memories.keep(Memory::Pins, &pins.to_json()).expect("room");
        assert_eq!(memories.pins(), [("bob".to_owned(), bob)]);
        let file = memories.path(Memory::Pins);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        // FA-08.
        memories.keep(Memory::Pins, b"{").expect("room");
        assert!(memories.pins().is_empty() && !file.exists());
        assert_eq!(fs::read(file.with_extension("json.broken")).expect("aside"), b"{");
        memories.keep(Memory::Overlay, &vec![b' '; 2 << 20]).expect("room");
        assert_eq!(memories.overlay(), Remembered::default());
    }

    // FA-08.
    #[test]
    fn a_file_that_was_cut_anywhere_is_not_used() {
        let dir = tempfile::tempdir().expect("a directory");
        let memories = Memories::new(&StateDir::open(&dir.path().join("s")).expect("made"));
        let pins = Pins::new([("bob".parse().expect("an alias"), Name::from_bytes([7; 32]))]);
        let whole = pins.to_json();
        for cut in 0..whole.len() {
            memories.keep(Memory::Pins, &whole[..cut]).expect("room");
            assert!(memories.pins().is_empty(), "cut at {cut}");
        }
    }
}
