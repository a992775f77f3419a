//! What neighbours tell each other of the overlay's trees.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{REFERRED_MAX, VIOLATIONS_MAX};
use crate::base::links::LinkId;
use crate::link::LinkError;
use crate::overlay::forest::DOUBTFUL;
use crate::overlay::forest::Heard;
use crate::overlay::forest::tree::Said;
use crate::overlay::source::SourceGroup;
use crate::wire::referral::{Other, Referral};

use super::carrier::Origin;
use super::referrals::Reach;
use super::switch::{Notice, Switch};

impl Switch {
    /// A neighbour says something of a tree: how it stands there, or that a root lives.
    pub(super) fn says(&mut self, id: LinkId, said: Said) {
        let Some(from) = self.neighbour_on(id) else { return };
        if let Some(overlay) = &mut self.post.overlay {
            overlay.forest.hear(from, said);
        }
    }

    /// Looks at what neighbours said, at the end of each turn: of many words the newest one.
    pub(super) fn read_trees(&mut self, now: Time) {
        while let Some(heard) = self.post.overlay.as_mut().and_then(|o| o.forest.read(now)) {
            let (from, violations) = match heard {
                Heard::True => continue,
                Heard::Crooked => {
                    self.post.counters.add("tree-crooked");
                    continue;
                }
                Heard::Unsigned { from, violations } => (from, violations),
            };
            self.post.counters.add("tree-unsigned");
            let link = self.roster.neighbours.get(&from).and_then(|end| end.primary);
            if let Some(id) = link.filter(|_| violations >= VIOLATIONS_MAX) {
                self.broken(id, LinkError::Violations, now);
            }
        }
    }

    /// Names children to a neighbour that this node refused in a tree.
    fn refer(&mut self, refused: &Name, id: LinkId, tree: u8) {
        let Some(overlay) = &self.post.overlay else { return };
        let trees = overlay.forest.trees().get(usize::from(tree));
        let children = trees.map(|tree| tree.instead(refused)).unwrap_or_default();
        let others = children.into_iter().filter_map(|name| self.whereabouts(name));
        let others: Vec<Other> = others.take(REFERRED_MAX).collect();
        if !others.is_empty() {
            let referral = Referral { tree, others };
            self.post.carriers.on(id, |carrier| carrier.link.refer(&referral));
        }
    }

    /// Where a neighbour can be dialled: at the port that it says and the address that is seen.
    fn whereabouts(&self, name: Name) -> Option<Other> {
        let id = self.roster.neighbours.get(&name)?.primary?;
        let carrier = self.post.carriers.get(id)?;
        let seen: SocketAddr = carrier.at.parse().ok()?;
        Some(Other { name, at: SocketAddr::new(seen.ip(), carrier.listens?) })
    }

    /// A neighbour names others. It is believed if it was asked for a place in vain and there is
    /// none yet, and of addresses that reach no less far than its own.
    pub(super) fn referred(&mut self, id: LinkId, referral: Referral) {
        let Some(carrier) = self.post.carriers.get(id) else { return };
        let (Some(from), Some(overlay)) = (carrier.name, &self.post.overlay) else { return };
        let tree = overlay.forest.trees().get(usize::from(referral.tree));
        if tree.is_none_or(|tree| !tree.is_turned_away(&from)) {
            return self.post.counters.add("referral-unasked");
        }
        let seen = carrier.at.parse().ok().and_then(|at: SocketAddr| Reach::of(at.ip()));
        let least = seen.unwrap_or(Reach::World);
        let (near, mut others): (Vec<_>, Vec<_>) = referral
            .others
            .into_iter()
            .partition(|other| Reach::of(other.at.ip()).is_none_or(|reach| reach < least));
        self.post.counters.add_many("referral-out-of-reach", near.len() as u64);
        let is_known = |name: &Name| name == self.roster.own() || self.roster.table.is_up(name);
        others.retain(|other| !is_known(&other.name));
        self.tell(Notice::Named(others));
    }

    fn neighbour_on(&self, id: LinkId) -> Option<Name> {
        self.post.carriers.get(id)?.name
    }

    /// The overlay hears how well its links are.
    pub(super) fn weigh_links(&mut self) {
        let Some(overlay) = &mut self.post.overlay else { return };
        let mut least = u32::MAX;
        for (name, end) in &self.roster.neighbours {
            let Some(link) = end.primary.and_then(|id| self.post.carriers.get(id)) else {
                continue;
            };
            let rtt = link.link.rtt().map_or(0, |rtt| rtt.as_micros().min(1 << 30) as u32);
            least = least.min(rtt);
            overlay.forest.set_cost(name, if link.link.is_doubtful() { DOUBTFUL } else { rtt });
        }
        if least < u32::MAX {
            overlay.dht.set_rtt(Duration::from_micros(least.into()));
        }
    }

    /// The overlay hears who came and who went.
    pub(super) fn overlay_sees(&mut self, name: &Name, is_up: bool, now: Time) {
        let source = self.source(name);
        let Some(overlay) = &mut self.post.overlay else { return };
        if is_up {
            overlay.forest.neighbour_up(*name, source, now);
        } else {
            overlay.forest.neighbour_down(name, now);
        }
        self.weigh_links();
    }

    /// Where a neighbour's link comes from. A peer of the configuration is alone, wherever it is.
    fn source(&self, name: &Name) -> SourceGroup {
        let primary = self.roster.neighbours.get(name).and_then(|end| end.primary);
        match primary.and_then(|id| self.post.carriers.get(id)) {
            Some(carrier) if !matches!(carrier.origin, Origin::Dialled(_)) => {
                SourceGroup::of(*name, carrier.source)
            }
            _ => SourceGroup::Neighbour(*name),
        }
    }

    /// Passes on what the overlay has to say.
    pub(super) fn settle(&mut self, now: Time) {
        let Some(overlay) = &mut self.post.overlay else { return };
        let is_told = overlay.places_to_tell(now);
        let news = overlay.forest.news();
        if is_told && log::log_enabled!(log::Level::Debug) {
            let places =
                overlay.places().into_iter().map(|(tag, word)| format!(" {tag:08x}{word}"));
            log::debug!("now at{}", places.collect::<String>());
        }
        if is_told {
            self.tell_all_places();
        }
        if std::mem::replace(&mut self.news, news) != news {
            self.post.reroute(&self.roster, now);
        }
        self.post.run_orders(&self.roster, now);
        self.post.say_farewell(&self.roster, now);
        self.answer_seekers(now);
        while let Some((to, said)) = self.post.overlay.as_mut().and_then(|o| o.poll_said()) {
            let link = self.roster.neighbours.get(&to).and_then(|end| end.primary);
            let Some(id) = link else { continue };
            match said {
                Said::Standing(standing) => {
                    self.post.carriers.on(id, |carrier| carrier.link.stand(&standing, now));
                    if standing.grant.is_some_and(|grant| grant.place.is_none()) {
                        self.refer(&to, id, standing.tree);
                    }
                }
                Said::Pulse(pulse) => {
                    self.post.carriers.on(id, |carrier| carrier.link.pulse(&pulse, now));
                }
            }
        }
    }
}
