//! The named corpus in `fuzz/corpus`: every file through its target, on the stable compiler and
//! with real MACs, and every file that has a maker just as its maker makes it.
//!
//! `MUSES_CORPUS=write cargo test --test corpus` writes what the makers make. A file without a
//! maker is an input that once found a defect; its name says which.

mod makers;
mod overlay;
mod scripts;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use muses::fuzzing::{TARGETS, Target};

fn targets() -> Vec<Target> {
    let mut targets = TARGETS.to_vec();
    #[cfg(all(feature = "cli", feature = "reactor"))]
    targets.push(("config_file", muses::fuzzing::config_file));
    targets
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

fn files(target: &str) -> Vec<PathBuf> {
    let dir = corpus().join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// The files and folders whose coverage `make fuzz-all` prints of a target.
fn covered(target: &str) -> String {
    let file = corpus().join(format!("../fuzz_targets/{target}.rs"));
    let text = fs::read_to_string(file).expect("a target");
    let line = text.lines().find_map(|line| line.strip_prefix("// Covers: "));
    line.unwrap_or_else(|| panic!("{target} does not say what it covers")).to_owned()
}

#[test]
fn every_file_passes_its_target() {
    for (name, target) in targets() {
        let files = files(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let bytes = fs::read(&file).expect("readable");
            let outcome = catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{} does not pass", file.display());
        }
    }
}

#[test]
fn every_made_file_is_as_its_maker_makes_it() {
    let write = std::env::var("MUSES_CORPUS").is_ok_and(|wanted| wanted == "write");
    let mut names = BTreeSet::new();
    for (target, name, bytes) in makers::all() {
        assert!(names.insert((target, name.clone())), "{target}/{name} is made twice");
        assert!(targets().iter().any(|(known, _)| *known == target) || target == "config_file");
        let file = corpus().join(target).join(format!("{name}.bin"));
        if write {
            fs::create_dir_all(corpus().join(target)).expect("a directory");
            fs::write(&file, &bytes).expect("written");
        }
        let kept = fs::read(&file).unwrap_or_default();
        assert!(kept == bytes, "{} is another: MUSES_CORPUS=write renews it", file.display());
    }
}

#[test]
fn every_file_is_small_and_named_and_every_target_is_built() {
    let manifest = corpus().join("../Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("readable");
    for (name, _) in targets() {
        for path in covered(name).split_whitespace() {
            let path = corpus().join("../..").join(path);
            assert!(path.exists(), "{name} covers {}, which is not there", path.display());
        }
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml has no {name}");
        for file in files(name) {
            let stem = file.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(stem.len() < 60 && stem.chars().all(is_word), "{stem} is not a name");
            assert!(!stem.chars().all(|c| c.is_ascii_hexdigit()), "{stem} is not a name");
            let length = fs::metadata(&file).expect("readable").len();
            assert!(length <= 20_000, "{} has {length} bytes", file.display());
        }
    }
}
