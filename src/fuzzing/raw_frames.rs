//! Frames of any bytes on links that have proved a Name, and on links that have not: nothing of an
//! input needs to be right. Against a relay with clients, a relay with a routes file, a device, and
//! a device whose CLOAK daemon lies (FR-01, FR-02, FR-05, OV-14).
//!
//! Bodies have every length from 0. What does not break a link of its own breaks no other: an
//! honest client stays attached, and so does the device behind its own CLOAK node.

use std::collections::VecDeque;
use std::time::Duration;

use super::cloaks::steer;
use super::driver::Driver;
use super::links::{give, identity};
use super::machines::{CLOAK, STRANGERS, cloak_config, node_config};
use super::script::Script;
use crate::base::buffer::Pool;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{FRAME_HEADER, FRAME_MAX, HOPS_MAX, MEMORY_MIN, ROUTE_LEN};
use crate::base::links::LinkId;
use crate::base::machine::{Cause, Input, Machine};
use crate::cloak::config::{LISTEN, LOCAL};
use crate::cloak::{Cloak, CloakConfig};
use crate::crypto::rng::Rng;
use crate::device::{Device, DeviceConfig};
use crate::link::{Event, Link};
use crate::overlay::hyperbolic::Settings;
use crate::overlay::routes::{Routes, Via};
use crate::wire::frame;
use crate::wire::link::Role;
use crate::wire::packet::{ConType, VERSION};
use crate::wire::route;

/// Bytes of a frame's length.
const LENGTH_LEN: usize = 4;
/// Seed of the honest client's identity.
const HONEST: u8 = 110;
/// Rings of the clock in one run: time passes no further then.
const ROUNDS_MAX: usize = 500;
/// Frames of the machine that are remembered.
const HEARD_MAX: usize = 64;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A caller that has said nothing.
    Silent,
    /// A caller that has said its Hello and proved nothing.
    Unproved,
    /// Neighbours that called.
    Neighbour(u8),
    /// A client.
    Client,
    /// A CLOAK node that the machine dialled.
    Dialled,
}

const PLACES: [Place; 6] = [
    Place::Neighbour(0),
    Place::Client,
    Place::Silent,
    Place::Unproved,
    Place::Neighbour(1),
    Place::Dialled,
];

impl Place {
    fn seed(self) -> u8 {
        match self {
            Self::Neighbour(number) => STRANGERS + number,
            Self::Client => STRANGERS + 2,
            Self::Silent | Self::Unproved => STRANGERS + 3,
            Self::Dialled => CLOAK,
        }
    }
}

/// A machine of the input's choice, and what is said to it; every input is read.
pub fn raw_frames(input: &[u8]) {
    let mut script = Script::whole(input);
    match script.byte() % 4 {
        0 => Town::new(relay(), is_well).run(&mut script),
        1 => Town::new(static_relay(), is_well).run(&mut script),
        2 => Town::new(device(true), is_device_well).run(&mut script),
        _ => Town::new(device(false), is_device_well).run(&mut script),
    }
}

fn overlay() -> Option<Settings> {
    Some(Settings { trees: 2, born: 1_000, ..Settings::default() })
}

fn relay() -> Cloak {
    let config = CloakConfig { overlay: overlay(), ..cloak_config(false) };
    Cloak::new(config, [7; 32], Default::default())
}

fn static_relay() -> Cloak {
    let mut config = cloak_config(false);
    let mut routes = Routes::default();
    routes.add(Some(Name::from_bytes([5; 32])), Via::Name(name_of(STRANGERS + 1)));
    routes.add(None, Via::Peer(config.peers[0].clone()));
    config.routes = routes;
    Cloak::new(config, [7; 32], Default::default())
}

fn device(is_embedded: bool) -> Device {
    let mut node = node_config();
    let config = CloakConfig { overlay: overlay(), identity: node.identity, ..cloak_config(true) };
    if is_embedded {
        node.cloak = None;
    }
    let cloak = is_embedded.then_some(config);
    Device::new(DeviceConfig { node, cloak, seed: [7; 32] }, Default::default())
}

fn is_well(cloak: &Cloak) -> bool {
    cloak.memory_used() <= MEMORY_MIN
}

fn is_device_well(device: &Device) -> bool {
    device.memory().iter().all(|(used, _)| *used <= MEMORY_MIN)
}

fn name_of(seed: u8) -> Name {
    identity(seed).name()
}

/// A link, and the far end's half of the link protocol where it speaks that.
struct End {
    id: LinkId,
    link: Option<Link>,
}

/// A machine and those around it.
struct Town<M> {
    driver: Driver<M>,
    is_well: fn(&M) -> bool,
    pool: Pool,
    rng: Rng,
    ends: [Option<End>; PLACES.len()],
    /// A client that says nothing but what the link protocol has it say.
    honest: Option<End>,
    /// Frames that the machine said to others.
    heard: VecDeque<Vec<u8>>,
    /// How often the clock rang.
    rounds: usize,
}

impl<M: Machine> Town<M> {
    fn new(machine: M, is_well: fn(&M) -> bool) -> Self {
        let (pool, rng) = (Pool::new(64 << 20), Rng::new([9; 32]));
        let driver = Driver::new(machine, &[]);
        let (ends, honest, heard) = Default::default();
        let mut town = Self { driver, is_well, pool, rng, ends, honest, heard, rounds: 0 };
        let id = town.driver.call_on(LOCAL, caller());
        town.honest = id.map(|id| town.end(id, Some((HONEST, Role::Client))));
        town.carry();
        town
    }

    fn end(&mut self, id: LinkId, who: Option<(u8, Role)>) -> End {
        let now = self.driver.now;
        let link = who.map(|(seed, role)| {
            Link::new(identity(seed), role, None, &mut self.rng, &self.pool, now)
        });
        End { id, link }
    }

    fn run(&mut self, script: &mut Script<'_>) {
        while !script.is_over() && !self.driver.is_over() {
            match usize::from(script.byte() & 7) {
                6 => self.pass(Duration::from_millis(100 * u64::from(script.byte()))),
                7 => {
                    let at = script.below(PLACES.len());
                    if let Some(end) = self.ends[at].take() {
                        self.driver.lose(end.id, Cause::Reset);
                    }
                }
                at => self.speak(at, script),
            }
            self.carry();
            assert!((self.is_well)(&self.driver.machine), "more memory than there is");
        }
    }

    /// One place says something; its link is opened first where it must be.
    fn speak(&mut self, at: usize, script: &mut Script<'_>) {
        let own_name = name_of(PLACES[at].seed());
        let bytes = self.bytes(&own_name, script);
        if self.ends[at].as_ref().is_none_or(|end| !self.driver.is_open(end.id)) {
            self.ends[at] = self.open(PLACES[at], script);
            self.carry();
        }
        let Some(end) = &self.ends[at] else { return };
        let mut rest = &bytes[..];
        while !rest.is_empty() && self.driver.is_open(end.id) {
            let taken = self.driver.receive(end.id, rest);
            rest = &rest[taken..];
            if taken == 0 {
                break;
            }
        }
    }

    fn open(&mut self, place: Place, script: &mut Script<'_>) -> Option<End> {
        let listener = if place == Place::Client { LOCAL } else { LISTEN };
        let id = match place {
            Place::Dialled => self.driver.connect(script)?,
            _ => self.driver.call_on(listener, caller())?,
        };
        let role = if place == Place::Client { Role::Client } else { Role::Neighbour };
        let end = self.end(id, (place != Place::Silent).then_some((place.seed(), role)));
        Some(end)
    }

    /// The bytes of a frame, or of something that is none.
    fn bytes(&mut self, own: &Name, script: &mut Script<'_>) -> Vec<u8> {
        let form = script.byte();
        let mut frame = match form & 7 {
            0 => {
                let count = script.short();
                return script.take(count).to_vec();
            }
            1 => framed(script.byte(), &body(script)),
            2 | 3 => framed(if form & 7 == 2 { 4 } else { 13 }, &routed(own, script)),
            4 => {
                let count = script.short() % (FRAME_MAX - FRAME_HEADER + 1);
                framed(script.byte(), &vec![script.byte(); count])
            }
            5 => {
                // A length that is not the frame's own.
                let mut length = [0; LENGTH_LEN];
                let count = 1 + script.below(LENGTH_LEN);
                let said = script.take(count);
                length[LENGTH_LEN - said.len()..].copy_from_slice(said);
                return [&length[..], &body(script)].concat();
            }
            _ => {
                let frames: Vec<&Vec<u8>> = self.heard.iter().collect();
                script.pick(&frames).cloned().unwrap_or_default()
            }
        };
        // Half of them are as they are.
        let change = if form & 128 == 0 { 0 } else { form };
        if change & 8 != 0 {
            bend(&mut frame, script);
        }
        if change & 16 != 0 {
            frame.truncate(script.short() % (frame.len() + 1));
        }
        if change & 32 != 0 {
            frame.extend(body(script));
        }
        if change & 64 != 0 && frame.len() > LENGTH_LEN {
            frame[LENGTH_LEN] = script.byte();
        }
        measured(frame)
    }

    /// Moves bytes both ways until nothing moves.
    fn carry(&mut self) {
        for _ in 0..64 {
            let ends = self.ends.iter_mut().chain([&mut self.honest]).flatten();
            let mut is_moving = false;
            for End { id, link } in ends {
                if !self.driver.is_open(*id) {
                    continue;
                }
                let said = self.driver.send(*id, usize::MAX);
                remember(&mut self.heard, &said);
                let Some(link) = link else { continue };
                give(link, &said, self.driver.now);
                let back = output(link);
                is_moving |= !said.is_empty() || !back.is_empty();
                link.send_commit(back.len(), self.driver.now);
                if self.driver.is_open(*id) {
                    self.driver.receive(*id, &back);
                }
            }
            if !is_moving {
                break;
            }
        }
        self.check_honest();
    }

    /// Nothing that others say costs the honest client its link.
    fn check_honest(&mut self) {
        let Some(End { id, link }) = &mut self.honest else { return };
        let events = link.iter_mut().flat_map(|link| std::iter::from_fn(|| link.poll()));
        for event in events {
            assert!(!matches!(event, Event::Broken(_)), "an honest client's link: {event:?}");
        }
        assert!(self.driver.is_over() || self.driver.is_open(*id), "an honest client is let go");
    }

    /// Time passes, and all that speak the link protocol answer in it.
    fn pass(&mut self, time: Duration) {
        let end = self.driver.now + time;
        while self.rounds < ROUNDS_MAX {
            self.rounds += 1;
            let due = self.driver.machine.next_timeout().map(|due| due.at);
            let Some(due) = due.filter(|due| *due <= end) else {
                self.driver.now = end;
                return;
            };
            self.driver.now = self.driver.now.max(due);
            self.driver.handle(Input::Timeout);
            self.carry();
        }
    }
}

fn caller() -> Endpoint {
    Endpoint::Tcp(([127, 0, 0, 1], 9).into())
}

fn output(link: &Link) -> Vec<u8> {
    let mut slices = Default::default();
    link.send_slices(&mut slices);
    slices.iter().flat_map(|slice| slice.iter().copied()).collect()
}

/// Keeps whole frames out of what was said; one that was cut by the queue's end is left out.
fn remember(heard: &mut VecDeque<Vec<u8>>, mut said: &[u8]) {
    while let Ok(Some(total)) = frame::length(said) {
        let Some((whole, rest)) = said.split_at_checked(total) else { return };
        said = rest;
        if heard.len() == HEARD_MAX {
            heard.pop_front();
        }
        heard.push_back(whole.to_vec());
    }
}

fn body(script: &mut Script<'_>) -> Vec<u8> {
    // Most end near where a packet's headers do; some are as long as a message of a tree.
    let count = match usize::from(script.byte()) {
        count @ 0..192 => count % 48,
        count @ 192..240 => count - 144,
        count => (count - 239) * 150,
    };
    script.take(count).to_vec()
}

/// A frame of this kind, whatever that is.
fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    measured([&[0; LENGTH_LEN], &[kind][..], body].concat())
}

/// The same bytes with their own length in front.
fn measured(mut frame: Vec<u8>) -> Vec<u8> {
    let rest = frame.len().saturating_sub(LENGTH_LEN) as u32;
    frame.iter_mut().zip(rest.to_be_bytes()).for_each(|(byte, length)| *byte = length);
    frame
}

/// A Routing Header that is right and anything behind it, or what begins as a packet does.
fn routed(own: &Name, script: &mut Script<'_>) -> Vec<u8> {
    let form = script.byte();
    let source = if form & 1 == 0 { *own } else { some_name(script) };
    let hops = if form & 2 == 0 { HOPS_MAX } else { script.byte() };
    let mut header = [0; ROUTE_LEN];
    route::emit(&mut header, &source, &some_name(script), hops);
    if form & 4 != 0 {
        steer(&mut header, script);
    }
    let mut rest = body(script);
    if form & 8 != 0 {
        let start = [VERSION, ConType::ALL[script.below(ConType::ALL.len())] as u8];
        rest.iter_mut().zip(start).for_each(|(byte, right)| *byte = right);
    }
    [&header[..], &rest].concat()
}

/// The machine's Name, one of a node around it, or one of no node.
fn some_name(script: &mut Script<'_>) -> Name {
    match script.byte() & 7 {
        0 => name_of(HONEST),
        1 => name_of(node_config().identity[0]),
        2 => name_of(CLOAK),
        number @ 3..=6 => name_of(STRANGERS + number - 3),
        _ => Name::from_bytes([script.byte(); 32]),
    }
}

/// Writes a Name or a byte somewhere.
fn bend(frame: &mut [u8], script: &mut Script<'_>) {
    let (place, byte) = (script.short() % frame.len().max(1), script.byte());
    let name = some_name(script);
    let bytes = if byte == 0 { &name.as_bytes()[..] } else { &[byte] };
    frame.iter_mut().skip(place).zip(bytes).for_each(|(byte, other)| *byte = *other);
}
