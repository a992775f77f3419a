//! A file is one idea, a function fits a screen.

use crate::source::{code, is_test, line_of, word_at, words};
use crate::{holds, is_quiet, rings};

/// Lines of a file of the library, its unit tests included.
const SOURCE_LINES_MAX: usize = 600;
/// Lines of a file of tests.
const TEST_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 80;
const COLUMNS_MAX: usize = 100;

fn lines(path: &str, text: &str) -> Vec<String> {
    let most = if is_test(path) { TEST_LINES_MAX } else { SOURCE_LINES_MAX };
    let count = text.lines().count();
    if count <= most { Vec::new() } else { vec![format!("{path}: {count} lines, {most} allowed")] }
}

/// A text may be wide: one that people search for stands on one line, and rustfmt breaks none.
fn columns(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let is_text = |line: &str, bare: &str| {
        let is_comment = line.trim_start().starts_with("//");
        !is_comment
            && line.contains('"')
            && bare.split_whitespace().map(str::len).sum::<usize>() <= COLUMNS_MAX / 2
    };
    let lines = (1..).zip(text.lines()).zip(code.lines());
    let wide = lines
        .filter(|((_, line), bare)| line.chars().count() > COLUMNS_MAX && !is_text(line, bare))
        .map(|(line, _)| line);
    wide.map(|(at, _)| format!("{path}:{at}: wider than {COLUMNS_MAX} columns")).collect()
}

fn functions(path: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut faults = Vec::new();
    for at in words(&code, "fn") {
        let name = word_at(code[at + 2..].trim_start());
        let (mut depth, mut end) = (0, at);
        for (offset, c) in code[at..].char_indices() {
            match c {
                ';' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => continue,
            }
            if depth <= 0 {
                end = at + offset;
                break;
            }
        }
        let count = line_of(&code, end) - line_of(&code, at) + 1;
        if !name.is_empty() && count > FUNCTION_LINES_MAX {
            faults.push(format!("{path}:{}: fn {name} has {count} lines", line_of(&code, at)));
        }
    }
    faults
}

/// Names that say nothing, under which anything gathers.
fn names(path: &str, _: &str) -> Vec<String> {
    let banned = ["util", "utils", "common", "misc", "helper", "helpers", "types", "manager"];
    let parts = path.trim_end_matches(".rs").split('/');
    let found = parts.filter(|part| banned.contains(part));
    found.map(|part| format!("{path}: '{part}' is no idea")).collect()
}

/// The first line of a file is its idea.
fn ideas(path: &str, text: &str) -> Vec<String> {
    let is_target = path.starts_with("fuzz/");
    let is_fine = is_target || text.starts_with("//! ");
    if is_fine { Vec::new() } else { vec![format!("{path}: does not begin with its idea")] }
}

#[test]
fn files_are_short_and_begin_with_their_idea() {
    holds(lines);
    rings(lines, "src/a.rs", &"\n".repeat(SOURCE_LINES_MAX + 1), "601 lines");
    rings(lines, "tests/a.rs", &"\n".repeat(TEST_LINES_MAX + 1), "801 lines");
    is_quiet(lines, "src/a/tests.rs", &"\n".repeat(TEST_LINES_MAX));
    holds(ideas);
    rings(ideas, "src/a.rs", "use std::fmt;", "its idea");
}

#[test]
fn lines_are_narrow() {
    holds(columns);
    rings(columns, "src/a.rs", &format!("\n{}", "é".repeat(COLUMNS_MAX + 1)), ":2: wider");
    is_quiet(columns, "src/a.rs", &"é".repeat(COLUMNS_MAX));
    rings(columns, "src/a.rs", &format!("// \"{}\"", "a".repeat(COLUMNS_MAX)), ":1: wider");
    is_quiet(columns, "src/a.rs", &format!("let a = \"{}\";", "a".repeat(COLUMNS_MAX)));
}

#[test]
fn functions_fit_a_screen() {
    holds(functions);
    let long = format!("trait A {{ fn a();\n fn b() {{\n{}}} }}", "{ }\n".repeat(79));
    rings(functions, "src/a.rs", &long, ":2: fn b has 81 lines");
    is_quiet(functions, "src/a.rs", "fn a() { let brace = '{'; }\n");
}

#[test]
fn every_file_is_named_for_an_idea() {
    holds(names);
    rings(names, "src/session/util.rs", "", "'util' is no idea");
    rings(names, "tests/common/mod.rs", "", "'common' is no idea");
}
