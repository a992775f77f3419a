//! The two cuts, and what is measured of them.

use std::time::Duration;

use rustix::process::Signal;

use super::super::failure::Failure;
use super::super::programs::print;
use super::meter::{Arrival, Meter};
use super::world::World;

/// A turn of waiting: a tenth of what is worth measuring.
const TURN: Duration = Duration::from_millis(1);
/// How long the relay is dead, and how long the other one stands still.
const KILLED: Duration = Duration::from_secs(3);
const STOPPED: Duration = Duration::from_secs(4);
/// A transfer that stands still this long will not go on.
const STALL: Duration = Duration::from_secs(30);

/// A time without a network, on the meter's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// What was done.
    pub(super) what: &'static str,
    /// When it was done.
    pub(super) at: Duration,
    /// When it began to be undone.
    pub(super) undone: Duration,
    /// When the network was there again.
    pub(super) back: Duration,
    /// When the receiver had the next byte.
    pub(super) first: Duration,
}

impl Cut {
    /// How long the network was away.
    pub(super) fn away(&self) -> Duration {
        self.back.saturating_sub(self.at)
    }

    /// From the network's return to the first byte.
    pub(super) fn wait(&self) -> Duration {
        self.first.saturating_sub(self.back)
    }

    /// Whether the network was really away: what was under way may still arrive at first, and
    /// then nothing does.
    pub(super) fn was_quiet(&self, arrivals: &[Arrival]) -> bool {
        let settled = self.at + self.undone.saturating_sub(self.at) / 2;
        !arrivals.iter().any(|(at, _)| (settled..self.undone).contains(at))
    }
}

/// Makes both cuts while the file goes through. `over` says that the transfer has ended.
pub(super) fn make(
    world: &mut World,
    meter: &Meter,
    size: u64,
    over: &dyn Fn() -> bool,
) -> Result<Vec<Cut>, Failure> {
    let watch = Watch { meter, over };
    watch.total(world, size / 100 * 25)?;
    let at = tell(meter, "R2 is killed (SIGKILL)")?;
    world.kill("r2")?;
    world.rest(KILLED)?;
    let undone = tell(meter, "R2 is started again")?;
    world.spawn("r2")?;
    world.await_port("r2")?;
    let back = tell(meter, "R2 listens again")?;
    let first = watch.arrival(world, undone)?;
    let killed = Cut { what: "R2 killed and started again", at, undone, back, first };

    watch.total(world, size / 100 * 60)?;
    let at = tell(meter, "R1 is stopped (SIGSTOP)")?;
    world.signal("r1", Signal::STOP)?;
    world.rest(STOPPED)?;
    let undone = tell(meter, "R1 is continued (SIGCONT)")?;
    world.signal("r1", Signal::CONT)?;
    let back = meter.now();
    let first = watch.arrival(world, undone)?;
    let stopped = Cut { what: "R1 stopped and continued", at, undone, back, first };
    Ok(vec![killed, stopped])
}

/// Waits for the end of the transfer, as long as bytes arrive.
pub(super) fn rest(
    world: &World,
    meter: &Meter,
    finished: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    Watch { meter, over: &|| false }.until(world, || finished().then_some(()))
}

fn tell(meter: &Meter, what: &str) -> Result<Duration, Failure> {
    let now = meter.now();
    print(&format!("{:7.2} s  {what}\n", now.as_secs_f64()))?;
    Ok(now)
}

struct Watch<'a> {
    meter: &'a Meter,
    over: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// Waits until so many bytes have arrived.
    fn total(&self, world: &World, wanted: u64) -> Result<(), Failure> {
        self.until(world, || (self.meter.total() >= wanted).then_some(()))
    }

    /// Waits for the first byte since an instant.
    fn arrival(&self, world: &World, since: Duration) -> Result<Duration, Failure> {
        self.until(world, || self.meter.first_since(since))
    }

    fn until<T>(&self, world: &World, mut found: impl FnMut() -> Option<T>) -> Result<T, Failure> {
        let began = self.meter.now();
        let (mut last, mut moved) = (self.meter.total(), began);
        loop {
            // Before `over`, which may come true right behind the byte that was waited for.
            if let Some(found) = found() {
                return Ok(found);
            }
            if (self.over)() {
                return Err(Failure::run("the transfer ended before the cuts were over"));
            }
            let (total, now) = (self.meter.total(), self.meter.now());
            if total != last {
                (last, moved) = (total, now);
            }
            if now.saturating_sub(moved) > STALL {
                let text = format!("no byte for {} s; {total} had arrived", STALL.as_secs());
                return Err(Failure::run(text));
            }
            world.rest(TURN)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_measured_from_the_networks_return() {
        let s = Duration::from_secs;
        let cut = Cut { what: "", at: s(1), undone: s(5), back: s(6), first: s(8) };
        assert_eq!((cut.away(), cut.wait()), (s(5), s(2)));
        assert!(cut.was_quiet(&[(s(2), 1), (s(5), 1)]), "late and early bytes are no leak");
        assert!(!cut.was_quiet(&[(s(4), 1)]));
        let early = Cut { first: s(5), ..cut };
        assert_eq!(early.wait(), Duration::ZERO);
    }
}
