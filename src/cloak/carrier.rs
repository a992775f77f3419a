//! The open links of a node, and who is held back by whose queue.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use crate::base::clock::{Time, earliest};
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::LINK_QUEUE;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline};
use crate::base::source::Source;
use crate::link::Link;
use crate::wire::link::Role;

/// How a link came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This node dialled the peer at this place of its configuration.
    Dialled(usize),
    /// This node dialled somebody whom a full parent named.
    Referred(Name),
    /// A neighbour dialled this node.
    Called,
    /// A client dialled this node.
    Client,
}

impl Origin {
    /// The role its far end must have.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Dialled(_) | Self::Referred(_) | Self::Called => Role::Neighbour,
            Self::Client => Role::Client,
        }
    }

    /// Whether this node dialled.
    #[must_use]
    pub fn is_dialled(self) -> bool {
        matches!(self, Self::Dialled(_) | Self::Referred(_))
    }

    /// Who alone may be at its far end, if that is known.
    #[must_use]
    pub fn expected(self) -> Option<Name> {
        match self {
            Self::Referred(name) => Some(name),
            Self::Dialled(_) | Self::Called | Self::Client => None,
        }
    }
}

/// An open link and what the node knows of it.
#[derive(Debug)]
pub struct Carrier {
    /// The link.
    pub link: Link,
    /// How it came to be.
    pub origin: Origin,
    /// Where it goes or came from, for people.
    pub at: String,
    /// The same as limits count it.
    pub source: Source,
    /// Its far end, once proved.
    pub name: Option<Name>,
    /// The port where the far end listens for neighbours, as it says.
    pub listens: Option<u16>,
    /// When it was proved, or opened while it is not.
    pub since: Time,
    /// When it last carried a packet; when it was proved or opened, before it has.
    pub used: Time,
    /// The link whose long queue keeps this one from being read.
    held_by: Option<LinkId>,
    /// Whether this link's queue holds others back.
    is_holding: bool,
}

/// All open links; mutations say what the driver must know.
#[derive(Debug, Default)]
pub struct Carriers {
    links: BTreeMap<LinkId, Carrier>,
    actions: VecDeque<Action>,
}

impl Carriers {
    /// Takes in a link.
    pub fn insert(&mut self, id: LinkId, link: Link, origin: Origin, at: &Endpoint, now: Time) {
        let carrier = Carrier {
            link,
            origin,
            at: at.to_string(),
            source: Source::of(at),
            name: None,
            listens: None,
            since: now,
            used: now,
            held_by: None,
            is_holding: false,
        };
        self.links.insert(id, carrier);
        self.actions.push_back(Action::Flush(id));
    }

    /// A link.
    #[must_use]
    pub fn get(&self, id: LinkId) -> Option<&Carrier> {
        self.links.get(&id)
    }

    /// A link, for what gives it nothing new to write.
    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Carrier> {
        self.links.get_mut(&id)
    }

    /// The number under which packets of a link share the links that they go out by: that of its
    /// source, or its own where a person chose it.
    #[must_use]
    pub fn source_number(&self, id: LinkId) -> u64 {
        let called = self.links.get(&id).filter(|carrier| carrier.origin == Origin::Called);
        called.and_then(|carrier| carrier.source.number()).unwrap_or(id.raw())
    }

    /// Does something to a link that may give it something to write, of which the driver is told.
    pub fn on<R>(&mut self, id: LinkId, act: impl FnOnce(&mut Carrier) -> R) -> Option<R> {
        let carrier = self.links.get_mut(&id)?;
        let had_output = carrier.link.has_output();
        let result = act(carrier);
        if !had_output && carrier.link.has_output() {
            self.actions.push_back(Action::Flush(id));
        }
        Some(result)
    }

    /// Takes a link out; `last` is the driver's order, if it must hear one.
    pub fn remove(&mut self, id: LinkId, last: Option<Action>, now: Time) -> Option<Carrier> {
        let carrier = self.links.remove(&id)?;
        if carrier.is_holding {
            self.release(id, now);
        }
        self.actions.extend(last);
        Some(carrier)
    }

    /// Holds a client back while the queue it feeds is long.
    pub fn hold(&mut self, client: LinkId, by: LinkId, now: Time) {
        let Some(outlet) = self.links.get_mut(&by) else { return };
        if outlet.link.queued() <= LINK_QUEUE {
            return;
        }
        outlet.is_holding = true;
        if let Some(carrier) = self.links.get_mut(&client).filter(|held| held.held_by.is_none()) {
            carrier.held_by = Some(by);
            carrier.link.pause(true, now);
        }
    }

    /// So many bytes of a link were written; lets those go that its queue held back.
    pub fn send_commit(&mut self, id: LinkId, count: usize, now: Time) {
        let Some(carrier) = self.links.get_mut(&id) else { return };
        carrier.link.send_commit(count, now);
        if carrier.is_holding && carrier.link.queued() <= LINK_QUEUE / 2 {
            carrier.is_holding = false;
            self.release(id, now);
        }
    }

    fn release(&mut self, outlet: LinkId, now: Time) {
        for (id, carrier) in &mut self.links {
            if carrier.held_by == Some(outlet) {
                carrier.held_by = None;
                carrier.link.pause(false, now);
                self.actions.push_back(Action::Resume(*id));
            }
        }
    }

    /// All links in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (LinkId, &Carrier)> {
        self.links.iter().map(|(id, carrier)| (*id, carrier))
    }

    /// The link after this one (the first one after none): a walk that may change links and needs
    /// no list of them.
    #[must_use]
    pub fn after(&self, id: Option<LinkId>) -> Option<LinkId> {
        let from = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.links.range((from, Bound::Unbounded)).next().map(|(id, _)| *id)
    }

    /// Drops half of what the fullest queue holds; how many packets those were.
    pub fn shed_fullest(&mut self) -> u64 {
        let fullest = self.links.values_mut().max_by_key(|carrier| carrier.link.queue_memory());
        fullest.map_or(0, |carrier| carrier.link.shed())
    }

    /// When some link has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let due = self.links.values().map(|carrier| carrier.link.next_timeout());
        due.fold(None, earliest)
    }

    /// What the driver must know.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}
