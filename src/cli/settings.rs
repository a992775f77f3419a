//! What was asked for, as written, each with the place where it was written.
//!
//! The command line replaces single values of the configuration file and adds to its lists.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::failure::Wrong;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line, as the value of this option.
    Line(&'static str),
    /// In a configuration file.
    File {
        /// The file.
        file: PathBuf,
        /// Counted from one.
        line: usize,
        /// The key.
        key: &'static str,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(word) => write!(f, "--{word}"),
            Self::File { file, line, key } => write!(f, "{} line {line}, {key}", file.display()),
        }
    }
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The text.
    pub text: String,
    /// The place.
    pub origin: Origin,
}

impl Given {
    /// Reads it; what is wrong is placed.
    pub fn read<T>(&self, how: impl FnOnce(&str) -> Result<T, Wrong>) -> Result<T, Wrong> {
        how(&self.text).map_err(|wrong| wrong.at(&self.origin))
    }

    /// A path named by this value: in a file, relative to the file's directory.
    #[must_use]
    pub fn path(&self, text: &str) -> PathBuf {
        match &self.origin {
            Origin::Line(_) => PathBuf::from(text),
            Origin::File { file, .. } => file.parent().unwrap_or(Path::new("")).join(text),
        }
    }
}

/// All values of a program's run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    line: BTreeMap<&'static str, Vec<Given>>,
    file: BTreeMap<&'static str, Vec<Given>>,
    /// What stood on the command line without an option.
    pub operands: Vec<String>,
}

impl Settings {
    /// Adds a value.
    pub fn add(&mut self, word: &'static str, given: Given) {
        let side = match given.origin {
            Origin::Line(_) => &mut self.line,
            Origin::File { .. } => &mut self.file,
        };
        side.entry(word).or_default().push(given);
    }

    /// The one value of an option.
    #[must_use]
    pub fn one(&self, word: &str) -> Option<&Given> {
        let values = self.line.get(word).or_else(|| self.file.get(word));
        values.and_then(|values| values.last())
    }

    /// All values of an option, the file's first.
    pub fn all(&self, word: &str) -> impl Iterator<Item = &Given> {
        [&self.file, &self.line].into_iter().filter_map(|side| side.get(word)).flatten()
    }

    /// The one value of an option, read.
    pub fn read<T>(
        &self,
        word: &str,
        how: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Result<Option<T>, Wrong> {
        self.one(word).map(|given| given.read(how)).transpose()
    }

    /// How often an option without a value was given.
    #[must_use]
    pub fn count(&self, word: &str) -> usize {
        self.all(word).count()
    }
}

/// The known word nearest to a wrong one, if one is near enough to be what was meant.
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|word| (distance(wrong, word), word)).min()?;
    (near.0 <= 2.max(wrong.len() / 3)).then_some(near.1)
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let file = |key, text: &str| Given {
            text: text.into(),
            origin: Origin::File { file: "/etc/node.toml".into(), line: 3, key },
        };
        settings.add("peer", file("peer", "a:1"));
        settings.add("socks", file("socks", "none"));
        let line = |word, text: &str| Given { text: text.into(), origin: Origin::Line(word) };
        settings.add("peer", line("peer", "b:1"));
        settings.add("socks", line("socks", "1080"));
        settings
    }

    #[test]
    fn the_command_line_replaces_single_values_and_adds_to_lists() {
        let settings = settings();
        assert_eq!(settings.one("socks").map(|given| &*given.text), Some("1080"));
        let peers: Vec<&str> = settings.all("peer").map(|given| &*given.text).collect();
        assert_eq!(peers, ["a:1", "b:1"]);
        assert_eq!(settings.count("verbose"), 0);
    }

    #[test]
    fn a_wrong_value_says_where_it_stands_and_paths_are_relative_to_its_file() {
        let settings = settings();
        let peer = settings.all("peer").next().expect("the file's");
        let wrong = peer.read(|_| Err::<(), _>(Wrong::new("bad", "mend it")));
        let text = wrong.expect_err("always").to_string();
        assert_eq!(text, "bad (/etc/node.toml line 3, peer): mend it");
        assert_eq!(peer.path("x"), Path::new("/etc/x"));
        assert_eq!(peer.path("/x"), Path::new("/x"));
    }

    #[test]
    fn the_nearest_word_is_found_if_it_is_near() {
        let known = || ["listen", "peer", "serve"].into_iter();
        assert_eq!(nearest("listn", known()), Some("listen"));
        assert_eq!(nearest("pere", known()), Some("peer"));
        assert_eq!(nearest("banana", known()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
