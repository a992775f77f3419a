//! `muses sim`.

mod light;
mod tables;

use crate::overlay::metric::Metric;
use crate::sim::light::roots::Order;
use crate::sim::light::shapes::{Kind, Shape};
use crate::sim::light::world::{Plan, TREES_MAX};

use super::super::failure::{Failure, Wrong};
use super::super::settings::Settings;

/// Options that the tables do not take.
const LIGHT: [&str; 11] = [
    "graph",
    "nodes",
    "links",
    "degree",
    "trees",
    "metric",
    "roots",
    "dead",
    "spare-roots",
    "pairs",
    "map",
];
/// Nodes that one machine holds.
const NODES_MAX: u64 = 4_000_000;
/// In a grid words are long: a larger one would take all memory.
const GRID_MAX: u64 = 250_000;

/// Runs it.
pub(super) fn run(what: &str, settings: &Settings) -> Result<(), Failure> {
    match what {
        "light" => {
            only(settings, "tables", &["table", "quick"])?;
            light::run(settings)
        }
        "tables" => {
            only(settings, "light", &LIGHT)?;
            tables::run(settings)
        }
        _ => {
            let what = format!("nothing is simulated by '{what}'");
            Err(Wrong::new(what, "choose 'light' or 'tables'").into())
        }
    }
}

/// Refuses options that belong to another simulation.
fn only(settings: &Settings, of: &str, words: &[&str]) -> Result<(), Wrong> {
    let found = words.iter().find_map(|word| settings.one(word));
    found.map_or(Ok(()), |given| {
        let what = format!("{} belongs to 'muses sim {of}'", given.origin);
        Err(Wrong::new(what, "leave it away"))
    })
}

/// A whole number within bounds.
fn number(settings: &Settings, word: &str, least: u64, most: u64) -> Result<Option<u64>, Wrong> {
    settings.read(word, |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            let mend = format!("write a whole number from {least} to {most}");
            Wrong::new(format!("'{text}' is out of bounds"), mend)
        })
    })
}

/// One of some words.
fn choice<T: Copy>(settings: &Settings, word: &str, all: &[(&str, T)]) -> Result<Option<T>, Wrong> {
    settings.read(word, |text| {
        let found = all.iter().find(|(name, _)| *name == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Wrong::new(format!("unknown '{text}'"), format!("choose {}", names.join(", ")))
        })
    })
}

fn seed(settings: &Settings) -> Result<u64, Wrong> {
    Ok(number(settings, "seed", 0, u64::MAX)?.unwrap_or(7))
}

fn plan(settings: &Settings) -> Result<Plan, Wrong> {
    let kinds = [Kind::Ba, Kind::As, Kind::Joiners, Kind::Grid].map(|kind| (kind.word(), kind));
    let kind = choice(settings, "graph", &kinds)?.unwrap_or(Kind::Ba);
    let most = if kind == Kind::Grid { GRID_MAX } else { NODES_MAX };
    let nodes = number(settings, "nodes", 10, most)?.unwrap_or(10_000) as u32;
    let links = number(settings, "links", 1, 9)?.unwrap_or(2) as u32;
    let order = choice(settings, "roots", &[("hash", Order::Hash), ("best", Order::Best)])?;
    Ok(Plan {
        shape: Shape { kind, nodes, links },
        degree: number(settings, "degree", 3, 256)?.unwrap_or(256) as u16,
        trees: number(settings, "trees", 1, TREES_MAX as u64)?.unwrap_or(3) as usize,
        order: order.unwrap_or(Order::Hash),
        seed: seed(settings)?,
    })
}

fn metric(settings: &Settings, degree: u16) -> Result<Metric, Wrong> {
    let hyperbolic = choice(settings, "metric", &[("tree", false), ("hyperbolic", true)])?;
    Ok(if hyperbolic == Some(true) { Metric::hyperbolic(degree) } else { Metric::Tree })
}
