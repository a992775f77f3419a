//! How a program ends: one line for the person, one exit code for the script.
//!
//! 0 is success, 1 a failure at run time, 2 a wrong command line or configuration. A reader that
//! went away (`muses status | head`) is no failure.

use std::io::{self, Write};
use std::process::ExitCode;

use thiserror::Error;

/// Why a program did not do what it was asked.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command line or the configuration file is wrong.
    #[error(transparent)]
    Usage(#[from] Wrong),
    /// It was right, and could not be done.
    #[error("{0}")]
    Run(String),
    /// Whoever read our output has gone.
    #[error("nobody reads the output any more")]
    NobodyReads,
}

impl Failure {
    /// A failure at run time.
    pub fn run(text: impl ToString) -> Self {
        Self::Run(text.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Run(error.to_string()),
        }
    }
}

/// What is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}{}: {mend}", self.place())]
pub struct Wrong {
    what: String,
    at: String,
    mend: String,
}

impl Wrong {
    /// Wrong in a way that [`Self::at`] will place.
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), at: String::new(), mend: mend.into() }
    }

    /// The same, with its place, unless it has one already.
    #[must_use]
    pub fn at(mut self, place: impl ToString) -> Self {
        if self.at.is_empty() {
            self.at = place.to_string();
        }
        self
    }

    fn place(&self) -> String {
        if self.at.is_empty() { String::new() } else { format!(" ({})", self.at) }
    }
}

/// Puts a text on one line and takes from it what could move a terminal's cursor.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Ends a program: says what failed on stderr, and gives the exit code.
#[must_use]
pub fn end(program: &str, outcome: Result<(), Failure>) -> ExitCode {
    let code = match &outcome {
        Ok(()) | Err(Failure::NobodyReads) => return ExitCode::SUCCESS,
        Err(Failure::Usage(_)) => 2,
        Err(Failure::Run(_)) => 1,
    };
    if let Err(failure) = outcome {
        // Where stderr is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "{program}: {}", one_line(&failure.to_string()));
    }
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_says_what_where_and_how_to_mend_it() {
        let wrong = Wrong::new("'x' is not a size", "write 64M");
        assert_eq!(wrong.to_string(), "'x' is not a size: write 64M");
        let placed = wrong.at("--memory").at("elsewhere");
        assert_eq!(placed.to_string(), "'x' is not a size (--memory): write 64M");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(gone, Failure::NobodyReads));
        assert_eq!(one_line("a\nb\u{1b}[2J"), "a b [2J");
    }
}
