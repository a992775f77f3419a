//! A subtree that hangs elsewhere: those where it hung hear of it and send packets after it.
//!
//! Who leaves a parent says so to the place it left, wherever it is now. The message goes where a
//! packet for the old place would go and stops where that would be stuck: at the former parent,
//! or, if that is gone too, at whoever is nearest above it. Only who gave the edge that led down
//! to the old place believes it, and every edge from there on is verified.

use super::{Tree, word_of};
use crate::base::clock::Time;
use crate::base::limits::REDIRECT_DEPTH;
use crate::overlay::forest::former::{Farewell, Former};
use crate::overlay::forest::redirects::Refusal;
use crate::overlay::greedy::Tag;
use crate::overlay::word::{Letter, Word};
use crate::wire::moved::Moved;
use crate::wire::tree::Edge;

impl Tree {
    /// The own edge is about to be given up.
    pub(super) fn leave(&mut self, now: Time) {
        let Some(parent) = self.above() else { return };
        let Some((left, above)) = self.edges.split_last() else { return };
        let place = (self.tag, word_of(above));
        let above = above.rchunks(REDIRECT_DEPTH - 1).next().unwrap_or_default().to_vec();
        self.formers.leave(Former { parent, place, left: *left, above, since: now });
    }

    /// Tells the former places where this node is, when that is due.
    pub(super) fn tell_former(&mut self, now: Time) {
        let formers = self.formers.take(now);
        if self.parent.is_none() {
            return;
        }
        for former in formers {
            let (tag, above) = &former.place;
            let is_here = *tag == self.tag && above.clone().step(former.left.letter) == self.word;
            // An edge that turned round needs no redirect: it kept its letter.
            let is_turned = self.slots.child(former.left.letter) == Some(&former.parent);
            if !is_here && !is_turned {
                let farewell = self.farewell(former, now);
                self.farewells.push_back(farewell);
            }
        }
    }

    fn farewell(&mut self, former: Former, now: Time) -> Farewell {
        let (number, tag, letters) = (self.next_number(now), self.tag, self.word.to_vec());
        let Former { parent: to, place, left, above, .. } = former;
        let tree = self.index;
        let signature = self.notary.moved(tree, (left.number, number), tag, &letters);
        Farewell { to, place, moved: Moved { tree, number, tag, letters, signature, left, above } }
    }

    /// What goes to a former place next.
    pub fn poll_farewell(&mut self) -> Option<Farewell> {
        self.farewells.pop_front()
    }

    /// Somebody who hung below this node says where it is now.
    pub fn hear_moved(&mut self, moved: &Moved, now: Time) -> Result<(), Refusal> {
        let edges = self.below(moved).ok_or(Refusal::Misplaced)?;
        let letters: Vec<Letter> = edges.iter().map(|edge| edge.letter).collect();
        let latest = self.latest.get(moved.who());
        let is_old = latest.is_some_and(|latest| latest.number > moved.number);
        if is_old || moved.number <= moved.left.number {
            return Err(Refusal::Old);
        }
        self.redirects.may(&letters, moved.number)?;
        let mut above = self.own();
        let is_true = self.notary.is_moved(moved)
            && edges.iter().all(|edge| {
                let parent = std::mem::replace(&mut above, edge.child);
                self.notary.is_edge(self.index, &parent, edge)
            });
        let word = Word::new(&moved.letters).filter(|_| is_true).ok_or(Refusal::Forged)?;
        if edges.len() == 1 && self.slots.leave(moved.who(), now) {
            self.outdated(moved, now);
        }
        self.redirects.put(letters, moved.number, (moved.tag, word), now);
        Ok(())
    }

    /// The edges from this node down to the place that was left. The first one is one that this
    /// node gave and whose letter it still keeps; more is not proved yet.
    fn below(&self, moved: &Moved) -> Option<Vec<Edge>> {
        let own = self.own();
        let at = moved.edges().position(|edge| edge.child == own);
        let at = at.map_or(0, |at| at.saturating_add(1));
        let edges: Vec<Edge> = moved.edges().skip(at).copied().collect();
        let first = edges.first()?;
        let slot = self.slots.get(&first.child)?;
        ((slot.letter, slot.number) == (first.letter, first.number)).then_some(edges)
    }

    /// A child that is no more has said nothing else yet: what it last said is not so.
    fn outdated(&mut self, moved: &Moved, now: Time) {
        self.grown(now);
        if let Some(neighbour) = self.neighbours.get_mut(moved.who()) {
            neighbour.standing = None;
        }
        self.decide(now);
    }

    /// Where a place is now whose way down leads through one that was left.
    #[must_use]
    pub fn redirect(&self, tag: Tag, letters: &[Letter], now: Time) -> Option<(Tag, Word)> {
        let below = letters.strip_prefix(&*self.word).filter(|_| tag == self.tag)?;
        self.redirects.find(below, now)
    }
}
