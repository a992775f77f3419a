//! Attachments: clients sign that they are attached here, neighbours hear it and say the same.

use crate::base::bucket::Bucket;
use crate::base::clock::{Time, earliest};
use crate::base::limits::{
    ATTACH_BURST, ATTACH_EVERY, ATTACHMENT_FAULTS, NAMES_EVERY, NAMES_RENEW,
};
use crate::base::links::LinkId;
use crate::base::machine::Deadline;
use crate::crypto::identity::verify;
use crate::link::LinkError;
use crate::wire::attachment::Attachment;

use super::carrier::Origin;
use super::switch::Switch;

/// A client's word that it is attached here.
#[derive(Debug)]
pub struct Attested {
    /// The last one whose signature is good.
    pub attachment: Option<Attachment>,
    checks: Bucket,
}

impl Default for Attested {
    fn default() -> Self {
        Self { attachment: None, checks: Bucket::new(ATTACH_EVERY, ATTACH_BURST) }
    }
}

/// When the neighbours hear who is attached here.
#[derive(Debug, Default)]
pub struct Announcing {
    last: Option<Time>,
    due: Option<Time>,
}

impl Announcing {
    /// Asks for it at this time.
    pub(super) fn at(&mut self, at: Time) {
        let soonest = self.last.map_or(Time::ZERO, |last| last + NAMES_EVERY);
        self.due = earliest(self.due, Some(at.max(soonest)));
    }

    fn is_due(&mut self, now: Time) -> bool {
        let is_due = self.due.take_if(|due| *due <= now).is_some();
        if is_due {
            self.last = Some(now);
        }
        is_due
    }

    /// When the list is to be told.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        self.due.map(|at| Deadline { at, why: "tell who is attached" })
    }
}

impl Switch {
    /// A client says that it is attached here. What it says a second time is not looked at.
    pub(super) fn attached(&mut self, id: LinkId, attachment: Attachment, now: Time) {
        let end = self.roster.clients.get_mut(&attachment.client);
        let Some(end) = end.filter(|end| end.primary == Some(id)) else { return };
        let known = end.attested.attachment.map(|known| known.number);
        if known.is_some_and(|known| known >= attachment.number) {
            return self.post.counters.add("dropped-old-attachment");
        }
        if !end.attested.checks.take(now) {
            return self.post.counters.add("dropped-attachment-rate");
        }
        if !verify(&attachment.client, &attachment.text(), &attachment.signature) {
            self.post.counters.add("attachment-unsigned");
            return self.broken(id, LinkError::Unsigned, now);
        }
        end.attested.attachment = Some(attachment);
        // One that is renewed on its link is in no hurry: the one before holds half its life more.
        let is_renewed = end.attested_on.replace(id) == Some(id);
        self.announcing.at(if is_renewed { now + NAMES_RENEW } else { now });
        self.announce(now);
    }

    /// Tells all neighbours who is attached here, if it is time to.
    pub(super) fn announce(&mut self, now: Time) {
        if !self.announcing.is_due(now) {
            return;
        }
        let links = self.post.carriers.iter();
        let proved = links.filter(|(_, c)| c.origin != Origin::Client && c.name.is_some());
        let proved: Vec<LinkId> = proved.map(|(id, _)| id).collect();
        proved.into_iter().for_each(|id| self.tell_names(id));
    }

    /// Tells one neighbour. A client with this node's own Name needs no entry.
    pub(super) fn tell_names(&mut self, id: LinkId) {
        let own = *self.roster.own();
        let ends = self.roster.clients.values();
        let list = ends.filter_map(|end| end.attested.attachment.as_ref());
        let list: Vec<&Attachment> = list.filter(|attachment| attachment.client != own).collect();
        self.post.carriers.on(id, |carrier| carrier.link.announce(list.into_iter()));
    }

    /// A neighbour says who is attached to it.
    pub(super) fn names(&mut self, id: LinkId, list: &[Attachment], now: Time) {
        let Some(neighbour) = self.post.carriers.get(id).and_then(|carrier| carrier.name) else {
            return;
        };
        let outcome = self.roster.table.attached.hear(neighbour, list, now);
        self.post.counters.add_many("attachment-unsigned", outcome.unsigned);
        self.post.counters.add_many("dropped-attachment-rate", outcome.unchecked);
        if outcome.unsigned > 0 && outcome.faults >= ATTACHMENT_FAULTS {
            return self.broken(id, LinkError::Unsigned, now);
        }
        self.post.reroute(&self.roster, now);
    }
}
