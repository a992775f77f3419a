//! What the full simulation's tables have in common.

pub mod churn;
pub mod costs;
pub mod forming;
pub mod holes;
pub mod records;
pub mod rest;

use std::time::Duration;

use crate::sim::graph::shapes::{Kind, Shape};

/// Nodes with three links each, to any that were there before them.
const fn joiners(nodes: u32) -> Shape {
    Shape { kind: Kind::Joiners, nodes, links: 3 }
}

/// Seconds, with as many digits as mean something.
fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

/// Median and greatest of some times, of which some were never over.
fn median_and_worst(mut times: Vec<Option<Duration>>) -> String {
    times.sort_unstable_by_key(|time| time.unwrap_or(Duration::MAX));
    let text = |at: usize| times[at].map_or("never".to_owned(), seconds);
    if times.is_empty() {
        "-".into()
    } else {
        format!("{} / {}", text(times.len() / 2), text(times.len() - 1))
    }
}
