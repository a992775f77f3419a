//! `muses sim`.

mod full;
mod light;
mod tables;

use crate::sim::graph::shapes::{Kind, Shape};

use super::super::drafts;
use super::super::failure::{Failure, Wrong};
use super::super::settings::Settings;

/// Options, and the simulations that take them.
const WORDS: [(&str, &[&str]); 18] = [
    ("graph", &["light", "full"]),
    ("nodes", &["light", "full"]),
    ("links", &["light", "full"]),
    ("trees", &["light", "full"]),
    ("map", &["light", "full"]),
    ("degree", &["light"]),
    ("metric", &["light"]),
    ("roots", &["light"]),
    ("dead", &["light"]),
    ("spare-roots", &["light"]),
    ("pairs", &["light"]),
    ("loss", &["full"]),
    ("sessions", &["full"]),
    ("median", &["full"]),
    ("silent", &["full"]),
    ("minutes", &["full"]),
    ("table", &["tables"]),
    ("quick", &["tables"]),
];
/// In a grid words are long: a larger one would take all memory.
const GRID_MAX: u64 = 250_000;

/// Runs it.
pub(super) fn run(what: &str, settings: &Settings) -> Result<(), Failure> {
    only(settings, what)?;
    match what {
        "light" => light::run(settings),
        "full" => full::run(settings),
        "tables" => tables::run(settings),
        _ => {
            let what = format!("nothing is simulated by '{what}'");
            Err(Wrong::new(what, "choose 'light', 'full' or 'tables'").into())
        }
    }
}

/// Refuses options that belong to another simulation.
fn only(settings: &Settings, what: &str) -> Result<(), Wrong> {
    let others = WORDS.iter().filter(|(_, takers)| !takers.contains(&what));
    let mut found = others.filter_map(|(word, takers)| Some((settings.one(word)?, takers[0])));
    found.next().map_or(Ok(()), |(given, taker)| {
        let what = format!("{} belongs to 'muses sim {taker}'", given.origin);
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

/// The graph, where nothing else is said of this size.
fn shape(settings: &Settings, most: u64, nodes: u32, links: u32) -> Result<Shape, Wrong> {
    let kinds = [Kind::Ba, Kind::As, Kind::Joiners, Kind::Grid].map(|kind| (kind.word(), kind));
    let kind = choice(settings, "graph", &kinds)?.unwrap_or(Kind::Ba);
    let most = if kind == Kind::Grid { GRID_MAX.min(most) } else { most };
    let nodes = number(settings, "nodes", 10, most)?.map_or(nodes, |number| number as u32);
    let links = number(settings, "links", 1, 9)?.map_or(links, |number| number as u32);
    Ok(Shape { kind, nodes, links })
}

/// A share of a hundred, fractions of one included.
fn percent(text: &str) -> Result<f64, Wrong> {
    let number = text.parse().ok().filter(|number| (0.0..=90.0).contains(number));
    number.ok_or_else(|| {
        Wrong::new(format!("'{text}' is no share of a hundred"), "write a number from 0 to 90")
    })
}

/// Writes a picture where it is wanted, and says where it is.
fn draw(settings: &Settings, picture: impl FnOnce() -> String) -> Result<Option<String>, Failure> {
    let Some(given) = settings.one("map") else { return Ok(None) };
    let file = given.path(&given.text);
    drafts::write_whole(&file, picture().as_bytes())
        .map_err(|error| Failure::run(format!("{}: {error}", file.display())))?;
    Ok(Some(file.display().to_string()))
}
