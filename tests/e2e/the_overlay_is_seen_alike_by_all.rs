//! `muses overlay` and `muses map` at every node of an overlay: what they say fits together, also
//! after a neighbour was killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use muses::control::status::{Neighbour, Overlay};

use super::cluster::{CLOAK, Daemon, NODE, add, free_port, has_links, say};
use super::process::wait_for;
use super::programs::{Outcome, run};

/// As cloak-node has them where nothing is said.
const TREES: usize = 3;

/// Three cloak-nodes in a triangle, and a device at the last of them; each dials those before it.
fn start(dir: &Path) -> Vec<Daemon> {
    let mut nodes: Vec<Daemon> =
        ["one", "two", "three"].iter().map(|who| Daemon::new(dir, who, CLOAK)).collect();
    nodes.push(Daemon::new(dir, "device", NODE));
    let at: Vec<String> = (0..3).map(|_| format!("127.0.0.1:{}", free_port())).collect();
    for (node, daemon) in nodes.iter_mut().enumerate().take(3) {
        add(daemon, &["--local", "none", "--listen", &at[node]]);
        at[..node].iter().for_each(|peer| add(daemon, &["--peer", peer]));
    }
    let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let device = &mut nodes[3];
    add(device, &["--socks", "none", "--peer", &at[2]]);
    for (word, name) in ["eins", "zwei", "drei"].iter().zip(&names) {
        add(device, &["--alias", &format!("{word}={name}")]);
    }
    nodes.iter_mut().for_each(Daemon::start);
    nodes
}

/// What `muses overlay --json` says.
fn overlay(node: &Daemon) -> Overlay {
    let outcome = run(&mut node.tool(&["overlay", "--json"]));
    assert!(outcome.status.success(), "{}", outcome.stderr);
    serde_json::from_slice(&outcome.stdout).expect("what it says is what we read")
}

/// The same of all, once each tree has one root, under which are as many, and everybody has heard
/// where everybody beside it is.
fn settled(nodes: &[&Daemon]) -> Vec<Overlay> {
    wait_for("trees of everybody", || {
        let seen: Vec<Overlay> = nodes.iter().map(|node| overlay(node)).collect();
        let is_whole = |tree: usize| {
            let trees = || seen.iter().map(move |one| &one.trees[tree]);
            let root = trees().find(|tree| tree.depth == 0);
            let is_one = trees().map(|tree| &tree.root).collect::<BTreeSet<_>>().len() == 1;
            let has_heard = |own: &Overlay| {
                let mut beside =
                    seen.iter().filter(|one| own.neighbours.iter().any(|n| n.name == one.name));
                beside.all(|one| role(own, &one.name, tree).1 == one.trees[tree].word)
            };
            let is_heard = seen.iter().all(has_heard);
            is_one && is_heard && root.is_some_and(|root| root.size == nodes.len() as u64)
        };
        (0..TREES).all(is_whole).then_some(seen)
    })
}

fn row<'a>(seen: &'a Overlay, name: &str) -> &'a Neighbour {
    let row = seen.neighbours.iter().find(|row| row.name == name);
    row.unwrap_or_else(|| panic!("no {name} in {:?}", seen.neighbours))
}

fn role(seen: &Overlay, name: &str, tree: usize) -> (String, String) {
    let roles = &row(seen, name).roles;
    let role = roles.iter().find(|role| usize::from(role.tree) == tree);
    role.map(|role| (role.role.clone(), role.word.clone())).unwrap_or_default()
}

/// Parents and children name each other, words fit, roots and tags agree.
fn fit_together(all: &[Overlay]) {
    for tree in 0..TREES {
        let places = || all.iter().map(move |seen| &seen.trees[tree]);
        assert_eq!(places().map(|place| &place.tag).collect::<BTreeSet<_>>().len(), 1);
        assert_eq!(places().map(|place| &place.word).collect::<BTreeSet<_>>().len(), all.len());
        for own in all {
            let place = &own.trees[tree];
            let above = own.neighbours.iter().find(|row| role(own, &row.name, tree).0 == "parent");
            let Some(parent) = above else {
                assert_eq!((&place.root, place.word.as_str()), (&own.name, "/"));
                continue;
            };
            let parent = all.iter().find(|seen| seen.name == parent.name).expect("one of us");
            let word = parent.trees[tree].word.trim_end_matches('/').to_owned();
            let (begin, _) = place.word.rsplit_once('/').expect("below the root");
            assert_eq!(begin, word, "a child's word is its parent's and a letter");
            assert_eq!(role(own, &parent.name, tree).1, parent.trees[tree].word);
            assert_eq!(role(parent, &own.name, tree), ("child".to_owned(), place.word.clone()));
            assert!(place.pulse_age_ms < 75_000 && place.root_since_ms < 75_000, "{place:?}");
        }
    }
}

/// The one line of a failure.
fn fails(outcome: &Outcome, code: i32) -> &str {
    assert_eq!((outcome.status.code(), outcome.stdout.len()), (Some(code), 0));
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    &outcome.stderr
}

/// The picture of one who has all others as neighbours has everybody; a device's has its own
/// words. It is the same in a file as on stdout, and nothing is left half done.
fn is_drawn(hub: &Daemon, device: &Daemon, all: &[Overlay], dir: &Path) {
    let file = dir.join("map.svg").display().to_string();
    let drawn = run(&mut hub.tool(&["map", "--tree", "1", &file]));
    assert!(drawn.status.success() && drawn.stdout.is_empty(), "{}", drawn.stderr);
    let svg = fs::read_to_string(&file).expect("it was written");
    assert_eq!(run(&mut hub.tool(&["map", "--tree", "1"])).stdout, svg.as_bytes());
    for seen in all {
        let (name, word) = (&seen.name, &seen.trees[1].word);
        assert!(svg.contains(&format!("<title>{name} at {word}</title>")), "{name} in {svg}");
    }
    let svg = String::from_utf8(run(&mut device.tool(&["map"])).stdout).expect("text");
    for word in ["drei", &device.name[..8]] {
        assert!(svg.contains(&format!(">{word}</text>")), "{word} in {svg}");
    }
    let outcome = run(&mut device.tool(&["map", "--tree", "3"]));
    assert!(fails(&outcome, 2).contains("no tree 3 (--tree): give 0 to 2"), "{}", outcome.stderr);
    let nowhere = dir.join("none/map.svg").display().to_string();
    assert!(fails(&run(&mut device.tool(&["map", &nowhere])), 1).contains(&nowhere));
}

#[test]
fn the_overlay_is_seen_alike_by_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nodes = start(dir.path());
    wait_for("all links", || nodes.iter().all(has_links).then_some(()));
    let all = settled(&nodes.iter().collect::<Vec<_>>());
    fit_together(&all);
    is_drawn(&nodes[2], &nodes[3], &all, dir.path());

    let text = run(&mut nodes[3].tool(&["overlay"]));
    let text = String::from_utf8(text.stdout).expect("text");
    say(&format!("--- muses overlay\n{text}---"));
    let place = &all[3].trees[2];
    assert!(text.contains(&format!("{}{}", place.tag, place.word)), "{text}");
    assert!(text.contains("drei (") && text.contains("parent"), "own words for Names: {text}");
    assert!(text.contains("IN TREE 2") && text.contains("kept for others"), "{text}");

    nodes[1].process.kill();
    let dead = nodes[1].name.clone();
    let alive = [&nodes[0], &nodes[2], &nodes[3]];
    let left = settled(&alive);
    fit_together(&left);
    assert!(left.iter().flat_map(|seen| &seen.trees).all(|tree| tree.root != dead));
    for seen in &left[..2] {
        let gone = row(seen, &dead);
        assert_ne!(gone.wait.state, "up", "{gone:?}");
        assert!(gone.roles.is_empty() && !gone.last_error.is_empty(), "{gone:?}");
        assert!(gone.last_error_ms < 60_000, "{gone:?}");
    }
    // Nobody at that end dials, so nothing fails again and the error grows old.
    let age = || row(&overlay(&nodes[0]), &dead).last_error_ms;
    let before = age();
    wait_for("an older error", || (age() >= before + 500).then_some(()));
}

#[test]
fn who_is_in_no_tree_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut by_file = Daemon::new(dir.path(), "static", CLOAK);
    let routes = dir.path().join("routes");
    fs::write(&routes, "").expect("a fresh directory");
    let local = format!("127.0.0.1:{}", free_port());
    add(&mut by_file, &["--local", &local, "--routes", &routes.to_string_lossy()]);
    let mut device = Daemon::new(dir.path(), "device", NODE);
    add(&mut device, &["--socks", "none", "--cloak", &local]);
    for (daemon, mend) in
        [(&mut by_file, "start it without --routes"), (&mut device, "ask that one, with --state")]
    {
        daemon.start();
        for words in [&["overlay"][..], &["overlay", "--json"], &["map"]] {
            let outcome = run(&mut daemon.tool(words));
            assert!(fails(&outcome, 1).contains(mend), "{}", outcome.stderr);
        }
    }
}
