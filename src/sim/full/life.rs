//! The life of an overlay: it forms, its nodes come and go, and clients write to each other.

use std::time::Duration;

use super::agenda::Agenda;
use super::mail::{Letter, Lot, Mail};
use super::observer::settle;
use super::sessions::Law;
use super::tally::Tally;
use super::town::{anyone, found, start_all};
use super::world::{Death, Plan, World};
use crate::base::clock::Time;
use crate::crypto::rng::Rng;
use crate::sim::dice::dice;
use crate::sim::graph::Node;
use crate::sim::graph::shapes::Shape;

/// Everybody starts within this time.
pub const START: Duration = Duration::from_secs(1);
/// An overlay settles within this time, or something is wrong.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// A node that went comes back after this time in the median.
const AWAY: Duration = Duration::from_secs(30);
/// Questions a second between nodes that talk all along, and between such as never did.
const FRIENDS: u32 = 20;
const STRANGERS: u32 = 5;

/// How nodes come and go.
#[derive(Clone, Copy, Debug)]
pub struct Churn {
    /// The law of their sessions' lengths …
    pub law: Law,
    /// … and its median.
    pub median: Duration,
    /// How they go.
    pub death: Death,
}

/// What is to happen.
#[derive(Clone, Debug)]
pub struct Script {
    /// How the nodes are made.
    pub plan: Plan,
    /// Who dials whom.
    pub shape: Shape,
    /// Whether nodes come and go.
    pub churn: Option<Churn>,
    /// How long they do so before anything is measured.
    pub before: Duration,
    /// How long it is measured.
    pub watched: Duration,
}

/// What happened.
pub struct Life {
    /// All of it as it is in the end.
    pub world: World,
    /// How long after the last start the trees stood, if they did.
    pub settled: Option<Duration>,
    /// What was said until then.
    pub forming: Tally,
    /// What was said while it was measured.
    pub said: Tally,
    /// How many died meanwhile.
    pub deaths: u32,
    /// Questions between fixed pairs, which talk all along.
    pub friends: Lot,
    /// Questions between pairs drawn for each of them: a lookup comes first.
    pub strangers: Lot,
}

impl Life {
    /// Lives it.
    #[must_use]
    pub fn live(script: &Script) -> Self {
        let mut rng = dice(script.plan.seed, "life");
        let mut world = found(script.plan.clone(), script.shape);
        start_all(&mut world, START, &mut rng);
        let settled = settle(&mut world, PATIENCE);
        let (nodes, forming) = (world.nodes(), world.tally);
        let mut fate = Fate::new(script.churn, nodes, world.now, &mut rng);
        let mut mail = Mail::default();
        let friend = |node| (node + nodes / 2) % nodes;
        let (counted_from, mut before, mut deaths) = (world.now + script.before, forming, 0);
        let end = counted_from + script.watched;
        while world.now < end {
            if world.now <= counted_from {
                (before, deaths) = (world.tally, fate.deaths);
            }
            for _ in 0..FRIENDS {
                let one = anyone(&world, &mut rng);
                mail.post(&mut world, one, friend(one));
            }
            for _ in 0..STRANGERS {
                let (one, other) = (anyone(&world, &mut rng), anyone(&world, &mut rng));
                mail.post(&mut world, one, other);
            }
            fate.run(&mut world, &mut mail, &mut rng);
        }
        let is_counted = |letter: &Letter| letter.since >= counted_from;
        let is_friend = |letter: &Letter| letter.to == friend(letter.from);
        Self {
            settled,
            forming,
            said: world.tally - before,
            deaths: fate.deaths - deaths,
            friends: mail.lot(|letter| is_counted(letter) && is_friend(letter)),
            strangers: mail.lot(|letter| is_counted(letter) && !is_friend(letter)),
            world,
        }
    }
}

/// When who goes and comes back.
struct Fate {
    churn: Option<Churn>,
    agenda: Agenda<Node>,
    deaths: u32,
}

impl Fate {
    fn new(churn: Option<Churn>, nodes: Node, now: Time, rng: &mut Rng) -> Self {
        let mut this = Self { churn, agenda: Agenda::default(), deaths: 0 };
        (0..nodes).for_each(|node| this.expect_death(node, now, rng));
        this
    }

    fn expect_death(&mut self, node: Node, now: Time, rng: &mut Rng) {
        if let Some(churn) = self.churn {
            self.agenda.plan(now + churn.law.draw(churn.median, rng), node);
        }
    }

    /// A second of coming and going, while letters travel.
    fn run(&mut self, world: &mut World, mail: &mut Mail, rng: &mut Rng) {
        let until = world.now + Duration::from_secs(1);
        while let Some((at, node)) = self.agenda.next(until) {
            mail.run(world, at.since(world.now));
            let death = self.churn.map(|churn| churn.death).filter(|_| world.is_alive(node));
            if let Some(death) = death {
                world.kill(node, death);
                self.deaths += 1;
                self.agenda.plan(world.now + Law::Exponential.draw(AWAY, rng), node);
            } else {
                world.start(node);
                self.expect_death(node, world.now, rng);
            }
        }
        mail.run(world, until.since(world.now));
    }
}
