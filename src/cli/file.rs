//! The configuration file: TOML with the words of the command line.

use std::fs;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::failure::{Wrong, one_line};
use super::flags::{Flag, Program, Takes, Where};
use super::settings::{Given, Origin, Settings, nearest};

/// Reads a file into the settings.
pub fn read(program: &Program, file: &Path, settings: &mut Settings) -> Result<(), Wrong> {
    let text = fs::read_to_string(file).map_err(|error| {
        Wrong::new(format!("cannot read {}: {error}", file.display()), "name a readable TOML file")
            .at("--config")
    })?;
    parse(program, file, &text, settings)
}

/// Reads a file's text into the settings.
pub(crate) fn parse(
    program: &Program,
    file: &Path,
    text: &str,
    settings: &mut Settings,
) -> Result<(), Wrong> {
    let line_of = |at: usize| text.as_bytes()[..at.min(text.len())].split(|b| *b == b'\n').count();
    let place = |at: usize| format!("{} line {}", file.display(), line_of(at));
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Wrong::new(one_line(error.message()), "mend the TOML").at(place(at))
    })?;
    for (word, value) in table.get_ref() {
        let flag = known(program, word.get_ref()).map_err(|e| e.at(place(word.span().start)))?;
        let mut texts = Vec::new();
        collect(flag, value, &mut texts).map_err(|(wrong, at)| wrong.at(place(at)))?;
        for (text, at) in texts {
            let (file, line, key) = (file.to_owned(), line_of(at), flag.long);
            settings.add(key, Given { text, origin: Origin::File { file, line, key } });
        }
    }
    Ok(())
}

fn known(program: &Program, word: &str) -> Result<&'static Flag, Wrong> {
    // `L` is how people know it.
    let long = if word == "L" { "forward" } else { word };
    match program.flag(long).filter(|flag| flag.place == Where::Both) {
        Some(flag) => Ok(flag),
        None => {
            let mend = match nearest(word, program.words(Where::Both)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("its keys are the words of '{} --help'", program.name),
            };
            Err(Wrong::new(format!("unknown key '{word}'"), mend))
        }
    }
}

type Texts = Vec<(String, usize)>;

/// Brings a value's forms to texts, each with its offset in the file.
fn collect(
    flag: &Flag,
    value: &Spanned<DeValue<'_>>,
    texts: &mut Texts,
) -> Result<(), (Wrong, usize)> {
    let at = value.span().start;
    let many = matches!(flag.takes, Takes::Many | Takes::Pairs);
    match value.get_ref() {
        DeValue::Array(items) if many => {
            for item in items {
                texts.push((scalar(flag, item)?, item.span().start));
            }
        }
        DeValue::Table(pairs) if flag.takes == Takes::Pairs => {
            for (word, item) in pairs {
                let text = format!("{}={}", word.get_ref(), scalar(flag, item)?);
                texts.push((text, word.span().start));
            }
        }
        // An option without a value is there, or not.
        DeValue::Boolean(is_given) if flag.takes == Takes::Nothing => {
            texts.extend(is_given.then(|| (String::new(), at)));
        }
        _ => texts.push((scalar(flag, value)?, at)),
    }
    Ok(())
}

fn scalar(flag: &Flag, value: &Spanned<DeValue<'_>>) -> Result<String, (Wrong, usize)> {
    match value.get_ref() {
        DeValue::String(text) if flag.takes != Takes::Nothing => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 && flag.takes != Takes::Nothing => {
            Ok(number.as_str().replace('_', ""))
        }
        _ => {
            let form = match flag.takes {
                Takes::Nothing => "true or false",
                Takes::One => "a text or a number",
                Takes::Many => "a text or a list of texts",
                Takes::Pairs => "a text, a list of texts or a table",
            };
            let what = format!("'{}' cannot be this", flag.long);
            Err((Wrong::new(what, format!("write {form}")), value.span().start))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flags::NODE;
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        parse(&NODE, Path::new("n.toml"), text, &mut settings)
            .map(|()| settings)
            .map_err(|wrong| wrong.to_string())
    }

    fn texts(settings: &Settings, word: &str) -> Vec<(String, String)> {
        settings.all(word).map(|given| (given.text.clone(), given.origin.to_string())).collect()
    }

    #[test]
    fn the_forms_of_a_value_come_to_the_same() {
        let text = "socks = 1080\npeer = [\"a:1\",\n  \"b:1\"]\nserve = \"22=22\"\n\
                    L = [\"1:b:2\"]\nmemory = 100_000_000\n[alias]\nbob = \"n\"\n";
        let settings = read(text).expect("right");
        assert_eq!(texts(&settings, "socks"), [("1080".into(), "n.toml line 1, socks".into())]);
        let peers = texts(&settings, "peer");
        assert_eq!(peers[0], ("a:1".into(), "n.toml line 2, peer".into()));
        assert_eq!(peers[1], ("b:1".into(), "n.toml line 3, peer".into()));
        assert_eq!(texts(&settings, "forward").len(), 1);
        assert_eq!(texts(&settings, "memory")[0].0, "100000000");
        assert_eq!(texts(&settings, "alias")[0], ("bob=n".into(), "n.toml line 8, alias".into()));
    }

    #[test]
    fn every_error_names_file_and_line_on_one_line() {
        for (text, wanted) in [
            ("\npear = 1", "unknown key 'pear' (n.toml line 2): did you mean 'peer'?"),
            ("config = 'x'", "unknown key 'config' (n.toml line 1): "),
            ("\n\npeer = 1.5", "'peer' cannot be this (n.toml line 3): write a text or a list"),
            ("socks = [1]", "'socks' cannot be this (n.toml line 1): write a text or a number"),
            ("a = 1\nb = = 2", "(n.toml line 2): mend the TOML"),
            ("peer = 1\npeer = 2", "(n.toml line 2): mend the TOML"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(wanted) && !error.contains('\n'), "{error}");
        }
    }
}
