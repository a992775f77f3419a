//! A whole life from one number: each seed draws its own town, its sessions, a subset of the
//! faults and their sizes, and then holds the world to what must be true when they are over.

use std::time::Duration;

use muses::base::ids::Name;
use muses::crypto::suite::Suite;
use muses::overlay::hyperbolic::Settings;

use crate::app::{App, Ending, Reading, Script};
use crate::chance::Chance;
use crate::faults::Fault;
use crate::net::{Dialling, Wire};
use crate::oracle::{Door, Service, Session};
use crate::process::Spec;
use crate::town::{Shape, identity, name_of};
use crate::world::World;

const MS: Duration = Duration::from_millis(1);
/// All pending bytes arrive within this time once the faults have stopped.
const RECOVERY: Duration = Duration::from_secs(15);
/// Nothing is said after this time once all sessions are over …
const SETTLING: Duration = Duration::from_secs(40);
/// … for as long.
const SILENCE: Duration = Duration::from_secs(600);
/// Bytes a second and node that the hyperbolic overlay may say at rest.
const TREES_SAY: u64 = 60;
/// Bytes of one node in [`SILENCE`] where there is no tree: two renewals of an attachment, on the
/// link of the client and on one between neighbours.
const ATTACHMENTS_SAY: u64 = 400;

/// What a life came to.
pub(crate) struct Life {
    pub(crate) failure: Option<String>,
    pub(crate) fingerprint: u64,
}

pub(crate) fn live(seed: u64) -> Life {
    let mut world = World::new(seed);
    let mut chance = Chance::new(world.chance.u64());
    world.taped = chance.one_in(8);
    world.overlay = overlay(seed);
    let storm = furnish(&mut world, &mut chance);
    plan_faults(&mut world, &mut chance, storm);
    world.start_all();
    world.run(storm);
    world.strike(Fault::Calm);
    recover(&mut world);
    fall_silent(&mut world);
    let fingerprint = world.fingerprint();
    for id in 0..world.processes.len() {
        if let Err(why) = world.processes[id].end() {
            world.fail(why);
        }
    }
    Life { failure: world.failure, fingerprint }
}

/// Every second life is on the hyperbolic overlay; one tree to four, in some with a listed root.
fn overlay(seed: u64) -> Option<Settings> {
    let is_listed = (seed / 8).is_multiple_of(4);
    let roots = is_listed.then(|| name_of(identity(seed as usize / 32 % 4))).into_iter().collect();
    (seed % 2 == 1).then(|| Settings {
        trees: (seed / 2 % 4) as u8 + 1,
        roots,
        born: 0,
        ..Settings::default()
    })
}

/// Town and sessions; gives back how long the faults last.
fn furnish(world: &mut World, chance: &mut Chance) -> Duration {
    let storm = Duration::from_secs(1) + chance.within(Duration::from_secs(19));
    let devices = world.settle_town(chance.pick(&Shape::ALL));
    furnish_nodes(world, chance, devices);
    let short = chance.pick(&[0, 0, 50, 8, 2]);
    world.net.short = short;
    for (a, b) in world.wires.clone() {
        let latency = Duration::from_micros(10) + chance.span(Duration::from_millis(60));
        let jitter = if chance.one_in(2) { chance.span(latency) } else { Duration::ZERO };
        let bandwidth = if chance.one_in(3) { 64 << 10 << chance.below(12) } else { 1 << 30 };
        let capacity = 4 << 10 << chance.below(9);
        *world.net.wire(a, b) = Wire { latency, jitter, bandwidth, capacity, ..Wire::default() };
    }
    // A budget of bytes for the whole seed, so that lives take about equally long.
    let most = (2_u64 << 20) >> if short == 2 { 3 } else { 0 };
    let count = 1 + chance.size(11);
    for _ in 0..count {
        let client = chance.index(devices);
        let server = (client + 1 + chance.index(devices - 1)) % devices;
        let mut scripts = [0, 1].map(|_| draw_script(chance, most / count, storm));
        if scripts[0].ending == Ending::FinLast {
            // Two that wait for each other wait for ever, and rightly.
            scripts[1].ending = Ending::Fin;
        }
        let mut session = Session::new(client, server, scripts);
        let eager = chance.one_in(2);
        session.door =
            chance.pick(&[Door::Forward, Door::Forward, Door::Socks(eager), Door::Control(eager)]);
        if chance.one_in(12) {
            session.service = chance.pick(&[
                Service::Refuses,
                Service::Unreachable,
                Service::Silent,
                Service::NotServed,
            ]);
        }
        let after = if chance.one_in(2) { chance.within(storm) } else { chance.span(MS * 500) };
        world.plan(session, after);
    }
    storm
}

fn furnish_nodes(world: &mut World, chance: &mut Chance, devices: usize) {
    let names: Vec<Name> = (0..devices)
        .filter_map(|id| match &world.processes[id].spec {
            Spec::Device(node, _) => Some(name_of(node.identity)),
            Spec::Relay(_) => None,
        })
        .collect();
    let secret = chance.one_in(4).then(|| chance.seed());
    for id in 0..devices {
        let Some((node, cloak)) = world.node_mut(id) else { continue };
        node.suite = chance.pick(&Suite::ALL);
        node.memory = chance.pick(&[8 << 20, 16 << 20, 256 << 20]);
        node.window = chance.pick(&[256 << 10, 1 << 20, 4 << 20]);
        if let Some(secret) = secret {
            let others = names.iter().filter(|name| **name != names[id]);
            node.secrets = others.map(|name| (*name, secret)).collect();
        }
        if let Some(cloak) = cloak {
            cloak.memory = (node.memory / 4).max(8 << 20);
        }
    }
}

fn draw_script(chance: &mut Chance, most: u64, storm: Duration) -> Script {
    let reading = match chance.below(6) {
        0 => Reading::Slow(1 + chance.size(8192) as usize, MS + chance.span(MS * 300)),
        1 => Reading::From(muses::base::clock::Time::ZERO + chance.within(storm)),
        _ => Reading::Fast,
    };
    let total = if chance.one_in(8) { 0 } else { chance.size(most) };
    let ending = match chance.below(12) {
        0 => Ending::Reset(chance.size(most)),
        1 => Ending::Drop,
        2 | 3 => Ending::FinLast,
        _ => Ending::Fin,
    };
    let rest = if chance.one_in(2) { chance.span(MS * 1000) } else { Duration::ZERO };
    // Small chunks with rests: the storm ends before them, and calm writes the rest.
    let chunk = 16 + chance.size(64 << 10) as usize;
    Script { total, chunk, rest, reading, ending }
}

fn plan_faults(world: &mut World, chance: &mut Chance, storm: Duration) {
    // Swarm: whole kinds of fault are absent from most seeds, so that those present meet often.
    let enabled: Vec<u64> = (0..11_u64).filter(|_| chance.one_in(3)).collect();
    if enabled.is_empty() {
        return;
    }
    let count = 1 + chance.size(20);
    for _ in 0..count {
        let at = chance.within(storm);
        let away = 10 * MS + chance.span(Duration::from_secs(12));
        let (a, b) = chance.pick(&world.wires.clone());
        let process = chance.index(world.processes.len());
        let relay_or_any = if chance.one_in(3) { process } else { world.processes.len() - 1 };
        let told = chance.one_in(2);
        match chance.pick(&enabled) {
            0 | 1 => {
                let dialling =
                    chance.pick(&[Dialling::Silent, Dialling::Refused, Dialling::Unreachable]);
                world.fault(at, Fault::Cut(a, b, dialling));
                if chance.one_in(3) {
                    world.fault(at + away / 2, Fault::Void(a, b));
                }
                world.fault(at + away, Fault::Heal(a, b, away.min(MS * 3000)));
                if told {
                    world.fault(at + away, Fault::PathChanged(a));
                }
            }
            2 => world.fault(at, Fault::Void(a, b)),
            3 => world.fault(at, Fault::Break(a, b, true)),
            4 => world.fault(at, Fault::Break(a, b, false)),
            5 => world.fault(at, Fault::Stall(a, b, away)),
            6 => {
                world.fault(at, Fault::Kill(relay_or_any));
                world.fault(at + away, Fault::Start(relay_or_any));
            }
            7 => {
                world.fault(at, Fault::Stop(process));
                world.fault(at + away.max(MS * 2000), Fault::Start(process));
            }
            8 => {
                world.fault(at, Fault::Pause(process));
                world.fault(at + away, Fault::Wake(process, told));
            }
            9 => world.fault(at, Fault::Move(process, told)),
            _ => world.fault(at, Fault::PathChanged(process)),
        }
    }
}

/// Liveness: what was begun comes to its end soon after the faults have stopped.
fn recover(world: &mut World) {
    world.run(RECOVERY);
    let is_excused = |world: &World, app: &App| world.sessions[app.session].is_excused;
    if world.had_void || world.pending().all(|app| is_excused(world, app)) {
        // Whoever only waits hears of a peer's restart, or of its own dead link, when somebody
        // says something: silence is the design's word. A person's wish to reconnect says it.
        for id in 0..world.processes.len() {
            world.strike(Fault::PathChanged(id));
        }
        world.run(RECOVERY);
    }
    let left: Vec<String> = world
        .pending()
        .map(|app| format!("{} (wrote {}, read {})", app.word(), app.written, app.read))
        .collect();
    if !left.is_empty() {
        let state = describe(world);
        world.fail(format!("not over long after the faults: {}\n{state}", left.join(", ")));
    }
}

/// An idle overlay renews its clients' attachments and says nothing else; its trees, if it has any,
/// no more than their pulses and records.
fn fall_silent(world: &mut World) {
    world.run(SETTLING);
    let (before, steps) = (world.net.carried, world.steps);
    world.run(SILENCE);
    let said = world.net.carried - before;
    let nodes = world.processes.len() as u64;
    let (most, turns) = match &world.overlay {
        Some(_) => (TREES_SAY * SILENCE.as_secs() * nodes, 40 * SILENCE.as_secs() * nodes),
        None => (ATTACHMENTS_SAY * nodes, 100),
    };
    if said > most {
        let state = describe(world);
        world.fail(format!("{said} bytes were said while nothing was to say\n{state}"));
    }
    let steps = world.steps - steps;
    if steps > turns {
        world.fail(format!("{steps} steps were taken while nothing was to do"));
    }
}

/// What the nodes say of themselves, for whoever reads the failure.
pub(crate) fn describe(world: &World) -> String {
    let mut text = String::new();
    for process in &world.processes {
        let Some(core) = &process.core else { continue };
        if let Some(device) = core.device() {
            let status = device.node().status(world.now);
            text += &format!("  {}: uplink {:?}\n", process.name, status.uplink);
            for tunnel in status.tunnels {
                text += &format!(
                    "    tunnel {} {:?} epoch {} in flight {} window {}\n",
                    &tunnel.name[..8],
                    tunnel.wait,
                    tunnel.epoch,
                    tunnel.in_flight,
                    tunnel.window
                );
                for session in tunnel.sessions {
                    text += &format!("      {session:?}\n");
                }
            }
            text += &format!("    {:?}\n", status.counters);
        }
        if let Some(relay) = core.relay() {
            text += &format!("  {}: {:?}\n", process.name, relay.status(world.now));
        }
    }
    text
}
