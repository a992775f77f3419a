//! Aliases of the overlay: who waits to hear whose one is, and the Name each was pinned to.
//!
//! Everybody may claim any alias, so an answer of the overlay is judged by what the alias meant
//! before (DH-09). One that is pinned goes on to its Name at once: whoever answers there has proved
//! it. But where that Name is not there the overlay is asked all the same, because a person who
//! waits for it in vain should hear that another device goes by that alias now.

use std::collections::{BTreeMap, BTreeSet};

use log::Level;

use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Name;
use crate::base::limits::{ABSENT_FOR, SEEK_MAX, SEEKERS_MAX};
use crate::base::links::LinkId;
use crate::base::log_limiter::LogSource;
use crate::base::machine::{Action, Deadline, Memory};
use crate::overlay::dht::alias::Alias;
use crate::overlay::dht::pins::{Pinned, Pins};
use crate::overlay::dht::record::Signed;
use crate::wire::frame::Kind;
use crate::wire::reason::Reason;
use crate::wire::{socks, sought};

use super::Node;
use super::config::NodeConfig;
use super::local::{Side, Stage};

/// Applications that wait for one alias.
#[derive(Debug)]
struct Wait {
    since: Time,
    /// When the overlay is asked once more.
    again: Option<Time>,
    links: BTreeSet<LinkId>,
}

/// Who waits for which alias, and what the aliases met so far mean.
#[derive(Debug, Default)]
pub(crate) struct Seeks {
    pins: Pins,
    /// The pins were changed and not kept.
    is_changed: bool,
    waits: BTreeMap<Alias, Wait>,
}

impl Seeks {
    /// What was pinned in earlier runs. A person's own alias is the last word on what it means, and
    /// still is when it is given no more.
    pub(crate) fn new(config: &NodeConfig) -> Self {
        let kept = config.pins.iter().filter_map(|(word, name)| Some((word.parse().ok()?, *name)));
        let mut this = Self { pins: Pins::new(kept), ..Self::default() };
        for (word, name) in &config.aliases {
            let Ok(alias) = word.parse() else { continue };
            if this.pins.get(&alias).is_some_and(|pinned| pinned != name) {
                this.is_changed |= this.pins.pin(alias, *name);
            }
        }
        this
    }

    /// The alias that is pinned to a Name.
    pub(crate) fn alias_of(&self, peer: &Name) -> Option<&str> {
        self.pins.iter().find(|(_, name)| *name == peer).map(|(alias, _)| alias.as_str())
    }

    /// A link waits for an alias too. `None` if too many are waited for, else whether it is the
    /// first to.
    fn join(&mut self, alias: &Alias, link: LinkId, now: Time) -> Option<bool> {
        let is_first = !self.waits.contains_key(alias);
        if is_first && self.waits.len() >= SEEKERS_MAX {
            return None;
        }
        let new = || Wait { since: now, again: None, links: BTreeSet::new() };
        self.waits.entry(alias.clone()).or_insert_with(new).links.insert(link);
        Some(is_first)
    }

    /// A link waits no more. The answer is still awaited.
    pub(crate) fn forget(&mut self, link: LinkId) {
        for wait in self.waits.values_mut() {
            wait.links.remove(&link);
        }
    }

    fn take(&mut self, alias: &Alias) -> BTreeSet<LinkId> {
        self.waits.remove(alias).map(|wait| wait.links).unwrap_or_default()
    }

    fn expired(&self, now: Time) -> Option<Alias> {
        let over = self.waits.iter().find(|(_, wait)| wait.since + SEEK_MAX <= now);
        over.map(|(alias, _)| alias.clone())
    }

    /// The next alias to be asked for again.
    fn due(&mut self, now: Time) -> Option<Alias> {
        let mut waits = self.waits.iter_mut();
        let (alias, wait) = waits.find(|(_, wait)| wait.again.is_some_and(|at| at <= now))?;
        wait.again = None;
        Some(alias.clone())
    }

    /// Aliases that are waited for, since when and until when.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Alias, Time, Time)> {
        self.waits.iter().map(|(alias, wait)| (alias, wait.since, wait.since + SEEK_MAX))
    }

    /// When something is due.
    pub(crate) fn next_timeout(&self) -> Option<Deadline> {
        let end = self.waits.values().map(|wait| wait.since + SEEK_MAX).min();
        let again = self.waits.values().filter_map(|wait| wait.again).min();
        let end = end.map(|at| Deadline { at, why: "give up an alias" });
        earliest(end, again.map(|at| Deadline { at, why: "ask for an alias again" }))
    }

    /// Folds the state into a digest.
    pub(crate) fn fold(&self, into: &mut Fingerprint) {
        self.pins.fold(into);
        for (alias, wait) in &self.waits {
            into.fold_bytes(alias.as_bytes());
            into.fold(wait.since.as_nanos());
            into.fold(wait.links.len() as u64);
        }
    }
}

impl Node {
    /// Has the pins kept for the next start, if they have changed.
    pub(super) fn keep_pins(&mut self) {
        if std::mem::take(&mut self.seeks.is_changed) {
            let text = self.seeks.pins.to_json();
            self.actions.push_back(Action::Keep(Memory::Pins, text));
        }
    }

    /// Asks for a session with whoever an alias means.
    pub(super) fn seek(&mut self, link: LinkId, alias: Alias, service: u16, now: Time) {
        let pinned = self.seeks.pins.get(&alias).copied();
        if let Some(peer) = pinned {
            self.ask(link, peer, service, now);
            if self.peers.tunnel(&peer).is_some_and(|tunnel| tunnel.outage().0.is_none()) {
                return;
            }
        } else if let Some(local) = self.locals.get_mut(link) {
            local.stage = Stage::Seeking(alias.clone(), service);
        }
        match self.seeks.join(&alias, link, now) {
            Some(true) => self.ask_alias(&alias),
            Some(false) => {}
            None if pinned.is_some() => {}
            None => {
                let text = format!("too many aliases are sought at once for '{alias}' to be");
                self.turn_away(link, socks::Code::General, &text, now);
            }
        }
    }

    fn ask_alias(&mut self, alias: &Alias) {
        if self.uplink.is_up() {
            self.uplink.say(Kind::Seek, alias.as_bytes());
        }
    }

    /// The way into the overlay is open again: what was asked on the one before is lost.
    pub(super) fn ask_all_aliases(&mut self) {
        let aliases: Vec<Alias> = self.seeks.waits.keys().cloned().collect();
        aliases.iter().for_each(|alias| self.ask_alias(alias));
    }

    /// The CLOAK node says who claims an alias. What was not asked for pins nothing.
    pub(super) fn on_sought(&mut self, body: &[u8], now: Time) {
        let parsed = sought::parse(body).ok();
        if let Some(([], former)) = &parsed {
            return former.iter().for_each(|former| self.outdone(former, now));
        }
        let parsed =
            parsed.and_then(|(letters, claims)| Some((Alias::from_bytes(letters).ok()?, claims)));
        let Some((alias, claims)) = parsed else { return self.counters.add("bad-sought") };
        if !self.seeks.waits.contains_key(&alias) {
            return self.counters.add("sought-unasked");
        }
        // DH-01: whatever the daemon is, a record that its Name did not sign is none.
        let found = claims.len();
        let claims: Vec<Signed> =
            claims.into_iter().filter_map(|bytes| Signed::parse(bytes).ok()).collect();
        self.counters.add_many("bad-record", (found - claims.len()) as u64);
        self.judge(&alias, &claims, now);
    }

    /// The CLOAK node shows a record that this device made before and has forgotten.
    fn outdone(&mut self, former: &[u8], now: Time) {
        let former = Signed::parse(former);
        self.counters.add_many("bad-record", u64::from(former.is_err()));
        let newer = former.ok().and_then(|former| self.whereabouts.outdo(&former, now));
        if let Some(newer) = newer {
            self.uplink.say(Kind::Record, newer.bytes());
        }
    }

    fn judge(&mut self, alias: &Alias, claims: &[Signed], now: Time) {
        match self.seeks.pins.check(alias, claims) {
            Pinned::Known(peer) => self.go_on(alias, peer, now),
            Pinned::New(peer) => {
                self.note(Level::Info, "alias-new", LogSource::Local, now, |_| {
                    format!("the alias '{alias}' is new here and means {peer} from now on")
                });
                self.seeks.is_changed = true;
                self.keep_pins();
                self.go_on(alias, peer, now);
            }
            Pinned::Changed { pinned, claimed } => {
                let text = format!(
                    "the alias '{alias}' meant {pinned}, which does not claim it now, but \
                     {claimed} does: no session is opened; if that is right, say --alias \
                     {alias}={claimed}"
                );
                self.refuse_alias(alias, &text, now);
            }
            Pinned::Contested(names) => {
                let names: Vec<String> = names.iter().map(Name::to_string).collect();
                let text = format!(
                    "the alias '{alias}' is claimed by {}: no session is opened; say which is \
                     meant with --alias {alias}=NAME",
                    names.join(" and by ")
                );
                self.refuse_alias(alias, &text, now);
            }
            Pinned::Unknown => self.on_unknown(alias, now),
        }
    }

    /// The alias is known: who waited for it goes on as with a Name.
    fn go_on(&mut self, alias: &Alias, peer: Name, now: Time) {
        for link in self.seeks.take(alias) {
            if let Some(Stage::Seeking(_, service)) = self.locals.get(link).map(|l| &l.stage) {
                let service = *service;
                self.ask(link, peer, service, now);
            }
        }
    }

    /// Somebody else goes by an alias: that is for a person to judge.
    fn refuse_alias(&mut self, alias: &Alias, text: &str, now: Time) {
        self.note(Level::Warn, "alias-refused", LogSource::Local, now, |_| text.to_owned());
        self.counters.add("alias-refused");
        for link in self.seeks.take(alias) {
            self.turn_away(link, socks::Code::NotAllowed, text, now);
        }
    }

    /// Nobody claims an alias. A CLOAK node that is new in the overlay may only not know yet.
    fn on_unknown(&mut self, alias: &Alias, now: Time) {
        if let Some(wait) = self.seeks.waits.get_mut(alias)
            && self.uplink.since + SEEK_MAX > now
        {
            wait.again = Some(now + ABSENT_FOR);
            return;
        }
        let text = format!("nobody in the overlay is called '{alias}'; say --alias {alias}=NAME");
        self.give_up_alias(alias, &text, now);
    }

    fn give_up_alias(&mut self, alias: &Alias, text: &str, now: Time) {
        for link in self.seeks.take(alias) {
            // With a pinned alias there is a Name to wait for.
            let stage = self.locals.get(link).map(|local| &local.stage);
            if matches!(stage, Some(Stage::Seeking(..))) {
                self.note(Level::Info, "alias-unknown", LogSource::Local, now, |_| text.to_owned());
                self.turn_away(link, socks::Code::HostUnreachable, text, now);
            }
        }
    }

    /// Does what is due.
    pub(super) fn tick_seeks(&mut self, now: Time) {
        while let Some(alias) = self.seeks.expired(now) {
            let why = match self.uplink.is_up() {
                true => "nobody in the overlay is known to be",
                false => "the way into the overlay is lost, which would say who is",
            };
            let text = format!("{why} called '{alias}'; try again, or say --alias {alias}=NAME");
            self.give_up_alias(&alias, &text, now);
        }
        while let Some(alias) = self.seeks.due(now) {
            self.ask_alias(&alias);
        }
    }

    /// An application hears, in its own protocol, that there will be no session; nothing of one
    /// stays. A session that is open already was proved to be with the right Name.
    fn turn_away(&mut self, link: LinkId, code: socks::Code, text: &str, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        match (&local.stage, local.session) {
            (Stage::Seeking(..), _) => {}
            (Stage::Waiting(peer, ticket, _), _) => self.peers.withdraw(peer, *ticket, now),
            (Stage::Opening, Some((peer, key))) => {
                self.locals.unbind(link);
                self.peers.with(&peer, |tunnel| tunnel.reset(key, Reason::ByApplication, now));
            }
            _ => return,
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        if local.side == Side::Control {
            return self.answer_error(link, text.to_owned(), now);
        }
        local.words.extend(socks::reply(code, None));
        self.drain_local(link, now);
    }
}
