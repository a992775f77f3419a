//! A driver whose every move is chosen by an input, and which obeys the laws of the contract.
//!
//! Beyond the laws it does what a careless driver might: it names links that never were or are
//! gone, commits nothing, and asks for room it does not use. All of that must be survived.

use std::collections::BTreeMap;
use std::time::Duration;

use super::script::Script;
use crate::base::clock::Time;
use crate::base::ids::Endpoint;
use crate::base::limits::{FRAME_MAX, READ_AHEAD};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Cause, Input, Machine, Port, Slices};

/// Actions of one mutation: more means that the machine talks to itself.
const ACTIONS_MAX: usize = 10_000;
/// Links under way at once.
const LINKS_MAX: usize = 64;
/// A generation that no run reaches: an id with it names nothing, not even a link that two cores
/// have between themselves.
const NEVER: u64 = 0x0f00_0000 << 32;
const CAUSES: [Cause; 6] = [
    Cause::Reset,
    Cause::Refused,
    Cause::Unreachable,
    Cause::TimedOut,
    Cause::NoSuchHost,
    Cause::Denied,
];

/// How far a link has come, as the driver knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialled,
    Open,
    /// The far end said its end.
    Ended,
    /// The machine closed it: its last bytes may still be written.
    Closing,
}

/// The machine and the world around it.
pub(super) struct Driver<M> {
    pub(super) machine: M,
    pub(super) now: Time,
    links: BTreeMap<LinkId, Stage>,
    /// Links whose ids are dead.
    gone: Vec<LinkId>,
    ports: Vec<Port>,
    is_over: bool,
}

impl<M: Machine> Driver<M> {
    /// A machine that has started; it may be called on `ports` besides those it listens on.
    pub(super) fn new(machine: M, ports: &[Port]) -> Self {
        let (links, now) = (BTreeMap::new(), Time::from_nanos(1));
        let (gone, ports) = (Vec::new(), ports.to_vec());
        let mut driver = Self { machine, now, links, gone, ports, is_over: false };
        driver.handle(Input::Start);
        driver
    }

    /// Whether the machine has asked to end.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn handle(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..ACTIONS_MAX {
            let Some(action) = self.machine.poll() else { return self.inspect() };
            match action {
                Action::Connect(link, _) => drop(self.links.insert(link, Stage::Dialled)),
                Action::Close(link) => drop(self.links.insert(link, Stage::Closing)),
                Action::Abort(link) => self.forget(link),
                Action::Listen(port, _) => self.ports.push(port),
                Action::Unlisten(port) => self.ports.retain(|other| *other != port),
                Action::Exit(_) => self.is_over = true,
                Action::Resume(_) | Action::Flush(_) | Action::Shutdown(_) | Action::Keep(..) => {}
            }
        }
        panic!("actions without end");
    }

    /// What must hold after every mutation.
    fn inspect(&mut self) {
        if let Some((link, _)) = self.links.iter().find(|(_, stage)| **stage == Stage::Open) {
            let first = self.machine.recv_space(*link).len();
            assert_eq!(first, self.machine.recv_space(*link).len(), "law 4: asked twice");
            assert!(first <= FRAME_MAX + READ_AHEAD, "a read is bounded");
            assert!(self.machine.poll().is_none(), "law 4: making room is no mutation");
        }
        let _ = self.machine.fingerprint();
    }

    fn some(&self, script: &mut Script<'_>, stages: &[Stage]) -> Option<LinkId> {
        let fitting = self.links.iter().filter(|(_, stage)| stages.contains(stage));
        let links: Vec<LinkId> = fitting.map(|(link, _)| *link).collect();
        script.pick(&links)
    }

    /// Some link that is open.
    pub(super) fn open_link(&self, script: &mut Script<'_>) -> Option<LinkId> {
        self.some(script, &[Stage::Open])
    }

    /// Whether bytes may come in on a link.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.links.get(&link) == Some(&Stage::Open)
    }

    /// One thing that happens; `code` says what.
    pub(super) fn step(&mut self, code: u8, script: &mut Script<'_>) {
        match code & 0x0f {
            0 => {
                self.call(script);
            }
            1 => {
                self.connect(script);
            }
            2 => {
                if let Some(link) = self.some(script, &[Stage::Open]) {
                    self.links.insert(link, Stage::Ended);
                    self.handle(Input::Eof(link));
                }
            }
            3 => {
                let stages = [Stage::Dialled, Stage::Open, Stage::Ended];
                if let Some(link) = self.some(script, &stages) {
                    let cause = CAUSES[script.below(CAUSES.len())];
                    self.lose(link, cause);
                }
            }
            4 => {
                if let Some(link) = self.open_link(script) {
                    let bytes = script.piece();
                    self.receive(link, bytes);
                }
            }
            5 => {
                if let Some(link) = self.open_link(script) {
                    self.receive_lines(link, script);
                }
            }
            6 => {
                let stages = [Stage::Open, Stage::Ended, Stage::Closing];
                if let Some(link) = self.some(script, &stages) {
                    let most = script.short();
                    self.send(link, most);
                }
            }
            7 => self.send_all(),
            8 => self.wait(Duration::from_millis(u64::from(script.byte()))),
            9 => self.wait(Duration::from_secs(u64::from(script.byte()))),
            10 => self.handle(Input::PathChanged),
            11 => self.stray(script),
            12 => self.listening(script),
            13 if script.byte() > 200 => self.handle(Input::Stop),
            _ => self.ring(),
        }
    }

    /// Somebody calls.
    pub(super) fn call(&mut self, script: &mut Script<'_>) -> Option<LinkId> {
        let port = script.pick(&self.ports).unwrap_or(Port(u32::from(script.byte())));
        let caller = script.byte();
        let from = match caller % 4 {
            0 => Endpoint::Unix(String::new()),
            _ => Endpoint::Tcp(([127, 0, 0, 1], u16::from(caller)).into()),
        };
        self.call_on(port, from)
    }

    /// A caller connects there.
    pub(super) fn call_on(&mut self, port: Port, from: Endpoint) -> Option<LinkId> {
        if self.links.len() >= LINKS_MAX {
            return None;
        }
        let link = self.machine.accept(port, from, self.now);
        self.links.extend(link.map(|link| (link, Stage::Open)));
        self.drain();
        link.filter(|link| self.is_open(*link))
    }

    /// A dialled link opens.
    pub(super) fn connect(&mut self, script: &mut Script<'_>) -> Option<LinkId> {
        let link = self.some(script, &[Stage::Dialled])?;
        self.links.insert(link, Stage::Open);
        self.handle(Input::Connected(link));
        Some(link).filter(|link| self.is_open(*link))
    }

    /// The stream under a link is gone, unless it was before.
    pub(super) fn lose(&mut self, link: LinkId, cause: Cause) {
        if self.links.remove(&link).is_some() {
            self.gone.push(link);
            self.handle(Input::Closed(link, cause));
        }
    }

    /// Bytes arrive; how many found room.
    pub(super) fn receive(&mut self, link: LinkId, bytes: &[u8]) -> usize {
        let space = self.machine.recv_space(link);
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.machine.recv_commit(link, count, self.now);
        self.drain();
        count
    }

    /// The same for words that a fuzzer would be long in finding.
    fn receive_lines(&mut self, link: LinkId, script: &mut Script<'_>) {
        const WORDS: [&[u8]; 8] = [
            b"\x05\x01\x00",
            b"\x05\x01\x00\x03\x03bob\x00\x16",
            b"{\"do\":\"connect\",\"name\":\"bob\",\"port\":22}\n",
            b"{\"do\":\"listen\",\"port\":80,\"allow\":[\"bob\"]}\n",
            b"{\"do\":\"accept\",\"incoming\":",
            b"{\"do\":\"status\"}\n",
            b"{\"do\":\"reconnect\"}\n",
            b"{\"do\":\"kill\",\"session\":",
        ];
        let at = script.below(WORDS.len());
        let mut words = WORDS[at].to_vec();
        if words.ends_with(b":") {
            words.extend(format!("{}}}\n", script.byte()).bytes());
        }
        self.receive(link, &words);
    }

    /// What a link has to write, at most so many bytes of it.
    pub(super) fn send(&mut self, link: LinkId, most: usize) -> Vec<u8> {
        let mut slices = Slices::default();
        self.machine.send_slices(link, &mut slices);
        let mut bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        bytes.truncate(most);
        if !bytes.is_empty() || most == 0 {
            self.machine.send_commit(link, bytes.len(), self.now);
            self.drain();
        }
        bytes
    }

    fn send_all(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.send(link, usize::MAX);
        }
        let closing = self.links.iter().filter(|(_, stage)| **stage == Stage::Closing);
        let closed: Vec<LinkId> = closing.map(|(link, _)| *link).collect();
        closed.into_iter().for_each(|link| self.forget(link));
    }

    fn forget(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.gone.push(link);
    }

    /// Time passes, and the clock rings where it must on the way.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..64 {
            let due = self.machine.next_timeout().filter(|due| due.at <= end);
            let Some(due) = due else { break };
            self.now = self.now.max(due.at);
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    /// The clock rings, due or not.
    fn ring(&mut self) {
        self.handle(Input::Timeout);
    }

    /// Links that never were, or are gone.
    fn stray(&mut self, script: &mut Script<'_>) {
        let upper = u64::from(script.byte()) << 56 | NEVER | u64::from(script.byte()) << 32;
        let never = LinkId::from_raw(upper | u64::from(script.byte()));
        let link = script.pick(&self.gone).unwrap_or(never);
        let link = if upper & 1 << 32 == 0 { never } else { link };
        match script.byte() % 6 {
            0 => self.handle(Input::Connected(link)),
            1 => self.handle(Input::Eof(link)),
            2 => self.handle(Input::Closed(link, Cause::Reset)),
            3 => assert_eq!(self.receive(link, &[]), 0),
            4 => {
                assert!(self.machine.recv_space(link).is_empty(), "room for nobody");
            }
            _ => {
                assert!(self.send(link, 0).is_empty());
            }
        }
    }

    fn listening(&mut self, script: &mut Script<'_>) {
        let Some(port) = script.pick(&self.ports) else { return };
        let at = Endpoint::Tcp(([127, 0, 0, 1], script.short() as u16).into());
        if script.byte() > 250 {
            self.handle(Input::ListenFailed(port, "in use"));
        } else {
            self.handle(Input::Listening(port, at));
        }
    }
}
