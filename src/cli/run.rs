//! The one place where the daemons are put together: core, reactor, tape.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::clock::Time;
use crate::base::ids::Endpoint;
use crate::base::limits;
use crate::base::machine::Machine;
use crate::cloak::{Cloak, CloakConfig};
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::device::{Device, DeviceConfig};
use crate::node::config::{Forward, NodeConfig, Offer};
use crate::overlay::hyperbolic::Settings;
use crate::overlay::routes::Routes;
use crate::reactor::{Reactor, raise_descriptors};
use crate::tape::{FileSink, Header, Recorded, Report, SIZE_DEFAULT, play};

use super::clock;
use super::failure::Failure;
use super::memories::Memories;
use super::options::{CloakOptions, NodeOptions, Trees, Way};
use super::sandbox::{self, Files};
use super::state::{self, Lock, StateDir};

/// Kinds of tapes.
const NODE_TAPE: u8 = 1;
const CLOAK_TAPE: u8 = 2;

/// What a CLOAK core is made from.
#[derive(Serialize, Deserialize)]
struct CloakOrigin {
    config: CloakConfig,
    seed: [u8; 32],
}

/// Runs a `muses-node` until it is told to stop.
pub fn node(options: NodeOptions, state: &StateDir, lock: &Lock) -> Result<(), Failure> {
    state.clear_control(lock).map_err(Failure::run)?;
    let identity = state.identity().map_err(Failure::run)?;
    log::info!("this device is {}", identity.name());
    let record = options.record.clone();
    let listeners = options.socks.iter().chain(options.forwards.iter().map(|at| &at.listen));
    let embedded = match &options.way {
        Way::Embedded { listen, .. } => listen.as_ref(),
        Way::Daemon(_) => None,
    };
    let files = Files::new(state.path(), listeners.chain(embedded));
    let files = options.sandbox.then_some(files);
    let config = device_config(options, *identity.seed().as_bytes(), state)?;
    let origin = serde_json::to_vec(&config).map_err(Failure::run)?;
    let device = Device::new(config, Time::ZERO);
    run(device, NODE_TAPE, origin, record.as_deref(), Memories::new(state), files)
}

/// Runs a `cloak-node` until it is told to stop.
pub fn cloak(options: CloakOptions, state: &StateDir, lock: &Lock) -> Result<(), Failure> {
    state.clear_control(lock).map_err(Failure::run)?;
    let identity = state.identity().map_err(Failure::run)?;
    log::info!("this overlay node is {}", identity.name());
    let files = Files::new(state.path(), options.listen.iter().chain(&options.local));
    let files = options.sandbox.then_some(files);
    let config = CloakConfig {
        identity: *identity.seed().as_bytes(),
        listen: options.listen,
        local: options.local,
        control: Some(control(state)),
        peers: options.peers,
        overlay: options.routes.is_none().then(|| overlay(&options.trees)),
        routes: options.routes.unwrap_or_default(),
        leaf: false,
        remembered: Memories::new(state).overlay(),
        memory: limits::MEMORY_DEFAULT,
        descriptors: raise_descriptors(),
    };
    let seed = *state::seed().map_err(Failure::run)?;
    let origin = CloakOrigin { config, seed };
    let bytes = serde_json::to_vec(&origin).map_err(Failure::run)?;
    let core = Cloak::new(origin.config, origin.seed, Time::ZERO);
    run(core, CLOAK_TAPE, bytes, options.record.as_deref(), Memories::new(state), files)
}

/// Runs a tape through the core that it was recorded from; the text says what came out.
pub fn replay(tape: &Path) -> Result<String, Failure> {
    let name = tape.display();
    let kind = fs::File::open(tape).map_err(|error| Failure::run(format!("{name}: {error}")))?;
    let report = play(kind, build).map_err(|error| Failure::run(format!("{name}: {error}")))?;
    let text = describe(&report);
    if report.divergence.is_some() { Err(Failure::run(text)) } else { Ok(text) }
}

/// Either core, so that one player plays both kinds of tapes.
fn build(kind: u8, origin: &[u8]) -> Result<Box<dyn Machine>, String> {
    match kind {
        NODE_TAPE => {
            let config = serde_json::from_slice(origin).map_err(|error| error.to_string())?;
            Ok(Box::new(Device::new(config, Time::ZERO)))
        }
        CLOAK_TAPE => {
            let CloakOrigin { config, seed } =
                serde_json::from_slice(origin).map_err(|error| error.to_string())?;
            Ok(Box::new(Cloak::new(config, seed, Time::ZERO)))
        }
        other => Err(format!("a tape of the unknown kind {other}")),
    }
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    let seconds = report.span.as_secs_f64();
    let (records, bytes) = (report.records, report.bytes);
    let _ = write!(text, "{records} records, {bytes} bytes, {seconds:.1} s: ");
    match &report.divergence {
        Some(at) => {
            let _ = write!(
                text,
                "differs at record {} ({}): {}; recorded {}, now {}",
                at.record, at.time, at.input, at.expected, at.found
            );
            if report.version != env!("CARGO_PKG_VERSION") {
                let _ = write!(text, "; recorded by version {}", report.version);
            }
        }
        None if report.torn => text.push_str("identical; the tape's last record is torn"),
        None if !report.ended => text.push_str("identical; the tape stops before the daemon did"),
        None => text.push_str("identical"),
    }
    text
}

fn run(
    core: impl Machine,
    kind: u8,
    origin: Vec<u8>,
    record: Option<&Path>,
    memories: Memories,
    files: Option<Files>,
) -> Result<(), Failure> {
    let Some(tape) = record else { return drive(core, memories, files) };
    let sink = FileSink::create(tape, SIZE_DEFAULT)
        .map_err(|error| Failure::run(format!("cannot record to {}: {error}", tape.display())))?;
    log::warn!(
        "{} will hold this device's keys and all its plaintext: keep it to yourself",
        tape.display()
    );
    let header = Header { kind, started: clock::wall_seconds(), origin };
    drive(Recorded::new(core, &header, sink)?, memories, files)
}

/// Confined to `files` where there are any.
fn drive(core: impl Machine, memories: Memories, files: Option<Files>) -> Result<(), Failure> {
    let keep =
        move |memory, bytes: &[u8]| memories.keep(memory, bytes).map_err(|error| error.to_string());
    let reactor = Reactor::new(core)?.with_signals()?.with_keeper(keep);
    match files {
        Some(files) => sandbox::enter(&files),
        None => log::warn!("nothing confines this daemon (--no-sandbox)"),
    }
    let (_core, why) = reactor.run()?;
    why.map_or(Ok(()), |why| Err(Failure::run(why)))
}

fn control(state: &StateDir) -> Endpoint {
    Endpoint::Unix(state.control().to_string_lossy().into_owned())
}

fn overlay(trees: &Trees) -> Settings {
    let Trees { count, roots, children } = trees.clone();
    Settings { trees: count, roots, children, born: clock::wall_ms() }
}

fn device_config(
    options: NodeOptions,
    identity: [u8; 32],
    state: &StateDir,
) -> Result<DeviceConfig, Failure> {
    let seed = *state::seed().map_err(Failure::run)?;
    let descriptors = raise_descriptors();
    // An embedded CLOAK core has its share of the one budget.
    let share = options.memory / 4;
    let mut memory = options.memory;
    let (daemon, cloak) = match options.way {
        Way::Daemon(endpoint) => (Some(endpoint), None),
        Way::Embedded { listen, peers, trees } => {
            let cloak = CloakConfig {
                identity,
                listen,
                local: None,
                control: None,
                peers,
                overlay: Some(overlay(&trees)),
                routes: Routes::default(),
                leaf: true,
                remembered: Memories::new(state).overlay(),
                memory: share,
                descriptors,
            };
            memory -= share;
            (None, Some(cloak))
        }
    };
    let node = NodeConfig {
        identity,
        cloak: daemon,
        socks: options.socks,
        control: Some(control(state)),
        forwards: options
            .forwards
            .into_iter()
            .map(|forward| Forward {
                listen: forward.listen,
                peer: forward.name,
                port: forward.port,
            })
            .collect(),
        offers: options
            .services
            .into_iter()
            .map(|service| Offer {
                port: service.port,
                target: service.target,
                allow: service.allow,
            })
            .collect(),
        allow: options.allow,
        register: options.register.as_ref().map(ToString::to_string),
        born: clock::wall_ms(),
        aliases: options.aliases,
        pins: Memories::new(state).pins(),
        secrets: options
            .secrets
            .iter()
            .map(|(name, secret)| {
                let key = Secret::extract(b"MUSeS pre-shared secret", &[secret.0.as_slice()]);
                (*name, *key.as_bytes())
            })
            .collect(),
        suite: Suite::from_number(options.suite).unwrap_or_default(),
        retain_ms: options.retain.and_then(|time| u64::try_from(time.as_millis()).ok()),
        memory,
        window: options.window,
    };
    Ok(DeviceConfig { node, cloak, seed })
}
