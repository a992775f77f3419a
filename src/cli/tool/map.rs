//! `muses map`: the places of a tree that this node knows, drawn in the Poincare disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::api;
use crate::control::map::{Map, Place};
use crate::overlay::word::Letter;

use super::super::disk::{self, Dot, Kind, rim};
use super::super::drafts;
use super::super::failure::{Failure, Wrong};
use super::super::programs::print;
use super::super::settings::Settings;
use super::overlay::{called, in_trees};

/// Runs it.
pub(super) fn run(
    state: Option<PathBuf>,
    settings: &Settings,
    file: Option<&str>,
) -> Result<(), Failure> {
    let wanted = settings.read("tree", tree)?.unwrap_or(0);
    let status = api::status(state.as_deref()).map_err(Failure::run)?;
    let trees = in_trees(&status)?.trees.len();
    if usize::from(wanted) >= trees {
        let what = format!("this node is in no tree {wanted}");
        return Err(Wrong::new(what, format!("give 0 to {}", trees - 1)).at("--tree").into());
    }
    let map = api::map(state.as_deref(), wanted).map_err(Failure::run)?;
    match file {
        None => print(&picture(&map)),
        Some(file) => drafts::write_whole(Path::new(file), picture(&map).as_bytes())
            .map_err(|error| Failure::run(format!("{file}: {error}"))),
    }
}

fn tree(text: &str) -> Result<u8, Wrong> {
    let wrong = || Wrong::new(format!("'{text}' is not the number of a tree"), "write 0, 1 or 2");
    text.parse().map_err(|_| wrong())
}

/// Whoever is known to be at each place, and nobody at places that are known only because others
/// are below them.
fn by_word(map: &Map) -> BTreeMap<&[Letter], Option<&Place>> {
    let mut places: BTreeMap<&[Letter], Option<&Place>> = BTreeMap::from([(&[][..], None)]);
    for place in &map.places {
        places.entry(&place.word).or_default().get_or_insert(place);
        (1..place.word.len()).for_each(|depth| {
            places.entry(&place.word[..depth]).or_default();
        });
    }
    places
}

fn picture(map: &Map) -> String {
    let places = by_word(map);
    let words: Vec<&[Letter]> = places.keys().copied().collect();
    let at: BTreeMap<&[Letter], usize> = words.iter().copied().zip(0..).collect();
    let dots: Vec<Dot> = rim::spread(&words)
        .into_iter()
        .zip(&places)
        .map(|(point, (word, place))| dot(map, point, word, *place))
        .collect();
    let above = |word: &[Letter]| at.get(word.split_last()?.1).copied();
    let edges: Vec<(usize, usize)> =
        words.iter().zip(0..).filter_map(|(word, below)| Some((above(word)?, below))).collect();
    let linked = |place: &Option<&Place>| place.is_some_and(|place| place.is_linked);
    let links: Vec<(usize, usize)> = (0..)
        .zip(places.values())
        .filter(|(_, place)| linked(place))
        .filter_map(|(other, _)| Some((dots.iter().position(|dot| dot.is_own)?, other)))
        .filter(|(own, other)| !edges.contains(&(*own, *other)) && !edges.contains(&(*other, *own)))
        .collect();
    disk::draw(&dots, &edges, &links, &title(map))
}

fn dot(map: &Map, at: disk::Point, word: &[Letter], place: Option<&Place>) -> Dot {
    let kind = match place {
        _ if word.is_empty() => Kind::Root,
        None => Kind::Unknown,
        Some(place) if place.is_recorded => Kind::Recorded,
        Some(_) => Kind::Node,
    };
    let address: String = word.iter().map(|letter| format!("/{letter}")).collect();
    let (mut label, mut name) = (String::new(), "a Name unknown here");
    if let Some(place) = place {
        let short: String = place.name.chars().take(8).collect();
        label = if place.alias.is_empty() { short } else { place.alias.clone() };
        name = &place.name;
    }
    let about = format!("{name} at {}", if address.is_empty() { "/" } else { &address });
    Dot { at, label, about, kind, is_own: place.is_some_and(|place| place.name == map.name) }
}

fn title(map: &Map) -> String {
    let alias = map.places.iter().find(|place| place.name == map.root);
    let root = called(&map.root, alias.map_or("", |place| &place.alias));
    let (own, count) = (called(&map.name, ""), map.places.len());
    let places = if count == 1 { "place" } else { "places" };
    let left = match map.left_out {
        0 => String::new(),
        left => format!(", {left} more left out"),
    };
    let tree = map.tree;
    format!("tree {tree} under {root} as {own} knows it: {count} {places}{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, word: &[Letter], is_linked: bool, is_recorded: bool) -> Place {
        Place {
            name: name.repeat(52),
            alias: String::new(),
            word: word.to_vec(),
            is_linked,
            is_recorded,
        }
    }

    fn map() -> Map {
        let places = vec![
            place("r", &[], false, false),
            place("p", &[200], true, false),
            place("o", &[200, 7], false, false),
            place("s", &[9], true, false),
            place("x", &[31, 4], false, true),
            Place { alias: "bob".into(), ..place("b", &[200, 8], false, true) },
        ];
        Map { name: "o".repeat(52), tree: 1, root: "r".repeat(52), places, left_out: 0 }
    }

    #[test]
    fn what_is_known_is_drawn_and_who_is_unknown_has_a_place_without_a_name() {
        let svg = picture(&map());
        let count = |text: &str| svg.matches(text).count();
        assert!(svg.contains("tree 1 under rrrrrrrr as oooooooo knows it: 6 places<"), "{svg}");
        for name in ["rrrrrrrr", "pppppppp", "oooooooo", "ssssssss", "xxxxxxxx", "bob"] {
            assert_eq!(count(&format!(">{name}</text>")), 1, "{name} in {svg}");
        }
        assert_eq!(count("<title>a Name unknown here at /31</title>"), 1, "{svg}");
        assert_eq!(count(&format!("<title>{} at /200/7</title>", "o".repeat(52))), 1, "{svg}");
        // Six edges of the tree; of the two links one is an edge and drawn as that.
        let path = |class: &str| {
            let start = svg.split(&format!("<path class=\"{class}\"")).nth(1).unwrap_or("");
            start
                .split(" d=\"")
                .nth(1)
                .unwrap_or("")
                .split('"')
                .next()
                .unwrap_or("")
                .matches('M')
                .count()
        };
        assert_eq!((path("e"), path("l")), (6, 1), "{svg}");
        assert!(count("class=\"o\" cx") == 1 && count("class=\"r\" cx") == 1, "{svg}");
    }

    #[test]
    fn of_two_at_one_place_the_first_is_drawn_and_a_root_alone_is_a_picture() {
        let mut map = map();
        map.places.push(place("y", &[31, 4], false, true));
        assert!(!picture(&map).contains("yyyyyyyy"));
        let alone =
            Map { places: vec![place("o", &[], false, false)], root: "o".repeat(52), ..map };
        let svg = picture(&alone);
        assert!(svg.contains("knows it: 1 place<"), "{svg}");
        assert!(!svg.contains("<path"), "no edge: {svg}");
        assert_eq!(svg.matches("class=\"o\" cx=\"0.0\" cy=\"0.0\"").count(), 1);
    }

    #[test]
    fn fifty_places_have_their_names() {
        let mut words: Vec<Vec<Letter>> = vec![vec![]];
        for at in 1..50_usize {
            let above = words[at * 7 % 11 % at].clone();
            let letter = (at * 37 % 255) as Letter;
            words.push(above.into_iter().chain([letter]).collect());
        }
        let place = |(at, word): (usize, &Vec<Letter>)| Place {
            name: format!("{at:08}"),
            word: word.clone(),
            ..Place::default()
        };
        let places: Vec<Place> = words.iter().enumerate().map(place).collect();
        let (name, root) = (places[49].name.clone(), places[0].name.clone());
        let svg = picture(&Map { name, root, places, tree: 0, left_out: 0 });
        let missing = (0..50).filter(|at| !svg.contains(&format!(">{at:08}</text>")));
        assert_eq!(missing.count(), 0, "{svg}");
    }

    #[test]
    fn the_tree_is_a_number() {
        assert_eq!(tree("2"), Ok(2));
        assert!(tree("x").is_err() && tree("-1").is_err() && tree("256").is_err());
    }
}
