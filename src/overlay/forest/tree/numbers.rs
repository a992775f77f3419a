//! The numbers of this node's own words: each is above all that it has used, also before a restart.
//!
//! They count from the wall clock, and nothing depends on it: a node whose clock is behind its
//! former words hears of them from those who remember them, with its own signature under them, and
//! goes above.

use super::{Asked, Said, Tree};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::overlay::forest::tree::Lie;
use crate::wire::tree::{Claim, Pulse, Standing};

impl Tree {
    /// The highest number that this node has used here.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// A number above all this node has used.
    pub(super) fn next_number(&mut self, now: Time) -> u64 {
        let clock = self.born.saturating_add(now.since(self.started).as_millis() as u64);
        self.number = clock.max(self.number.saturating_add(1));
        self.number
    }

    /// A neighbour shows a word that this node itself has signed.
    pub(super) fn hear_own(&mut self, word: &Pulse, now: Time) -> Result<(), Lie> {
        if word.claim.number <= self.number {
            return Ok(());
        }
        if word.tree != self.index || !self.notary.is_own(word) {
            return Err(Lie::Unsigned);
        }
        self.rise_above(word.claim.number, now);
        Ok(())
    }

    /// A former word of this node has this number: what it says now has to be above.
    pub(super) fn rise_above(&mut self, number: u64, now: Time) {
        if number <= self.number {
            return;
        }
        self.number = number;
        let number = self.next_number(now);
        match self.parent.filter(|_| !self.is_root()) {
            // The same edge by another number; until it is granted the old one has to do.
            Some(parent) => {
                self.asked = Some(Asked { parent, number, at: now });
                self.tell(&parent, now);
            }
            None => self.become_root(now),
        }
    }

    /// Who says something that is older than what it has said before does not know that any more:
    /// it is shown its latest word.
    pub(super) fn remind(&mut self, from: &Name, standing: &Standing) {
        let said = standing.edges.last().map_or(standing.claim.number, |edge| edge.number);
        let Some(latest) = self.latest.get(from).filter(|latest| latest.number > said) else {
            return;
        };
        let claim = Claim { root: *from, number: latest.number, signature: latest.signature };
        let word = Pulse { tree: self.index, claim, hung: latest.hung };
        self.said.push_back((*from, Said::Pulse(word)));
    }
}
