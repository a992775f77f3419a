//! LCM: the links of local applications and services, and how far each has come.
//!
//! A local link is never closed because of the network (paper section II.C.3); it waits.

use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::links::{LinkId, Links};
use crate::control::line::Lines;
use crate::overlay::dht::alias::Alias;
use crate::wire::socks::Negotiation;

/// How an application or service came to be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Through the SOCKS5 port.
    Socks,
    /// Through a fixed forward, by its place in the configuration.
    Forward(usize),
    /// Through the control socket.
    Control,
    /// A service that this node dialled.
    Service,
}

impl Side {
    /// The word in the status.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Socks => "socks",
            Self::Forward(_) => "forward",
            Self::Control => "application",
            Self::Service => "service",
        }
    }
}

/// How far a local link has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It has still to say where it wants to go.
    Socks(Negotiation),
    /// It has still to say what it wants.
    Request(Box<Lines>),
    /// It holds services open and hears of sessions.
    Serving,
    /// It wants this port of whoever the alias turns out to mean.
    Seeking(Alias, u16),
    /// It waits for the tunnel, under this ticket, and wants this port.
    Waiting(Name, u64, u16),
    /// Its session is open, but the far service has not accepted.
    Opening,
    /// The service is being dialled.
    Dialling,
    /// Bytes flow.
    Stream,
    /// All is said; what is left to write leaves, then it is closed.
    Draining,
}

/// A local link.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) side: Side,
    pub(crate) stage: Stage,
    /// Peer and key of the session.
    pub(crate) session: Option<(Name, u64)>,
    /// Number of the session on this device.
    pub(crate) number: u64,
    /// The node's own words to the application, which leave before the session's bytes.
    pub(crate) words: Vec<u8>,
    /// Bytes that came behind the request, before there was a session for them.
    pub(crate) early: Vec<u8>,
    /// The application will send no more.
    pub(crate) has_ended: bool,
    /// The peer's end of stream came, and was passed on.
    pub(crate) is_finished: bool,
    pub(crate) is_shut: bool,
    /// It is in turn for room.
    pub(crate) is_paused: bool,
    /// Bytes that it gave since its last turn.
    pub(crate) given: usize,
    pub(crate) since: Time,
    /// Source port of the application, which becomes part of the SessID; zero for Unix sockets.
    pub(crate) port: u16,
}

impl Local {
    pub(crate) fn new(side: Side, stage: Stage, port: u16, number: u64, now: Time) -> Self {
        Self {
            side,
            stage,
            session: None,
            number,
            words: Vec::new(),
            early: Vec::new(),
            has_ended: false,
            is_finished: false,
            is_shut: false,
            is_paused: false,
            given: 0,
            since: now,
            port,
        }
    }

    /// Whether it has a request to make in bounded time.
    pub(crate) fn owes_request(&self) -> bool {
        matches!(self.stage, Stage::Socks(_) | Stage::Request(_) | Stage::Draining)
    }
}

/// All local links, and which session is whose.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    links: Links<Local>,
    sessions: BTreeMap<(Name, u64), LinkId>,
    numbers: BTreeMap<u64, LinkId>,
}

impl Locals {
    pub(crate) fn insert(&mut self, local: Local) -> LinkId {
        let (session, number) = (local.session, local.number);
        let link = self.links.insert(local);
        self.numbers.insert(number, link);
        if let Some(session) = session {
            self.sessions.insert(session, link);
        }
        link
    }

    /// The link with this number.
    pub(crate) fn numbered(&self, number: u64) -> Option<LinkId> {
        self.numbers.get(&number).copied()
    }

    pub(crate) fn get(&self, link: LinkId) -> Option<&Local> {
        self.links.get(link)
    }

    pub(crate) fn get_mut(&mut self, link: LinkId) -> Option<&mut Local> {
        self.links.get_mut(link)
    }

    /// Where the rest of a request belongs.
    pub(crate) fn line_space(&mut self, link: LinkId) -> &mut [u8] {
        match self.links.get_mut(link).map(|local| &mut local.stage) {
            Some(Stage::Request(lines)) => lines.recv_space(),
            _ => &mut [],
        }
    }

    /// Gives a link its session.
    pub(crate) fn bind(&mut self, link: LinkId, session: (Name, u64)) {
        if let Some(local) = self.links.get_mut(link) {
            local.session = Some(session);
            self.sessions.insert(session, link);
        }
    }

    /// Takes the session from its link.
    pub(crate) fn unbind(&mut self, link: LinkId) -> Option<(Name, u64)> {
        let session = self.links.get_mut(link)?.session.take()?;
        self.sessions.remove(&session);
        Some(session)
    }

    /// The link of a session.
    pub(crate) fn of(&self, session: (Name, u64)) -> Option<LinkId> {
        self.sessions.get(&session).copied()
    }

    pub(crate) fn remove(&mut self, link: LinkId) -> Option<Local> {
        let local = self.links.remove(link)?;
        self.numbers.remove(&local.number);
        if let Some(session) = local.session {
            self.sessions.remove(&session);
        }
        Some(local)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Local)> {
        self.links.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }
}
