//! What `muses-node` runs: a MUSeS core and, unless a CLOAK daemon is used, a CLOAK core beside it.
//!
//! The two cores speak to each other only in bytes, here over memory instead of loopback TCP. To
//! the driver they are one [`Machine`]: the CLOAK core's links carry the top bit in their ids.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Cause, Deadline, Input, Machine, Port, Slices};
use crate::cloak::config::{CONTROL, LISTEN, LOCAL, PIPE};
use crate::cloak::{Cloak, CloakConfig};
use crate::control::map::Map;
use crate::control::request::Reply;
use crate::control::status::Status;
use crate::node::config::NodeConfig;
use crate::node::{Node, Question};

/// Marks the ids of the CLOAK core's links.
const CLOAK: u64 = 1 << 63;

/// Everything a device is told at its start.
#[derive(Clone, Serialize, Deserialize)]
pub struct DeviceConfig {
    /// The MUSeS core.
    pub node: NodeConfig,
    /// The CLOAK core, where no daemon is used.
    pub cloak: Option<CloakConfig>,
    /// Where all randomness comes from.
    pub seed: [u8; 32],
}

struct Embedded {
    core: Cloak,
    /// The pipe's ends in the two cores.
    near: LinkId,
    far: LinkId,
}

/// A device.
pub struct Device {
    node: Node,
    cloak: Option<Embedded>,
    waiting: Option<Cloak>,
    actions: VecDeque<Action>,
    /// One core has let the pipe go: both ends are opened afresh.
    broken: bool,
    is_over: bool,
}

impl Device {
    /// A device that waits for [`Input::Start`].
    #[must_use]
    pub fn new(config: DeviceConfig, now: Time) -> Self {
        let mut seed = config.seed;
        let node = Node::new(config.node, seed, now);
        // The two cores must not draw the same bytes.
        seed.iter_mut().for_each(|byte| *byte ^= 0xc1);
        let waiting = config.cloak.map(|config| Cloak::new(config, seed, now));
        Self { node, cloak: None, waiting, actions: VecDeque::new(), broken: false, is_over: false }
    }

    /// The device's Name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.node.name()
    }

    /// The MUSeS core, to look at.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Packet memory of each core: bytes in use, and allowed.
    #[must_use]
    pub fn memory(&self) -> Vec<(usize, usize)> {
        let cloak = self.cloak.as_ref().map(|embedded| embedded.core.memory());
        [self.node.memory()].into_iter().chain(cloak).collect()
    }

    fn mend_pipe(&mut self, now: Time) {
        let Some(Embedded { mut core, near, far }) = self.cloak.take() else { return };
        core.handle(Input::Closed(far, Cause::Reset), now);
        self.node.handle(Input::Closed(near, Cause::Reset), now);
        self.open_pipe(core, now);
    }

    fn open_pipe(&mut self, mut core: Cloak, now: Time) {
        let from = Endpoint::Unix(String::new());
        if let Some(far) = core.accept(PIPE, from, now) {
            let near = self.node.attach_pipe(now);
            self.cloak = Some(Embedded { core, near, far });
        }
    }

    /// Passes on what the cores want, and the bytes between them, until nothing moves.
    fn settle(&mut self, now: Time) {
        while let Some((link, question)) = self.node.take_question() {
            let reply = match question {
                Question::Status => Reply::Status(Box::new(self.status(now))),
                Question::Map(tree) => Reply::from(self.map(tree)),
            };
            self.node.answer_question(link, &reply, now);
        }
        let reconnect = self.node.take_reconnect();
        self.drain_node(now);
        let Some(embedded) = &mut self.cloak else { return };
        if reconnect {
            embedded.core.handle(Input::PathChanged, now);
        }
        self.drain_cloak();
        loop {
            let Some(Embedded { core, near, far }) = &mut self.cloak else { return };
            let there = carry(&mut self.node, *near, core, *far, now);
            self.drain_node(now);
            self.drain_cloak();
            let Some(Embedded { core, near, far }) = &mut self.cloak else { return };
            let back = carry(core, *far, &mut self.node, *near, now);
            self.drain_cloak();
            self.drain_node(now);
            if std::mem::take(&mut self.broken) && !self.is_over {
                self.mend_pipe(now);
            } else if !there && !back {
                return;
            }
        }
    }

    fn drain_node(&mut self, now: Time) {
        while let Some(action) = self.node.poll() {
            let pipe = self.cloak.as_ref().map(|embedded| embedded.near);
            match &action {
                Action::Exit(None) => match &mut self.cloak {
                    // The goodbyes are in the CLOAK core's queues now: it goes last.
                    Some(embedded) => embedded.core.handle(Input::Stop, now),
                    None => self.exit(None),
                },
                Action::Exit(why) => self.exit(why.clone()),
                Action::Abort(link) | Action::Close(link) if Some(*link) == pipe => {
                    self.broken = true;
                }
                _ if link_of(&action).is_some_and(|link| Some(link) == pipe) => {}
                _ => self.actions.push_back(action),
            }
        }
    }

    fn drain_cloak(&mut self) {
        while let Some(action) = self.cloak.as_mut().and_then(|embedded| embedded.core.poll()) {
            let pipe = self.cloak.as_ref().map(|embedded| embedded.far);
            match action {
                Action::Exit(why) => self.exit(why),
                Action::Abort(link) | Action::Close(link) if Some(link) == pipe => {
                    self.broken = true;
                }
                _ if link_of(&action).is_some_and(|link| Some(link) == pipe) => {}
                action => self.actions.push_back(marked(action)),
            }
        }
    }

    fn exit(&mut self, why: Option<String>) {
        if !self.is_over {
            self.is_over = true;
            self.actions.push_back(Action::Exit(why));
        }
    }

    fn status(&self, now: Time) -> Status {
        let mut status = self.node.status(now);
        if let Some(Embedded { core, .. }) = &self.cloak {
            let mut overlay = core.status(now);
            overlay.put_aliases(|name| self.node.word_for(name));
            if let Some((uplink, since)) = status.uplink.as_mut().zip(core.alone_since()) {
                uplink.since_ms = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
                uplink.state = "alone".to_owned();
                uplink.why = "no neighbour is up".to_owned();
                uplink.until = "a neighbour's answer".to_owned();
            }
            status.overlay = Some(overlay);
            status.listeners.extend(core.listeners());
            let counters = core.counters().map(|(name, count)| (format!("cloak {name}"), count));
            status.counters.extend(counters);
        }
        status
    }

    fn map(&self, tree: u8) -> Result<Map, String> {
        let Some(Embedded { core, .. }) = &self.cloak else {
            return Err("this muses-node has no overlay node of its own: ask its cloak-node".into());
        };
        let mut map = core.map(tree)?;
        map.put_aliases(|name| self.node.word_for(name));
        Ok(map)
    }

    /// The core a link belongs to, and its id there.
    fn core_of(&mut self, link: LinkId) -> (&mut dyn Machine, LinkId) {
        let is_cloak = link.raw() & CLOAK != 0;
        let id = LinkId::from_raw(link.raw() & !CLOAK);
        match &mut self.cloak {
            Some(embedded) if is_cloak => (&mut embedded.core, id),
            _ => (&mut self.node, link),
        }
    }
}

/// Moves what one core has written to the other; whether anything moved.
fn carry(
    from: &mut impl Machine,
    out: LinkId,
    to: &mut impl Machine,
    into: LinkId,
    now: Time,
) -> bool {
    let mut slices = Slices::default();
    from.send_slices(out, &mut slices);
    let mut moved = 0;
    for slice in slices.iter() {
        let mut rest = &slice[..];
        while !rest.is_empty() {
            let space = to.recv_space(into);
            let count = space.len().min(rest.len());
            if count == 0 {
                break;
            }
            space[..count].copy_from_slice(&rest[..count]);
            to.recv_commit(into, count, now);
            rest = &rest[count..];
            moved += count;
        }
        if !rest.is_empty() {
            break;
        }
    }
    if moved > 0 {
        from.send_commit(out, moved, now);
    }
    moved > 0
}

/// The link an action is about.
fn link_of(action: &Action) -> Option<LinkId> {
    match action {
        Action::Connect(link, _)
        | Action::Resume(link)
        | Action::Flush(link)
        | Action::Shutdown(link)
        | Action::Close(link)
        | Action::Abort(link) => Some(*link),
        Action::Listen(..) | Action::Unlisten(_) | Action::Keep(..) | Action::Exit(_) => None,
    }
}

/// An action of the CLOAK core, as the driver knows it.
fn marked(action: Action) -> Action {
    let mark = |link: LinkId| LinkId::from_raw(link.raw() | CLOAK);
    match action {
        Action::Connect(link, to) => Action::Connect(mark(link), to),
        Action::Resume(link) => Action::Resume(mark(link)),
        Action::Flush(link) => Action::Flush(mark(link)),
        Action::Shutdown(link) => Action::Shutdown(mark(link)),
        Action::Close(link) => Action::Close(mark(link)),
        Action::Abort(link) => Action::Abort(mark(link)),
        other @ (Action::Listen(..) | Action::Unlisten(_) | Action::Keep(..) | Action::Exit(_)) => {
            other
        }
    }
}

/// Whether a listening socket is the CLOAK core's.
fn is_cloak_port(port: Port) -> bool {
    [LISTEN, LOCAL, CONTROL, PIPE].contains(&port)
}

impl Machine for Device {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        match input {
            Input::Start => {
                self.node.handle(Input::Start, now);
                if let Some(mut core) = self.waiting.take() {
                    core.handle(Input::Start, now);
                    self.open_pipe(core, now);
                }
            }
            Input::Timeout | Input::PathChanged => {
                if let Some(embedded) = &mut self.cloak {
                    embedded.core.handle(input.clone(), now);
                    self.drain_cloak();
                }
                self.node.handle(input, now);
            }
            Input::Stop => self.node.handle(input, now),
            Input::Listening(port, _) | Input::ListenFailed(port, _) => match &mut self.cloak {
                Some(embedded) if is_cloak_port(port) => embedded.core.handle(input, now),
                _ => self.node.handle(input, now),
            },
            Input::Connected(link) => {
                let (core, link) = self.core_of(link);
                core.handle(Input::Connected(link), now);
            }
            Input::Eof(link) => {
                let (core, link) = self.core_of(link);
                core.handle(Input::Eof(link), now);
            }
            Input::Closed(link, cause) => {
                let (core, link) = self.core_of(link);
                core.handle(Input::Closed(link, cause), now);
            }
        }
        self.settle(now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        let link = match &mut self.cloak {
            Some(embedded) if is_cloak_port(on) => {
                let link = embedded.core.accept(on, from, now)?;
                LinkId::from_raw(link.raw() | CLOAK)
            }
            _ => self.node.accept(on, from, now)?,
        };
        self.settle(now);
        Some(link)
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        let cloak = self.cloak.as_ref().and_then(|embedded| embedded.core.next_timeout());
        earliest(self.node.next_timeout(), cloak)
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        let (core, link) = self.core_of(link);
        core.recv_space(link)
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        let (core, link) = self.core_of(link);
        core.recv_commit(link, count, now);
        self.settle(now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        let id = LinkId::from_raw(link.raw() & !CLOAK);
        match &self.cloak {
            Some(embedded) if link.raw() & CLOAK != 0 => embedded.core.send_slices(id, into),
            _ => self.node.send_slices(link, into),
        }
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        let (core, link) = self.core_of(link);
        core.send_commit(link, count, now);
        self.settle(now);
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut print = self.node.fingerprint();
        if let Some(embedded) = &self.cloak {
            print.fold(embedded.core.fingerprint().value());
        }
        print
    }
}
