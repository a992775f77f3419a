//! A whole core, driven by the input: a device with its applications and a peer that answers
//! (DO-12, FR-01); and what drives a CLOAK node likewise.

use std::collections::BTreeMap;

use super::driver::Driver;
use super::links::{identity, join_with};
use super::pair::Side;
use super::script::Script;
use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{MEMORY_MIN, PAYLOAD_MAX, WINDOW_MIN};
use crate::base::links::LinkId;
use crate::base::machine::Machine;
use crate::cloak::{CloakConfig, Remembered};
use crate::crypto::rng::Rng;
use crate::crypto::suite::Suite;
use crate::device::{Device, DeviceConfig};
use crate::link::{Event, Link};
use crate::node::config::{Forward, NodeConfig, Offer};
use crate::overlay::routes::Routes;
use crate::session::tunnel::Bounds;
use crate::wire::link::Role;
use crate::wire::tree::Standing;

/// Seeds of the device's, the CLOAK node's and the peer's identities; strangers come behind.
const OWN: u8 = 1;
pub(super) const CLOAK: u8 = 3;
const PEER: u8 = 2;
pub(super) const STRANGERS: u8 = 100;

fn at(port: u16) -> Endpoint {
    Endpoint::Tcp(([127, 0, 0, 1], port).into())
}

/// A device that does a little of everything, with one peer called `bob`.
pub(super) fn node_config() -> NodeConfig {
    let bob = identity(PEER).name();
    NodeConfig {
        cloak: Some(at(7000)),
        socks: Some(at(1080)),
        control: Some(Endpoint::Unix("control".into())),
        forwards: vec![Forward { listen: at(2222), peer: bob, port: 22 }],
        offers: vec![Offer { port: 22, target: at(22), allow: Vec::new() }],
        allow: vec![bob],
        aliases: BTreeMap::from([("bob".into(), bob)]),
        memory: MEMORY_MIN,
        window: WINDOW_MIN,
        ..NodeConfig::new([OWN; 32])
    }
}

pub(super) fn cloak_config(leaf: bool) -> CloakConfig {
    CloakConfig {
        identity: [CLOAK; 32],
        listen: Some(at(7001)),
        local: Some(at(7000)),
        control: Some(Endpoint::Unix("control".into())),
        peers: vec![at(9001), at(9002)],
        overlay: None,
        routes: Routes::default(),
        leaf,
        remembered: Remembered::default(),
        memory: MEMORY_MIN,
        descriptors: crate::base::limits::DESCRIPTORS_DEFAULT,
    }
}

/// The far ends of links that speak the link protocol.
pub(super) struct Far {
    pool: Pool,
    rng: Rng,
    pub(super) ends: BTreeMap<LinkId, Link>,
    /// Whose they are.
    pub(super) seeds: BTreeMap<LinkId, u8>,
    /// Packets that arrived at one of them.
    pub(super) arrived: Vec<Vec<u8>>,
    /// What each heard last of each tree.
    pub(super) standings: BTreeMap<(LinkId, u8), Standing>,
}

impl Far {
    pub(super) fn new() -> Self {
        let (pool, rng) = (Pool::new(64 << 20), Rng::new([9; 32]));
        let (ends, seeds, arrived, standings) = Default::default();
        Self { pool, rng, ends, seeds, arrived, standings }
    }

    pub(super) fn attach<M: Machine>(
        &mut self,
        driver: &Driver<M>,
        link: LinkId,
        seed: u8,
        role: Role,
    ) {
        let end = Link::new(identity(seed), role, None, &mut self.rng, &self.pool, driver.now);
        self.ends.insert(link, end);
        self.seeds.insert(link, seed);
    }

    /// Moves bytes both ways on all links until nothing moves.
    pub(super) fn join<M: Machine>(&mut self, driver: &mut Driver<M>) {
        self.ends.retain(|link, _| driver.is_open(*link));
        self.seeds.retain(|link, _| driver.is_open(*link));
        self.standings.retain(|(link, _), _| driver.is_open(*link));
        for (link, end) in &mut self.ends {
            join_with(driver, *link, end);
            while let Some(event) = end.poll() {
                match event {
                    Event::Packet(packet) => self.arrived.push(packet.to_vec()),
                    Event::Standing(standing) => {
                        self.standings.insert((*link, standing.tree), standing);
                    }
                    _ => {}
                }
            }
        }
    }

    pub(super) fn send(&mut self, packet: &[u8], by: LinkId, now: Time) {
        if let Some(end) = self.ends.get_mut(&by) {
            end.send(self.pool.copy(packet), now);
        }
    }
}

/// A device: applications, services, the uplink, and a peer at the far end of it.
pub fn node_inputs(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let is_embedded = script.byte() & 1 != 0;
    let cloak = is_embedded.then(|| cloak_config(true));
    let mut node = node_config();
    if is_embedded {
        node.cloak = None;
    }
    let device = Device::new(DeviceConfig { node, cloak, seed: [7; 32] }, Default::default());
    let own = device.name();
    let mut driver = Driver::new(device, &[]);
    let mut far = Far::new();
    let mut peer = Side::new(PEER, &[own], &Suite::ALL, Bounds::default());
    let mut asked = 0;
    while !script.is_over() && !driver.is_over() {
        let code = script.byte();
        match code {
            0..160 => driver.step(code, &mut script),
            160..192 => {
                // Who answers where a CLOAK node was dialled is one; services are left alone.
                if let Some(link) = driver.connect(&mut script) {
                    let seed = if is_embedded { PEER } else { CLOAK };
                    if script.byte() & 1 == 0 {
                        far.attach(&driver, link, seed, Role::Neighbour);
                    }
                }
            }
            192..208 => {
                asked += 1;
                peer.peers.open(own, asked, asked as u16, 22, driver.now);
            }
            208..224 => {
                let keys: Vec<u64> = peer.heard.keys().copied().collect();
                if let Some(key) = script.pick(&keys) {
                    let bytes = vec![code; script.short() % (2 * PAYLOAD_MAX)];
                    peer.to_say.entry(key).or_default().extend(bytes);
                }
            }
            224..232 => {
                let keys: Vec<u64> = peer.heard.keys().copied().collect();
                peer.to_finish.extend(script.pick(&keys));
            }
            _ => peer.peers.path_changed(driver.now),
        }
        talk(&mut driver, &mut far, &mut peer, own);
        let used = driver.machine.node().status(driver.now).memory_used;
        assert!(used <= MEMORY_MIN as u64, "{used} bytes are held");
    }
}

/// Carries packets between the device and its peer until both are silent.
fn talk(driver: &mut Driver<Device>, far: &mut Far, peer: &mut Side, own: Name) {
    for _ in 0..64 {
        far.join(driver);
        peer.peers.tick(driver.now);
        for frame in std::mem::take(&mut far.arrived) {
            peer.receive(&frame, driver.now);
        }
        peer.work(&own, driver.now);
        let links: Vec<LinkId> = far.ends.keys().copied().collect();
        let mut is_silent = true;
        while let Some(packet) = peer.peers.poll_packet() {
            is_silent = false;
            links.first().into_iter().for_each(|link| far.send(&packet, *link, driver.now));
        }
        if is_silent {
            return;
        }
    }
}
