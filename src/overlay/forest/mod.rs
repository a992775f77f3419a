//! The trees a node is in, and with them its addresses.
//!
//! k trees with different roots: where one is broken or leads astray, another goes on. [`tree`] is
//! one of them; [`rank`] orders roots, [`slots`] keeps the letters given to children, [`redirects`]
//! where those went who left, [`former`] what this node left itself, [`place_history`] the places
//! under former roots; [`notary`] signs and verifies, `inbox` bounds how much.
//! Nothing here knows a link: neighbours are Names, messages are values.

pub mod former;
mod inbox;
pub mod notary;
pub mod place_history;
pub mod rank;
pub mod redirects;
pub mod slots;
pub mod tree;
pub mod verified;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::greedy::{Located, Place, Tag};
use super::source::SourceGroup;
use super::word::{Letter, Word};
use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::TREES_MAX;
use crate::base::machine::Deadline;
use crate::crypto::identity::Identity;
use crate::wire::moved::Moved;

use former::Farewell;
use inbox::Inbox;
use notary::Notary;
use place_history::PlaceHistory;
use redirects::Refusal;
use tree::{Lie, Said, Tree};
use verified::Verified;

/// The cost of a link that may lead nowhere.
pub const DOUBTFUL: u32 = u32::MAX;

/// All trees of one node.
#[derive(Debug)]
pub struct Forest {
    trees: Vec<Tree>,
    own: PlaceHistory,
    /// [`Forest::moves`] when the own places were last looked at.
    moves: u64,
    neighbours: BTreeMap<Name, Neighbour>,
    inbox: Inbox,
    news: u64,
    changes: u64,
    /// When something is due, and [`Forest::changes`] when that was found: every packet asks.
    due: Cell<Option<(u64, Option<Deadline>)>>,
}

/// What was found of something that a neighbour said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It holds.
    True,
    /// Its signatures hold, and its way from the root is none.
    Crooked,
    /// It was not signed by whom it is about.
    Unsigned {
        /// Who said so.
        from: Name,
        /// How often it has by now.
        violations: u32,
    },
}

impl Forest {
    /// So many trees of one node each. `candidates` go before all other Names as roots; `born` is
    /// the wall clock in milliseconds at the start, so that numbers grow across restarts.
    #[must_use]
    pub fn new(
        identity: &Rc<Identity>,
        count: u8,
        candidates: &[Name],
        born: u64,
        now: Time,
    ) -> Self {
        let candidates: Rc<[Name]> = candidates.into();
        let tree = |index| {
            let notary = Notary::new(Rc::clone(identity));
            Tree::new(index, notary, Rc::clone(&candidates), born, now)
        };
        let count = count.clamp(1, TREES_MAX as u8);
        let (own, moves, neighbours, inbox, news, changes, due) = Default::default();
        let trees = (0..count).map(tree).collect();
        let mut forest = Self { trees, own, moves, neighbours, inbox, news, changes, due };
        forest.own.update(forest.own_places(), now);
        forest
    }

    /// Has all trees share a memory of good signatures with other nodes of one process.
    pub fn share(&mut self, verified: &Verified) {
        self.trees.iter_mut().for_each(|tree| tree.share(verified));
    }

    /// Takes no more than so many children in each tree from now on.
    pub fn limit(&mut self, children: u8) {
        self.trees.iter_mut().for_each(|tree| tree.limit(children));
    }

    /// Whether a neighbour is parent or child in some tree.
    #[must_use]
    pub fn is_kin(&self, name: &Name) -> bool {
        let mut trees = self.trees.iter();
        trees.any(|tree| tree.parent() == Some(name) || tree.child_size(name).is_some())
    }

    /// The trees, the first one first.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// A neighbour is there, or is there by a fresh link, which came from `source`.
    pub fn neighbour_up(&mut self, name: Name, source: SourceGroup, now: Time) {
        let neighbour = self.neighbours.entry(name).or_insert_with(|| Neighbour::new(source));
        neighbour.source = source;
        self.change();
        self.trees.iter_mut().for_each(|tree| tree.neighbour_up(name, source, now));
        self.note_moves(now);
    }

    /// Where a neighbour's link came from.
    #[must_use]
    pub fn source(&self, name: &Name) -> Option<SourceGroup> {
        self.neighbours.get(name).map(|neighbour| neighbour.source)
    }

    /// A neighbour is gone.
    pub fn neighbour_down(&mut self, name: &Name, now: Time) {
        self.neighbours.remove(name);
        self.change();
        self.inbox.forget(name);
        self.trees.iter_mut().for_each(|tree| tree.neighbour_down(name, now));
        self.note_moves(now);
    }

    /// What a neighbour's link costs, for choices between equals: its round trip in microseconds;
    /// [`DOUBTFUL`] keeps packets off.
    pub fn set_cost(&mut self, name: &Name, cost: u32) {
        if let Some(known) = self.neighbours.get_mut(name) {
            let was = std::mem::replace(&mut known.cost, cost);
            let is_news = was == DOUBTFUL && cost != DOUBTFUL;
            self.news = self.news.saturating_add(is_news.into());
            if was != cost {
                self.change();
            }
            if was != cost && cost != DOUBTFUL {
                let rtt = Duration::from_micros(cost.into());
                self.trees.iter_mut().for_each(|tree| tree.set_rtt(name, rtt));
            }
        }
    }

    /// A neighbour says something of a tree; of one that this node is not in it is nothing.
    /// [`Forest::read`] looks at it.
    pub fn hear(&mut self, from: Name, said: Said) {
        let index = match &said {
            Said::Standing(standing) => standing.tree,
            Said::Pulse(pulse) => pulse.tree,
        };
        if let Some(neighbour) = self.neighbours.get(&from)
            && usize::from(index) < self.trees.len()
        {
            self.inbox.put(from, neighbour.source, said);
            self.change();
        }
    }

    /// Looks at the next thing that was heard; nothing is left, or nothing may be looked at yet, if
    /// there is no answer.
    pub fn read(&mut self, now: Time) -> Option<Heard> {
        let (from, said) = self.inbox.next(now)?;
        self.change();
        let index = match &said {
            Said::Standing(standing) => standing.tree,
            Said::Pulse(pulse) => pulse.tree,
        };
        let is_standing = matches!(said, Said::Standing(_));
        let tree = self.trees.get_mut(usize::from(index))?;
        let heard = match said {
            Said::Standing(standing) => tree.hear(&from, standing, now),
            Said::Pulse(pulse) => tree.hear_pulse(&from, pulse, now),
        };
        let work = tree.take_work().saturating_add(1);
        self.news = self.news.saturating_add(is_standing.into());
        self.look_at(&from, now);
        self.note_moves(now);
        let neighbour = self.neighbours.get_mut(&from)?;
        let is_signed = heard != Err(Lie::Unsigned);
        neighbour.violations = neighbour.violations.saturating_add((!is_signed).into());
        self.inbox.spend(neighbour.source, work, is_signed, now);
        Some(match heard {
            Ok(()) => Heard::True,
            Err(Lie::Crooked) => Heard::Crooked,
            Err(Lie::Unsigned) => Heard::Unsigned { from, violations: neighbour.violations },
        })
    }

    /// Keeps ready where a neighbour says it is.
    fn look_at(&mut self, from: &Name, now: Time) {
        let places = self.trees.iter().map(|tree| tree.place_of(from));
        let places = places.map(|place| place.map(|(tag, word)| (tag, word.clone()))).collect();
        if let Some(neighbour) = self.neighbours.get_mut(from) {
            neighbour.places.update(places, now);
        }
    }

    /// Keeps ready where this node is.
    fn note_moves(&mut self, now: Time) {
        let moves = self.moves();
        if std::mem::replace(&mut self.moves, moves) != moves {
            self.own.update(self.own_places(), now);
        }
    }

    fn own_places(&self) -> Vec<Option<(Tag, Word)>> {
        self.places().map(|(tag, word)| Some((tag, word.clone()))).collect()
    }

    /// Somebody who hung below this node in a tree says where it is now; a neighbour of this source
    /// brought it.
    pub fn hear_moved(
        &mut self,
        moved: &Moved,
        by: Option<SourceGroup>,
        now: Time,
    ) -> Result<(), Refusal> {
        self.change();
        let tree = self.trees.get_mut(usize::from(moved.tree)).ok_or(Refusal::Misplaced)?;
        if by.is_some_and(|by| !self.inbox.is_open(by, now)) {
            return Err(Refusal::Busy);
        }
        let heard = tree.hear_moved(moved, now);
        let work = tree.take_work();
        if let Some(by) = by.filter(|_| work > 0) {
            self.inbox.spend(by, work, heard != Err(Refusal::Forged), now);
        }
        heard?;
        self.news = self.news.saturating_add(1);
        self.look_at(moved.who(), now);
        self.note_moves(now);
        Ok(())
    }

    /// Where a place below this node is now, if it has moved.
    #[must_use]
    pub fn redirect(&self, (tag, letters): Place<'_>, now: Time) -> Option<(Tag, Word)> {
        self.trees.iter().find_map(|tree| tree.redirect(tag, letters, now))
    }

    /// What goes to a place that this node has left.
    pub fn poll_farewell(&mut self) -> Option<Farewell> {
        let farewell = self.trees.iter_mut().find_map(Tree::poll_farewell);
        if farewell.is_some() {
            self.change();
        }
        farewell
    }

    /// What a neighbour is to be told.
    pub fn poll(&mut self) -> Option<(Name, Said)> {
        let said = self.trees.iter_mut().find_map(Tree::poll);
        if said.is_some() {
            self.change();
        }
        said
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        let is_due = self.next_timeout().is_some_and(|due| due.at <= now);
        self.trees.iter_mut().for_each(|tree| tree.tick(now));
        self.note_moves(now);
        if is_due {
            self.change();
            self.own.tick(now);
            self.neighbours.values_mut().for_each(|neighbour| neighbour.places.tick(now));
        }
    }

    /// When the first place under a former root is forgotten.
    fn forget_at(&self) -> Option<Time> {
        let neighbours = self.neighbours.values().map(|neighbour| &neighbour.places);
        neighbours.chain([&self.own]).filter_map(PlaceHistory::next_timeout).min()
    }

    /// When [`Forest::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        match self.due.get() {
            Some((changes, due)) if changes == self.changes => {
                debug_assert_eq!(due, self.first_due(), "a change that was not counted");
                due
            }
            _ => {
                let due = self.first_due();
                self.due.set(Some((self.changes, due)));
                due
            }
        }
    }

    fn first_due(&self) -> Option<Deadline> {
        let inbox = self.inbox.next_timeout();
        let inbox = inbox.map(|at| Deadline { at, why: "look at what neighbours said" });
        let forget = self.forget_at().map(|at| Deadline { at, why: "forget a former root" });
        let own = earliest(inbox, forget);
        self.trees.iter().map(Tree::next_timeout).fold(own, earliest)
    }

    /// This node's places, one in each tree.
    pub fn places(&self) -> impl Iterator<Item = (Tag, &Word)> {
        self.trees.iter().map(Tree::place)
    }

    /// The highest number that this node has used in a tree.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.trees.iter().map(Tree::number).max().unwrap_or(0)
    }

    /// How often a place of this node has changed.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.trees.iter().map(Tree::moves).sum()
    }

    /// A number that changes with the own places, the children and their subtrees.
    #[must_use]
    pub fn shape(&self) -> u64 {
        self.trees.iter().map(Tree::shape).sum()
    }

    /// A number that changes with every word of a neighbour that may open a way.
    #[must_use]
    pub fn news(&self) -> u64 {
        self.news
    }

    /// A number that changes with all that greedy routing and [`Forest::next_timeout`] look at.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    fn change(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    /// The neighbours that are there, with the cost of their links; without the doubtful ones.
    pub fn neighbours(&self) -> impl Iterator<Item = (&Name, u32, &Neighbour)> + Clone {
        let well = self.neighbours.iter().filter(|(_, neighbour)| neighbour.cost != DOUBTFUL);
        well.map(|(name, neighbour)| (name, neighbour.cost, neighbour))
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        self.trees.iter().for_each(|tree| tree.fold(into));
    }
}

impl Located for Forest {
    fn place(&self, tag: Tag) -> Option<&[Letter]> {
        self.own.place(tag)
    }
}

/// A neighbour as greedy routing sees it: kept ready, because every packet looks at all of them.
#[derive(Debug)]
pub struct Neighbour {
    cost: u32,
    places: PlaceHistory,
    source: SourceGroup,
    /// How often it said what was not signed.
    violations: u32,
}

impl Neighbour {
    fn new(source: SourceGroup) -> Self {
        Self { cost: 0, places: PlaceHistory::default(), source, violations: 0 }
    }
}

impl Located for Neighbour {
    fn place(&self, tag: Tag) -> Option<&[Letter]> {
        self.places.place(tag)
    }
}

#[cfg(test)]
mod tests;
