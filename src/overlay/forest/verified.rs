//! Signatures that were found good: the same edges come again from every neighbour with every
//! change.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use openssl::sha::sha256;

use crate::base::ids::Name;
use crate::crypto::identity::verify;

/// A bounded memory of them; what is cloned is shared. A signature is good or not whoever looks at
/// it, so nodes that are simulated together may share one and decide no otherwise.
#[derive(Clone, Debug)]
pub struct Verified {
    memory: Rc<RefCell<Memory>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Memory {
    good: BTreeSet<[u8; 32]>,
    order: VecDeque<[u8; 32]>,
}

impl Verified {
    /// A memory of so many at most, the latest.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { memory: Rc::default(), most }
    }

    /// Whether a Name signed a text; looked up, or found out and remembered if so.
    #[must_use]
    pub fn is_signed(&self, by: &Name, text: &[u8], signature: &[u8; 64]) -> bool {
        self.look(by, text, signature).0
    }

    /// The same, and whether that had to be found out.
    #[must_use]
    pub fn look(&self, by: &Name, text: &[u8], signature: &[u8; 64]) -> (bool, bool) {
        let digest = sha256(&[by.as_bytes().as_slice(), signature, text].concat());
        if self.memory.borrow().good.contains(&digest) {
            return (true, false);
        }
        let is_good = verify(by, text, signature);
        if is_good {
            self.memory.borrow_mut().remember(digest, self.most);
        }
        (is_good, true)
    }
}

impl Memory {
    fn remember(&mut self, digest: [u8; 32], most: usize) {
        if self.order.len() >= most
            && let Some(oldest) = self.order.pop_front()
        {
            self.good.remove(&oldest);
        }
        self.good.insert(digest);
        self.order.push_back(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::identity::Identity;

    #[test]
    fn what_is_good_is_remembered_and_shared_and_what_is_not_is_not() {
        let (identity, verified) = (Identity::from_seed([1; 32]), Verified::new(2));
        let other = verified.clone();
        for number in 0..5_u8 {
            let signature = identity.sign(&[number]);
            assert!(verified.is_signed(&identity.name(), &[number], &signature));
            assert!(!verified.is_signed(&identity.name(), &[number + 1], &signature));
        }
        let memory = other.memory.borrow();
        assert_eq!((memory.good.len(), memory.order.len()), (2, 2), "bounded");
    }
}
