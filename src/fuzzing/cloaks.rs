//! A CLOAK node: links that say anything, and links that proved a Name and say packets; by the
//! second version of the input also what neighbours and clients say of the hyperbolic overlay.

use super::driver::Driver;
use super::links::identity;
use super::machines::{CLOAK, Far, STRANGERS, cloak_config};
use super::script::{Script, VERSION};
use super::tables::{record, wanted};
use super::trees::{FIRST_HAND, Hands, TREES};
use crate::base::ids::Name;
use crate::base::limits::{FRAME_HEADER, HEAD_ROOM, MEMORY_MIN, ROUTE_LEN};
use crate::base::links::LinkId;
use crate::cloak::config::{CONTROL, LISTEN, LOCAL};
use crate::cloak::{Cloak, CloakConfig};
use crate::link::Link;
use crate::overlay::dht::key::{Wanted, key};
use crate::overlay::forest::rank;
use crate::overlay::hyperbolic::Settings;
use crate::wire::attachment::Attachment;
use crate::wire::errand::Errand;
use crate::wire::frame::{self, Kind};
use crate::wire::link::Role;
use crate::wire::referral::{Other, Referral};
use crate::wire::route::{self, Course, Route};

/// First byte of the inputs for a node that is in the hyperbolic overlay; those for one that is
/// not begin with [`VERSION`].
pub const OVERLAY_VERSION: u8 = 2;

const _: () = assert!(FIRST_HAND == STRANGERS && OVERLAY_VERSION != VERSION);

/// A CLOAK node, its neighbours and its clients.
pub fn cloak_inputs(input: &[u8]) {
    if let Some(mut script) = Script::new(input) {
        let is_leaf = script.byte() & 1 != 0;
        World::new(is_leaf, None).run(&mut script, World::step);
    }
    if let Some(mut script) = Script::of_version(input, OVERLAY_VERSION) {
        let form = script.byte();
        // A stranger that goes before this node as a root, or nobody.
        let roots = (form & 2 != 0).then(|| identity(STRANGERS).name()).into_iter().collect();
        let settings = Settings { trees: TREES, roots, born: 1_000, ..Settings::default() };
        World::new(form & 1 != 0, Some(settings)).run(&mut script, World::step_in_overlay);
    }
}

struct World {
    driver: Driver<Cloak>,
    far: Far,
    hands: Hands,
}

impl World {
    fn new(leaf: bool, overlay: Option<Settings>) -> Self {
        let config = CloakConfig { overlay, ..cloak_config(leaf) };
        let cloak = Cloak::new(config, [7; 32], Default::default());
        let driver = Driver::new(cloak, &[LISTEN, LOCAL, CONTROL]);
        Self { driver, far: Far::new(), hands: Hands::new() }
    }

    fn run(&mut self, script: &mut Script<'_>, step: fn(&mut Self, u8, &mut Script<'_>)) {
        while !script.is_over() && !self.driver.is_over() {
            let code = script.byte();
            step(self, code, script);
            self.far.join(&mut self.driver);
            self.far.arrived.clear();
            let used = self.driver.machine.memory_used();
            assert!(used <= MEMORY_MIN, "{used} bytes are held");
        }
    }

    fn step(&mut self, code: u8, script: &mut Script<'_>) {
        match code {
            0..160 => self.driver.step(code, script),
            160..192 => self.attach(script),
            192..240 => {
                if let Some(link) = self.some_link(script) {
                    let mut packet = packet(script);
                    if code >= 224 {
                        cut(&mut packet, script);
                    }
                    self.far.send(&packet, link, self.driver.now);
                }
            }
            _ => {
                if let Some(link) = self.some_link(script) {
                    self.attest(link, script);
                }
            }
        }
    }

    fn step_in_overlay(&mut self, code: u8, script: &mut Script<'_>) {
        match code {
            200..210 => {
                if let Some(link) = self.some_link(script) {
                    let mut packet = packet(script);
                    steer(&mut packet[FRAME_HEADER..], script);
                    if code >= 206 {
                        cut(&mut packet, script);
                    }
                    self.far.send(&packet, link, self.driver.now);
                }
            }
            210..220 => {
                if let Some(link) = self.some_link(script) {
                    let mut errand = errand(script);
                    if code >= 216 {
                        cut(&mut errand, script);
                    }
                    self.far.send(&errand, link, self.driver.now);
                }
            }
            220..232 => self.stand(script),
            232..236 => {
                let (pulse, now) = (self.hands.pulse(script), self.driver.now);
                self.on_some_end(script, |end| end.pulse(&pulse, now));
            }
            248..252 => {
                let (port, host) = (u16::from(script.byte()) + 1, script.byte());
                let name = self.hands.name(script.byte() % 4);
                let other = Other { name, at: ([192, 0, 2, host], port).into() };
                let tree = script.byte() % TREES;
                let referral = Referral { tree, others: vec![other; script.below(3) + 1] };
                self.on_some_end(script, |end| {
                    end.listens(port);
                    end.refer(&referral);
                });
            }
            236..240 => {
                let signed = record(script);
                let alias = wanted(script);
                let is_record = script.byte() & 1 == 0;
                let (kind, body) = match &alias {
                    _ if is_record => (Kind::Record, signed.bytes()),
                    Wanted::Alias(alias) => (Kind::Seek, alias.as_bytes()),
                    Wanted::Name(name) => (Kind::Seek, &name.as_bytes()[..4]),
                };
                let is_cut = code == 239;
                let length = if is_cut { script.short() % (body.len() + 1) } else { body.len() };
                self.on_some_end(script, |end| end.word(kind, &body[..length]));
            }
            _ => self.step(code, script),
        }
        let _drawn = self.driver.machine.status(self.driver.now);
    }

    /// A link comes to be, and its far end will prove a Name.
    fn attach(&mut self, script: &mut Script<'_>) {
        let is_called = script.byte() & 1 == 0;
        let driver = &mut self.driver;
        let link = if is_called { driver.call(script) } else { driver.connect(script) };
        if let Some(link) = link {
            let seed = STRANGERS + script.byte() % 4;
            let role = [Role::Neighbour, Role::Client][script.below(2)];
            self.far.attach(driver, link, seed, role);
        }
    }

    /// A far end says who is attached: itself as a client, others as a neighbour; true or bent.
    fn attest(&mut self, link: LinkId, script: &mut Script<'_>) {
        let Some(far) = self.far.seeds.get(&link).copied() else { return };
        let Some(end) = self.far.ends.get_mut(&link).filter(|end| end.is_up()) else { return };
        let (form, number) = (script.byte(), u64::from(script.byte()));
        let is_client = form & 1 != 0;
        let client = identity(if is_client { far } else { STRANGERS + (form >> 4) % 8 });
        let node = identity(if is_client { CLOAK } else { far }).name();
        let ttl = if form & 2 != 0 { 600 } else { number as u32 };
        let client_name = client.name();
        let mut own = Attachment { client: client_name, node, number, ttl, signature: [0; 64] };
        own.signature = client.sign(&own.text());
        own.signature[0] ^= u8::from(form & 12 == 12);
        if is_client { end.attach(&own) } else { end.announce([own].iter()) }
    }

    fn some_link(&self, script: &mut Script<'_>) -> Option<LinkId> {
        let links: Vec<LinkId> = self.far.ends.keys().copied().collect();
        script.pick(&links)
    }

    fn on_some_end(&mut self, script: &mut Script<'_>, say: impl FnOnce(&mut Link)) {
        let link = self.some_link(script).and_then(|link| self.far.ends.get_mut(&link));
        if let Some(end) = link.filter(|end| end.is_up()) {
            say(end);
        }
    }

    /// A hand says how it stands, mostly on its own link.
    fn stand(&mut self, script: &mut Script<'_>) {
        let Some(link) = self.some_link(script) else { return };
        let hand = match self.far.seeds.get(&link) {
            Some(seed) if script.byte() < 240 => seed - STRANGERS,
            _ => script.byte() % 4,
        };
        let heard = self.far.standings.get(&(link, script.byte() % TREES));
        let own = identity(CLOAK).name();
        let standing = self.hands.standing(hand, &own, heard, script);
        if let Some(end) = self.far.ends.get_mut(&link).filter(|end| end.is_up()) {
            end.stand(&standing, self.driver.now);
        }
    }
}

/// One of those who are there, or somebody who is not.
fn name(script: &mut Script<'_>) -> Name {
    match script.byte() % 8 {
        0 => identity(CLOAK).name(),
        number @ 1..=4 => identity(STRANGERS + number - 1).name(),
        number => Name::from_bytes([number; 32]),
    }
}

/// A packet between any two of them.
fn packet(script: &mut Script<'_>) -> Vec<u8> {
    let (source, destination) = (name(script), name(script));
    let hops = script.byte();
    let body = script.piece();
    let mut bytes = vec![0; HEAD_ROOM + body.len()];
    let total = bytes.len();
    frame::emit(&mut bytes, Kind::Packet, total);
    route::emit(&mut bytes[FRAME_HEADER..], &source, &destination, hops);
    bytes[HEAD_ROOM..].copy_from_slice(body);
    bytes
}

/// Cuts a frame to any length that a frame may have, from one without a body on.
pub(super) fn cut(bytes: &mut Vec<u8>, script: &mut Script<'_>) {
    let length = FRAME_HEADER + script.short() % (bytes.len() - FRAME_HEADER + 1);
    let kind = frame::kind(bytes).unwrap_or(Kind::Packet);
    bytes.truncate(length);
    frame::emit(bytes, kind, length);
}

/// Gives a Routing Header any course and places.
pub(super) fn steer(header: &mut [u8], script: &mut Script<'_>) {
    let Ok(mut route) = Route::new_checked(header) else { return };
    let (index, own) = (script.byte() % 4, identity(CLOAK).name());
    let courses =
        [Course::Nearest, Course::Tree(index), Course::Climb(index), Course::Descend(index)];
    let course = courses[script.below(4)];
    route.set_course(course, script.byte(), u32::from(script.byte()));
    let letters = [script.byte(), script.byte() | 1, 2];
    let root = if script.byte() & 1 == 0 { own } else { identity(STRANGERS).name() };
    let tag = rank::tag(index, &root);
    let length = usize::from(script.byte() % 4);
    let word = if letters[0] == letters[1] { &letters[1..] } else { &letters[..length.min(3)] };
    route.set_there([(tag, word)].into_iter());
    route.set_here([(tag, &letters[2..])].into_iter());
}

/// An errand to a key or a Name, its record good or bent.
fn errand(script: &mut Script<'_>) -> Vec<u8> {
    let (signed, about, replica) = (record(script), wanted(script), script.byte() % 9);
    let mut bytes = signed.bytes().to_vec();
    let place = script.short() % bytes.len();
    bytes[place] ^= script.byte();
    let nonce = u64::from(script.byte());
    let errand = match script.byte() % 4 {
        0 => Errand::Store { record: &bytes },
        1 => Errand::Find { nonce, wanted: about.to_sought() },
        2 => Errand::Found { nonce, records: vec![&bytes] },
        _ => Errand::Push { record: &bytes },
    };
    let body = errand.to_bytes();
    let total = FRAME_HEADER + ROUTE_LEN + body.len();
    let mut frame = vec![0; total];
    frame::emit(&mut frame, Kind::Errand, total);
    let of_record = Wanted::Name(signed.record().name);
    let wanted = if script.byte() & 1 == 0 { &about } else { &of_record };
    let to = match script.byte() % 4 {
        0 => name(script),
        _ => Name::from_bytes(key(wanted, replica)),
    };
    route::emit(&mut frame[FRAME_HEADER..], &name(script), &to, script.byte());
    steer(&mut frame[FRAME_HEADER..], script);
    frame[FRAME_HEADER + ROUTE_LEN..].copy_from_slice(&body);
    frame
}
