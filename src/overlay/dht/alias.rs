//! A person's own short word for a Name, as one may publish it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::base::ids::Name;
use crate::base::limits::ALIAS_MAX;

/// 1 to 32 letters out of `a`-`z`, `0`-`9` and `-`: a label of a host name (`bob.muses`). It is
/// never as long as a Name, so neither is mistaken for the other.
///
/// Everybody may claim any alias: a claim says what its Name would like to be called, and no more
/// ([`super::pins`]).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(Box<str>);

const _: () = assert!(ALIAS_MAX < Name::LETTERS);

/// Why a text is not an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an alias has 1 to 32 letters a-z, digits and '-'")]
pub struct AliasError;

impl Alias {
    /// The alias with these letters.
    pub fn from_bytes(letters: &[u8]) -> Result<Self, AliasError> {
        let is_fine = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if letters.is_empty() || letters.len() > ALIAS_MAX || !letters.iter().all(is_fine) {
            return Err(AliasError);
        }
        Ok(Self(letters.iter().copied().map(char::from).collect()))
    }

    /// Its letters.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// Its letters as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Alias {
    type Err = AliasError;

    fn from_str(text: &str) -> Result<Self, AliasError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Alias({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_words_are_aliases() {
        for fine in ["b", "bob", "bob-2", "-", &"x".repeat(32)] {
            assert_eq!(fine.parse::<Alias>().map(|alias| alias.to_string()), Ok(fine.to_owned()));
        }
        let name = Name::from_bytes([7; 32]).to_string();
        for wrong in ["", "Bob", "bob.muses", "b b", "bøb", "b\0", &"x".repeat(33), &name] {
            assert_eq!(wrong.parse::<Alias>(), Err(AliasError), "{wrong}");
        }
    }
}
