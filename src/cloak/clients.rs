//! What a CLOAK node and its local MUSeS nodes tell each other of places, records and aliases.

use std::collections::BTreeSet;

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::{FOUND_MAX, PLACES_LEN, SEEKERS_MAX};
use crate::base::links::LinkId;
use crate::overlay::dht::alias::Alias;
use crate::overlay::dht::key::Wanted;
use crate::overlay::dht::record::Signed;
use crate::wire::frame::Kind;
use crate::wire::{places, sought};

use super::carrier::Origin;
use super::switch::Switch;

impl Switch {
    /// A client has a record of its own, or asks for an alias.
    pub(super) fn word(&mut self, id: LinkId, kind: Kind, body: &[u8], now: Time) {
        let carrier = self.post.carriers.get(id).filter(|c| c.origin == Origin::Client);
        let Some(client) = carrier.and_then(|carrier| carrier.name) else { return };
        let Some(overlay) = &mut self.post.overlay else {
            return self.answer_without_overlay(id, kind, body);
        };
        match kind {
            Kind::Record => match Signed::parse(body) {
                // DH-01: nobody publishes for another.
                Ok(signed) if signed.record().name == client => {
                    if !overlay.dht.publish(signed, now) {
                        // It has forgotten what it said, and its clock is behind that.
                        self.post.outdone.insert(client);
                        overlay.dht.look_up(Wanted::Name(client), now);
                    }
                    self.post.introduce_again(&client, &self.roster, now);
                }
                _ => self.post.counters.add("bad-record"),
            },
            Kind::Seek => {
                let Ok(alias) = Alias::from_bytes(body) else {
                    return self.post.counters.add("bad-alias");
                };
                if self.seekers.len() >= SEEKERS_MAX && !self.seekers.contains_key(&alias) {
                    return self.post.counters.add("dropped-too-many-seekers");
                }
                overlay.dht.look_up(Wanted::Alias(alias.clone()), now);
                self.seekers.entry(alias).or_default().insert(client);
            }
            _ => {}
        }
    }

    /// Where packets go by a routes file nobody claims anything, and nobody waits to hear it.
    fn answer_without_overlay(&mut self, id: LinkId, kind: Kind, body: &[u8]) {
        if kind == Kind::Seek && Alias::from_bytes(body).is_ok() {
            let answer = sought::to_bytes(body, std::iter::empty());
            self.post.carriers.on(id, |carrier| carrier.link.word(Kind::Sought, &answer));
        }
    }

    /// Clients that are gone for good: their records are stored no more and die of age.
    pub(super) fn forget_clients(&mut self, left: &[Name]) {
        let Some(overlay) = &mut self.post.overlay else { return };
        for client in left {
            overlay.dht.withdraw(client);
            self.post.outdone.remove(client);
        }
    }

    /// A client whose record is older than one it made before is shown that one, so that it goes
    /// above its number whatever its clock says.
    fn answer_outdone(&mut self) {
        while let Some(client) = self.post.found_clients.pop_front() {
            let Some(overlay) = &self.post.overlay else { return };
            let newest = overlay.dht.newest(&client);
            let Some(newest) = newest.filter(|newest| !newest.record().is_end()) else { continue };
            let body = sought::to_bytes(&[], std::iter::once(newest.bytes()));
            self.say(&client, Kind::Sought, &body);
        }
    }

    /// Clients that asked for an alias hear who claims it.
    pub(super) fn answer_seekers(&mut self, now: Time) {
        self.answer_outdone();
        while let Some((alias, names)) = self.post.sought.pop_front() {
            let Some(overlay) = &mut self.post.overlay else { return };
            let claims = names.iter().filter_map(|name| overlay.dht.record(name, now).cloned());
            let claims: Vec<Signed> = claims.take(FOUND_MAX).collect();
            let body = sought::to_bytes(alias.as_bytes(), claims.iter().map(Signed::bytes));
            for client in self.seekers.remove(&alias).unwrap_or_default() {
                self.say(&client, Kind::Sought, &body);
            }
        }
    }

    fn say(&mut self, client: &Name, kind: Kind, body: &[u8]) {
        let link = self.roster.clients.get(client).and_then(|end| end.primary);
        if let Some(id) = link {
            self.post.carriers.on(id, |carrier| carrier.link.word(kind, body));
        }
    }

    /// A client hears where it is.
    pub(super) fn tell_places(&mut self, client: &Name) {
        let Some(overlay) = &self.post.overlay else { return };
        let own = overlay.places();
        let mut area = [0; PLACES_LEN];
        places::emit(own.iter().map(|(tag, word)| (*tag, &**word)), &mut area);
        self.say(client, Kind::Places, &area);
    }

    /// All clients hear where they are now.
    pub(super) fn tell_all_places(&mut self) {
        let clients: BTreeSet<Name> = self.roster.clients.keys().copied().collect();
        clients.iter().for_each(|client| self.tell_places(client));
    }
}
