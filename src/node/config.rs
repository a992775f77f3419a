//! What a MUSeS node is told at its start. It stands in a tape's header, whole.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::ids::{Endpoint, Name};
use crate::base::limits::{MEMORY_DEFAULT, WINDOW_DEFAULT};
use crate::crypto::identity::Identity;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::session::peers::Policy;
use crate::session::tunnel::{Bounds, Wear};

/// A local listener whose connections go to one service of one peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Where it listens.
    pub listen: Endpoint,
    /// Whose service.
    pub peer: Name,
    /// Its port.
    pub port: u16,
}

/// A local service offered to other devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The port other devices ask for.
    pub port: u16,
    /// Where it is.
    pub target: Endpoint,
    /// Who may use it besides [`NodeConfig::allow`].
    pub allow: Vec<Name>,
}

/// The whole configuration. It holds secrets: it is never logged.
#[derive(Clone, Serialize, Deserialize)]
pub struct NodeConfig {
    /// Seed of the identity.
    pub identity: [u8; 32],
    /// The CLOAK daemon to use; `None` where one is embedded.
    pub cloak: Option<Endpoint>,
    /// Where SOCKS5 is spoken.
    pub socks: Option<Endpoint>,
    /// The control socket.
    pub control: Option<Endpoint>,
    /// Fixed forwards.
    pub forwards: Vec<Forward>,
    /// Services.
    pub offers: Vec<Offer>,
    /// Names that may use every service.
    pub allow: Vec<Name>,
    /// The alias it claims in the overlay.
    pub register: Option<String>,
    /// The wall clock in milliseconds at the start: numbers of its records grow from here.
    pub born: u64,
    /// Own words for Names.
    pub aliases: BTreeMap<String, Name>,
    /// The Names that aliases of the overlay were pinned to in earlier runs.
    #[serde(default)]
    pub pins: Vec<(String, Name)>,
    /// Pre-shared secrets.
    pub secrets: BTreeMap<Name, [u8; 32]>,
    /// The suite offered first, and accepted.
    pub suite: Suite,
    /// How long, in milliseconds, an outage may last before its sessions are given up.
    pub retain_ms: Option<u64>,
    /// Budget of packet memory in bytes.
    pub memory: usize,
    /// Bound of one session in bytes.
    pub window: usize,
}

impl NodeConfig {
    /// A node that serves nothing and listens nowhere.
    #[must_use]
    pub fn new(identity: [u8; 32]) -> Self {
        Self {
            identity,
            cloak: None,
            socks: None,
            control: None,
            forwards: Vec::new(),
            offers: Vec::new(),
            allow: Vec::new(),
            register: None,
            born: 0,
            aliases: BTreeMap::new(),
            pins: Vec::new(),
            secrets: BTreeMap::new(),
            suite: Suite::default(),
            retain_ms: None,
            memory: MEMORY_DEFAULT,
            window: WINDOW_DEFAULT,
        }
    }

    /// Every Name it speaks of: those this device is likely to have, or to have had, tunnels with.
    #[must_use]
    pub fn acquaintances(&self) -> BTreeSet<Name> {
        let offered = self.offers.iter().flat_map(|offer| &offer.allow);
        let forwarded = self.forwards.iter().map(|forward| &forward.peer);
        let told = self.allow.iter().chain(self.aliases.values()).chain(self.secrets.keys());
        told.chain(offered).chain(forwarded).copied().collect()
    }

    /// What it says of who may come and of how tunnels are.
    pub(super) fn policy(&self, identity: Rc<Identity>, boot: [u8; 16]) -> Policy {
        let offered = self.offers.iter().flat_map(|offer| &offer.allow);
        let suites = Suite::ALL.iter().filter(|suite| **suite != self.suite);
        let secrets = self.secrets.iter();
        let retain = self.retain_ms.map(Duration::from_millis);
        Policy {
            identity,
            boot,
            suites: [self.suite].into_iter().chain(suites.copied()).collect(),
            secrets: secrets.map(|(name, bytes)| (*name, Secret::from_bytes(*bytes))).collect(),
            allowed: self.allow.iter().chain(offered).copied().collect(),
            notify: self.acquaintances(),
            bounds: Bounds { window: self.window, retain, wear: Wear::default() },
        }
    }
}
