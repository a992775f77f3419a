//! What one run of a scenario showed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::figure::Figure;
use super::world::{Mark, World};

/// The figures of a run; seconds where nothing else is said.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Outcome {
    /// Nothing, if every connection lived and every byte was right; else what was wrong.
    pub(crate) fault: Option<String>,
    /// Why it could not be run here, if so.
    pub(crate) skipped: Option<&'static str>,
    /// How long the network was away.
    pub(crate) away: f64,
    /// From the network's return to the first new byte at the application.
    pub(crate) back: f64,
    /// The longest time without a byte.
    pub(crate) stall: f64,
    /// Parts of `back`, where it has these parts.
    pub(crate) split: Option<Split>,
    /// Bytes of the tunnel that were sent twice, both ends together.
    pub(crate) sent_again: u64,
    /// Packets that Bob's device gave to its wire while the network was away.
    pub(crate) packets_away: u64,
    /// Processor time while away, of one core, the busier device: 0.01 is one per cent.
    pub(crate) cpu_away: f64,
    /// Memory of Bob's daemon at the end, in KiB.
    pub(crate) memory: u64,
    /// The drawing's numbers, of the paper's experiment.
    pub(crate) figure: Option<Figure>,
    /// What else this scenario measures, by name.
    pub(crate) more: BTreeMap<&'static str, f64>,
}

/// Where the time between the network's return and the first byte went.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Split {
    /// Until a fresh link was proved.
    pub(crate) link: f64,
    /// From there until the device had its place in the overlay.
    pub(crate) overlay: f64,
    /// From there until the application's first byte.
    pub(crate) muses: f64,
}

impl Outcome {
    /// Of a scenario that cannot run here.
    pub(crate) fn skipped(why: &'static str) -> Self {
        Self { skipped: Some(why), ..Self::default() }
    }
}

/// What the daemons have used, at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Mark,
    cpu: [f64; 2],
    packets: u64,
}

impl Usage {
    pub(crate) fn of(world: &World) -> Self {
        let cpu = [&world.alice, &world.bob].map(super::devices::Daemon::cpu);
        Self { at: Mark::now(), cpu, packets: world.packets_of_bob() }
    }

    /// Packets and the busier device's share of a core since another instant.
    pub(crate) fn since(&self, earlier: &Self) -> (u64, f64) {
        let span = (self.at.at - earlier.at.at).as_secs_f64();
        let used = [0, 1].map(|at| self.cpu[at] - earlier.cpu[at]);
        (self.packets - earlier.packets, used[0].max(used[1]) / span)
    }
}

/// Takes the time apart by what the daemon that was away said until the first byte.
pub(crate) fn split(
    said: &[(SystemTime, String)],
    back: SystemTime,
    first: Duration,
) -> Option<Split> {
    let when = |what: &'static str| {
        let lines = said.iter().filter(move |(_, line)| line.contains(what));
        let after = lines.map(|(at, _)| at.duration_since(back).unwrap_or_default());
        after.take_while(|after| *after <= first)
    };
    let link = when(" is proved: ").next()?;
    let place = when("now at ").last().unwrap_or(link).max(link);
    Some(Split {
        link: link.as_secs_f64(),
        overlay: (place - link).as_secs_f64(),
        muses: (first - place).as_secs_f64(),
    })
}
