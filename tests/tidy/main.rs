//! The style guide is a test: layers, what may touch the outside, sizes, names, leftovers.
//!
//! A check is a function of one file's path and text that says what is wrong with it. Each is
//! tried on a text that breaks it, because a check that cannot fail is a defect, and then on the
//! whole tree.

mod leftovers;
mod purity;
mod sizes;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// What a check says of a file: one line for each fault.
type Check = fn(&str, &str) -> Vec<String>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// All our Rust files, as paths from the root with their texts.
fn tree() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for dir in ["src", "bin", "tests", "examples", "benches", "fuzz/fuzz_targets"] {
        collect(&root().join(dir), &mut files);
    }
    files.sort();
    assert!(files.len() > 100, "the tree is found");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).expect("below the root").display().to_string();
        (name, fs::read_to_string(path).expect("readable"))
    };
    files.into_iter().map(read).collect()
}

/// The whole tree passes a check.
#[track_caller]
fn holds(check: Check) {
    let faults = tree().into_iter().flat_map(|(path, text)| check(&path, &text));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A text does not pass a check, and the fault says this.
#[track_caller]
fn rings(check: Check, path: &str, text: &str, says: &str) {
    let faults = check(path, text);
    assert!(faults.iter().any(|fault| fault.contains(says)), "{path}: {faults:?}");
}

/// A text passes.
#[track_caller]
fn is_quiet(check: Check, path: &str, text: &str) {
    assert_eq!(check(path, text), Vec::<String>::new(), "{path}");
}
