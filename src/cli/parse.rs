//! The command line, read by a program's table.

use getopts::{Fail, HasArg, Occur, Options, ParsingStyle};

use super::failure::Wrong;
use super::flags::{Program, Takes, Where};
use super::help;
use super::settings::{Given, Origin, Settings, nearest};

/// What a command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// This text on stdout, and nothing else.
    Print(String),
    /// That the program do its work.
    Run(Settings),
}

/// Reads a command line without its first word. Help wins over errors, because whoever is wrong
/// and asks for help must get it.
pub fn parse(program: &Program, commands: &[Program], line: &[String]) -> Result<Asked, Wrong> {
    let with_commands = !program.commands.is_empty();
    let mut options = Options::new();
    if with_commands {
        options.parsing_style(ParsingStyle::StopAtFirstFree);
    }
    for flag in program.flags {
        let (has, occur) = match flag.takes {
            Takes::Nothing => (HasArg::No, Occur::Multi),
            Takes::One => (HasArg::Yes, Occur::Optional),
            Takes::Many | Takes::Pairs => (HasArg::Yes, Occur::Multi),
        };
        options.opt(flag.short, flag.long, "", flag.value, has, occur);
    }
    let matches = match options.parse(line) {
        Ok(matches) => matches,
        Err(_) if asks_for_help(line, with_commands) => return Ok(print(help::help(program))),
        Err(fail) => return Err(explain(program, &fail)),
    };
    if matches.opt_present("help") {
        return Ok(print(help::help(program)));
    }
    if program.flag("version").is_some() && matches.opt_present("version") {
        return Ok(print(help::version(program)));
    }
    if program.flag("man").is_some() && matches.opt_present("man") {
        return Ok(print(help::man(program, commands)));
    }
    let mut settings = Settings::default();
    settings.operands.clone_from(&matches.free);
    for flag in program.flags {
        let origin = || Origin::Line(flag.long);
        if flag.takes == Takes::Nothing {
            for _ in 0..matches.opt_count(flag.long) {
                settings.add(flag.long, Given { text: String::new(), origin: origin() });
            }
        } else {
            for text in matches.opt_strs(flag.long) {
                settings.add(flag.long, Given { text, origin: origin() });
            }
        }
    }
    Ok(Asked::Run(settings))
}

const fn print(text: String) -> Asked {
    Asked::Print(text)
}

/// Whether help is asked for, on a line that cannot be read otherwise.
fn asks_for_help(line: &[String], stop_at_command: bool) -> bool {
    let own = line.iter().take_while(|word| *word != "--");
    own.take_while(|word| !stop_at_command || word.starts_with('-'))
        .any(|word| word == "--help" || word == "-h")
}

fn explain(program: &Program, fail: &Fail) -> Wrong {
    let mend = format!("see '{} --help'", program.name);
    let dashed = |word: &str| match word.chars().count() {
        1 => format!("-{word}"),
        _ => format!("--{word}"),
    };
    match fail {
        Fail::UnrecognizedOption(word) => {
            let what = format!("unknown option {}", dashed(word));
            match nearest(word, program.words(Where::Line)) {
                Some(near) if word.len() > 1 => {
                    Wrong::new(what, format!("did you mean --{near}? {mend}"))
                }
                _ => Wrong::new(what, mend),
            }
        }
        Fail::ArgumentMissing(word) => {
            Wrong::new(format!("option {} needs a value", dashed(word)), mend)
        }
        Fail::OptionDuplicated(word) => {
            Wrong::new(format!("option {} is given twice", dashed(word)), "leave one away")
        }
        Fail::UnexpectedArgument(word) => {
            Wrong::new(format!("option {} takes no value", dashed(word)), mend)
        }
        Fail::OptionMissing(word) => {
            Wrong::new(format!("option {} is missing", dashed(word)), mend)
        }
    }
}

/// Refuses operands where a program takes none.
pub fn no_operands(program: &Program, settings: &Settings) -> Result<(), Wrong> {
    match settings.operands.first() {
        None => Ok(()),
        Some(word) => Err(Wrong::new(
            format!("unexpected argument '{word}'"),
            format!("see '{} --help'", program.name),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::commands::{COMMANDS, TOOL};
    use super::super::flags::NODE;
    use super::*;

    fn line(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn wrong(text: &str) -> String {
        parse(&NODE, &[], &line(text)).expect_err("wrong").to_string()
    }

    #[test]
    fn every_error_names_the_option_and_the_way_out() {
        assert_eq!(
            wrong("--pear x"),
            "unknown option --pear: did you mean --peer? see 'muses-node --help'"
        );
        assert_eq!(wrong("-x"), "unknown option -x: see 'muses-node --help'");
        assert_eq!(wrong("--peer"), "option --peer needs a value: see 'muses-node --help'");
        assert_eq!(wrong("--socks a --socks b"), "option --socks is given twice: leave one away");
        assert_eq!(wrong("-v --help=x"), "option --help takes no value: see 'muses-node --help'");
    }

    #[test]
    fn help_wins_over_errors_and_over_everything_else() {
        for text in ["--pear --help", "-h --socks", "--help --version", "-vh"] {
            let asked = parse(&NODE, &[], &line(text));
            assert!(
                matches!(asked, Ok(Asked::Print(ref help)) if help.contains("Usage:")),
                "{text}"
            );
        }
        assert!(parse(&NODE, &[], &line("--pear -- --help")).is_err());
        let asked = parse(&NODE, &[], &line("--version"));
        assert!(matches!(asked, Ok(Asked::Print(ref text)) if text.starts_with("muses-node ")));
    }

    #[test]
    fn options_behind_a_command_are_the_commands() {
        let asked = parse(&TOOL, COMMANDS, &line("--state d send --port 1 f bob --help"));
        let Ok(Asked::Run(settings)) = asked else { panic!("{asked:?}") };
        assert_eq!(settings.one("state").map(|given| &*given.text), Some("d"));
        assert_eq!(settings.operands, line("send --port 1 f bob --help"));
    }

    #[test]
    fn values_keep_their_order_and_flags_their_count() {
        let asked = parse(&NODE, &[], &line("-vv --peer a:1 -L 1:b:2 --peer b:1 -v"));
        let Ok(Asked::Run(settings)) = asked else { panic!("{asked:?}") };
        assert_eq!(settings.count("verbose"), 3);
        let peers: Vec<&str> = settings.all("peer").map(|given| &*given.text).collect();
        assert_eq!(peers, ["a:1", "b:1"]);
        assert_eq!(settings.one("forward").map(|given| &*given.text), Some("1:b:2"));
    }
}
