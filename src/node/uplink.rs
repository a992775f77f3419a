//! The one link into the overlay: to a CLOAK daemon, or through a pipe to the embedded one.

use std::rc::Rc;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::{Time, earliest};
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{ATTACHMENT_TTL, DIAL_EVERY, DIAL_IDLE, DIAL_MAX, LINK_QUEUE};
use crate::base::links::{LinkId, Links};
use crate::base::machine::Deadline;
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::link::{Event, Link, LinkError};
use crate::wire::attachment::Attachment;
use crate::wire::frame::Kind;
use crate::wire::link::Role;

/// Tag of the uplink's ids among the node's links.
const TAG: u8 = 1;

/// Where it stands.
#[derive(Debug)]
pub(crate) enum State {
    /// Nothing is tried before this instant.
    Down(Time),
    /// Dialled; given up at this instant.
    Dialling(Time),
    /// The stream is open; the link proves itself or carries packets.
    Open(Box<Link>),
}

/// The uplink.
pub(crate) struct Uplink {
    identity: Rc<Identity>,
    /// The daemon's endpoint; `None` for the pipe.
    endpoint: Option<Endpoint>,
    pool: Pool,
    pub(crate) state: State,
    pub(crate) since: Time,
    /// What ended the last link.
    pub(crate) error: Option<String>,
    is_up: bool,
    /// The CLOAK node that it leads to.
    home: Option<Name>,
    dropped: u64,
    /// Frames of a kind that a client has no use for.
    ignored: u64,
    /// When it is to be said again that this device is attached.
    attach_due: Option<Time>,
    /// What the driver calls the stream.
    id: Option<LinkId>,
    ids: Links<()>,
    /// The stream that the driver knows to have output.
    flushing: Option<LinkId>,
}

/// What became of the uplink.
#[derive(Debug)]
pub(crate) enum News {
    /// Packets may leave.
    Up,
    /// The link is gone; the driver's side of it must be closed.
    Down,
    /// A packet came.
    Packet(Buffer),
    /// The CLOAK node with this Name says where it is.
    Places(Name, Buffer),
    /// It says who claims an alias.
    Sought(Buffer),
}

impl Uplink {
    pub(crate) fn new(identity: Rc<Identity>, endpoint: Option<Endpoint>, pool: Pool) -> Self {
        Self {
            identity,
            endpoint,
            pool,
            state: State::Down(Time::ZERO),
            since: Time::ZERO,
            error: None,
            is_up: false,
            home: None,
            dropped: 0,
            ignored: 0,
            attach_due: None,
            id: None,
            ids: Links::tagged(TAG),
            flushing: None,
        }
    }

    fn name(&mut self) -> LinkId {
        let link = self.ids.insert(());
        self.id = Some(link);
        link
    }

    /// Whether the driver's link is the uplink.
    pub(crate) fn is(&self, link: LinkId) -> bool {
        self.id == Some(link)
    }

    /// Forgets what the driver calls the stream, and says it.
    pub(crate) fn let_go(&mut self) -> Option<LinkId> {
        let link = self.id.take()?;
        self.ids.remove(link);
        Some(link)
    }

    /// The pipe to the embedded node is open; its name.
    pub(crate) fn attach(&mut self, rng: &mut Rng, now: Time) -> LinkId {
        let link = self.name();
        self.connected(rng, now);
        link
    }

    /// Where to dial now, if it is time to, and the attempt's name.
    pub(crate) fn dial(&mut self, now: Time) -> Option<(LinkId, Endpoint)> {
        let endpoint = self.endpoint.clone()?;
        match self.state {
            State::Down(at) if at <= now => {
                self.state = State::Dialling(now + DIAL_MAX);
                Some((self.name(), endpoint))
            }
            _ => None,
        }
    }

    /// Whether an attempt has taken too long.
    pub(crate) fn is_overdue(&self, now: Time) -> bool {
        matches!(self.state, State::Dialling(until) if until <= now)
    }

    /// The stream is open.
    pub(crate) fn connected(&mut self, rng: &mut Rng, now: Time) {
        let identity = Rc::clone(&self.identity);
        let link = Link::new(identity, Role::Client, None, rng, &self.pool, now).calling();
        self.state = State::Open(Box::new(link));
    }

    /// The stream is gone, or the attempt failed. Whether packets could leave before.
    pub(crate) fn lost(&mut self, why: String, is_wanted: bool, now: Time) -> bool {
        let was_up = std::mem::take(&mut self.is_up);
        if was_up {
            self.since = now;
        }
        self.error = Some(why);
        self.attach_due = None;
        self.state = State::Down(now + if is_wanted { DIAL_EVERY } else { DIAL_IDLE });
        was_up
    }

    /// Try at once: something changed.
    pub(crate) fn hurry(&mut self, now: Time) {
        match &mut self.state {
            State::Down(at) => *at = now,
            State::Dialling(_) => {}
            State::Open(link) => link.suspect(now),
        }
    }

    pub(crate) fn link(&self) -> Option<&Link> {
        if let State::Open(link) = &self.state { Some(link) } else { None }
    }

    pub(crate) fn link_mut(&mut self) -> Option<&mut Link> {
        if let State::Open(link) = &mut self.state { Some(link) } else { None }
    }

    /// Whether something waits to be written.
    pub(crate) fn has_output(&self) -> bool {
        self.link().is_some_and(Link::has_output)
    }

    /// The stream, if it has something to write that the driver does not know of, whoever gave it:
    /// a packet, an answer to what was just received, or time.
    pub(crate) fn flush(&mut self) -> Option<LinkId> {
        let known = self.flushing;
        self.flushing = self.id.filter(|_| self.has_output());
        self.flushing.filter(|_| self.flushing != known)
    }

    /// Whether packets may leave.
    pub(crate) fn is_up(&self) -> bool {
        self.is_up
    }

    /// Whether so much waits to leave that applications should wait.
    pub(crate) fn is_crowded(&self) -> bool {
        self.link().is_some_and(|link| link.queued() >= LINK_QUEUE)
    }

    /// Sends a packet, or drops it: it is kept in its session's log.
    pub(crate) fn send(&mut self, packet: Buffer, now: Time) {
        let is_up = self.is_up;
        let sent = self.link_mut().is_some_and(|link| is_up && link.send(packet, now));
        self.dropped += u64::from(!sent);
    }

    /// Says a word to the CLOAK node.
    pub(crate) fn say(&mut self, kind: Kind, body: &[u8]) {
        if let Some(link) = self.link_mut() {
            link.word(kind, body);
        }
    }

    /// The CLOAK node that is to hear that this device is attached to it, if it is time to. The
    /// one embedded in this device shares its Name and needs no word of it.
    pub(crate) fn due_attachment(&mut self, now: Time) -> Option<Name> {
        self.attach_due.take_if(|due| *due <= now)?;
        let own = self.identity.name();
        let home = self.home.filter(|home| *home != own && self.is_up)?;
        self.attach_due = Some(now + ATTACHMENT_TTL / 2);
        Some(home)
    }

    /// Says so.
    pub(crate) fn say_attached(&mut self, attachment: &Attachment) {
        if let Some(link) = self.link_mut() {
            link.attach(attachment);
        }
    }

    /// Frames that were dropped because a client has no use for their kind.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Packets that could not leave.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What happened; drain after every mutation.
    pub(crate) fn poll(&mut self, now: Time) -> Option<News> {
        loop {
            let event = self.link_mut()?.poll()?;
            if let Some(news) = self.news(event, now) {
                return Some(news);
            }
        }
    }

    fn news(&mut self, event: Event, now: Time) -> Option<News> {
        match event {
            Event::Proved { name, .. } => {
                (self.is_up, self.since, self.error) = (true, now, None);
                (self.home, self.attach_due) = (Some(name), Some(now));
                Some(News::Up)
            }
            Event::Packet(frame) => Some(News::Packet(frame)),
            Event::Word(Kind::Places, area) => Some(News::Places(self.home?, area)),
            Event::Word(Kind::Sought, body) => Some(News::Sought(body)),
            Event::Ignored(_) => {
                self.ignored = self.ignored.saturating_add(1);
                None
            }
            // A client's link has none of these.
            Event::Names(_) | Event::Attach(_) | Event::Standing(_) | Event::Pulse(_) => None,
            Event::Word(..) | Event::Listens(_) | Event::Referral(_) => None,
            Event::Broken(error) => {
                let why = Some(error.to_string());
                // Said once and not with every attempt, which would come to the same.
                if error == LinkError::Version && self.error != why {
                    log::warn!("no way into the overlay: {error}");
                }
                self.error = why;
                Some(News::Down)
            }
        }
    }

    /// What broke the link, in words.
    pub(crate) fn why(&self) -> String {
        self.error.clone().unwrap_or_else(|| LinkError::Silent.to_string())
    }

    pub(crate) fn tick(&mut self, now: Time) {
        if let Some(link) = self.link_mut() {
            link.tick(now);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Deadline> {
        let at = match &self.state {
            State::Down(at) => self.endpoint.as_ref().map(|_| *at),
            State::Dialling(until) => Some(*until),
            State::Open(_) => None,
        };
        let attach = self.attach_due.map(|at| Deadline { at, why: "say that it is attached" });
        let dial = at.map(|at| Deadline { at, why: "dialling the CLOAK daemon" });
        earliest(earliest(dial, attach), self.link().and_then(Link::next_timeout))
    }
}
