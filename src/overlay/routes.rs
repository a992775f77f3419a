//! The routes file: a person's word on where packets go.
//!
//! ```text
//! # DESTINATION via NEXT
//! <name of bob> via <name of a neighbour>
//! default       via relay.example:7001
//! ```
//!
//! DESTINATION is a Name or `default`; NEXT is a neighbour's Name, or its endpoint as given to
//! `--peer`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::base::ids::{Endpoint, Name};

/// Who gets a packet next, in the words of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The neighbour with this Name.
    Name(Name),
    /// The neighbour that is dialled there.
    Peer(Endpoint),
}

impl FromStr for Via {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Ok(name) = text.parse() {
            return Ok(Self::Name(name));
        }
        text.parse().map(Self::Peer).map_err(|_| Fault::Next(text.to_owned()))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Peer(endpoint) => endpoint.fmt(f),
        }
    }
}

/// A line that does not say what it should.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {fault}")]
pub struct RouteError {
    /// Counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a line, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// Not the three words of a route.
    #[error("'{0}' is not a route; write DESTINATION via NEXT")]
    Shape(String),
    /// Neither a Name nor `default`.
    #[error("'{0}' is not a destination; write a Name of 52 letters or the word default")]
    Destination(String),
    /// Neither a Name nor an endpoint.
    #[error("'{0}' is not a neighbour; write its Name or its HOST:PORT as given to --peer")]
    Next(String),
    /// The destination has a route already.
    #[error("'{0}' has a route above; keep one of the two lines")]
    Twice(String),
}

/// Static routes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    explicit: BTreeMap<Name, Via>,
    default: Option<Via>,
}

const DEFAULT: &str = "default";

impl Routes {
    /// The route to exactly this Name.
    #[must_use]
    pub fn explicit(&self, destination: &Name) -> Option<&Via> {
        self.explicit.get(destination)
    }

    /// The route to everything else.
    #[must_use]
    pub fn default_route(&self) -> Option<&Via> {
        self.default.as_ref()
    }

    /// The endpoints that routes lead to: each should be a peer that is dialled.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.explicit.values().chain(&self.default).filter_map(|via| match via {
            Via::Peer(endpoint) => Some(endpoint),
            Via::Name(_) => None,
        })
    }

    /// Adds a route; false if the destination (`None` is the default) has one already.
    pub fn add(&mut self, destination: Option<Name>, via: Via) -> bool {
        match destination {
            None if self.default.is_some() => return false,
            None => self.default = Some(via),
            Some(name) => match self.explicit.entry(name) {
                Entry::Occupied(_) => return false,
                Entry::Vacant(place) => drop(place.insert(via)),
            },
        }
        true
    }

    fn add_line(&mut self, line: &str) -> Result<(), Fault> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [destination, "via", next] = words[..] else {
            return Err(Fault::Shape(line.trim().to_owned()));
        };
        let name = if destination == DEFAULT {
            None
        } else {
            let wrong = |_| Fault::Destination(destination.to_owned());
            Some(destination.parse().map_err(wrong)?)
        };
        let is_new = self.add(name, next.parse()?);
        is_new.then_some(()).ok_or_else(|| Fault::Twice(destination.to_owned()))
    }
}

impl FromStr for Routes {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let mut routes = Self::default();
        for (text, line) in text.lines().zip(1..) {
            let words = text.split('#').next().unwrap_or_default();
            if !words.trim().is_empty() {
                routes.add_line(words).map_err(|fault| RouteError { line, fault })?;
            }
        }
        Ok(routes)
    }
}

impl fmt::Display for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (destination, via) in &self.explicit {
            writeln!(f, "{destination} via {via}")?;
        }
        self.default.iter().try_for_each(|via| writeln!(f, "{DEFAULT} via {via}"))
    }
}

/// On a tape the routes stand as the text of their file.
impl Serialize for Routes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quickcheck::quickcheck;

    fn name(fill: u8) -> Name {
        Name::from_bytes([fill; 32])
    }

    #[test]
    fn a_file_is_read_and_written_back() {
        let (bob, relay) = (name(1), name(2));
        let text = format!("# ours\n\n  {bob} via {relay} # the short way\ndefault via r:7001\n");
        let routes: Routes = text.parse().expect("a good file");
        assert_eq!(routes.explicit(&bob), Some(&Via::Name(relay)));
        assert_eq!(routes.explicit(&relay), None);
        assert_eq!(routes.endpoints().count(), 1);
        assert_eq!(routes.default_route(), Some(&Via::Peer(Endpoint::Host("r".into(), 7001))));
        let json = serde_json::to_string(&routes).expect("text");
        assert_eq!(serde_json::from_str::<Routes>(&json).ok(), Some(routes));
    }

    #[test]
    fn a_mistake_is_named_with_its_line_and_its_remedy() {
        let bob = name(1);
        let wrong = |text: &str| text.parse::<Routes>().err().map(|error| error.to_string());
        let twice = format!("{bob} via a:1\n{bob} via b:1");
        for (text, line, remedy) in [
            ("default a:1", 1, "write DESTINATION via NEXT"),
            ("\nbob via a:1", 2, "a Name of 52 letters or the word default"),
            ("default via nowhere", 1, "its Name or its HOST:PORT"),
            ("default via a:1\n#\ndefault via b:1", 3, "keep one of the two lines"),
            (twice.as_str(), 2, "keep one of the two lines"),
        ] {
            let error = wrong(text).expect("a mistake");
            assert!(error.starts_with(&format!("line {line}: ")), "{error}");
            assert!(error.contains(remedy), "{error}");
        }
    }

    quickcheck! {
        fn any_text_is_survived_and_what_parses_is_written_back_the_same(text: String) -> bool {
            let Ok(routes) = text.parse::<Routes>() else { return true };
            routes.to_string().parse() == Ok(routes)
        }
    }
}
