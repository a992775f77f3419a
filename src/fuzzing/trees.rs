//! What neighbours say of the overlay's trees: the formats, and a real node among neighbours who
//! sign what they say, bend it afterwards, move away or fall silent (FR-01, FR-04, OV-03, OV-04,
//! OV-06, OV-09, OV-13).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::links::identity;
use super::script::Script;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{DEPTH_MAX, HOPS_MAX, REDIRECTS_MAX, ROOT_EXPIRY, ROOT_PULSE, ROUTE_LEN};
use crate::crypto::identity::verify;
use crate::crypto::rng::Rng;
use crate::overlay::forest::DOUBTFUL;
use crate::overlay::forest::notary::Notary;
use crate::overlay::forest::rank::tag;
use crate::overlay::forest::tree::{Said, Tree};
use crate::overlay::hyperbolic::{Hyperbolic, Next, Settings};
use crate::overlay::source::SourceGroup;
use crate::overlay::word;
use crate::wire::cursor::Writer;
use crate::wire::errand::Errand;
use crate::wire::moved::Moved;
use crate::wire::referral::Referral;
use crate::wire::route::{self, Course, Route};
use crate::wire::tree::{Claim, Edge, Grant, Pulse, Standing, Wish};

const OWN: u8 = 1;
/// Neighbours whose keys the script holds, and the seed of the first one's.
pub(super) const HANDS: u8 = 5;
pub(super) const FIRST_HAND: u8 = 100;
/// Trees of the node under test; what is said of the next one is nothing to it.
pub(super) const TREES: u8 = 2;
/// Deadlines that may fall into one instant.
const ROUNDS_MAX: usize = 200;

/// Neighbours who can sign.
pub(super) struct Hands(Vec<Notary>);

impl Hands {
    pub(super) fn new() -> Self {
        Self((0..HANDS).map(|at| Notary::new(identity(FIRST_HAND + at))).collect())
    }

    pub(super) fn name(&self, hand: u8) -> Name {
        self.0[usize::from(hand)].name()
    }

    /// Some hand's standing towards `own`, every signature good: it hangs from hands of the
    /// script's choice, or from `own` by what it `heard` there.
    pub(super) fn standing(
        &self,
        hand: u8,
        own: &Name,
        heard: Option<&Standing>,
        script: &mut Script<'_>,
    ) -> Standing {
        let (form, path) = (script.byte(), script.byte());
        let tree = heard.map_or(script.byte() % (TREES + 1), |heard| heard.tree);
        let mut way: Vec<u8> = (0..HANDS).filter(|at| path & 1 << at != 0 && *at != hand).collect();
        if path & 0x80 != 0 {
            way.reverse();
        }
        way.push(hand);
        let root = &self.0[usize::from(way[0])];
        let mut claim = root.claim(tree, 1_000 + u64::from(script.byte()));
        let mut edges: Vec<Edge> =
            way.windows(2).map(|ends| self.edge(tree, ends, script)).collect();
        if let Some(heard) = heard.filter(|_| form & 1 != 0) {
            (claim, edges) = (heard.claim, heard.edges.clone());
            edges.extend(heard.grant.and_then(|grant| self.taken(hand, own, tree, grant)));
        }
        let letter = (form & 4 != 0).then(|| script.byte());
        let number = heard.and_then(|heard| heard.grant).map_or(1_000, |grant| grant.number);
        let number = number + u64::from(script.byte() % 4);
        let taken = [if form & 32 == 0 { 0 } else { script.byte() }; 32];
        let wish = (form & 2 != 0).then_some(Wish { number, letter, taken });
        let asked = heard.and_then(|heard| heard.wish).filter(|_| form & 8 != 0);
        let grant = asked.map(|wish| self.grant(hand, own, tree, wish, form & 16 == 0, script));
        Standing { tree, claim, edges, size: u32::from(script.byte()), wish, grant }
    }

    fn edge(&self, tree: u8, ends: &[u8], script: &mut Script<'_>) -> Edge {
        let [parent, child] = [0, 1].map(|end| &self.0[usize::from(ends[end])]);
        let (letter, number) = (script.byte(), 1_000 + u64::from(script.byte()));
        let names = (&parent.name(), &child.name());
        let [by_parent, by_child] = [parent, child].map(|n| n.half(tree, names, letter, number));
        Edge { child: child.name(), letter, number, by_parent, by_child }
    }

    /// The edge that `own` has granted, signed by the child.
    fn taken(&self, hand: u8, own: &Name, tree: u8, grant: Grant) -> Option<Edge> {
        let (letter, by_parent) = grant.place?;
        let (child, number) = (self.name(hand), grant.number);
        let by_child = self.0[usize::from(hand)].half(tree, (own, &child), letter, number);
        Some(Edge { child, letter, number, by_parent, by_child })
    }

    /// The answer to a wish of `own`.
    fn grant(
        &self,
        hand: u8,
        own: &Name,
        tree: u8,
        wish: Wish,
        is_given: bool,
        script: &mut Script<'_>,
    ) -> Grant {
        let (letter, notary) = (script.byte(), &self.0[usize::from(hand)]);
        let half = notary.half(tree, (&notary.name(), own), letter, wish.number);
        Grant { number: wish.number, place: is_given.then_some((letter, half)) }
    }

    /// A hand that hung from `own` by what it `heard`, or from a hand that did, is elsewhere.
    pub(super) fn moved(
        &self,
        (hand, above): (u8, Option<(u8, Grant)>),
        own: &Name,
        heard: &Standing,
        script: &mut Script<'_>,
    ) -> Option<Moved> {
        let tree = heard.tree;
        let upper = above.and_then(|(upper, grant)| self.taken(upper, own, tree, grant));
        let left = match (above, upper) {
            (Some((upper, _)), Some(_)) => self.edge(tree, &[upper, hand], script),
            _ => self.taken(hand, own, tree, heard.grant?)?,
        };
        let number = left.number.wrapping_add(u64::from(script.byte()));
        let letters = script.piece();
        let is_word = word::is_reduced(letters) && letters.len() <= DEPTH_MAX;
        let letters = if is_word { letters.to_vec() } else { Vec::new() };
        let (tag, above) = (tag(tree, &self.name(0)), upper.into_iter().collect());
        let numbers = (left.number, number);
        let signature = self.0[usize::from(hand)].moved(tree, numbers, tag, &letters);
        Some(Moved { tree, number, tag, letters, signature, left, above })
    }

    /// A root's newer number.
    pub(super) fn pulse(&self, script: &mut Script<'_>) -> Pulse {
        let (tree, root) = (script.byte() % (TREES + 1), script.byte() % HANDS);
        let claim = self.0[usize::from(root)].claim(tree, 1_000 + u64::from(script.byte()));
        Pulse { tree, claim, hung: None }
    }
}

/// A standing's bytes.
pub(super) fn bytes(standing: &Standing) -> Vec<u8> {
    let mut bytes = vec![0xa5; standing.room()];
    let mut writer = Writer::new(&mut bytes);
    standing.emit(&mut writer);
    let length = writer.len();
    bytes.truncate(length);
    bytes
}

/// What neighbours say of trees: as bytes, or as a script of what several of them say to a node.
pub fn tree_messages(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    if script.byte() == 0 {
        return formats(script.rest());
    }
    let mut run = Run::new(script.byte());
    while !script.is_over() {
        run.step(&mut script);
        run.attend();
        run.check();
    }
    run.rest();
}

fn formats(input: &[u8]) {
    if let Ok(standing) = Standing::parse(input) {
        assert!(standing.edges.len() <= DEPTH_MAX);
        assert_eq!(bytes(&standing), input);
    }
    if let Ok(pulse) = Pulse::parse(input) {
        let mut again = [0xa5; Pulse::LEN];
        pulse.emit(&mut Writer::new(&mut again));
        assert_eq!(again, input);
    }
    if let Ok(referral) = Referral::parse(input) {
        let mut again = vec![0xa5; referral.room()];
        referral.emit(&mut Writer::new(&mut again));
        assert_eq!(again, input);
    }
}

/// A node and those around it.
struct Run {
    overlay: Hyperbolic,
    hands: Hands,
    /// Verifies what the node says, as a neighbour does.
    judge: Notary,
    own: Name,
    now: Time,
    /// The hands that are linked, and what the node last told each in each tree.
    linked: BTreeSet<u8>,
    heard: BTreeMap<(u8, u8), Standing>,
    /// The latest words of the hands, as bytes.
    words: Vec<Vec<u8>>,
    /// Messages of the node.
    said: usize,
}

impl Run {
    fn new(form: u8) -> Self {
        let hands = Hands::new();
        // A listed root, so that some hand goes before this node.
        let roots = (0..HANDS).filter(|at| form & 1 << at != 0).map(|at| hands.name(at)).collect();
        let settings = Settings { trees: TREES, roots, born: 1_000, ..Settings::default() };
        let now = Time::ZERO + Duration::from_secs(1);
        let own = identity(OWN);
        let overlay = Hyperbolic::new(&own, &settings, (0, []), Rng::new([3; 32]), now);
        let (linked, heard, words) = Default::default();
        let (judge, own) = (Notary::new(identity(OWN)), own.name());
        Self { overlay, hands, judge, own, now, linked, heard, words, said: 0 }
    }

    fn step(&mut self, script: &mut Script<'_>) {
        let (code, hand) = (script.byte(), script.byte() % HANDS);
        let name = self.hands.name(hand);
        match code % 10 {
            0 => {
                self.linked.insert(hand);
                self.overlay.forest.neighbour_up(name, SourceGroup::Neighbour(name), self.now);
            }
            1 => {
                self.linked.remove(&hand);
                self.heard.retain(|(to, _), _| *to != hand);
                self.overlay.forest.neighbour_down(&name, self.now);
            }
            2..=4 => {
                let heard = self.heard.get(&(hand, script.byte() % TREES));
                let standing = self.hands.standing(hand, &self.own, heard, script);
                self.words.push(bytes(&standing));
                self.hear(hand, self.words.len() - 1, None);
            }
            5 if code & 0x80 != 0 && !self.words.is_empty() => {
                let at = script.below(self.words.len());
                let mut word = self.words[at].clone();
                word.extend(script.piece());
                word.truncate(script.short() % (word.len() + 1));
                self.take_in(hand, &word);
            }
            5 if !self.words.is_empty() => {
                let (at, bent) = (script.below(self.words.len()), (script.short(), script.byte()));
                self.hear(hand, at, Some(bent));
            }
            6 => {
                let pulse = self.hands.pulse(script);
                self.overlay.forest.hear(name, Said::Pulse(pulse));
            }
            7 => {
                let cost = [0, 10, 1 << 20, DOUBTFUL][script.below(4)];
                self.overlay.forest.set_cost(&name, cost);
            }
            8 if code & 0x80 != 0 => self.move_away(hand, script),
            8 => self.ask_the_way(script),
            _ => {
                let unit = if code & 0x80 == 0 { 1 } else { 1_000 };
                self.pass(Duration::from_millis(unit * u64::from(script.byte())));
            }
        }
    }

    /// A hand says one of the words, as it was or with one byte changed.
    fn hear(&mut self, hand: u8, at: usize, bent: Option<(usize, u8)>) {
        let mut word = self.words[at].clone();
        if let Some((place, change)) = bent {
            let place = place % word.len();
            word[place] ^= change;
        }
        self.take_in(hand, &word);
    }

    fn take_in(&mut self, hand: u8, word: &[u8]) {
        if let Ok(standing) = Standing::parse(word) {
            let from = self.hands.name(hand);
            self.overlay.forest.hear(from, Said::Standing(standing));
        }
    }

    /// A child, or a child's child, says that it moved; one byte of that may be wrong.
    fn move_away(&mut self, hand: u8, script: &mut Script<'_>) {
        let (tree, form) = (script.byte() % TREES, script.byte());
        let upper = form % HANDS;
        let granted = self.heard.get(&(upper, tree)).and_then(|heard| heard.grant);
        let above = granted.filter(|_| upper != hand).map(|grant| (upper, grant));
        let Some(heard) = self.heard.get(&(hand, tree)).or(self.heard.get(&(upper, tree))) else {
            return;
        };
        let moved = self.hands.moved((hand, above), &self.own, heard, script);
        let Some(moved) = moved else { return };
        let mut bytes = Errand::Moved(Box::new(moved)).to_bytes();
        let (place, change) = (script.short() % bytes.len(), script.byte());
        bytes[place] ^= change;
        if let Ok(Errand::Moved(moved)) = Errand::parse(&bytes) {
            self.overlay.hear_moved(&moved, None, self.now);
        }
    }

    /// A packet with any header: to a neighbour or nowhere, and always further than before (OV-03).
    fn ask_the_way(&mut self, script: &mut Script<'_>) {
        let mut header = [0; ROUTE_LEN];
        route::emit(&mut header, &self.hands.name(0), &self.hands.name(1), HOPS_MAX);
        let Ok(mut route) = Route::new_checked(&mut header[..]) else { return };
        let tree = script.byte() % 4;
        let courses =
            [Course::Nearest, Course::Tree(tree), Course::Climb(tree), Course::Descend(tree)];
        let course = courses[script.below(4)];
        let (tried, watermark) = (script.byte() & 0x0f, script.byte());
        route.set_course(course, tried, u32::from(watermark));
        let places = self.overlay.places();
        let letters = script.piece();
        let is_word = word::is_reduced(letters) && letters.len() < 20;
        let letters = if is_word { letters } else { &[] };
        route.set_there(places.iter().map(|(tag, _)| (*tag, letters)));
        let next = self.overlay.next(&mut route, self.now);
        assert!(Route::new_checked(&header).is_ok(), "a header stays one");
        let Ok(route) = Route::new_checked(&header) else { return };
        if let Next::Neighbour(name) = next {
            assert!(self.linked().any(|linked| linked == name), "nobody but neighbours");
        }
        assert!(route.redirects() <= REDIRECTS_MAX);
        // A redirect sets out anew, so often at most; all else only goes on.
        if route.redirects() == 0 && matches!(course, Course::Nearest | Course::Tree(_)) {
            assert_eq!(route.tried() & tried, tried, "what was tried stays tried");
            let is_further = route.tried() != tried || route.watermark() <= u32::from(watermark);
            assert!(is_further || next == Next::Stuck);
        }
    }

    fn linked(&self) -> impl Iterator<Item = Name> {
        self.linked.iter().map(|hand| self.hands.name(*hand))
    }

    /// Takes what the node says and keeps it for answers.
    fn attend(&mut self) {
        while self.overlay.forest.read(self.now).is_some() {}
        self.overlay.tick(self.now);
        let _told = self.overlay.places_to_tell(self.now);
        while let Some((to, said)) = self.overlay.poll_said() {
            self.said += 1;
            let hand = (0..HANDS).find(|hand| self.hands.name(*hand) == to).expect("a neighbour");
            match said {
                Said::Standing(standing) => {
                    self.verify(&to, &standing);
                    self.heard.insert((hand, standing.tree), standing);
                }
                Said::Pulse(pulse) => {
                    let Claim { root, signature, .. } = &pulse.claim;
                    assert!(verify(root, &pulse.text(), signature), "its maker signed it");
                }
            }
        }
        while let Some(farewell) = self.overlay.forest.poll_farewell() {
            assert!(self.judge.is_moved(&farewell.moved) && *farewell.moved.who() == self.own);
            let errand = Errand::Moved(Box::new(farewell.moved));
            assert_eq!(Errand::parse(&errand.to_bytes()), Ok(errand));
        }
        assert!(self.overlay.poll_order().is_none(), "nothing is kept, so nothing is handed over");
    }

    /// Nothing leaves this node that a neighbour would not believe.
    fn verify(&mut self, to: &Name, standing: &Standing) {
        assert_eq!(Standing::parse(&bytes(standing)).as_ref(), Ok(standing));
        let (tree, mut at) = (standing.tree, standing.claim.root);
        assert!(self.judge.is_claim(tree, &standing.claim));
        for edge in &standing.edges {
            assert!(self.judge.is_edge(tree, &at, edge));
            at = edge.child;
        }
        assert_eq!(at, self.own);
        let is_reduced = standing.edges.windows(2).all(|pair| pair[0].letter != pair[1].letter);
        assert!(is_reduced, "a letter that follows itself");
        if let Some(Grant { number, place: Some((letter, by_parent)) }) = standing.grant {
            let edge = Edge { child: *to, letter, number, by_parent, by_child: [0; 64] };
            assert!(self.judge.is_granted(tree, &self.own, &edge));
        }
    }

    fn check(&self) {
        for (index, tree) in self.overlay.forest.trees().iter().enumerate() {
            let (own_tag, own_word) = tree.place();
            assert_eq!(own_tag, tag(index as u8, tree.root()));
            assert!(word::is_reduced(own_word) && own_word.len() <= DEPTH_MAX);
            self.check_family(tree);
        }
        let _ = self.overlay.counters();
    }

    /// Parent and children are neighbours, and each child has a letter of its own (OV-06).
    fn check_family(&self, tree: &Tree) {
        let mut letters: BTreeSet<u8> = tree.place().1.last().copied().into_iter().collect();
        for (name, letter, _) in tree.children() {
            assert!(letters.insert(letter), "a letter twice");
            assert!(self.linked().any(|linked| linked == *name), "a child is a neighbour");
            assert_eq!(tree.child(letter), Some(name));
        }
        if let Some(parent) = tree.parent() {
            assert!(self.linked().any(|linked| linked == *parent), "the parent is a neighbour");
        }
    }

    /// Time passes, deadline by deadline.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        let mut rounds = 0;
        while let Some(due) = self.overlay.next_timeout().filter(|due| due.at <= until) {
            rounds = if due.at > self.now { 0 } else { rounds + 1 };
            assert!(rounds < ROUNDS_MAX, "{} is always due", due.why);
            self.now = self.now.max(due.at);
            self.attend();
            self.check();
        }
        self.now = until;
    }

    /// Nobody says anything any more: in the end the node stands alone and says no more than that
    /// it lives (OV-09).
    fn rest(&mut self) {
        self.pass(ROOT_EXPIRY + Duration::from_secs(20));
        assert!(self.overlay.forest.trees().iter().all(Tree::is_root), "a dead root is believed");
        self.said = 0;
        self.pass(4 * ROOT_PULSE);
        let pulses = 5 * self.linked.len() * usize::from(TREES);
        assert!(self.said <= pulses, "{} messages of a forest at rest", self.said);
    }
}
