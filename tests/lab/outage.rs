//! The course of most scenarios: a stream flows, the network goes, comes back, the stream flows on.

use std::thread;
use std::time::{Duration, Instant};

use super::figure::Figure;
use super::outcome::{Outcome, Usage, split};
use super::process::wait_for;
use super::stream::Stream;
use super::world::{Mark, RATE, Sender, World};

/// Time after the return in which the flow is watched.
const WATCH: Duration = Duration::from_secs(3);

/// An outage in the making.
pub(crate) struct Outage {
    pub(crate) world: World,
    stream: Stream,
    began: Mark,
    before: Usage,
}

impl Outage {
    /// A world in which a stream flows.
    pub(crate) fn of(world: World, sender: Sender) -> Self {
        Self::at_rate(world, sender, Some(RATE))
    }

    /// The same at another rate; `None` is as much as goes through.
    pub(crate) fn at_rate(world: World, sender: Sender, rate: Option<usize>) -> Self {
        let stream = world.stream(sender, rate);
        let before = Usage::of(&world);
        Self { world, stream, began: Mark::now(), before }
    }

    /// The network goes for so long; `back` brings it back and says when it was there.
    pub(crate) fn run(
        mut self,
        away: Duration,
        cut: impl FnOnce(&mut World),
        back: impl FnOnce(&mut World) -> Mark,
    ) -> (Outcome, Self) {
        let sent_again = self.sent_again();
        cut(&mut self.world);
        self.began = Mark::now();
        self.before = Usage::of(&self.world);
        thread::sleep(away);
        let (packets_away, cpu_away) = Usage::of(&self.world).since(&self.before);
        let back = back(&mut self.world);
        let first = wait_for("bytes after the outage", || self.stream.first_after(back.at));
        thread::sleep(WATCH);
        let first = first - back.at;
        let bob = self.world.bob.said_since(back.clock);
        let outcome = Outcome {
            fault: None,
            skipped: None,
            away: (back.at - self.began.at).as_secs_f64(),
            back: first.as_secs_f64(),
            stall: self.stream.longest_stall(self.began.at, Instant::now()).as_secs_f64(),
            split: split(&bob, back.clock, first),
            sent_again: self.sent_again() - sent_again,
            packets_away,
            cpu_away,
            memory: self.world.bob.process.memory().0 >> 10,
            figure: None,
            more: Default::default(),
        };
        (outcome, self)
    }

    /// The drawing's numbers: all that came so far.
    pub(crate) fn figure(&self, outcome: &Outcome) -> Figure {
        let back = self.began.at + Duration::from_secs_f64(outcome.away);
        let first = Duration::from_secs_f64(outcome.back);
        Figure::new(&self.stream.arrivals(), self.began.at, back, first, outcome.split)
    }

    /// Bytes a second that came in the last span.
    pub(crate) fn rate_over(&self, span: Duration) -> f64 {
        let from = Instant::now() - span;
        let arrivals = self.stream.arrivals();
        let late = arrivals.iter().filter(|arrival| arrival.at >= from);
        late.map(|arrival| arrival.bytes).sum::<usize>() as f64 / span.as_secs_f64()
    }

    fn sent_again(&self) -> u64 {
        let both = [&self.world.alice, &self.world.bob].map(super::devices::Daemon::status);
        both.iter().flat_map(|status| &status.tunnels).map(|tunnel| tunnel.sent_again_bytes).sum()
    }

    /// Ends the stream in order and judges it.
    pub(crate) fn end(self, mut outcome: Outcome) -> Outcome {
        outcome.fault = outcome.fault.or(self.stream.finish().err());
        outcome
    }
}

/// The whole course.
pub(crate) fn outage(
    world: World,
    sender: Sender,
    away: Duration,
    cut: impl FnOnce(&mut World),
    back: impl FnOnce(&mut World) -> Mark,
) -> Outcome {
    let (outcome, outage) = Outage::of(world, sender).run(away, cut, back);
    outage.end(outcome)
}
