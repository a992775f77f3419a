//! The person's tool, a file for each command.

mod connect;
mod demo;
mod key;
mod map;
mod orders;
mod overlay;
mod recv;
mod replay;
mod send;
mod sessions;
mod sim;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use super::commands::{COMMANDS, TOOL};
use super::failure::{Failure, Wrong, end};
use super::flags::Program;
use super::parse::{Asked, parse};
use super::programs::{line, print};
use super::settings::{Settings, nearest};
use super::values;

/// `muses`.
#[must_use]
pub fn main() -> ExitCode {
    let line = line();
    let (name, outcome) = go(&line);
    end(name, outcome)
}

fn go(line: &[String]) -> (&'static str, Result<(), Failure>) {
    let outer = match parse(&TOOL, COMMANDS, line) {
        Err(wrong) => return (TOOL.name, Err(wrong.into())),
        Ok(Asked::Print(text)) => return (TOOL.name, print(&text)),
        Ok(Asked::Run(settings)) => settings,
    };
    let program = match find(outer.operands.first()) {
        Ok(program) => program,
        Err(wrong) => return (TOOL.name, Err(wrong.into())),
    };
    let mut inner = match parse(program, &[], &outer.operands[1..]) {
        Err(wrong) => return (program.name, Err(wrong.into())),
        Ok(Asked::Print(text)) => return (program.name, print(&text)),
        Ok(Asked::Run(settings)) => settings,
    };
    if let (Some(state), None) = (outer.one("state"), inner.one("state")) {
        inner.add("state", state.clone());
    }
    (program.name, run(program, &inner))
}

fn find(word: Option<&String>) -> Result<&'static Program, Wrong> {
    let mend = "see 'muses --help'";
    let Some(word) = word else {
        return Err(Wrong::new("no command is given", mend));
    };
    let known = TOOL.commands.iter().position(|(name, _)| name == word);
    known.and_then(|at| COMMANDS.get(at)).ok_or_else(|| {
        let what = format!("unknown command '{word}'");
        match nearest(word, TOOL.commands.iter().map(|(name, _)| *name)) {
            Some(near) => Wrong::new(what, format!("did you mean '{near}'? {mend}")),
            None => Wrong::new(what, mend),
        }
    })
}

fn run(program: &Program, settings: &Settings) -> Result<(), Failure> {
    match program.name {
        "muses connect" => {
            let [name, port] = operands(program, settings, ["NAME", "PORT"])?;
            connect::run(state(settings), name, values::port(port)?)
        }
        "muses send" => {
            let [file, name] = operands(program, settings, ["FILE", "NAME"])?;
            send::run(state(settings), file, name, port(settings)?)
        }
        "muses recv" => {
            let [] = operands(program, settings, [])?;
            recv::run(state(settings), settings, port(settings)?)
        }
        "muses status" => {
            let [] = operands(program, settings, [])?;
            status::run(state(settings), settings.count("json") > 0)
        }
        "muses sessions" => {
            let [] = operands(program, settings, [])?;
            sessions::run(state(settings), settings.count("json") > 0)
        }
        "muses overlay" => {
            let [] = operands(program, settings, [])?;
            overlay::run(state(settings), settings.count("json") > 0)
        }
        "muses map" => {
            let file = settings.operands.first().map(String::as_str);
            if let Some(extra) = settings.operands.get(1) {
                return Err(unexpected(program, extra).into());
            }
            map::run(state(settings), settings, file)
        }
        "muses kill" => {
            let [session] = operands(program, settings, ["SESSION"])?;
            orders::kill(state(settings), session)
        }
        "muses reconnect" => {
            let [] = operands(program, settings, [])?;
            orders::reconnect(state(settings))
        }
        "muses key" => {
            let [] = operands(program, settings, [])?;
            key::run(state(settings))
        }
        "muses replay" => {
            let [tape] = operands(program, settings, ["FILE"])?;
            replay::run(tape)
        }
        "muses sim" => {
            let [what] = operands(program, settings, ["'light', 'full' or 'tables'"])?;
            sim::run(what, settings)
        }
        _ => {
            let [] = operands(program, settings, [])?;
            demo::run(settings)
        }
    }
}

fn state(settings: &Settings) -> Option<PathBuf> {
    settings.one("state").map(|given| PathBuf::from(&given.text))
}

fn port(settings: &Settings) -> Result<u16, Wrong> {
    Ok(settings.read("port", values::port)?.unwrap_or(super::transfer::PORT))
}

/// Exactly the operands that a command takes.
fn operands<'a, const N: usize>(
    program: &Program,
    settings: &'a Settings,
    names: [&str; N],
) -> Result<[&'a str; N], Wrong> {
    let given: Vec<&str> = settings.operands.iter().map(String::as_str).collect();
    if let Some(extra) = given.get(N) {
        return Err(unexpected(program, extra));
    }
    let missing = names.get(given.len()).copied().unwrap_or_default();
    given.try_into().map_err(|_| Wrong::new(format!("{missing} is missing"), help(program)))
}

fn unexpected(program: &Program, extra: &str) -> Wrong {
    Wrong::new(format!("unexpected argument '{extra}'"), help(program))
}

fn help(program: &Program) -> String {
    format!("see '{} --help'", program.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(line: &str) -> String {
        let line: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (name, outcome) = go(&line);
        format!("{name}: {}", outcome.expect_err("wrong"))
    }

    #[test]
    fn every_wrong_command_line_has_its_own_line() {
        for (line, wanted) in [
            ("", "muses: no command is given: see 'muses --help'"),
            (
                "stauts",
                "muses: unknown command 'stauts': did you mean 'status'? see 'muses --help'",
            ),
            ("connect bob", "muses connect: PORT is missing: see 'muses connect --help'"),
            ("connect bob x", "muses connect: 'x' is not a port: write a number from 1 to 65535"),
            ("key x", "muses key: unexpected argument 'x': see 'muses key --help'"),
            (
                "send --prot 1",
                "muses send: unknown option --prot: did you mean --port? see 'muses send --help'",
            ),
        ] {
            assert_eq!(error(line), wanted);
        }
    }

    #[test]
    fn the_state_directory_may_stand_before_or_behind_the_command() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().display().to_string();
        for line in [format!("--state {path} status"), format!("status --state {path}")] {
            assert!(error(&line).contains(&format!("directory ({path})")), "{line}");
        }
    }
}
