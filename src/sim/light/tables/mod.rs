//! The tables of `docs/OVERLAY.md`, each a function of a seed.
//!
//! *Classic* is what the papers describe: one tree, the hyperbolic metric, flush. *Ours* is the
//! tree metric, four trees unless a column says otherwise, rebase. Goals are those of the study
//! that the overlay was planned by.

mod addresses;
mod dead;
mod records;
mod stretch;

use std::fmt::Write as _;

use super::roots::Order;
use super::shapes::{Kind, Shape};
use super::world::{Plan, World};

/// Trees of ours.
const TREES: usize = 4;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Where all that is random comes from.
    pub seed: u64,
    /// Smaller overlays and fewer draws: to see that everything works, not for figures.
    pub quick: bool,
}

impl Effort {
    fn nodes(self, nodes: u32) -> u32 {
        if self.quick { nodes / 20 } else { nodes }
    }

    fn pairs(self, pairs: u32) -> u32 {
        if self.quick { pairs / 20 } else { pairs }
    }

    fn draws(self, draws: u64) -> u64 {
        if self.quick { 1 } else { draws }
    }

    fn world(self, shape: Shape, degree: u16, trees: usize, order: Order) -> World {
        let nodes = self.nodes(shape.nodes).max(50);
        World::new(&Plan { shape: Shape { nodes, ..shape }, degree, trees, order, seed: self.seed })
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
    fn new<const N: usize>(about: &'static str, head: [&str; N]) -> Self {
        Self { about, head: head.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
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

/// All of them, in the order of the document.
pub const ALL: [Experiment; 10] = [
    Experiment { name: "degree", title: "Child limit and metric", run: stretch::degree },
    Experiment { name: "graphs", title: "Other graphs", run: stretch::graphs },
    Experiment { name: "trees", title: "Number of trees", run: stretch::trees },
    Experiment { name: "dead", title: "Dead nodes, no repair yet", run: dead::dead },
    Experiment { name: "sessions", title: "Five-minute sessions", run: dead::sessions },
    Experiment { name: "repair", title: "After repair", run: dead::repair },
    Experiment { name: "addresses", title: "Addresses lost by one death", run: addresses::lost },
    Experiment { name: "load", title: "Records by node", run: records::load },
    Experiment { name: "found", title: "Records found after deaths", run: records::found },
    Experiment { name: "lookups", title: "Hops of a lookup", run: records::lookups },
];

const fn ba(nodes: u32, links: u32) -> Shape {
    Shape { kind: Kind::Ba, nodes, links }
}

const fn joiners(nodes: u32, links: u32) -> Shape {
    Shape { kind: Kind::Joiners, nodes, links }
}

/// Five thousand autonomous systems.
const INTERNET: Shape = Shape { kind: Kind::As, nodes: 5000, links: 0 };

/// `BA 10000 m=2`.
fn called(shape: Shape) -> String {
    let Shape { kind, nodes, links } = shape;
    match kind {
        Kind::Ba => format!("BA {nodes}, m={links}"),
        Kind::As => format!("AS-like {nodes}"),
        Kind::Joiners => format!("joiners {nodes}, k={links}"),
        Kind::Grid => format!("grid {nodes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Effort = Effort { seed: 7, quick: true };

    #[test]
    fn every_table_is_whole_and_a_seed_is_its_figures() {
        for experiment in ALL {
            let table = (experiment.run)(QUICK);
            assert!(!table.rows.is_empty(), "{}", experiment.name);
            for row in &table.rows {
                assert_eq!(row.len(), table.head.len(), "{}", experiment.name);
            }
            assert_eq!((experiment.run)(QUICK), table, "{}", experiment.name);
            assert!(experiment.markdown(QUICK).contains(&experiment.command(QUICK)));
        }
    }

    #[test]
    fn the_document_has_every_table_by_its_command() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/OVERLAY.md");
        let text = std::fs::read_to_string(path).expect("the document");
        let full = Effort { quick: false, ..QUICK };
        for experiment in ALL {
            let head = format!("### {}\n\n`{}`\n", experiment.title, experiment.command(full));
            assert!(text.contains(&head), "{head}");
        }
    }

    #[test]
    fn names_are_taken_once() {
        let mut names = ALL.map(|experiment| experiment.name).to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
