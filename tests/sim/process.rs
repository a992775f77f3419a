//! A process: a real core, and what a reactor knows of its links.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::rc::Rc;

use muses::base::clock::Time;
use muses::base::ids::Endpoint;
use muses::base::links::LinkId;
use muses::base::machine::{Cause, Input, Machine, Port};
use muses::cloak::{Cloak, CloakConfig};
use muses::device::{Device, DeviceConfig};
use muses::node::config::NodeConfig;
use muses::overlay::hyperbolic::Settings;
use muses::tape::{Header, Recorded, play};

use crate::net::ConnId;

/// The wall clock when the simulation begins, in milliseconds.
const WALL_CLOCK: u64 = 1_700_000_000_000;

/// What a process is.
#[derive(Clone)]
pub(crate) enum Spec {
    Device(Box<NodeConfig>, Option<CloakConfig>),
    Relay(CloakConfig),
}

impl Spec {
    /// The hyperbolic overlay in place of static routes, if it is wanted; and the wall clock now.
    fn dress(&mut self, overlay: Option<&Settings>, now: Time) {
        let born = WALL_CLOCK + now.as_nanos() / 1_000_000;
        let cloak = match self {
            Self::Device(node, cloak) => {
                node.born = born;
                cloak.as_mut()
            }
            Self::Relay(cloak) => Some(cloak),
        };
        if let Some(cloak) = cloak {
            cloak.overlay = overlay.map(|settings| Settings { born, ..settings.clone() });
        }
    }

    fn device(&self, seed: [u8; 32], now: Time) -> Option<Device> {
        let Self::Device(node, cloak) = self else { return None };
        let config = DeviceConfig { node: (**node).clone(), cloak: cloak.clone(), seed };
        Some(Device::new(config, now))
    }

    fn relay(&self, seed: [u8; 32], now: Time) -> Option<Cloak> {
        let Self::Relay(config) = self else { return None };
        Some(Cloak::new(config.clone(), seed, now))
    }
}

/// A tape in memory.
#[derive(Clone, Default)]
pub(crate) struct Tape(Rc<RefCell<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) enum Core {
    Device(Box<Device>),
    Relay(Box<Cloak>),
    TapedDevice(Box<Recorded<Device, Tape>>, Tape),
    TapedRelay(Box<Recorded<Cloak, Tape>>, Tape),
}

impl Core {
    fn new(spec: &Spec, seed: [u8; 32], taped: bool, now: Time) -> Self {
        let (device, relay) = (spec.device(seed, now), spec.relay(seed, now));
        let (header, tape) = (Header::default(), Tape::default());
        let works = "a tape in memory takes everything";
        match (device, relay) {
            (Some(device), _) if taped => {
                let core = Recorded::new(device, &header, tape.clone()).expect(works);
                Self::TapedDevice(Box::new(core), tape)
            }
            (None, Some(relay)) if taped => {
                let core = Recorded::new(relay, &header, tape.clone()).expect(works);
                Self::TapedRelay(Box::new(core), tape)
            }
            (Some(device), _) => Self::Device(Box::new(device)),
            (None, relay) => Self::Relay(Box::new(relay.expect("one or the other"))),
        }
    }

    pub(crate) fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Self::Device(core) => core,
            Self::Relay(core) => core,
            Self::TapedDevice(core, _) => &mut **core,
            Self::TapedRelay(core, _) => &mut **core,
        }
    }

    pub(crate) fn device(&self) -> Option<&Device> {
        match self {
            Self::Device(core) => Some(core),
            Self::TapedDevice(core, _) => Some(core.machine()),
            Self::Relay(_) | Self::TapedRelay(..) => None,
        }
    }

    pub(crate) fn relay(&self) -> Option<&Cloak> {
        match self {
            Self::Relay(core) => Some(core),
            Self::TapedRelay(core, _) => Some(core.machine()),
            Self::Device(_) | Self::TapedDevice(..) => None,
        }
    }

    /// Packet memory in use, and allowed, of each core in it.
    pub(crate) fn memory(&self) -> Vec<(usize, usize)> {
        let device = self.device().map_or_else(Vec::new, Device::memory);
        device.into_iter().chain(self.relay().map(Cloak::memory)).collect()
    }
}

/// A link, as a reactor sees it.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) state: State,
    pub(crate) eof: bool,
    pub(crate) closing: bool,
    pub(crate) ending: bool,
    pub(crate) queued: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Dialling,
    Open(ConnId, usize),
    /// Its end is in the news.
    Failed,
    /// Closed, and it has nowhere to write: all that is left counts as written.
    Void,
}

impl Socket {
    pub(crate) fn new(state: State) -> Self {
        Self { state, eof: false, closing: false, ending: false, queued: false }
    }
}

/// What a process has still to do.
#[derive(Debug)]
pub(crate) enum Task {
    Listening(Port, Endpoint),
    Connected(LinkId),
    Eof(LinkId),
    Closed(LinkId, Cause),
    PathChanged,
    Stop,
    Serve(LinkId),
    Accept(ConnId, Port, Endpoint),
}

impl Task {
    pub(crate) fn input(&self) -> Option<Input<'_>> {
        Some(match self {
            Self::Listening(port, at) => Input::Listening(*port, at.clone()),
            Self::Connected(link) => Input::Connected(*link),
            Self::Eof(link) => Input::Eof(*link),
            Self::Closed(link, cause) => Input::Closed(*link, *cause),
            Self::PathChanged => Input::PathChanged,
            Self::Stop => Input::Stop,
            Self::Serve(_) | Self::Accept(..) => return None,
        })
    }
}

pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) spec: Spec,
    pub(crate) core: Option<Core>,
    /// Counts its starts.
    pub(crate) run: u32,
    seed: [u8; 32],
    started: Time,
    pub(crate) links: BTreeMap<LinkId, Socket>,
    pub(crate) tasks: VecDeque<Task>,
    pub(crate) is_paused: bool,
    pub(crate) is_over: bool,
    pub(crate) turn_due: bool,
    pub(crate) wake: Option<Time>,
}

impl Process {
    pub(crate) fn new(name: &str, spec: Spec) -> Self {
        Self {
            name: name.to_owned(),
            spec,
            core: None,
            run: 0,
            seed: [0; 32],
            started: Time::ZERO,
            links: BTreeMap::new(),
            tasks: VecDeque::new(),
            is_paused: false,
            is_over: false,
            turn_due: false,
            wake: None,
        }
    }

    pub(crate) fn start(
        &mut self,
        (seed, overlay): ([u8; 32], Option<&Settings>),
        taped: bool,
        now: Time,
    ) {
        self.run += 1;
        self.spec.dress(overlay, now);
        (self.seed, self.started) = (seed, now);
        (self.is_paused, self.is_over) = (false, false);
        (self.turn_due, self.wake) = (false, None);
        self.core = Some(Core::new(&self.spec, seed, taped, now));
    }

    /// Ends the run. Its tape, if it has one, must play as it went.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        self.links.clear();
        self.tasks.clear();
        let (spec, seed, started) = (&self.spec, self.seed, self.started);
        let absent = || "no such core".to_owned();
        let report = match self.core.take() {
            Some(Core::TapedDevice(mut core, tape)) => {
                core.finish().map_err(|error| error.to_string())?;
                let tape = tape.0.take();
                play(&tape[..], |_, _| spec.device(seed, started).ok_or_else(absent))
            }
            Some(Core::TapedRelay(mut core, tape)) => {
                core.finish().map_err(|error| error.to_string())?;
                let tape = tape.0.take();
                play(&tape[..], |_, _| spec.relay(seed, started).ok_or_else(absent))
            }
            _ => return Ok(()),
        };
        match report {
            Ok(report) if report.divergence.is_none() && report.ended => Ok(()),
            Ok(report) => Err(format!("{}: the replay differs: {report:?}", self.name)),
            Err(error) => Err(format!("{}: the tape does not play: {error}", self.name)),
        }
    }

    /// Whether it never stopped.
    pub(crate) fn is_first_run(&self) -> bool {
        self.run == 1 && self.core.is_some()
    }

    /// Whether it is there to do something.
    pub(crate) fn is_awake(&self) -> bool {
        self.core.is_some() && !self.is_paused && !self.is_over
    }
}
