//! The node's state in the words of the control protocol.

mod places;
mod trees;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::control::status::{Neighbour, Overlay, Wait};

use super::Cloak;
use super::dial::{Dialler, Health};
use super::roster::End;
use super::switch::Switch;

pub(super) use places::map;
use trees::Roles;

fn millis(since: Time, now: Time) -> u64 {
    u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX)
}

/// Trees, neighbours, clients, records and what was passed on.
#[must_use]
pub fn overlay(switch: &Switch, diallers: &[Dialler], started: Time, now: Time) -> Overlay {
    let hyperbolic = switch.post.overlay.as_ref();
    let roles = hyperbolic.map(|overlay| Roles::new(&overlay.forest, now));
    let roles = |name: &Name| roles.as_ref().map(|roles| roles.of(name)).unwrap_or_default();
    let dialled = diallers.iter().map(|dialler| {
        let roles = dialler.name.as_ref().map(&roles).unwrap_or_default();
        Neighbour { roles, ..peer(switch, dialler, started, now) }
    });
    let is_dialled = |name| diallers.iter().any(|dialler| dialler.name.as_ref() == Some(name));
    let called = switch.roster.neighbours.iter().filter(|(name, _)| !is_dialled(*name));
    let called = called.map(|(name, end)| {
        let state = state(switch.health(Some(name)));
        let until =
            if state == "away" { "it comes back, or is forgotten after a minute" } else { "" };
        let wait = Wait { state: state.into(), until: until.into(), ..Wait::default() };
        let (name, roles) = (name.to_string(), roles(name));
        let row = Neighbour { name, roles, wait, ..Neighbour::default() };
        with_end(row, switch, end, now)
    });
    Overlay {
        name: switch.roster.own().to_string(),
        trees: hyperbolic.map(|overlay| trees::trees(&overlay.forest, now)).unwrap_or_default(),
        neighbours: dialled.chain(called).collect(),
        clients: switch.roster.clients.keys().map(ToString::to_string).collect(),
        forwarded: switch.post.forwarded,
        records: hyperbolic.map(|overlay| trees::records(&overlay.dht)),
    }
}

impl Cloak {
    /// Since when no neighbour has a link, where none has.
    #[must_use]
    pub fn alone_since(&self) -> Option<Time> {
        let roster = &self.switch.roster;
        let is_alone = roster.neighbours.values().all(|end| end.primary.is_none());
        is_alone.then_some(roster.left)
    }
}

fn state(health: Health) -> &'static str {
    match health {
        Health::Away => "away",
        Health::Doubtful => "doubtful",
        Health::Up => "up",
    }
}

fn peer(switch: &Switch, dialler: &Dialler, started: Time, now: Time) -> Neighbour {
    let health = switch.health(dialler.name.as_ref());
    let is_proving = dialler.attempts().any(|link| switch.post.carriers.get(link).is_some());
    let (state, until) = match health {
        Health::Up => ("up", ""),
        Health::Doubtful => ("doubtful", "it is heard or a fresh link takes over"),
        Health::Away if is_proving => ("proving", "it proves its Name"),
        Health::Away if dialler.is_trying() => ("dialling", "it answers"),
        Health::Away => ("away", "it answers; dialled again and again"),
    };
    let wait = Wait {
        state: state.into(),
        since_ms: millis(started, now),
        why: String::new(),
        until: until.into(),
    };
    let mut row = Neighbour {
        name: dialler.name.map(|name| name.to_string()).unwrap_or_default(),
        at: dialler.endpoint.to_string(),
        wait,
        ..Neighbour::default()
    };
    if let Some((why, at)) = &dialler.last_error {
        row.last_error.clone_from(why);
        row.last_error_ms = millis(*at, now);
    }
    let end = dialler.name.and_then(|name| switch.roster.neighbours.get(&name));
    match end {
        Some(end) => with_end(row, switch, end, now),
        None => explained(row, health),
    }
}

/// Fills in what is known of the link.
fn with_end(mut row: Neighbour, switch: &Switch, end: &End, now: Time) -> Neighbour {
    row.wait.since_ms = millis(end.since, now);
    let carrier = end.primary.and_then(|id| switch.post.carriers.get(id));
    if let Some(carrier) = carrier {
        row.rtt_us = carrier.link.rtt().map_or(0, |rtt| rtt.as_micros() as u64);
        row.queued = carrier.link.queued() as u64;
        row.queued_packets = carrier.link.queued_packets() as u64;
        if row.at.is_empty() {
            row.at.clone_from(&carrier.at);
        }
    }
    if let Some((why, at)) = &end.last_error {
        let age = millis(*at, now);
        if row.last_error.is_empty() || age < row.last_error_ms {
            row.last_error.clone_from(why);
            row.last_error_ms = age;
        }
    }
    explained(row, if carrier.is_some() { Health::Up } else { Health::Away })
}

/// What is away is so because of its last error.
fn explained(mut row: Neighbour, health: Health) -> Neighbour {
    if health == Health::Away {
        row.wait.why.clone_from(&row.last_error);
    }
    row
}
