//! Under which keys a record is kept, and in which tree each key is looked for.

use openssl::sha::sha256;

use super::alias::Alias;
use crate::base::ids::Name;
pub use crate::base::limits::REPLICAS;
use crate::wire::errand::Sought;

/// Where a replica belongs, before a tree's shape makes it a node.
pub type Key = [u8; 32];

/// What every key is a hash of begins with this.
const DOMAIN: &[u8] = b"MUSeS key v2";

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// The record of a Name.
    Name(Name),
    /// The records of all Names that claim an alias.
    Alias(Alias),
}

impl Wanted {
    /// What a message asks for, if it has the form of a Name or an alias.
    #[must_use]
    pub fn from_sought(sought: Sought<'_>) -> Option<Self> {
        match sought {
            Sought::Name(name) => Some(Self::Name(name)),
            Sought::Alias(letters) => Alias::from_bytes(letters).ok().map(Self::Alias),
        }
    }

    /// As a message asks for it.
    #[must_use]
    pub fn to_sought(&self) -> Sought<'_> {
        match self {
            Self::Name(name) => Sought::Name(*name),
            Self::Alias(alias) => Sought::Alias(alias.as_bytes()),
        }
    }
}

/// SHA-256 of the domain, 1 or 2 for Name or alias, and the Name's 32 bytes or the alias's letters;
/// its last byte is the replica's number, 0 to 7, instead. So a root sees which copy of what it
/// places: the copies of one tree go to different branches below it ([`super::placement`]).
#[must_use]
pub fn key(wanted: &Wanted, replica: u8) -> Key {
    let (form, bytes) = match wanted {
        Wanted::Name(name) => (1, &name.as_bytes()[..]),
        Wanted::Alias(alias) => (2, alias.as_bytes()),
    };
    numbered(sha256(&[DOMAIN, &[form], bytes].concat()), replica)
}

/// The key of another replica of the same.
#[must_use]
pub const fn numbered(mut key: Key, replica: u8) -> Key {
    let [.., last] = &mut key;
    *last = replica;
    key
}

/// Which replica a key is of.
#[must_use]
pub const fn replica(key: &Key) -> u8 {
    let [.., last] = key;
    *last
}

/// What the keys of all replicas of the same have in common.
#[must_use]
pub const fn common(key: &Key) -> Key {
    numbered(*key, u8::MAX)
}

/// The tree, out of `trees`, in which a replica is kept: each tree has its share, so that no root
/// carries all (DH-05, DH-07).
#[must_use]
pub fn tree(replica: u8, trees: u8) -> u8 {
    replica.checked_rem(trees).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_names_aliases_and_replicas_are_all_different() {
        let wanted =
            [Wanted::Name(Name::from_bytes([b'a'; 32])), Wanted::Alias("a".parse().expect("one"))];
        let mut keys: Vec<Key> = wanted
            .iter()
            .flat_map(|wanted| (0..REPLICAS).map(move |replica| key(wanted, replica)))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 16);
    }

    // Computed by a second implementation (Python: hashlib).
    #[test]
    fn keys_are_fixed_for_ever() {
        let start = |wanted: &Wanted, replica| {
            let [a, b, c, d, ..] = key(wanted, replica);
            u32::from_be_bytes([a, b, c, d])
        };
        assert_eq!(start(&Wanted::Name(Name::from_bytes([1; 32])), 0), 0x936b_5344);
        assert_eq!(start(&Wanted::Alias("bob".parse().expect("one")), 7), 0xb2a3_1345);
    }

    #[test]
    fn replicas_take_turns_over_the_trees() {
        let trees: Vec<u8> = (0..REPLICAS).map(|replica| tree(replica, 3)).collect();
        assert_eq!(trees, [0, 1, 2, 0, 1, 2, 0, 1]);
        assert_eq!(tree(5, 0), 0);
    }
}
