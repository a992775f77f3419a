//! What a CLOAK node is told at its start, and the listening sockets it has.

use serde::{Deserialize, Serialize};

use crate::base::ids::Endpoint;
use crate::base::limits::DESCRIPTORS_DEFAULT;
use crate::base::machine::Port;
use crate::overlay::hyperbolic::Settings;
use crate::overlay::routes::Routes;

use super::memory::Remembered;

/// Neighbours come in here.
pub const LISTEN: Port = Port(0x101);
/// Local MUSeS nodes come in here.
pub const LOCAL: Port = Port(0x102);
/// The person's tool comes in here.
pub const CONTROL: Port = Port(0x103);
/// The MUSeS core in the same process comes in here, over memory.
pub const PIPE: Port = Port(0x104);

/// Everything a CLOAK node is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloakConfig {
    /// Secret bytes of the identity.
    pub identity: [u8; 32],
    /// Where neighbours are awaited, if anywhere.
    pub listen: Option<Endpoint>,
    /// Where local MUSeS nodes are awaited, if anywhere.
    pub local: Option<Endpoint>,
    /// Where the person's tool is awaited, if anywhere.
    pub control: Option<Endpoint>,
    /// Neighbours to dial.
    pub peers: Vec<Endpoint>,
    /// The hyperbolic overlay; without it packets go by the routes file alone.
    pub overlay: Option<Settings>,
    /// The routes file.
    pub routes: Routes,
    /// Whether this node is part of a MUSeS node: what nobody knows goes to the first dialled peer
    /// that is up, as with a host's default gateway.
    pub leaf: bool,
    /// What an earlier run knew.
    #[serde(default)]
    pub remembered: Remembered,
    /// Bytes of packet memory.
    pub memory: usize,
    /// Descriptors that this process may have: links to strangers are bounded by a part of them.
    #[serde(default = "descriptors_default")]
    pub descriptors: usize,
}

const fn descriptors_default() -> usize {
    DESCRIPTORS_DEFAULT
}

impl CloakConfig {
    /// What listens where, and for whom.
    pub(super) fn listeners(&self) -> impl Iterator<Item = (Port, &Endpoint)> {
        [(LISTEN, &self.listen), (LOCAL, &self.local), (CONTROL, &self.control)]
            .into_iter()
            .filter_map(|(port, at)| at.as_ref().map(|at| (port, at)))
    }
}

/// What a listening socket is for, in the status' words.
pub(super) fn purpose(port: Port) -> &'static str {
    match port {
        LISTEN => "neighbours",
        LOCAL | PIPE => "clients",
        _ => "control",
    }
}
