//! Nothing half done, every bound explained, every word of the specification found.

use std::collections::BTreeSet;
use std::fs;

use crate::source::{code, line_of, words};
use crate::{holds, is_quiet, rings, root};

/// What is left for later is an issue and not a word in a file.
fn half_done(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let macros = ["todo!", "unimplemented!", "dbg!", "#[ignore]"];
    let mut found: Vec<(usize, &str)> = Vec::new();
    for word in macros {
        found.extend(code.match_indices(word));
    }
    // In pieces, or this file would be the first to ring.
    for word in [concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")] {
        found.extend(words(text, word).map(|at| (at, word)));
    }
    let fault = |(at, word)| format!("{path}:{}: {word} is half done", line_of(text, at));
    found.into_iter().map(fault).collect()
}

/// Every bound says what it bounds.
fn limits(path: &str, text: &str) -> Vec<String> {
    if path != "src/base/limits.rs" {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let bare = lines
        .windows(2)
        .filter(|pair| pair[1].starts_with("pub const") && !pair[0].starts_with("/// "));
    bare.map(|pair| format!("{path}: nothing said of '{}'", pair[1])).collect()
}

/// A heading as its anchor: small letters, words joined.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_').collect()
}

/// Files and anchors of `docs/protocol`; `None` where it is not there.
fn specification() -> Option<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(root().join("docs/protocol")).ok()? {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?.to_owned();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let headings = text.lines().filter(|line| line.starts_with('#'));
        let anchors = headings.map(|line| anchor(line.trim_start_matches('#').trim()));
        known.extend(anchors.map(|anchor| format!("{name}#{anchor}")));
        known.insert(name);
    }
    Some(known)
}

/// Every place of the specification that a file names.
fn cited(text: &str) -> Vec<(usize, String)> {
    let begin = concat!("docs/", "protocol/");
    let places = text.match_indices(begin).map(|(at, _)| {
        let rest = &text[at + begin.len()..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_.#".contains(c)));
        let place = rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', '#']);
        (line_of(text, at), place.to_owned())
    });
    places.filter(|(_, place)| place.contains(".md")).collect()
}

fn citations(known: &BTreeSet<String>, path: &str, text: &str) -> Vec<String> {
    let wrong = cited(text).into_iter().filter(|(_, place)| !known.contains(place));
    wrong.map(|(line, place)| format!("{path}:{line}: the specification has no {place}")).collect()
}

/// The tree's citations, once there is something to cite.
fn citations_of_the_tree(path: &str, text: &str) -> Vec<String> {
    specification().map_or_else(Vec::new, |known| citations(&known, path, text))
}

/// What stands before the name of a counter: where it counts, or where a function gives the name.
const BEFORE_COUNTERS: [&str; 7] =
    [".add(\"", ".add_many(\"", "Refuse(\"", "Err(\"", "ok_or(\"", "|_| \"", "=> \""];

/// Every counter of a core, with its line. Where only the form speaks for a counter, it is one if
/// it has several words.
fn counters(text: &str) -> Vec<(usize, &str)> {
    let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for before in BEFORE_COUNTERS {
        for (at, _) in own.match_indices(before) {
            let rest = &own[at + before.len()..];
            let name = rest.split('"').next().unwrap_or_default();
            let is_name = name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            if is_name && (before.starts_with(".add") || name.contains('-')) {
                found.push((line_of(text, at), name));
            }
        }
    }
    found
}

fn counters_without_a_row(table: &str, path: &str, text: &str) -> Vec<String> {
    let outside = ["src/cli/", "src/sim/", "src/fuzzing/", "src/control/", "src/crypto/"];
    let is_core = path.starts_with("src/") && !path.contains("tests");
    if !is_core || outside.iter().any(|dir| path.starts_with(dir)) {
        return Vec::new();
    }
    // Links have a table of their own.
    let is_told = |name: &str| name.starts_with("link-") || table.contains(&format!("`{name}`"));
    let lacking = counters(text).into_iter().filter(|(_, name)| !is_told(name));
    lacking.map(|(line, name)| format!("{path}:{line}: OPERATIONS.md lacks {name}")).collect()
}

/// The tree's counters, where the table that explains them is there.
fn counters_of_the_tree(path: &str, text: &str) -> Vec<String> {
    let Ok(operations) = fs::read_to_string(root().join("docs/OPERATIONS.md")) else {
        return Vec::new();
    };
    let table = operations.split("\n### counted\n").nth(1).expect("the table of counters");
    let table = table.split("\n## ").next().unwrap_or_default();
    counters_without_a_row(table, path, text)
}

#[test]
fn every_counter_is_explained() {
    holds(counters_of_the_tree);
    let lacking = |text| counters_without_a_row("| `forged` |", "src/a.rs", text);
    assert_eq!(lacking("\ncounters.add(\"lost\")"), ["src/a.rs:2: OPERATIONS.md lacks lost"]);
    assert_eq!(lacking("A => \"not-told\","), ["src/a.rs:1: OPERATIONS.md lacks not-told"]);
    assert_eq!(lacking("counters.add(\"forged\"); A => \"up\""), Vec::<String>::new());
}

#[test]
fn nothing_is_half_done() {
    holds(half_done);
    rings(half_done, "src/a.rs", "\nfn a() { todo!() }", ":2: todo! is half done");
    rings(half_done, "src/a.rs", "#[ignore]\nfn a() {}", "#[ignore]");
    rings(half_done, "src/a.rs", &format!("// {}: later", concat!("FIX", "ME")), "half done");
    is_quiet(half_done, "src/a.rs", "#[ignore = \"needs root\"]\nlet text = \"todo!\";");
}

#[test]
fn every_limit_says_what_it_bounds() {
    holds(limits);
    let bare = "/// Hops.\npub const A: u8 = 1;\npub const B: u8 = 2;\n";
    rings(limits, "src/base/limits.rs", bare, "nothing said of 'pub const B");
}

#[test]
fn every_place_of_the_specification_that_is_named_exists() {
    holds(citations_of_the_tree);
    let known = ["packet.md", "handshake.md#epochs"].map(str::to_owned).into();
    let text = |place: &str| format!("//! `{}{place}`.", concat!("docs/", "protocol/"));
    assert_eq!(citations(&known, "a", &text("packet.md")), Vec::<String>::new());
    assert_eq!(citations(&known, "a", &text("handshake.md#epochs")), Vec::<String>::new());
    for gone in ["paket.md", "packet.md#epochs"] {
        let faults = citations(&known, "a", &text(gone));
        assert_eq!(faults, [format!("a:1: the specification has no {gone}")]);
    }
    assert_eq!(anchor("3.1 Epochs, and keys"), "31-epochs-and-keys");
}
