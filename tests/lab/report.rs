//! The experiment's report: the table, the figure, every number.

use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use serde::Serialize;

use super::outcome::Outcome;
use super::scenario::Scenario;

/// The experiment section; words in braces are put in here.
const TEXT: &str = include_str!("mobility.md");

/// All runs of one scenario.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: &'static str,
    #[serde(skip)]
    scenario: &'static Scenario,
    runs: Vec<Outcome>,
}

/// Median and worst.
fn spread(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    Some((*sorted.get(sorted.len().checked_sub(1)? / 2)?, *sorted.last()?))
}

impl Row {
    pub(crate) fn new(scenario: &'static Scenario, runs: Vec<Outcome>) -> Self {
        Self { name: scenario.name, scenario, runs }
    }

    pub(crate) fn faults(&self) -> usize {
        self.runs.iter().filter(|run| run.fault.is_some()).count()
    }

    fn of(&self, what: impl Fn(&Outcome) -> f64) -> Option<(f64, f64)> {
        spread(self.runs.iter().filter(|run| run.skipped.is_none()).map(what))
    }

    fn seconds(&self, what: impl Fn(&Outcome) -> f64) -> String {
        self.of(what).map_or("-".into(), |(median, worst)| format!("{median:.3} / {worst:.3}"))
    }

    /// Medians of the parts, in milliseconds, over the runs that have them.
    fn split(&self) -> String {
        let splits = || self.runs.iter().filter_map(|run| run.split);
        let part = |of: fn(super::outcome::Split) -> f64| spread(splits().map(of));
        let parts = [part(|s| s.link), part(|s| s.overlay), part(|s| s.muses)];
        let millis = parts.map(|part| part.map(|(median, _)| format!("{:.0}", median * 1e3)));
        match millis {
            [Some(link), Some(overlay), Some(muses)] => format!("{link} + {overlay} + {muses}"),
            _ => "-".into(),
        }
    }

    fn returned(&self) -> String {
        if let Some(why) = self.runs.iter().find_map(|run| run.skipped) {
            return format!("| {} | skipped: {why} | - | - | - | - |", self.name);
        }
        let lived = self.runs.len() - self.faults();
        let goal = self.scenario.goal;
        let goal = goal.map_or("-".into(), |goal| format!("{} / {}", goal.median, goal.worst));
        format!(
            "| {} | {lived} of {} | {} | {goal} | {} | {} |",
            self.name,
            self.runs.len(),
            self.seconds(|run| run.back),
            self.scenario.goal.map_or("-", |goal| goal.others),
            self.split(),
        )
    }

    fn cost(&self) -> String {
        let (again, _) = self.of(|run| run.sent_again as f64 / 1024.0).unwrap_or_default();
        let (memory, _) = self.of(|run| run.memory as f64).unwrap_or_default();
        let (packets, _) = self.of(|run| run.packets_away as f64).unwrap_or_default();
        let (cpu, worst) = self.of(|run| run.cpu_away * 100.0).unwrap_or_default();
        format!(
            "| {} | {} | {} | {again:.0} | {packets:.0} | {cpu:.2} / {worst:.2} | {memory:.0} |",
            self.name,
            self.seconds(|run| run.away),
            self.seconds(|run| run.stall),
        )
    }

    fn more(&self) -> Vec<String> {
        let names = self.runs.iter().flat_map(|run| run.more.keys().copied());
        let names: std::collections::BTreeSet<_> = names.collect();
        let line = |what| {
            let (median, worst) = self.of(|run| run.more.get(what).copied().unwrap_or(f64::NAN))?;
            Some(format!("| {} | {what} | {median:.3} | {worst:.3} |", self.name))
        };
        names.into_iter().filter_map(line).collect()
    }
}

/// Writes `MOBILITY.md`, `fig7.svg` and `lab.json` into a directory.
pub(crate) fn write(rows: &[Row], into: &Path) -> io::Result<()> {
    fs::create_dir_all(into.join("mobility"))?;
    let lines = |of: fn(&Row) -> String| rows.iter().map(of).collect::<Vec<_>>().join("\n");
    let more: Vec<String> = rows.iter().flat_map(Row::more).collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let runs = rows.iter().map(|row| row.runs.len()).max().unwrap_or(0);
    let text = TEXT
        .replace("{returned}", &lines(Row::returned))
        .replace("{cost}", &lines(Row::cost))
        .replace("{more}", &more.join("\n"))
        .replace("{paper}", &paper(rows))
        .replace("{kernel}", kernel.trim())
        .replace("{runs}", &runs.to_string());
    fs::write(into.join("MOBILITY.md"), text)?;
    let figure = rows.iter().flat_map(|row| &row.runs).find_map(|run| run.figure.as_ref());
    if let Some(figure) = figure {
        fs::write(into.join("mobility/fig7.svg"), figure.svg())?;
    }
    let mut json = serde_json::to_string_pretty(rows)?;
    json.push('\n');
    fs::write(into.join("mobility/lab.json"), json)
}

/// The sentence about the paper's own figure.
fn paper(rows: &[Row]) -> String {
    let mut text = String::new();
    if let Some(row) = rows.iter().find(|row| row.runs.iter().any(|run| run.figure.is_some())) {
        let shares = row.runs.iter().filter_map(|run| run.split).map(|split| split.muses * 1e3);
        if let Some((median, worst)) = spread(shares) {
            let _ = write!(text, "{median:.1} ms (median; worst {worst:.1} ms)");
        }
    }
    text
}
