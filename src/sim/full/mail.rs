//! Questions from client to client, asked again until they are answered, as a tunnel asks its peer.

use std::time::Duration;

use super::visitor::Receipt;
use super::world::World;
use crate::base::clock::Time;
use crate::base::limits::REHELLO_EVERY;
use crate::sim::graph::Node;

/// Who has asked for so long asks in vain.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// By whose client.
    pub from: Node,
    /// Of whose.
    pub to: Node,
    /// When for the first time.
    pub since: Time,
    /// How often.
    pub times: u8,
    /// Whether it arrived the first time.
    pub arrived_at_once: bool,
    /// How long after the first time the answer came, if it did.
    pub took: Option<Duration>,
    /// Whether one of the two died meanwhile: then it counts for nothing.
    pub is_void: bool,
}

/// All that were asked.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    letters: Vec<Letter>,
    /// Those that may still be answered.
    waiting: Vec<usize>,
    /// When those that wait are asked again.
    again: Time,
}

impl Mail {
    /// Asks, if both ends are there.
    pub fn post(&mut self, world: &mut World, from: Node, to: Node) {
        if from == to || !world.is_attached(from) || !world.is_attached(to) {
            return;
        }
        let (since, took) = (world.now, None);
        let (arrived_at_once, is_void) = (false, false);
        self.letters.push(Letter { from, to, since, times: 0, arrived_at_once, took, is_void });
        self.waiting.push(self.letters.len() - 1);
        self.send(world, self.letters.len() - 1);
    }

    fn send(&mut self, world: &mut World, at: usize) {
        let letter = &mut self.letters[at];
        letter.times += 1;
        world.ask(letter.from, letter.to, (at as u64) << 8 | u64::from(letter.times));
    }

    /// Lets time pass; whoever waits asks again every [`REHELLO_EVERY`].
    pub fn run(&mut self, world: &mut World, time: Duration) {
        let until = world.now + time;
        while world.now < until {
            if self.again <= world.now {
                self.again = world.now + REHELLO_EVERY;
            }
            world.run(until.min(self.again).since(world.now));
            self.collect(world);
            if self.again <= world.now {
                self.waiting.clone().into_iter().for_each(|at| self.send(world, at));
            }
        }
    }

    fn collect(&mut self, world: &mut World) {
        for (receipt, at) in world.receipts.drain(..) {
            let (Receipt::Arrived(number) | Receipt::Answered(number)) = receipt;
            let Some(letter) = self.letters.get_mut((number >> 8) as usize) else { continue };
            letter.arrived_at_once |= receipt == Receipt::Arrived(number) && number as u8 == 1;
            if receipt == Receipt::Answered(number) {
                letter.took.get_or_insert(at.since(letter.since));
            }
        }
        self.waiting.retain(|at| {
            let letter = &mut self.letters[*at];
            let is_gone = !world.is_alive(letter.from) || !world.is_alive(letter.to);
            letter.is_void |= letter.took.is_none() && is_gone;
            let is_young = world.now.since(letter.since) < PATIENCE;
            letter.took.is_none() && is_young && !is_gone
        });
    }

    /// Those of a kind that count.
    #[must_use]
    pub fn lot(&self, is_such: impl Fn(&Letter) -> bool) -> Lot {
        let counts = |letter: &&Letter| !letter.is_void && is_such(letter);
        Lot(self.letters.iter().filter(counts).copied().collect())
    }
}

/// Letters that count.
#[derive(Clone, Debug)]
pub struct Lot(Vec<Letter>);

impl Lot {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    fn share(&self, is_such: impl Fn(&Letter) -> bool) -> f64 {
        let count = self.0.iter().filter(|letter| is_such(letter)).count();
        100.0 * count as f64 / self.count().max(1) as f64
    }

    /// Hundredths of them that were answered within a time.
    #[must_use]
    pub fn within(&self, time: Duration) -> f64 {
        self.share(|letter| letter.took.is_some_and(|took| took <= time))
    }

    /// Hundredths of them that arrived without being sent again.
    #[must_use]
    pub fn at_once(&self) -> f64 {
        self.share(|letter| letter.arrived_at_once)
    }
}
