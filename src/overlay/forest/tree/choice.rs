//! Whom to hang from.
//!
//! A better root and a lost parent are acted on at once; a shorter way to the same root only a few
//! times and then seldom, because every change moves all that hang below (reference: root "arms
//! races" and flapping under load).

use super::{Asked, Neighbour, Tree};
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{DEPTH_MAX, ROOT_HOLD, ROOT_PULSE, WISH_MAX};
use crate::overlay::forest::rank::{Rank, tag};
use crate::overlay::source::SourceGroup;
use crate::overlay::word::Word;
use crate::wire::tree::Edge;

/// Without an answer from the backup in this time an orphan says that it is its own root.
const ORPHAN_MAX: std::time::Duration = std::time::Duration::from_millis(100);

impl Tree {
    /// Whether a neighbour's way to its root is one to rely on: nobody on it has said anything
    /// newer, the root lives, and this node is not on it.
    pub(super) fn is_sound(&self, neighbour: &Neighbour, now: Time) -> bool {
        let Some(standing) = &neighbour.standing else { return false };
        let claim = &standing.claim;
        let own = self.own();
        let is_dethroned = self
            .latest
            .get(&claim.root)
            .is_some_and(|latest| latest.number > claim.number && latest.hung.is_some());
        standing.edges.len() < DEPTH_MAX
            && claim.root != own
            && !is_dethroned
            && self.roots.is_alive(&claim.root, now)
            && standing.edges.iter().all(|edge| edge.child != own && self.is_latest(edge))
    }

    /// The best neighbour to hang from, `but` this one: by root, then by the way's length.
    pub(super) fn best(&self, but: Option<&Name>, now: Time) -> Option<(Rank, usize, Name)> {
        let held = self.hold.filter(|(_, until)| *until > now).map(|(root, _)| root);
        let open = self.neighbours.iter().filter(|(name, neighbour)| {
            let root = neighbour.standing.as_ref().map(|standing| standing.claim.root);
            // Whoever hears the root itself need not be afraid of its ghost.
            let is_held = held.is_some() && root == held && root != Some(**name);
            let is_new = root
                .is_some_and(|root| root != self.claim.root && !self.roots.is_stable(&root, now));
            Some(*name) != but
                && !is_new
                && neighbour.barred.is_none_or(|until| until <= now)
                && !neighbour.is_distrusted(now)
                && !is_held
                && self.is_sound(neighbour, now)
        });
        let depth = |neighbour: &Neighbour| neighbour.word.len();
        open.map(|(name, neighbour)| (neighbour.rank, depth(neighbour), *name)).min()
    }

    /// Acts on what is known now.
    pub(super) fn decide(&mut self, now: Time) {
        let parent = self.parent.and_then(|parent| self.neighbours.get(&parent));
        let is_hung = parent.is_some_and(|parent| self.is_sound(parent, now))
            && self.roots.is_alive(&self.claim.root, now);
        let is_distrusted = parent.is_some_and(|parent| parent.is_distrusted(now));
        if self.parent.is_some() && !is_hung {
            self.lose_parent(now);
        }
        let best = self.best(None, now).filter(|(rank, _, _)| *rank < self.rank);
        let Some((rank, depth, name)) = best else {
            self.asked = None;
            let is_well = self.parent.is_some() && self.root_rank < self.rank;
            if !is_well && !self.is_root() {
                self.become_root(now);
            }
            return;
        };
        if self.parent == Some(name) {
            return;
        }
        let is_better = self.parent.is_none() || rank < self.root_rank;
        let is_better = is_better || is_distrusted && rank == self.root_rank;
        let is_shorter = rank == self.root_rank && depth.saturating_add(1) < self.word.len();
        if let Some(asked) = self.asked {
            let target = self.neighbours.get(&asked.parent);
            let is_good = target.is_some_and(|n| n.rank == rank && self.is_sound(n, now));
            if is_good || !is_better && !is_shorter {
                return;
            }
        }
        if is_better || is_shorter && self.changes.take(now) {
            let number = self.next_number(now);
            self.asked = Some(Asked { parent: name, number, at: now });
            self.tell(&name, now);
        }
    }

    /// Nobody answered a wish: somebody else is asked.
    pub(super) fn tick_wish(&mut self, now: Time) {
        if self.wish_ends().is_some_and(|at| at <= now)
            && let Some(asked) = self.asked.take()
        {
            self.bar(&asked.parent, now + WISH_MAX);
            self.decide(now);
        }
    }

    /// Returns when the parent that was asked has not answered in time.
    pub(super) fn wish_ends(&self) -> Option<Time> {
        let asked = self.asked?;
        let neighbour = self.neighbours.get(&asked.parent);
        Some(asked.at + neighbour.map_or(WISH_MAX, |neighbour| neighbour.answers_within))
    }

    pub(super) fn bar(&mut self, neighbour: &Name, until: Time) {
        if let Some(neighbour) = self.neighbours.get_mut(neighbour) {
            neighbour.barred = Some(until);
        }
    }

    /// The parent, or its way to the root, is gone. If it was the root, this node waits before it
    /// believes another way to it: the root's other neighbours lose it in the same moment.
    pub(super) fn lose_parent(&mut self, now: Time) {
        let was_root = self.parent.take() == Some(self.claim.root);
        self.orphan = Some(now + ORPHAN_MAX);
        if was_root {
            self.hold = Some((self.claim.root, now + ROOT_HOLD));
            self.become_root(now);
        }
    }

    /// A wish under way is void: its number is lower than the claim's, so nobody would believe it.
    pub(super) fn become_root(&mut self, now: Time) {
        self.leave(now);
        self.asked = None;
        let number = self.next_number(now);
        let own = self.own();
        if self.claim.root != own {
            self.roots.lost(&self.claim.root, now.since(self.rooted), now);
            self.rooted = now;
        }
        self.claim = self.notary.claim(self.index, number);
        (self.root_rank, self.parent, self.orphan) = (self.rank, None, None);
        self.edges.clear();
        self.pulse_at = now + ROOT_PULSE;
        self.settle(tag(self.index, &own), Word::root(), now);
        self.tell_all(now);
    }

    /// What follows from the parent's place for this node's, which hangs there by this edge.
    pub(super) fn follow(&mut self, own: Edge, now: Time) {
        let parent = self.parent.and_then(|parent| self.neighbours.get(&parent));
        let Some(above) = parent.filter(|parent| self.is_sound(parent, now)) else { return };
        let Some(standing) = &above.standing else { return };
        let edges: Vec<_> = standing.edges.iter().copied().chain([own]).collect();
        let (claim, rank, source) = (standing.claim, above.rank, above.source);
        let is_pulse = edges == self.edges && claim.root == self.claim.root;
        let is_same = is_pulse && claim.number == self.claim.number;
        let (tag, word) = (above.tag, above.word.clone().step(own.letter));
        if claim.root != self.claim.root {
            // For a better one it is left, not lost.
            if rank > self.root_rank {
                self.roots.lost(&self.claim.root, now.since(self.rooted), now);
            }
            self.rooted = now;
            self.roots.followed(matches!(source, SourceGroup::Address(_)));
        }
        (self.claim, self.root_rank, self.edges) = (claim, rank, edges);
        if !is_pulse {
            self.settle(tag, word, now);
            self.tell_all(now);
        } else if !is_same {
            let from = self.parent;
            self.pass_pulse(from.as_ref());
        }
    }

    /// Takes a place.
    pub(super) fn settle(&mut self, tag: u32, word: Word, now: Time) {
        if (self.tag, &self.word) != (tag, &word) {
            (self.tag, self.word) = (tag, word);
            self.moves = self.moves.saturating_add(1);
            self.formers.settled(now);
        }
    }
}
