//! Names as people write them: 52 letters, or a word of their own for them.

use std::collections::BTreeMap;

use crate::base::ids::{Name, NameError};

use super::failure::Wrong;
use super::settings::{Settings, nearest};
use super::values;

/// A person's own words.
pub type Aliases = BTreeMap<String, Name>;

/// All aliases of the settings.
pub fn aliases(settings: &Settings) -> Result<Aliases, Wrong> {
    let mut aliases = Aliases::new();
    for given in settings.all("alias") {
        let (word, name) = given.read(|text| {
            let (word, name) = values::pair(text, "WORD=NAME")?;
            values::alias(word)?;
            let name = name.parse().map_err(|error: NameError| {
                let what = format!("'{name}' is not a Name: {error}");
                Wrong::new(what, "'muses key' prints a device's Name there")
            })?;
            Ok((word.to_owned(), name))
        })?;
        if aliases.insert(word.clone(), name).is_some_and(|other| other != name) {
            let wrong = Wrong::new(format!("the alias '{word}' has two Names"), "choose two words");
            return Err(wrong.at(&given.origin));
        }
    }
    Ok(aliases)
}

/// The Name that a text means.
pub fn resolve(aliases: &Aliases, text: &str) -> Result<Name, Wrong> {
    let bare = text.strip_suffix(Name::SUFFIX).unwrap_or(text);
    if let Some(name) = aliases.get(bare) {
        return Ok(*name);
    }
    if bare.len() == Name::LETTERS {
        return bare.parse().map_err(|error: NameError| {
            Wrong::new(format!("'{text}' is not a Name: {error}"), "check how it was copied")
        });
    }
    let known = aliases.keys().map(String::as_str);
    let mend = match nearest(bare, known) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("give --alias {bare}=NAME"),
    };
    Err(Wrong::new(format!("'{text}' is neither a Name nor an alias"), mend))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_letters_by_alias_and_as_a_host_name() {
        let bob = Name::from_bytes([7; 32]);
        let aliases = Aliases::from([("bob".to_owned(), bob)]);
        let text = bob.to_string();
        for way in ["bob", "bob.muses", &text, &format!("{text}.muses")] {
            assert_eq!(resolve(&aliases, way), Ok(bob), "{way}");
        }
        let error = |text| resolve(&aliases, text).expect_err("unknown").to_string();
        assert!(error("bib").ends_with("did you mean 'bob'?"));
        assert!(error("carol").ends_with("give --alias carol=NAME"));
        assert!(error(&"1".repeat(52)).ends_with("check how it was copied"));
    }
}
