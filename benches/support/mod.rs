//! What the benchmarks share: CPU time, medians, tables, JSON.
//!
//! Figures on a shared machine mean little alone, so each benchmark runs what it measures and a
//! reference in turn, in one process or one minute, and prints the ratio.

// Each benchmark is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread.
pub(crate) fn thread_cpu() -> Duration {
    let at = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(at.tv_sec.unsigned_abs(), u32::try_from(at.tv_nsec).unwrap_or(0))
}

/// The middle of some figures; of an even number the upper one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The figure below which `percent` of them lie.
pub(crate) fn percentile(mut figures: Vec<f64>, percent: usize) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = (figures.len() * percent / 100).min(figures.len().saturating_sub(1));
    figures.get(at).copied().unwrap_or(f64::NAN)
}

/// The value behind a word on the command line. Cargo adds `--bench` of its own.
pub(crate) fn option(word: &str) -> Option<String> {
    let mut words = std::env::args().skip_while(|given| given != word);
    words.nth(1)
}

/// Whether a word stands on the command line.
pub(crate) fn flag(word: &str) -> bool {
    std::env::args().any(|given| given == word)
}

/// Prints rows as JSON lines where `--json` was asked for, else as a table.
pub(crate) fn print(title: &str, columns: &[&str], rows: &[Vec<String>]) {
    if flag("--json") {
        for row in rows {
            let cells = columns.iter().zip(row).map(|(column, cell)| {
                let number = cell.parse::<f64>().ok().and_then(serde_json::Number::from_f64);
                let value = number.map_or_else(|| cell.clone().into(), serde_json::Value::Number);
                ((*column).to_owned(), value)
            });
            let mut object: serde_json::Map<String, serde_json::Value> = cells.collect();
            object.insert("bench".into(), title.into());
            println!("{}", serde_json::Value::Object(object));
        }
        return;
    }
    println!("\n{title}\n");
    println!("| {} |", columns.join(" | "));
    println!("|{}|", columns.iter().map(|_| " ---: |").collect::<String>().trim_end_matches('|'));
    rows.iter().for_each(|row| println!("| {} |", row.join(" | ")));
}
