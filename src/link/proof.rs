//! Who are you: both ends say their Name and sign the other's challenge.
//!
//! The end that was called proves itself first, the caller last and only on a link it means to
//! keep. So an end that dials several times at once shows one proved link to the other end, which
//! then may drop what it had before without asking.

use std::rc::Rc;

use super::LinkError;
use crate::base::ids::Name;
use crate::crypto::identity::{self, Identity};
use crate::crypto::rng::Rng;
use crate::wire::WireError;
use crate::wire::cursor::Reader;
use crate::wire::link::{Hello, Role, proof_text};

/// Bytes of a proof.
pub const SIGNATURE_LEN: usize = 64;

/// The proof of one link; each message is taken once and in order.
#[derive(Debug)]
pub struct Proof {
    identity: Rc<Identity>,
    own: Hello,
    expected: Option<Name>,
    is_caller: bool,
    /// What the other end said, not believed before its proof.
    other: Option<Hello>,
}

impl Proof {
    /// A proof that has not begun; a client is always the caller.
    #[must_use]
    pub fn new(identity: Rc<Identity>, role: Role, expected: Option<Name>, rng: &mut Rng) -> Self {
        let own = Hello { role, name: identity.name(), challenge: rng.array() };
        Self { identity, own, expected, is_caller: role == Role::Client, other: None }
    }

    /// Says that this end dialled.
    pub fn calling(&mut self) {
        self.is_caller = true;
    }

    /// What this end says first.
    #[must_use]
    pub fn own(&self) -> &Hello {
        &self.own
    }

    /// Takes the other end's Hello; the end that was called answers with its proof.
    pub fn hello(&mut self, body: &[u8]) -> Result<Option<[u8; SIGNATURE_LEN]>, LinkError> {
        if self.other.is_some() {
            return Err(LinkError::Unexpected);
        }
        let other = Hello::parse(body).map_err(|error| match error {
            WireError::Version => LinkError::Version,
            _ => LinkError::Message(error),
        })?;
        if self.own.role == Role::Client && other.role == Role::Client {
            return Err(LinkError::Role);
        }
        let is_self = self.is_self(&other);
        if is_self && self.is_caller {
            return Err(LinkError::OwnName);
        }
        if self.expected.is_some_and(|expected| expected != other.name) {
            return Err(LinkError::OtherName);
        }
        self.other = Some(other);
        // The called end of a node that dialled itself stays mute: its caller is to read the Hello
        // and learn whom it called, which a closed link would not tell.
        Ok((!self.is_caller && !is_self).then(|| self.sign(&other)))
    }

    /// A muses-node and the CLOAK node in it share one Name; two ends of one role that do are one
    /// node that dialled itself, or our own words thrown back at us.
    fn is_self(&self, other: &Hello) -> bool {
        other.name == self.own.name && other.role == self.own.role
    }

    /// Takes the other end's proof: from here on it is who it said. The caller answers with its
    /// own.
    pub fn proof(&self, body: &[u8]) -> Result<(Hello, Option<[u8; SIGNATURE_LEN]>), LinkError> {
        let other = self.other.ok_or(LinkError::Unexpected)?;
        if self.is_self(&other) {
            return Err(LinkError::OwnName);
        }
        let mut reader = Reader::new(body);
        let signature = reader.array().map_err(LinkError::Message)?;
        reader.end().map_err(LinkError::Message)?;
        if !identity::verify(&other.name, &proof_text(&other, &self.own), &signature) {
            return Err(LinkError::Signature);
        }
        Ok((other, self.is_caller.then(|| self.sign(&other))))
    }

    fn sign(&self, other: &Hello) -> [u8; SIGNATURE_LEN] {
        self.identity.sign(&proof_text(&self.own, other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cursor::Writer;

    fn end(seed: u8, role: Role, expected: Option<Name>) -> Proof {
        let identity = Rc::new(Identity::from_seed([seed; 32]));
        Proof::new(identity, role, expected, &mut Rng::new([seed; 32]))
    }

    fn said(end: &Proof) -> Vec<u8> {
        let mut body = vec![0; Hello::LEN];
        end.own().emit(&mut Writer::new(&mut body));
        body
    }

    fn name(seed: u8) -> Name {
        Identity::from_seed([seed; 32]).name()
    }

    #[test]
    fn the_called_end_proves_first_and_the_caller_last() {
        let mut caller = end(1, Role::Client, Some(name(2)));
        let mut called = end(2, Role::Neighbour, None);
        assert_eq!(caller.hello(&said(&called)), Ok(None));
        let first = called.hello(&said(&caller)).expect("welcome").expect("called");
        let (other, last) = caller.proof(&first).expect("true");
        assert_eq!((other.name, other.role), (name(2), Role::Neighbour));
        let (other, more) = called.proof(&last.expect("the caller's turn")).expect("true");
        assert_eq!((other.name, other.role, more), (name(1), Role::Client, None));
    }

    #[test]
    fn wrong_names_and_roles_are_refused() {
        let mut node = end(1, Role::Neighbour, Some(name(2)));
        assert_eq!(node.hello(&said(&end(3, Role::Neighbour, None))), Err(LinkError::OtherName));
        let mut client = end(4, Role::Client, None);
        assert_eq!(client.hello(&said(&end(5, Role::Client, None))), Err(LinkError::Role));
        let mut inner = end(1, Role::Neighbour, None);
        assert!(inner.hello(&said(&end(1, Role::Client, None))).is_ok(), "the embedded node");
    }

    #[test]
    fn a_node_that_dials_itself_learns_it_where_it_dialled() {
        let mut called = end(1, Role::Neighbour, None);
        let mut caller = end(1, Role::Neighbour, None);
        caller.calling();
        assert_eq!(called.hello(&said(&caller)), Ok(None));
        assert_eq!(called.proof(&[0; 64]).err(), Some(LinkError::OwnName));
        assert_eq!(caller.hello(&said(&called)), Err(LinkError::OwnName));
    }

    #[test]
    fn a_proof_is_good_for_its_own_link_and_end_only() {
        // OV-13: neither an impostor, nor a replay, nor a reflection proves a Name.
        let mut node = end(1, Role::Neighbour, None);
        let honest = end(2, Role::Neighbour, None);
        let old = {
            let mut before = end(1, Role::Neighbour, None);
            before.own.challenge = [9; 32];
            let mut honest = end(2, Role::Neighbour, None);
            honest.hello(&said(&before)).expect("welcome").expect("called")
        };
        let own = node.hello(&said(&honest)).expect("welcome").expect("called");
        assert_eq!(node.proof(&old).err(), Some(LinkError::Signature));
        assert_eq!(node.proof(&own).err(), Some(LinkError::Signature));
        assert_eq!(node.proof(&[0; 64]).err(), Some(LinkError::Signature));
        assert_eq!(node.proof(&[0; 65]).err(), Some(LinkError::Message(WireError::Trailing)));
    }

    #[test]
    fn nothing_comes_twice_or_too_early() {
        let mut node = end(1, Role::Neighbour, None);
        assert_eq!(node.proof(&[0; 64]).err(), Some(LinkError::Unexpected));
        assert!(node.hello(&said(&end(2, Role::Client, None))).is_ok());
        assert_eq!(node.hello(&said(&end(2, Role::Client, None))), Err(LinkError::Unexpected));
    }
}
