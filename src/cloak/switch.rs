//! Links that prove themselves, come to carry a Name's packets, and end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use crate::base::bucket::Bucket;
use crate::base::buffer::Pool;
use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{NAMES_MAX, SPARE_KEPT, UNPROVED_MAX, VERSION_LINE_EVERY, VERSION_LINES};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::link::{Event, Link, LinkError};
use crate::overlay::dht::alias::Alias;
use crate::overlay::forest::tree::Said;
use crate::wire::link::Role;
use crate::wire::referral::Other;

use super::admission::{Decision, Stranger};
use super::attachments::Announcing;
use super::carrier::{Carrier, Origin};
use super::dial::Health;
use super::double::{Present, Verdict, judge};
use super::post::Post;
use super::roster::Roster;

/// What the node must know about a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    /// A dialled link found this Name.
    Found(LinkId, Name),
    /// A full parent names these to ask instead.
    Named(Vec<Other>),
    /// A link is gone, and its id with it.
    Gone {
        /// Which.
        link: LinkId,
        /// Why, in words; empty where all is in order.
        why: String,
        /// Whether this node had dialled itself.
        is_self: bool,
    },
}

/// All links of a node, who is on them, and what they forward.
#[derive(Debug)]
pub struct Switch {
    /// Who is attached.
    pub roster: Roster,
    /// What forwards.
    pub post: Post,
    identity: Rc<Identity>,
    rng: Rng,
    pool: Pool,
    notices: VecDeque<Notice>,
    /// The overlay's news that kept packets were routed by.
    pub(super) news: u64,
    /// The port where this node listens for neighbours.
    pub listens: Option<u16>,
    pub(super) announcing: Announcing,
    /// Log lines about far ends of another version.
    version_lines: Bucket,
    /// Clients that asked for the Names of an alias.
    pub(super) seekers: BTreeMap<Alias, BTreeSet<Name>>,
}

impl Switch {
    /// A switch with no link.
    #[must_use]
    pub fn new(identity: Rc<Identity>, roster: Roster, post: Post, rng: Rng, pool: Pool) -> Self {
        let (notices, seekers) = (VecDeque::new(), BTreeMap::new());
        let announcing = Announcing::default();
        let version_lines = Bucket::new(VERSION_LINE_EVERY, VERSION_LINES);
        let (news, listens) = (0, None);
        Self {
            roster,
            post,
            identity,
            rng,
            pool,
            notices,
            news,
            listens,
            announcing,
            version_lines,
            seekers,
        }
    }

    /// Takes in an open stream.
    pub fn open(&mut self, id: LinkId, origin: Origin, at: &Endpoint, now: Time) {
        let identity = Rc::clone(&self.identity);
        let (role, who) = (Role::Neighbour, origin.expected());
        let link = Link::new(identity, role, who, &mut self.rng, &self.pool, now);
        let link = if origin.is_dialled() { link.calling() } else { link };
        self.post.carriers.insert(id, link, origin, at, now);
    }

    /// So many bytes arrived on a link.
    pub fn recv_commit(&mut self, id: LinkId, count: usize, now: Time) {
        let is_cleared = self.post.carriers.on(id, |carrier| {
            let was_doubtful = carrier.link.is_doubtful();
            carrier.link.recv_commit(count, now);
            was_doubtful && !carrier.link.is_doubtful()
        });
        if is_cleared == Some(true) {
            self.weigh_links();
        }
        self.pump(id, now);
        self.read_trees(now);
    }

    fn pump(&mut self, id: LinkId, now: Time) {
        while let Some(event) = self.post.carriers.get_mut(id).and_then(|c| c.link.poll()) {
            match event {
                Event::Proved { name, role } => self.proved(id, name, role, now),
                Event::Names(list) => self.names(id, &list, now),
                Event::Attach(attachment) => self.attached(id, attachment, now),
                // A CLOAK node's link has none of these.
                Event::Ignored(_) => self.post.counters.add("ignored-frame"),
                Event::Standing(standing) => self.says(id, Said::Standing(standing)),
                Event::Pulse(pulse) => self.says(id, Said::Pulse(pulse)),
                Event::Listens(port) => {
                    self.post.carriers.on(id, |carrier| carrier.listens = Some(port));
                }
                Event::Referral(referral) => {
                    // The refusal that it follows may not have been looked at.
                    self.read_trees(now);
                    self.referred(id, referral);
                }
                Event::Word(kind, body) => self.word(id, kind, &body, now),
                Event::Packet(frame) => self.post.arrived(frame, id, &self.roster, now),
                Event::Broken(error) => self.broken(id, error, now),
            }
        }
    }

    pub(super) fn broken(&mut self, id: LinkId, error: LinkError, now: Time) {
        if error == LinkError::Version && self.version_lines.take(now) {
            let at = self.post.carriers.get(id).map_or("", |carrier| &carrier.at);
            log::warn!("no link with {at}: {error}");
        } else {
            log::debug!("link {} broke: {error}", id.raw());
        }
        self.post.counters.add(ending(error));
        let is_self = error == LinkError::OwnName;
        self.end(id, Some(Action::Abort(id)), &error.to_string(), is_self, now);
    }

    fn proved(&mut self, id: LinkId, name: Name, role: Role, now: Time) {
        let Some(carrier) = self.post.carriers.get_mut(id) else { return };
        let origin = carrier.origin;
        if role != origin.role() {
            self.broken(id, LinkError::Role, now);
            return;
        }
        carrier.name = Some(name);
        (carrier.since, carrier.used) = (now, now);
        log::debug!("{}, {role:?}, is proved: link {}, {}", name.short(), id.raw(), carrier.at);
        match origin {
            Origin::Client => self.client(id, name, now),
            Origin::Called => self.neighbour(id, name, false, now),
            Origin::Dialled(_) | Origin::Referred(_) => {
                if let Origin::Dialled(peer) = origin {
                    self.roster.table.bind(peer, name);
                }
                self.notices.push_back(Notice::Found(id, name));
                self.neighbour(id, name, true, now);
            }
        }
    }

    fn client(&mut self, id: LinkId, name: Name, now: Time) {
        if !self.roster.has_room_for(&name) {
            self.post.counters.add("refused-clients-full");
            self.end(id, Some(Action::Abort(id)), "too many clients", false, now);
            return;
        }
        if let Some(old) = self.roster.attach(name, id, now) {
            self.retire(old, now);
        }
        self.tell_places(&name);
        self.post.reroute(&self.roster, now);
    }

    fn neighbour(&mut self, id: LinkId, name: Name, is_dialled: bool, now: Time) {
        let old = self.roster.meet(name, now).primary;
        let verdict = match old.and_then(|old| self.present(old)) {
            Some(present) => judge(self.roster.own(), &name, present, is_dialled, now),
            None => Verdict::Replace,
        };
        if verdict == Verdict::Drop {
            // Aborted before a byte of its proof is written.
            self.end(id, Some(Action::Abort(id)), "", false, now);
            return;
        }
        self.tell_names(id);
        if let Some(port) = self.listens {
            self.post.carriers.on(id, |carrier| carrier.link.listens(port));
        }
        let end = self.roster.meet(name, now);
        if verdict == Verdict::Spare {
            if let Some(older) = end.spare(is_dialled).replace(id) {
                self.retire(older, now);
            }
            return;
        }
        end.primary = Some(id);
        if old.is_none() {
            end.since = now;
        }
        // A spare of the same end's dialling is older than this link and meant no more.
        let older = end.spare(is_dialled).take();
        self.roster.table.set_up(name, true);
        self.overlay_sees(&name, true, now);
        older.into_iter().for_each(|spare| self.retire(spare, now));
        match (old, verdict) {
            (Some(old), Verdict::Overtake) => self.yield_to(id, old, name, now),
            (Some(old), _) => self.retire(old, now),
            (None, _) => (),
        }
        self.post.reroute(&self.roster, now);
    }

    fn present(&self, id: LinkId) -> Option<Present> {
        let carrier = self.post.carriers.get(id)?;
        let is_dialled = carrier.origin.is_dialled();
        let (is_well, rtt) = (!carrier.link.is_doubtful(), carrier.link.rtt().unwrap_or_default());
        Some(Present { is_dialled, proved: carrier.since, is_well, rtt })
    }

    /// The old link becomes a spare of the fresh one and hands its packets over.
    fn yield_to(&mut self, fresh: LinkId, old: LinkId, name: Name, now: Time) {
        let Some(carrier) = self.post.carriers.get_mut(old) else { return };
        let (packets, is_dialled) = (carrier.link.take_queue(), carrier.origin.is_dialled());
        for packet in packets {
            self.post.carriers.on(fresh, |carrier| carrier.link.send(packet, now));
        }
        if let Some(older) = self.roster.meet(name, now).spare(is_dialled).replace(old) {
            self.retire(older, now);
        }
    }

    /// Closes a link in favour of another, which takes its packets.
    fn retire(&mut self, id: LinkId, now: Time) {
        self.post.counters.add("links-replaced");
        self.end(id, Some(Action::Close(id)), "", false, now);
    }

    /// The stream under a link is gone, or this node lets it go: `last` is the driver's order.
    pub fn end(&mut self, id: LinkId, last: Option<Action>, why: &str, is_self: bool, now: Time) {
        let Some(mut carrier) = self.post.carriers.remove(id, last, now) else { return };
        match (carrier.name, carrier.origin) {
            (Some(name), Origin::Client) => self.roster.detach(&name, id, now),
            (Some(name), _) => self.neighbour_left(id, &name, why, now),
            (None, _) => (),
        }
        self.notices.push_back(Notice::Gone { link: id, why: why.to_owned(), is_self });
        self.post.rescue(carrier.link.take_queue(), &self.roster, now);
    }

    /// A spare may step in; what the overlay said on the old link has to be said on that one.
    fn neighbour_left(&mut self, id: LinkId, name: &Name, why: &str, now: Time) {
        let primary = |roster: &Roster| roster.neighbours.get(name).and_then(|end| end.primary);
        let before = primary(&self.roster);
        self.roster.leave(name, id, why, now);
        let after = primary(&self.roster);
        if before != after || after.is_none() {
            self.overlay_sees(name, after.is_some(), now);
        }
    }

    /// Something may have cut every path: each neighbour is asked, and doubted until heard.
    pub fn suspect(&mut self, now: Time) {
        self.suspect_where(|origin| origin != Origin::Client, now);
    }

    fn suspect_where(&mut self, is_meant: impl Fn(Origin) -> bool, now: Time) {
        let mut next = self.post.carriers.after(None);
        while let Some(id) = next {
            self.post.carriers.on(id, |carrier| {
                if is_meant(carrier.origin) && !carrier.link.is_doubtful() {
                    carrier.link.suspect(now);
                }
            });
            next = self.post.carriers.after(Some(id));
        }
    }

    /// How a neighbour does.
    #[must_use]
    pub fn health(&self, name: Option<&Name>) -> Health {
        match self.primary(name) {
            None => Health::Away,
            Some(link) if link.is_doubtful() => Health::Doubtful,
            Some(_) => Health::Up,
        }
    }

    /// Whether packets were expected on a neighbour's link when it was last heard.
    #[must_use]
    pub fn is_awaited(&self, name: Option<&Name>) -> bool {
        self.primary(name).is_some_and(Link::is_awaited)
    }

    fn primary(&self, name: Option<&Name>) -> Option<&Link> {
        let end = self.roster.neighbours.get(name?)?;
        Some(&self.post.carriers.get(end.primary?)?.link)
    }

    /// The links of those who came to a public listener, without those of configured peers.
    #[must_use]
    pub fn strangers(&self) -> Vec<Stranger> {
        let is_known = |name: &Name| self.roster.table.is_dialled(name);
        let called = self.post.carriers.iter().filter(|(_, c)| c.origin == Origin::Called);
        let strangers = called.filter(|(_, carrier)| !carrier.name.as_ref().is_some_and(is_known));
        let stranger = |(id, carrier): (LinkId, &Carrier)| Stranger {
            id,
            source: carrier.source,
            is_proved: carrier.name.is_some(),
            used: carrier.used,
        };
        strangers.map(stranger).collect()
    }

    /// Decides on a new local client: where there are too many, one that has not proved its Name
    /// makes room.
    #[must_use]
    pub fn decide_on_client(&self) -> Decision {
        let clients = || self.post.carriers.iter().filter(|(_, c)| c.origin == Origin::Client);
        if clients().count() < NAMES_MAX + UNPROVED_MAX {
            return Decision::Accept;
        }
        let unproved = clients().filter(|(_, carrier)| carrier.name.is_none());
        let oldest = unproved.min_by_key(|(_, carrier)| carrier.since);
        oldest.map_or(Decision::Refuse("refused-clients-full"), |(id, _)| Decision::Replace(id))
    }

    /// Does what time demands.
    pub fn tick(&mut self, now: Time) {
        let mut next = self.post.carriers.after(None);
        let mut is_any_doubted = false;
        while let Some(id) = next {
            let is_doubted = self.post.carriers.on(id, |carrier| {
                let was_doubtful = carrier.link.is_doubtful();
                carrier.link.tick(now);
                carrier.origin.is_dialled() && !was_doubtful && carrier.link.is_doubtful()
            });
            is_any_doubted |= is_doubted == Some(true);
            self.pump(id, now);
            next = self.post.carriers.after(Some(id));
        }
        // The other links that this node dialled are likely to use the same interface.
        if is_any_doubted {
            self.suspect_where(Origin::is_dialled, now);
        }
        self.settle_spares(now);
        self.weigh_links();
        if let Some(overlay) = &mut self.post.overlay {
            overlay.tick(now);
        }
        self.read_trees(now);
        let left = self.roster.tick(now);
        if !left.is_empty() {
            self.forget_clients(&left);
            self.announcing.at(now);
        }
        self.announce(now);
        self.post.tick(&self.roster, now);
    }

    /// A well spare steps in for a doubtful link; a spare of our own dialling is closed in time.
    fn settle_spares(&mut self, now: Time) {
        let is_well = |id: LinkId| self.present(id).is_some_and(|link| link.is_well);
        let doubtful = self.roster.neighbours.values().filter_map(|end| {
            let primary = end.primary.filter(|id| !is_well(*id))?;
            end.spares.iter().flatten().any(|id| is_well(*id)).then_some(primary)
        });
        let over = self.roster.neighbours.values().filter_map(|end| {
            end.spares[1].filter(|id| self.spare_due(*id).is_some_and(|at| at <= now))
        });
        let retired: Vec<LinkId> = doubtful.chain(over).collect();
        retired.into_iter().for_each(|id| self.retire(id, now));
    }

    fn spare_due(&self, id: LinkId) -> Option<Time> {
        self.post.carriers.get(id).map(|carrier| carrier.since + SPARE_KEPT)
    }

    /// When [`Switch::tick`] has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let spares = self.roster.neighbours.values().filter_map(|end| end.spares[1]);
        let spare = spares.filter_map(|id| self.spare_due(id)).min();
        let spare = spare.map(|at| Deadline { at, why: "close a spare link" });
        let kept = earliest(self.post.kept.next_timeout(), self.roster.next_timeout());
        let overlay = self.post.overlay.as_ref().and_then(|overlay| overlay.next_timeout());
        let kept = earliest(kept, self.announcing.next_timeout());
        earliest(earliest(spare, overlay), earliest(kept, self.post.carriers.next_timeout()))
    }

    /// Folds the state into a digest.
    pub fn fold(&self, into: &mut Fingerprint) {
        for (id, carrier) in self.post.carriers.iter() {
            into.fold(id.raw());
            into.fold(carrier.link.queued() as u64);
            into.fold(carrier.since.as_nanos());
            into.fold(u64::from(carrier.link.is_up()) << 1 | u64::from(carrier.link.is_doubtful()));
            into.fold(carrier.link.next_timeout().map_or(0, |due| due.at.as_nanos()));
        }
        for ends in [&self.roster.clients, &self.roster.neighbours] {
            for (name, end) in ends {
                into.fold_bytes(name.as_bytes());
                into.fold(end.primary.map_or(0, LinkId::raw));
                into.fold(end.since.as_nanos());
            }
        }
        if let Some(overlay) = &self.post.overlay {
            overlay.fold(into);
        }
        self.post.detours.fold(into);
        into.fold(self.post.kept.bytes() as u64);
        into.fold(self.post.forwarded);
        self.post.counters.fold(into);
    }

    pub(super) fn tell(&mut self, notice: Notice) {
        self.notices.push_back(notice);
    }

    /// What the node must know.
    pub fn poll(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }
}

/// The counter of links that ended by this error.
fn ending(error: LinkError) -> &'static str {
    match error {
        LinkError::Frame(_) => "link-bad-frame",
        LinkError::Message(_) => "link-bad-message",
        LinkError::Version => "link-other-version",
        LinkError::Unsigned => "link-unsigned-names",
        LinkError::Unexpected => "link-unexpected",
        LinkError::OwnName => "link-own-name",
        LinkError::OtherName => "link-other-name",
        LinkError::Signature => "link-bad-proof",
        LinkError::Role => "link-wrong-role",
        LinkError::Late => "link-late",
        LinkError::Violations => "link-tree-violations",
        LinkError::Silent => "link-silent",
        LinkError::Stalled => "link-stalled",
    }
}
