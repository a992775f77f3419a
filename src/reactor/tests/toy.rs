//! A small machine that echoes, relays, greets or holds its breath, as the test wants.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Endpoint;
use crate::base::links::{LinkId, Links};
use crate::base::machine::{Action, Cause, Deadline, Input, Machine, Port, Slices};

/// Connecting here ends the machine.
pub(super) const QUIT: Port = Port(99);
const HIGH_WATER: usize = 256 * 1024;

/// What the machine does with a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Sends back what comes, pausing at random; ends when the far end does.
    Echo,
    /// Dials and relays both ways.
    Relay(Endpoint),
    /// Sends this and closes.
    Greet(Vec<u8>),
    /// Reads nothing until a moment has passed, then echoes.
    Hold(Duration),
    /// Resets the caller.
    Abort,
    /// Has a defect.
    Panic,
    /// Lets nobody in.
    Refuse,
    /// Takes in and tells nothing.
    Sink,
    /// Sends this and ends the whole machine.
    Exit(Vec<u8>),
}

/// What the test gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Start,
    Listening(Port, Endpoint),
    ListenFailed(Port, String),
    Connected,
    Eof,
    Closed(Cause),
    /// An input for a link that the machine has let go.
    Stale,
    PathChanged,
    Stop,
}

#[derive(Debug)]
struct Link {
    mode: Mode,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Where what it reads goes.
    to: LinkId,
    paused: Option<Time>,
    dead: bool,
}

#[derive(Debug)]
pub(super) struct Toy {
    pub(super) listen: Vec<(Port, Endpoint, Mode)>,
    pub(super) dial: Vec<Endpoint>,
    /// A stopping machine closes its doors before it goes.
    pub(super) quit: Endpoint,
    pub(super) seen: Sender<Seen>,
    links: Links<Link>,
    actions: VecDeque<Action>,
    paused: BTreeSet<(Time, u64)>,
    chance: u64,
}

impl Toy {
    pub(super) fn new(seen: Sender<Seen>) -> Self {
        let quit = Endpoint::Tcp(([127, 0, 0, 1], 0).into());
        Self {
            listen: Vec::new(),
            dial: Vec::new(),
            quit,
            seen,
            links: Links::default(),
            actions: VecDeque::new(),
            paused: BTreeSet::new(),
            chance: 1,
        }
    }

    /// Links not yet let go.
    pub(super) fn link_count(&self) -> usize {
        self.links.len()
    }

    fn tell(&self, seen: Seen) {
        let _ = self.seen.send(seen);
    }

    fn random(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    fn open(&mut self, mode: Mode) -> LinkId {
        let buffer = vec![0; 40_000];
        let to = LinkId::from_raw(0);
        let link = Link { mode, buffer, out: Vec::new(), to, paused: None, dead: false };
        let id = self.links.insert(link);
        self.link(id).to = id;
        id
    }

    fn link(&mut self, id: LinkId) -> &mut Link {
        self.links.get_mut(id).expect("a link of this test")
    }

    fn pause(&mut self, id: LinkId, until: Time) {
        self.link(id).paused = Some(until);
        self.paused.insert((until, id.raw()));
    }

    fn close(&mut self, id: LinkId) {
        self.link(id).dead = true;
        self.actions.push_back(Action::Close(id));
    }

    fn welcome(&mut self, id: LinkId, mode: Mode, now: Time) {
        match mode {
            Mode::Relay(endpoint) => {
                let far = self.open(Mode::Relay(endpoint.clone()));
                (self.link(far).to, self.link(id).to) = (id, far);
                self.actions.push_back(Action::Connect(far, endpoint));
            }
            Mode::Greet(bytes) => {
                self.link(id).out = bytes;
                self.close(id);
            }
            Mode::Exit(bytes) => {
                self.link(id).out = bytes;
                self.actions.push_back(Action::Exit(Some("asked to".to_owned())));
            }
            Mode::Hold(span) => self.pause(id, now + span),
            Mode::Abort => {
                self.links.remove(id);
                self.actions.push_back(Action::Abort(id));
            }
            Mode::Panic => panic!("a planted defect"),
            Mode::Echo | Mode::Sink | Mode::Refuse => {}
        }
    }

    fn timeout(&mut self, now: Time) {
        while let Some((at, raw)) = self.paused.first().copied().filter(|(at, _)| *at <= now) {
            self.paused.remove(&(at, raw));
            let id = LinkId::from_raw(raw);
            if let Some(link) = self.links.get_mut(id) {
                link.paused = None;
                self.actions.push_back(Action::Resume(id));
            }
        }
    }

    fn eof(&mut self, id: LinkId) {
        let to = self.link(id).to;
        match self.link(id).mode {
            Mode::Relay(_) => self.actions.push_back(Action::Shutdown(to)),
            _ => {
                // Twice: half-close first, so that both are tried.
                self.actions.push_back(Action::Shutdown(id));
                if self.random().is_multiple_of(2) {
                    self.close(id);
                }
            }
        }
    }
}

impl Machine for Toy {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        match input {
            Input::Start => {
                self.actions.push_back(Action::Listen(QUIT, self.quit.clone()));
                for (port, endpoint, _) in &self.listen {
                    self.actions.push_back(Action::Listen(*port, endpoint.clone()));
                }
                for endpoint in std::mem::take(&mut self.dial) {
                    let id = self.open(Mode::Sink);
                    self.actions.push_back(Action::Connect(id, endpoint));
                }
                self.tell(Seen::Start);
            }
            Input::Listening(port, endpoint) => self.tell(Seen::Listening(port, endpoint)),
            Input::ListenFailed(port, why) => self.tell(Seen::ListenFailed(port, why.to_owned())),
            Input::Connected(id) | Input::Eof(id) | Input::Closed(id, _)
                if self.links.get(id).is_none_or(|link| link.dead) =>
            {
                self.tell(Seen::Stale);
            }
            Input::Connected(id) => {
                self.tell(Seen::Connected);
                self.actions.push_back(Action::Flush(id));
            }
            Input::Eof(id) => {
                self.tell(Seen::Eof);
                self.eof(id);
            }
            Input::Closed(id, cause) => {
                self.tell(Seen::Closed(cause));
                let link = self.links.remove(id).expect("a living link");
                if link.to != id && self.links.get(link.to).is_some_and(|other| !other.dead) {
                    self.close(link.to);
                }
            }
            Input::Timeout => self.timeout(now),
            Input::PathChanged => self.tell(Seen::PathChanged),
            Input::Stop => {
                self.tell(Seen::Stop);
                self.actions.push_back(Action::Exit(None));
            }
        }
    }

    fn accept(&mut self, on: Port, _from: Endpoint, now: Time) -> Option<LinkId> {
        if on == QUIT {
            self.actions.push_back(Action::Exit(Some("asked to".to_owned())));
            return None;
        }
        let (_, _, mode) = self.listen.iter().find(|(port, ..)| *port == on)?.clone();
        if mode == Mode::Refuse {
            return None;
        }
        let id = self.open(mode.clone());
        self.welcome(id, mode, now);
        Some(id)
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.paused.first().map(|(at, _)| Deadline { at: *at, why: "a pause ends" })
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        let Some(to) = self.links.get(link).map(|link| link.to) else { return &mut [] };
        let full = self.links.get(to).is_none_or(|to| to.out.len() > HIGH_WATER);
        let link = self.link(link);
        if full || link.paused.is_some() { &mut [] } else { &mut link.buffer }
    }

    fn recv_commit(&mut self, id: LinkId, count: usize, now: Time) {
        let link = self.link(id);
        let bytes = link.buffer[..count].to_vec();
        let (to, echo) = (link.to, link.mode == Mode::Echo);
        if link.mode == Mode::Sink {
            return;
        }
        self.link(to).out.extend(bytes);
        self.actions.push_back(Action::Flush(to));
        if echo && self.random().is_multiple_of(64) {
            let span = Duration::from_micros(self.random() % 1000);
            self.pause(id, now + span);
        }
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        let Some(link) = self.links.get(link) else { return };
        // In pieces, to try vectored writes.
        for piece in link.out.chunks(16 * 1024) {
            if !into.push(piece) {
                return;
            }
        }
    }

    fn send_commit(&mut self, id: LinkId, count: usize, _now: Time) {
        let link = self.link(id);
        link.out.drain(..count);
        let (to, low, over) = (link.to, link.out.len() <= HIGH_WATER, link.out.is_empty());
        if low {
            self.actions.push_back(Action::Resume(to));
        }
        if over && self.link(id).dead {
            self.links.remove(id);
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::default()
    }
}
