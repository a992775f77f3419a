//! A table of `docs/OVERLAY.md`: how it is measured, and how it is written.

use std::fmt::Write as _;
use std::time::Duration;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Where all that is random comes from.
    pub seed: u64,
    /// Smaller overlays and fewer draws: to see that everything works, not for figures.
    pub quick: bool,
}

impl Effort {
    /// A number of nodes, as many as are worth it.
    pub(super) fn nodes(self, nodes: u32) -> u32 {
        if self.quick { nodes / 20 } else { nodes }
    }

    /// A number of pairs.
    pub(super) fn pairs(self, pairs: u32) -> u32 {
        if self.quick { pairs / 20 } else { pairs }
    }

    /// A time to watch.
    pub(super) fn time(self, time: Duration) -> Duration {
        if self.quick { time / 20 } else { time }
    }

    /// A number of draws.
    pub(super) fn draws(self, draws: u64) -> u64 {
        if self.quick { 1 } else { draws }
    }
}

/// A table in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it shows, and how to read its columns.
    pub about: &'static str,
    /// Its head.
    pub head: Vec<String>,
    /// Its rows, as wide as the head.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new<const N: usize>(about: &'static str, head: [&str; N]) -> Self {
        Self { about, head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> = self.head.iter().map(|_| "---".to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.head) + &line(&rule) + &rows
    }
}

/// A table to be measured.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// As the command calls it.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Measures it.
    pub run: fn(Effort) -> Table,
}

impl Experiment {
    /// The command that prints it alone.
    #[must_use]
    pub fn command(&self, effort: Effort) -> String {
        let quick = if effort.quick { " --quick" } else { "" };
        format!("muses sim tables --table {} --seed {}{quick}", self.name, effort.seed)
    }

    /// Heading, command, what it shows, and the table.
    #[must_use]
    pub fn markdown(&self, effort: Effort) -> String {
        let table = (self.run)(effort);
        let mut text = format!("### {}\n\n`{}`\n\n", self.title, self.command(effort));
        let _ = write!(text, "{}\n\n{}", table.about, table.markdown());
        text
    }
}
