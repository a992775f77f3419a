//! The hyperbolic overlay at one node: trees for addresses, the table of records for Names.
//!
//! [`Hyperbolic`] composes a [`Forest`] and a [`Dht`] that do not know each other, and answers the
//! one question of whoever forwards: who gets this packet next?

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dht::key::Key;
use super::dht::placement::Child;
use super::dht::record::Places;
use super::dht::{Dht, Order, placement};
use super::forest::Forest;
use super::forest::redirects::Refusal;
use super::forest::tree::{Said, Tree};
use super::greedy::{self, Progress, Tag};
use super::metric::Metric;
use super::next_hop_cache::NextHopCache;
use super::source::{Bringer, SourceGroup};
use super::word::{Letter, Word};
use crate::base::clock::{Time, earliest};
use crate::base::counters::Counters;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{CHILDREN_MAX, HAND_OVER_LOOK, TREES_DEFAULT};
use crate::base::machine::Deadline;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::wire::errand::Errand;
use crate::wire::moved::Moved;
use crate::wire::route::{Course, Route};

/// Places that change are told to clients after this long, together.
const TELL_AFTER: Duration = Duration::from_millis(5);

/// What an overlay node is told at its start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How many trees.
    pub trees: u8,
    /// Names that go before all others as roots.
    pub roots: Vec<Name>,
    /// Children at most in each tree.
    pub children: u8,
    /// The wall clock in milliseconds at the start: numbers grow from here.
    pub born: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { trees: TREES_DEFAULT, roots: Vec::new(), children: CHILDREN_MAX, born: 0 }
    }
}

/// Who gets a packet next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// This neighbour.
    Neighbour(Name),
    /// Nobody: its key is kept here.
    Here,
    /// Nobody: the header does not say where the destination is.
    Unplaced,
    /// Nobody: no tree leads on from here.
    Stuck,
}

/// An overlay node.
#[derive(Debug)]
pub struct Hyperbolic {
    /// The trees.
    pub forest: Forest,
    /// The records.
    pub dht: Dht,
    metric: Metric,
    next_hops: NextHopCache,
    /// Changes of the own places that were told, and when the next are.
    told: u64,
    /// The trees as they were when records were last handed over.
    shape: u64,
    /// When they are looked at again at the soonest.
    look_at: Time,
    tell_at: Option<Time>,
    counters: Counters,
}

impl Hyperbolic {
    /// A node that knows nobody, and of an earlier run the numbers of records
    /// ([`Dht::remembered`]) and a number above all of its own in the trees.
    #[must_use]
    pub fn new(
        identity: &Rc<Identity>,
        settings: &Settings,
        (own, remembered): (u64, impl IntoIterator<Item = (Name, u64)>),
        rng: Rng,
        now: Time,
    ) -> Self {
        let born = settings.born.max(own);
        let mut forest = Forest::new(identity, settings.trees, &settings.roots, born, now);
        forest.limit(settings.children);
        let dht = Dht::new(rng, forest.trees().len() as u8, remembered);
        let (metric, next_hops, counters) = Default::default();
        let (told, shape, look_at, tell_at) = (u64::MAX, 0, Time::ZERO, None);
        Self { forest, dht, metric, next_hops, told, shape, look_at, tell_at, counters }
    }

    /// Whether some neighbour is in our trees; else this node is alone, or among nodes that are
    /// routed otherwise.
    #[must_use]
    pub fn has_company(&self) -> bool {
        let trees = self.forest.trees();
        trees.iter().any(|tree| tree.parent().is_some() || tree.children().next().is_some())
    }

    /// Decides on a packet and writes into its header how far it has come.
    pub fn next(&mut self, route: &mut Route<&mut [u8]>, now: Time) -> Next {
        match route.course() {
            Course::Climb(tree) => self.climb(tree, route),
            Course::Descend(tree) => self.descend(tree, route),
            Course::Nearest => self.approach(None, route, now),
            Course::Tree(tree) => self.approach(Some(tree), route, now),
        }
    }

    fn climb(&self, index: u8, route: &mut Route<&mut [u8]>) -> Next {
        let Some(tree) = self.forest.trees().get(usize::from(index)) else { return Next::Stuck };
        match tree.parent() {
            Some(parent) => Next::Neighbour(*parent),
            None => {
                route.set_course(Course::Descend(index), route.tried(), u32::MAX);
                self.descend(index, route)
            }
        }
    }

    fn descend(&self, index: u8, route: &mut Route<&mut [u8]>) -> Next {
        let Some(tree) = self.forest.trees().get(usize::from(index)) else { return Next::Stuck };
        let chosen = Self::branch(&self.forest, tree, route.destination().as_bytes());
        match chosen.and_then(|letter| tree.child(letter)) {
            Some(child) => Next::Neighbour(*child),
            None => Next::Here,
        }
    }

    fn approach(&mut self, tree: Option<u8>, route: &mut Route<&mut [u8]>, now: Time) -> Next {
        let mut progress = Progress { tree, tried: route.tried(), watermark: route.watermark() };
        loop {
            let Ok(there) = route.there() else { return Next::Stuck };
            if there.is_empty() {
                return Next::Unplaced;
            }
            let (metric, forest) = (&self.metric, &self.forest);
            let decide = || {
                let found = greedy::closer(metric, &there, progress, forest, forest.neighbours());
                found.map(|(name, progress)| (*name, progress))
            };
            let key = (route.there_bytes(), progress);
            let found = self.next_hops.get_or_decide(key, forest.changes(), decide);
            debug_assert_eq!(found, decide(), "a change of the forest that was not counted");
            if let Some((name, Progress { tree, tried, watermark })) = found {
                route.set_course(tree.map_or(Course::Nearest, Course::Tree), tried, watermark);
                return Next::Neighbour(name);
            }
            let further = greedy::turn(metric, &there, progress, forest);
            progress = match self.redirect(progress.tree, route, now) {
                true => Progress { tried: route.tried(), ..Progress::default() },
                false => match further {
                    Some(further) => further,
                    None => return Next::Stuck,
                },
            };
        }
    }

    /// A packet is stuck above a place that somebody left: it goes where that one is now.
    fn redirect(&mut self, tree: Option<u8>, route: &mut Route<&mut [u8]>, now: Time) -> bool {
        let Ok(there) = route.there() else { return false };
        let looked_for =
            there.iter().zip(0..).filter(|(_, at)| tree.is_none_or(|tree| tree == *at));
        let mut moved = looked_for
            .filter_map(|(place, at)| self.forest.redirect(*place, now).map(|place| (at, place)));
        let Some((at, (tag, word))) = moved.next() else { return false };
        let is_redirected = route.redirect(at, (tag, &word));
        if is_redirected {
            self.counters.add("redirected");
        }
        is_redirected
    }

    /// Somebody who hung below this node says where it is now; `came_from` brought it.
    pub fn hear_moved(&mut self, moved: &Moved, came_from: Option<Name>, now: Time) {
        let by = self.bringer(came_from);
        if !self.dht.may_bring(by, now) {
            return;
        }
        if let Err(refusal) = self.forest.hear_moved(moved, by.map(|by| by.source), now) {
            self.counters.add(match refusal {
                Refusal::Misplaced => "redirect-misplaced",
                Refusal::Forged => "redirect-forged",
                Refusal::Old => "redirect-old",
                Refusal::Full => "redirects-full",
                Refusal::Busy => "redirect-busy",
            });
        }
    }

    /// An errand for the table that ended at this node, as [`Dht::arrived`] has it.
    pub fn arrived(
        &mut self,
        errand: &Errand<'_>,
        asker: (Name, Places),
        came_from: Option<Name>,
        end: Option<(Key, u8)>,
        now: Time,
    ) {
        let by = self.bringer(came_from);
        self.dht.arrived(errand, asker, by, end, now);
    }

    fn bringer(&self, came_from: Option<Name>) -> Option<Bringer> {
        let neighbour = came_from?;
        let source = self.forest.source(&neighbour);
        let source = source.unwrap_or(SourceGroup::Neighbour(neighbour));
        Some(Bringer { neighbour, source })
    }

    /// This node's places, if they have changed since they were last told.
    pub fn places_to_tell(&mut self, now: Time) -> bool {
        let moves = self.forest.moves();
        if moves == self.told {
            return false;
        }
        let at = *self.tell_at.get_or_insert(now + TELL_AFTER);
        if at > now {
            return false;
        }
        (self.told, self.tell_at) = (moves, None);
        true
    }

    /// This node's places.
    #[must_use]
    pub fn places(&self) -> Vec<(Tag, Word)> {
        self.forest.places().map(|(tag, word)| (tag, word.clone())).collect()
    }

    /// Whether this node keeps a key in a tree: its descent ends here.
    fn keeps(forest: &Forest, key: &Key, index: u8) -> bool {
        let tree = forest.trees().get(usize::from(index));
        tree.is_none_or(|tree| Self::branch(forest, tree, key).is_none())
    }

    /// The letter of the branch that a key goes into from here.
    fn branch(forest: &Forest, tree: &Tree, key: &Key) -> Option<Letter> {
        let children = tree.children().map(|(name, letter, size)| {
            let source = forest.source(name).unwrap_or(SourceGroup::Neighbour(*name));
            Child { letter, size, source }
        });
        placement::choose(key, forest.trees().len() as u8, tree.place().1, children)
    }

    /// What a neighbour is to be told of a tree.
    pub fn poll_said(&mut self) -> Option<(Name, Said)> {
        self.forest.poll()
    }

    /// What is to be done for the table of records.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.dht.poll()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Time) {
        self.forest.tick(now);
        let shape = self.forest.shape();
        if self.shape != shape && self.look_at <= now {
            (self.shape, self.look_at) = (shape, now + HAND_OVER_LOOK);
            let forest = &self.forest;
            self.dht.hand_over(|key, tree| Self::keeps(forest, key, tree), now);
        }
        self.dht.tick(now);
    }

    /// When [`Hyperbolic::tick`] or [`Hyperbolic::places_to_tell`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let tell = self.tell_at.map(|at| Deadline { at, why: "tell clients their places" });
        let look = (self.shape != self.forest.shape()).then_some(self.look_at);
        let look = look.map(|at| Deadline { at, why: "look for records that leave" });
        earliest(
            earliest(tell, look),
            earliest(self.forest.next_timeout(), self.dht.next_timeout()),
        )
    }

    /// What was dropped, refused or noticed.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.dht.counters();
        counters.merge(&self.counters);
        let twice = self.forest.trees().iter().map(Tree::letters_twice).sum();
        counters.add_many("tree-letter-twice", twice);
        counters
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        self.forest.fold(into);
        self.dht.fold(into);
        self.counters.fold(into);
    }
}
