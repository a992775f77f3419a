//! The table of attacks in `docs/SECURITY.md`.

use std::fs;
use std::io;
use std::path::Path;

use super::figures::Figures;
use super::scenarios::Scenario;

const BEGIN: &str = "<!-- attacks: written by make attack -->\n";
const END: &str = "<!-- attacks end -->\n";

/// One attack's figures for a person who waits for them.
pub(crate) fn line(figures: &Figures) -> String {
    let (before, at_end, after) = figures.memory;
    let after = after.map_or(String::new(), |after| format!(", later {} MiB", after >> 20));
    let more = if figures.more.is_empty() {
        String::new()
    } else {
        format!("; {}", figures.more.join("; "))
    };
    format!(
        "{:.1} -> {:.1} -> {:.1} MB/s ({:.0} %), {} sessions: median {:.3} s, worst {:.3} s, {} failed; \
         recovery {}; cost {}, {:.2} CPU; relay's CPU {:.2} -> {:.2}; memory {} -> {} MiB{after}; {:.0} log lines/s{more}",
        figures.before / 1e6,
        figures.during / 1e6,
        figures.after / 1e6,
        figures.kept() * 100.0,
        figures.setups.len() + figures.failed.len(),
        figures.median(),
        figures.worst(),
        figures.failed.len(),
        recovery(figures),
        rate(figures.cost.0),
        figures.cost.1,
        figures.spent.0,
        figures.spent.1,
        before >> 20,
        at_end >> 20,
        figures.log_lines,
    )
}

fn recovery(figures: &Figures) -> String {
    figures.recovery.map_or("never".into(), |time| format!("{time:.1} s"))
}

fn rate(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e6 => format!("{:.1} MB/s", bytes / 1e6),
        bytes if bytes >= 1e3 => format!("{:.1} kB/s", bytes / 1e3),
        bytes => format!("{bytes:.0} B/s"),
    }
}

fn row(scenario: &Scenario, figures: &Figures) -> String {
    let memory = figures
        .memory
        .2
        .map_or("-".into(), |after| format!("{} → {} MiB", figures.memory.0 >> 20, after >> 20));
    let setup = if figures.setups.is_empty() {
        "-".into()
    } else {
        format!("{:.3} / {:.3} s of {}", figures.median(), figures.worst(), figures.setups.len())
    };
    format!(
        "| {} | {} | {}, {:.2} s/s | {:.2} → {:.2} s/s | {:.0} % ({:.0} → {:.0} → {:.0} MB/s) | {setup} | {} | {memory} |\n",
        scenario.row,
        scenario.name.replace('_', " "),
        rate(figures.cost.0),
        figures.cost.1,
        figures.spent.0,
        figures.spent.1,
        figures.kept() * 100.0,
        figures.before / 1e6,
        figures.during / 1e6,
        figures.after / 1e6,
        recovery(figures),
    )
}

/// Writes the table between its marks.
pub(crate) fn write(rows: &[(&'static Scenario, Figures)], into: &Path) -> io::Result<()> {
    let path = into.join("SECURITY.md");
    let text = fs::read_to_string(&path)?;
    let around =
        text.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, rest) = around.ok_or_else(|| io::Error::other("no marks for the table"))?;
    let mut table = String::from(
        "| row | attack | attacker's cost | relay's CPU | honest throughput kept (before → during → after) | \
         new session: median / worst | recovery | memory of the relay: before → a minute after |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    rows.iter().for_each(|(scenario, figures)| table.push_str(&row(scenario, figures)));
    fs::write(&path, [head, BEGIN, "\n", &table, "\n", END, rest].concat())
}
