//! Who lives where: the processes of a world, how they reach each other, and their sessions.

use std::time::Duration;

use muses::base::ids::{Endpoint, Name};
use muses::cloak::{CloakConfig, Remembered};
use muses::crypto::identity::Identity;
use muses::node::config::{Forward, NodeConfig, Offer};

use crate::net::Wire;
use crate::oracle::{Door, Service, Session, port_of, service_of};
use crate::process::Spec;
use crate::world::{Event, World};

pub(crate) fn name_of(identity: [u8; 32]) -> Name {
    Identity::from_seed(identity).name()
}

pub(crate) fn identity(place: usize) -> [u8; 32] {
    [place as u8 + 1; 32]
}

fn neighbours_at(host: &str) -> Endpoint {
    Endpoint::Host(host.into(), 7001)
}

/// How the devices reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Alice dials Bob.
    Pair,
    /// Alice and Bob, each dialling a relay of their own; one relay dials the other.
    Chain,
    /// Three devices that dial one relay.
    Star,
    /// As the chain, but Alice's device uses the first relay as its CLOAK daemon.
    Daemon,
}

impl Shape {
    pub(crate) const ALL: [Self; 4] = [Self::Pair, Self::Chain, Self::Star, Self::Daemon];
}

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;

fn device(place: usize, listens: bool, peers: &[&str], devices: &[usize]) -> Spec {
    let host = HOSTS[place];
    let mut node = NodeConfig::new(identity(place));
    node.allow =
        devices.iter().filter(|of| **of != place).map(|of| name_of(identity(*of))).collect();
    node.socks = Some(Endpoint::Host(host.into(), 1080));
    node.control = Some(Endpoint::Unix(host.into()));
    let cloak =
        CloakConfig { leaf: true, memory: node.memory / 4, ..relay(place, listens, peers, "") };
    Spec::Device(Box::new(node), Some(cloak))
}

fn relay(place: usize, listens: bool, peers: &[&str], routes: &str) -> CloakConfig {
    CloakConfig {
        identity: identity(place),
        listen: listens.then(|| neighbours_at(HOSTS[place])),
        local: None,
        control: None,
        peers: peers.iter().map(|host| neighbours_at(host)).collect(),
        overlay: None,
        routes: routes.parse().expect("a route of a Name via a Name"),
        leaf: false,
        remembered: Remembered::default(),
        memory: 64 << 20,
        descriptors: muses::base::limits::DESCRIPTORS_DEFAULT,
    }
}

const HOSTS: [&str; 4] = ["host0", "host1", "host2", "host3"];

impl World {
    /// Puts the processes there, not running yet. Devices come first.
    pub(crate) fn settle_town(&mut self, shape: Shape) -> usize {
        let route = |to: usize, via: usize| {
            format!("{} via {}", name_of(identity(to)), name_of(identity(via)))
        };
        let [_, h1, h2, h3] = HOSTS;
        let (devices, specs, wires): (usize, Vec<Spec>, Vec<(usize, usize)>) = match shape {
            Shape::Pair => {
                let specs = vec![device(0, false, &[h1], &[0, 1]), device(1, true, &[], &[0, 1])];
                (2, specs, vec![(0, 1)])
            }
            Shape::Chain | Shape::Daemon => {
                let mut first = relay(2, true, &[h3], &route(1, 3));
                let mut alice = device(0, false, &[h2], &[0, 1]);
                let mut wires = vec![(2, 3), (1, 3)];
                if let (Shape::Daemon, Spec::Device(node, cloak)) = (shape, &mut alice) {
                    let local = Endpoint::Host(h2.into(), 7000);
                    (node.cloak, *cloak, first.local) = (Some(local.clone()), None, Some(local));
                } else {
                    wires.push((0, 2));
                }
                let second = relay(3, true, &[], &route(0, 2));
                let bob = device(1, false, &[h3], &[0, 1]);
                (2, vec![alice, bob, Spec::Relay(first), Spec::Relay(second)], wires)
            }
            Shape::Star => {
                let all = [0, 1, 2];
                let mut specs: Vec<Spec> =
                    all.iter().map(|place| device(*place, false, &[h3], &all)).collect();
                specs.push(Spec::Relay(relay(3, true, &[], "")));
                (3, specs, vec![(0, 3), (1, 3), (2, 3)])
            }
        };
        for (place, spec) in specs.into_iter().enumerate() {
            self.add(HOSTS[place], spec);
        }
        self.wires = wires;
        devices
    }

    pub(crate) fn node_mut(
        &mut self,
        id: usize,
    ) -> Option<(&mut NodeConfig, Option<&mut CloakConfig>)> {
        match &mut self.processes[id].spec {
            Spec::Device(node, cloak) => Some((node, cloak.as_mut())),
            Spec::Relay(_) => None,
        }
    }

    pub(crate) fn all_wires(&mut self, wire: Wire) {
        for (a, b) in self.wires.clone() {
            *self.net.wire(a, b) = wire;
        }
    }

    /// Plans a session that begins after so long; its ports are told to both nodes, so it belongs
    /// before their start.
    pub(crate) fn plan(&mut self, session: Session, after: Duration) -> usize {
        let number = self.sessions.len();
        let (client, server) = (session.client, session.server);
        let peer = name_of(identity(server));
        if session.door == Door::Forward {
            let host = self.processes[client].name.clone();
            let listen = Endpoint::Host(host, port_of(number));
            if let Some((node, _)) = self.node_mut(client) {
                node.forwards.push(Forward { listen, peer, port: port_of(number) });
            }
        }
        if session.service != Service::NotServed {
            let target = service_of(number);
            if let Some((node, _)) = self.node_mut(server) {
                node.offers.push(Offer { port: port_of(number), target, allow: Vec::new() });
            }
        }
        self.sessions.push(session);
        self.after(after, Event::Begin(number));
        number
    }

    pub(crate) fn start_all(&mut self) {
        (0..self.processes.len()).for_each(|id| self.start(id));
    }
}
