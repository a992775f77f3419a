//! `--help` and the man page, from a program's table.

use std::fmt::Write as _;

use super::flags::{Flag, Program, Takes, Where};

const COLUMNS: usize = 100;

fn shown(program: &Program) -> impl Iterator<Item = &'static Flag> {
    program.flags.iter().filter(|flag| flag.place != Where::Hidden)
}

/// `-L, --forward SPEC...`.
fn spelled(flag: &Flag) -> String {
    let mut text = match flag.short {
        "" => format!("    --{}", flag.long),
        short => format!("-{short}, --{}", flag.long),
    };
    if !flag.value.is_empty() {
        let _ = write!(text, " {}", flag.value);
    }
    text
}

/// Breaks a text into lines of at most `width` columns.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("never empty");
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// The text of `--help`.
#[must_use]
pub fn help(program: &Program) -> String {
    let mut text = format!("{}: {}\n\n", program.name, program.about);
    for (at, usage) in program.usage.iter().enumerate() {
        let lead = if at == 0 { "Usage:" } else { "      " };
        let _ = writeln!(text, "{lead} {} {usage}", program.name);
    }
    if !program.commands.is_empty() {
        text.push_str("\nCommands:\n");
        for (name, about) in program.commands {
            let _ = writeln!(text, "  {name:<10}  {about}");
        }
    }
    text.push_str("\nOptions:\n");
    let width = shown(program).map(|flag| spelled(flag).len()).max().unwrap_or(0);
    for flag in shown(program) {
        let many = matches!(flag.takes, Takes::Many | Takes::Pairs);
        let again = if many { " (repeatable)" } else { "" };
        let _ = writeln!(text, "  {:<width$}  {}{again}", spelled(flag), flag.about);
    }
    if !program.notes.is_empty() {
        text.push('\n');
        for line in wrap(program.notes, COLUMNS) {
            let _ = writeln!(text, "{line}");
        }
    }
    text.push_str("\nExamples:\n");
    for (what, line) in program.examples {
        let _ = writeln!(text, "  # {what}\n  {line}");
    }
    text
}

/// The text of `--version`.
#[must_use]
pub fn version(program: &Program) -> String {
    format!("{} {}\n", program.name, env!("CARGO_PKG_VERSION"))
}

/// Escapes what troff would take for a request or an escape.
fn roff(text: &str) -> String {
    let escaped = text.replace('\\', "\\e").replace('-', "\\-");
    match escaped.chars().next() {
        Some('.' | '\'') => format!("\\&{escaped}"),
        _ => escaped,
    }
}

fn roff_flags(page: &mut String, program: &Program) {
    for flag in shown(program) {
        let _ = writeln!(page, ".TP\n.B {}\n{}.", roff(spelled(flag).trim()), roff(flag.about));
        if matches!(flag.takes, Takes::Many | Takes::Pairs) {
            page.push_str("May be given several times.\n");
        }
        if !flag.more.is_empty() {
            let _ = writeln!(page, "{}", roff(flag.more));
        }
    }
}

/// The man page; `commands` are the tables of the program's commands.
#[must_use]
pub fn man(program: &Program, commands: &[Program]) -> String {
    let title = program.name.to_uppercase();
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(".TH {} 1 \"\" \"MUSeS {version}\" MUSeS\n", roff(&title));
    let _ = writeln!(page, ".SH NAME\n{} \\- {}", roff(program.name), roff(program.about));
    page.push_str(".SH SYNOPSIS\n");
    for usage in program.usage {
        let _ = writeln!(page, ".B {}\n{}\n.br", roff(program.name), roff(usage));
    }
    if !program.notes.is_empty() {
        let _ = writeln!(page, ".SH DESCRIPTION\n{}", roff(program.notes));
    }
    page.push_str(".SH OPTIONS\n");
    roff_flags(&mut page, program);
    if !commands.is_empty() {
        page.push_str(".SH COMMANDS\n");
    }
    for command in commands {
        let _ = writeln!(page, ".SS {}", roff(command.name));
        let _ = writeln!(page, "{}.", roff(command.about));
        let _ = writeln!(page, "{}", roff(command.notes));
        roff_flags(&mut page, command);
    }
    page.push_str(".SH EXAMPLES\n");
    for (what, line) in program.examples {
        let _ = writeln!(page, ".TP\n{}:\n.nf\n{}\n.fi", roff(what), roff(line));
    }
    page.push_str(
        ".SH EXIT STATUS\n0 done; 1 a failure at run time; 2 wrong usage or configuration.\n",
    );
    page.push_str(".SH ENVIRONMENT\nXDG_STATE_HOME, HOME, MUSES_LOG.\n");
    page
}

#[cfg(test)]
mod tests {
    use super::super::commands::{COMMANDS, TOOL};
    use super::super::flags::{CLOAK, NODE};
    use super::*;

    #[test]
    fn every_option_has_one_line_of_help_that_fits() {
        for program in [&NODE, &CLOAK, &TOOL].into_iter().chain(COMMANDS) {
            let text = help(program);
            for line in text.lines() {
                assert!(line.len() <= COLUMNS, "{} columns: {line}", line.len());
            }
            for flag in shown(program) {
                let word = format!("--{}", flag.long);
                assert!(text.contains(&word) && man(program, &[]).contains(&roff(&word)));
            }
            assert!(text.ends_with('\n') && text.contains("\nExamples:\n"));
        }
    }

    #[test]
    fn no_line_of_a_man_page_is_a_request_by_accident() {
        let page = man(&TOOL, COMMANDS);
        let known = [".TH", ".SH", ".SS", ".TP", ".B", ".br", ".nf", ".fi"];
        for line in page.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(known.contains(&line.split(' ').next().unwrap_or(line)), "{line}");
        }
        assert_eq!(roff(".x -y"), "\\&.x \\-y");
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrap("aa bb  cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
