//! Which neighbours count as one.
//!
//! Keys cost nothing, so many Names may be one machine's. A [`Source`] costs something: what is
//! shared out among neighbours is shared out among these.

use crate::base::ids::Name;
use crate::base::source::Source;

/// Neighbours that share one part of whatever is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceGroup {
    /// One neighbour alone: a peer of the configuration, or one whose address is not known.
    Neighbour(Name),
    /// All neighbours that came from one IPv4 address or one /56 of IPv6.
    Address(u64),
}

impl SourceGroup {
    /// The group of a neighbour whose link came from there.
    #[must_use]
    pub fn of(neighbour: Name, source: Source) -> Self {
        match source {
            Source::Local => Self::Neighbour(neighbour),
            Source::V4(v4) => Self::Address(u64::from(u32::from_be_bytes(v4))),
            Source::V6([a, b, c, d, e, f, g]) => {
                Self::Address(1 << 63 | u64::from_be_bytes([0, a, b, c, d, e, f, g]))
            }
        }
    }
}

/// The neighbour that brought a message, and where its link comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bringer {
    /// Who.
    pub neighbour: Name,
    /// Whom it shares its part with.
    pub source: SourceGroup,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_from_one_source_is_of_one_group() {
        let [a, b] = [1, 2].map(|fill| Name::from_bytes([fill; 32]));
        let same = |x, y| SourceGroup::of(a, x) == SourceGroup::of(b, y);
        let [v4, v6] = [Source::V4([192, 0, 2, 1]), Source::V6([0, 0, 0, 192, 0, 2, 1])];
        assert!(same(v4, v4) && same(v6, v6));
        assert!(!same(v4, Source::V4([192, 0, 2, 2])) && !same(v4, v6));
        assert!(!same(Source::Local, Source::Local), "of those nothing is known");
    }
}
