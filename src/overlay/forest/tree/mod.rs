//! One tree, seen from one node: what its neighbours say, whom it hangs from, who hangs from it.
//!
//! `choice` decides on the parent, `grants` gives and takes edges, `voice` says what changed,
//! `moves` what was left behind, `numbers` keeps each word above the one before, `view` is for
//! people.
//! Addresses follow from edges: a node's word is its parent's and one letter more. So when a whole
//! subtree re-hangs, from whichever member found a way, nothing is agreed on again but the edges
//! that turned round; everybody below reads the new prefix from what the parent says (reference:
//! "rebase instead of flush").

mod choice;
mod grants;
mod moves;
mod numbers;
pub mod view;
mod voice;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::former::{Farewell, Formers};
use super::notary::Notary;
use super::rank::{Rank, Roots, tag};
use super::redirects::Redirects;
use super::slots::Slots;
use super::verified::Verified;
use crate::base::bucket::Bucket;
use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{
    EDGES_KNOWN, LETTER_LEASE, REFUSED_FOR, REPARENT_EVERY, ROOT_PULSE, SUBTREE_MAX, WISH_MAX,
};
use crate::overlay::greedy::Tag;
use crate::overlay::source::SourceGroup;
use crate::overlay::word::{Letter, Word};
use crate::wire::tree::{Claim, Edge, Pulse, Standing, Wish};

/// What a neighbour said that cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// A root, an edge or its own place that was not signed by those it takes.
    Unsigned,
    /// A way from the root that is none.
    Crooked,
}

/// What a neighbour is to be told.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// All of one tree.
    Standing(Standing),
    /// That the root lives.
    Pulse(Pulse),
}

/// What is known of a neighbour in this tree.
#[derive(Debug)]
struct Neighbour {
    standing: Option<Standing>,
    tag: Tag,
    word: Word,
    /// The rank of its root.
    rank: Rank,
    /// It asked for a place in vain, with this number.
    refused: Option<u64>,
    /// When it is to hear from us, and when it last did.
    due: Option<Time>,
    told: Option<Time>,
    /// Not to be asked before this.
    barred: Option<Time>,
    /// Until when it is no parent, because it gave this node's letter to another child as well.
    distrusted: Option<Time>,
    /// Where its link came from.
    source: SourceGroup,
    /// How long an answer of it may take.
    answers_within: Duration,
}

impl Neighbour {
    fn is_distrusted(&self, now: Time) -> bool {
        self.distrusted.is_some_and(|until| until > now)
    }
}

/// The latest word of a Name about itself: under a parent, or a root. It is kept with its
/// signature, for a Name that has forgotten it.
#[derive(Clone, Copy, Debug)]
struct Latest {
    number: u64,
    /// The parent and the letter; none of a root.
    hung: Option<(Name, Letter)>,
    signature: [u8; 64],
}

impl Latest {
    fn of_root(claim: &Claim) -> Self {
        Self { number: claim.number, hung: None, signature: claim.signature }
    }

    fn of_child(parent: Name, edge: &Edge) -> Self {
        let hung = Some((parent, edge.letter));
        Self { number: edge.number, hung, signature: edge.by_child }
    }
}

/// A request for a place under a new parent.
#[derive(Clone, Copy, Debug)]
struct Asked {
    parent: Name,
    number: u64,
    at: Time,
}

/// One tree.
#[derive(Debug)]
pub struct Tree {
    index: u8,
    candidates: Rc<[Name]>,
    notary: Notary,
    rank: Rank,
    /// Numbers count from here: the wall clock at the start, so that they grow across restarts.
    born: u64,
    started: Time,
    number: u64,
    neighbours: BTreeMap<Name, Neighbour>,
    latest: BTreeMap<Name, Latest>,
    roots: Roots,
    slots: Slots,
    redirects: Redirects,
    formers: Formers,
    claim: Claim,
    /// The root's rank.
    root_rank: Rank,
    /// When this root took the place of another.
    rooted: Time,
    parent: Option<Name>,
    edges: Vec<Edge>,
    word: Word,
    tag: Tag,
    asked: Option<Asked>,
    /// The parent is lost: without another one until then, this node is its own root.
    orphan: Option<Time>,
    /// The root itself was lost: no other way to it is taken before then.
    hold: Option<(Name, Time)>,
    changes: Bucket,
    pulse_at: Time,
    size_told: u32,
    said: VecDeque<(Name, Said)>,
    farewells: VecDeque<Farewell>,
    moves: u64,
    /// Counts changes of the own place, of the children and of their subtrees.
    shape: u64,
    twice: u64,
}

impl Tree {
    /// A tree of one node. `born` is the wall clock in milliseconds at the start.
    #[must_use]
    pub fn new(index: u8, notary: Notary, candidates: Rc<[Name]>, born: u64, now: Time) -> Self {
        let own = notary.name();
        let rank = Rank::new(index, &own, &candidates);
        let claim = notary.claim(index, born);
        Self {
            index,
            candidates,
            notary,
            rank,
            born,
            started: now,
            number: born,
            neighbours: BTreeMap::new(),
            latest: BTreeMap::new(),
            roots: Roots::default(),
            slots: Slots::default(),
            redirects: Redirects::default(),
            formers: Formers::default(),
            claim,
            root_rank: rank,
            rooted: now,
            parent: None,
            edges: Vec::new(),
            word: Word::root(),
            tag: tag(index, &own),
            asked: None,
            orphan: None,
            hold: None,
            changes: Bucket::new(REPARENT_EVERY, 8),
            pulse_at: now + ROOT_PULSE,
            size_told: 0,
            said: VecDeque::new(),
            farewells: VecDeque::new(),
            moves: 0,
            shape: 0,
            twice: 0,
        }
    }

    /// Has it share a memory of good signatures.
    pub fn share(&mut self, verified: &Verified) {
        self.notary.share(verified);
    }

    /// Takes no more than so many children from now on.
    pub fn limit(&mut self, children: u8) {
        self.slots.limit(children);
    }

    fn own(&self) -> Name {
        self.notary.name()
    }

    /// This node's place: the tree under its root, and the word there.
    #[must_use]
    pub fn place(&self) -> (Tag, &Word) {
        (self.tag, &self.word)
    }

    /// Who is the root, as far as this node knows.
    #[must_use]
    pub fn root(&self) -> &Name {
        &self.claim.root
    }

    /// The parent, unless this node is the root.
    #[must_use]
    pub fn parent(&self) -> Option<&Name> {
        self.parent.as_ref()
    }

    /// The children: their letters and the sizes of their subtrees.
    pub fn children(&self) -> impl Iterator<Item = (&Name, Letter, u32)> + Clone {
        self.slots.present().map(|(name, slot)| (name, slot.letter, slot.size))
    }

    /// The child behind a letter.
    #[must_use]
    pub fn child(&self, letter: Letter) -> Option<&Name> {
        self.slots.child(letter)
    }

    /// Nodes below and including this one, as far as such a claim is believed.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.slots.size().saturating_add(1).min(SUBTREE_MAX)
    }

    /// How often this node's place has changed.
    #[must_use]
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// A number that changes with the own place, the children and their subtrees.
    #[must_use]
    pub fn shape(&self) -> u64 {
        self.shape.saturating_add(self.moves)
    }

    /// Signatures made and verified since this was last asked.
    #[must_use]
    pub fn take_work(&self) -> u32 {
        self.notary.take_work()
    }

    /// How often one letter was seen on two children of one parent.
    #[must_use]
    pub fn letters_twice(&self) -> u64 {
        self.twice
    }

    /// A neighbour's place, under whatever root it said.
    #[must_use]
    pub fn place_of(&self, neighbour: &Name) -> Option<(Tag, &Word)> {
        let known = self.neighbours.get(neighbour)?;
        known.standing.is_some().then_some((known.tag, &known.word))
    }

    /// A neighbour is there, or is there by a fresh link: what was said on the old one may be lost,
    /// and the far end may have taken us for gone, so it hears all of it again.
    pub fn neighbour_up(&mut self, name: Name, source: SourceGroup, now: Time) {
        let (tag, rank) = (0, self.rank);
        let neighbour = self.neighbours.entry(name).or_insert(Neighbour {
            standing: None,
            tag,
            word: Word::root(),
            rank,
            refused: None,
            due: None,
            told: None,
            barred: None,
            distrusted: None,
            source,
            answers_within: WISH_MAX,
        });
        (neighbour.due, neighbour.source) = (Some(now), source);
    }

    /// Sets the round trip of a neighbour's link, from which the time for its answer follows.
    pub fn set_rtt(&mut self, name: &Name, rtt: Duration) {
        if let Some(neighbour) = self.neighbours.get_mut(name) {
            neighbour.answers_within = WISH_MAX.max(rtt.saturating_mul(2));
        }
    }

    /// A neighbour is gone.
    pub fn neighbour_down(&mut self, name: &Name, now: Time) {
        self.neighbours.remove(name);
        if self.slots.leave(name, now) {
            self.grown(now);
        }
        self.asked.take_if(|asked| asked.parent == *name);
        if self.parent == Some(*name) {
            self.lose_parent(now);
        }
        self.decide(now);
    }

    /// A neighbour says how it stands.
    pub fn hear(&mut self, from: &Name, standing: Standing, now: Time) -> Result<(), Lie> {
        if !self.neighbours.contains_key(from) {
            return Ok(());
        }
        let heard = self.check(from, &standing);
        if heard.is_err() {
            if let Some(neighbour) = self.neighbours.get_mut(from) {
                neighbour.standing = None;
            }
            self.decide(now);
            return heard;
        }
        self.learn(from, &standing, now);
        let (wish, grant, size) = (standing.wish, standing.grant, standing.size);
        self.note_letters(from, &standing, now);
        if let Some(neighbour) = self.neighbours.get_mut(from) {
            neighbour.tag = tag(self.index, &standing.claim.root);
            neighbour.word = word_of(&standing.edges);
            neighbour.rank = Rank::new(self.index, &standing.claim.root, &self.candidates);
            neighbour.standing = Some(standing);
        }
        self.take_wish(from, wish, size, now);
        if let Some(grant) = grant {
            self.take_grant(from, &grant, now);
        }
        if let Some(own) = self.edges.last().filter(|_| self.parent == Some(*from)) {
            self.follow(*own, now);
        }
        self.decide(now);
        Ok(())
    }

    /// That the edges lead from the root to the neighbour, and every signature.
    fn check(&mut self, from: &Name, standing: &Standing) -> Result<(), Lie> {
        let (mut at, mut last, mut seen) = (standing.claim.root, None, BTreeSet::new());
        for edge in &standing.edges {
            if !seen.insert(at) || last == Some(edge.letter) {
                return Err(Lie::Crooked);
            }
            (at, last) = (edge.child, Some(edge.letter));
        }
        if seen.contains(&at) || at != *from {
            return Err(Lie::Crooked);
        }
        if !self.notary.is_claim(self.index, &standing.claim) {
            return Err(Lie::Unsigned);
        }
        let mut above = standing.claim.root;
        let is_signed = standing.edges.iter().all(|edge| {
            let parent = std::mem::replace(&mut above, edge.child);
            self.notary.is_edge(self.index, &parent, edge)
        });
        if is_signed { Ok(()) } else { Err(Lie::Unsigned) }
    }

    /// Remembers the latest word of everybody on the way.
    fn learn(&mut self, from: &Name, standing: &Standing, now: Time) {
        let claim = &standing.claim;
        let own = self.own();
        self.heard_root(claim, now);
        self.note(claim.root, Latest::of_root(claim));
        let mut above = claim.root;
        let mut highest = if above == own { claim.number } else { 0 };
        for edge in &standing.edges {
            self.note(edge.child, Latest::of_child(above, edge));
            if edge.child == own {
                highest = edge.number;
            }
            above = edge.child;
        }
        self.rise_above(highest, now);
        self.remind(from, standing);
        if self.latest.len() > EDGES_KNOWN {
            let standings = self.neighbours.values().filter_map(|n| n.standing.as_ref());
            let spoken: BTreeSet<Name> = standings
                .flat_map(|s| s.edges.iter().map(|edge| edge.child).chain([s.claim.root]))
                .collect();
            self.latest.retain(|name, _| spoken.contains(name));
        }
    }

    /// A root's number was heard. Roots that this node or a neighbour stands under are not
    /// forgotten.
    fn heard_root(&mut self, claim: &Claim, now: Time) {
        let standings = self.neighbours.values().filter_map(|n| n.standing.as_ref());
        let roots = standings.map(|standing| standing.claim.root).chain([self.claim.root]);
        self.roots.heard(claim.root, claim.number, roots, now);
    }

    fn note(&mut self, name: Name, word: Latest) {
        let latest = self.latest.entry(name).or_insert(word);
        if word.number > latest.number {
            *latest = word;
        }
    }

    /// One letter on two children of one parent leads packets astray: either the parent lies, or it
    /// has just given the letter of one who left to another.
    fn note_letters(&mut self, from: &Name, standing: &Standing, now: Time) {
        let mut parent = standing.claim.root;
        for edge in &standing.edges {
            let is_same = |(root, edges): (Name, &[Edge])| {
                let mut above = root;
                edges.iter().any(|seen| {
                    let is_twice =
                        above == parent && seen.letter == edge.letter && seen.child != edge.child;
                    above = seen.child;
                    is_twice && self.is_latest(seen)
                })
            };
            let others = self.neighbours.iter().filter(|(name, _)| *name != from);
            let others = others.filter_map(|(_, n)| n.standing.as_ref());
            let mut ways = others.map(|other| (other.claim.root, other.edges.as_slice()));
            let own = (self.claim.root, self.edges.as_slice());
            let is_own = is_same(own) && self.parent == Some(parent);
            if is_own || ways.any(is_same) {
                self.twice = self.twice.saturating_add(1);
                if let Some(giver) = self.neighbours.get_mut(&parent) {
                    giver.barred = Some(now + REFUSED_FOR);
                    // A letter of a child that left is kept for this long: it was not this one.
                    giver.distrusted = is_own.then_some(now + LETTER_LEASE).or(giver.distrusted);
                }
            }
            parent = edge.child;
        }
    }

    fn is_latest(&self, edge: &Edge) -> bool {
        self.latest.get(&edge.child).is_none_or(|latest| latest.number <= edge.number)
    }

    /// A neighbour says that its root lives, or what this node itself once said.
    pub fn hear_pulse(&mut self, from: &Name, pulse: Pulse, now: Time) -> Result<(), Lie> {
        let claim = pulse.claim;
        if claim.root == self.own() {
            return self.hear_own(&pulse, now);
        }
        if pulse.hung.is_some() {
            return Ok(());
        }
        let known = self.neighbours.get(from).and_then(|n| n.standing.as_ref());
        let is_news = known.is_some_and(|standing| {
            standing.claim.root == claim.root && standing.claim.number < claim.number
        });
        if !is_news {
            return Ok(());
        }
        if !self.notary.is_claim(self.index, &claim) {
            return Err(Lie::Unsigned);
        }
        if let Some(standing) = self.neighbours.get_mut(from).and_then(|n| n.standing.as_mut()) {
            standing.claim = claim;
        }
        self.heard_root(&claim, now);
        self.note(claim.root, Latest::of_root(&claim));
        if self.claim.root == claim.root && self.claim.number < claim.number && !self.is_root() {
            self.claim = claim;
            self.pass_pulse(Some(from));
        }
        self.decide(now);
        Ok(())
    }

    /// Whether this node is the root of what it is in.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.edges.is_empty()
    }

    /// Whom the own edge hangs from; the parent may be lost since.
    fn above(&self) -> Option<Name> {
        match self.edges.as_slice() {
            [] => None,
            [_] => Some(self.claim.root),
            [.., above, _] => Some(above.child),
        }
    }

    /// Folds the state that decides what happens next.
    pub fn fold(&self, into: &mut Fingerprint) {
        into.fold_bytes(self.claim.root.as_bytes());
        into.fold(self.claim.number);
        into.fold_bytes(&self.word);
        into.fold(self.number);
        into.fold(self.moves);
        into.fold(self.neighbours.len() as u64);
        self.redirects.fold(into);
        self.formers.fold(into);
        for (name, letter, size) in self.children() {
            into.fold_bytes(name.as_bytes());
            into.fold(u64::from(letter) << 32 | u64::from(size));
        }
    }
}

/// The word that edges lead to.
fn word_of(edges: &[Edge]) -> Word {
    edges.iter().fold(Word::root(), |word, edge| word.step(edge.letter))
}

/// What a child says to the parent it has, or wishes for.
fn wish(number: u64, letter: Option<Letter>, slots: &Slots) -> Wish {
    Wish { number, letter, taken: slots.taken() }
}
