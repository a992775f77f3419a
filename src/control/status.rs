//! The daemon's state as people and scripts see it.
//!
//! Every wait is a [`Wait`]: what state, since when, why, and what will end it.

use serde::{Deserialize, Serialize};

/// A state, and what a person asks about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// One word.
    pub state: String,
    /// Milliseconds since it began.
    pub since_ms: u64,
    /// Why it is so; empty where the state says it all.
    #[serde(default)]
    pub why: String,
    /// What will end it; empty where nothing has to.
    #[serde(default)]
    pub until: String,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// The device's Name, as text.
    pub name: String,
    /// Milliseconds since the daemon started.
    pub uptime_ms: u64,
    /// The way into the overlay; absent in a `cloak-node`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<Wait>,
    /// Sockets that listen for local applications and neighbours.
    pub listeners: Vec<Listener>,
    /// Services offered to other devices.
    pub services: Vec<Service>,
    /// Secure associations with other devices.
    pub tunnels: Vec<Tunnel>,
    /// Aliases whose Names applications wait for.
    #[serde(default)]
    pub seeking: Vec<Seeking>,
    /// The overlay node in this daemon; absent when a separate one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Overlay>,
    /// Packet memory in use, in bytes.
    pub memory_used: u64,
    /// Packet memory allowed, in bytes.
    pub memory_budget: u64,
    /// What was dropped, refused or noticed, by name; zeros are left out.
    pub counters: Vec<(String, u64)>,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// What it is for: `socks`, `forward`, `control`, `neighbours`, `clients`.
    pub purpose: String,
    /// Where it listens, with the port the system gave.
    pub at: String,
    /// Where its connections go, for forwards.
    #[serde(default)]
    pub to: String,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Port other devices ask for.
    pub port: u16,
    /// Where its connections go.
    pub target: String,
    /// Who may use it besides those of `--allow`.
    pub allow: Vec<String>,
}

/// An alias whose Name the overlay is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeking {
    /// Its letters.
    pub alias: String,
    /// Numbers of the sessions that wait for it.
    pub sessions: Vec<u64>,
    /// Why and until when.
    pub wait: Wait,
}

/// A tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The peer's Name, as text.
    pub name: String,
    /// Own word for it.
    #[serde(default)]
    pub alias: String,
    /// `handshake`, `flowing`, `suspended`.
    pub wait: Wait,
    /// Suite in use.
    pub suite: String,
    /// Epoch of the keys in use.
    pub epoch: u32,
    /// Smoothed round trip in microseconds; zero before the first.
    pub rtt_us: u64,
    /// Congestion window in bytes.
    pub window: u64,
    /// Bytes sent and not acknowledged.
    pub in_flight: u64,
    /// How often it was resumed.
    pub resumed: u64,
    /// Packets sent again.
    pub sent_again: u64,
    /// Their bytes, headers included.
    #[serde(default)]
    pub sent_again_bytes: u64,
    /// Its sessions.
    pub sessions: Vec<Session>,
}

/// A session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Number on this device, for `muses kill`.
    pub session: u64,
    /// Port of the service.
    pub port: u16,
    /// Whether this device opened it.
    pub outgoing: bool,
    /// The local side: `socks`, `forward`, `connect`, `service`.
    pub local: String,
    /// `opening`, `flowing`, `suspended`, `waiting`, `closing`.
    pub wait: Wait,
    /// Application bytes taken in for the peer.
    pub sent: u64,
    /// Application bytes handed to the application.
    pub received: u64,
    /// Sealed bytes kept until the peer acknowledges them.
    pub unacknowledged: u64,
}

/// The overlay node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// The overlay node's Name, as text.
    pub name: String,
    /// Its trees, the first one first; none where packets go by a routes file.
    #[serde(default)]
    pub trees: Vec<Tree>,
    /// Neighbours, those we dial and those that came.
    pub neighbours: Vec<Neighbour>,
    /// Names of the local MUSeS nodes attached.
    pub clients: Vec<String>,
    /// Packets passed on.
    pub forwarded: u64,
    /// What it holds of the table of records; absent where packets go by a routes file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Records>,
}

impl Overlay {
    /// Puts in this device's own words for Names.
    pub fn put_aliases(&mut self, alias_of: impl Fn(&str) -> String) {
        self.trees.iter_mut().for_each(|tree| tree.root_alias = alias_of(&tree.root));
        self.neighbours.iter_mut().for_each(|other| other.alias = alias_of(&other.name));
    }
}

/// A tree of the overlay, and the node's place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Which, counted from 0.
    pub tree: u8,
    /// What tells places in it from those under another root: eight hexadecimal digits.
    pub tag: String,
    /// The node's word: `/` for the root, else its letters from the root down, `/3/0/12`.
    pub word: String,
    /// How many letters that is.
    pub depth: u64,
    /// The root's Name, as text.
    pub root: String,
    /// This device's own word for the root; empty where there is none.
    #[serde(default)]
    pub root_alias: String,
    /// Milliseconds since it became the root, as this node saw it.
    pub root_since_ms: u64,
    /// The root's latest number.
    pub pulse: u64,
    /// Milliseconds since this node heard it; the root itself: since it said so.
    pub pulse_age_ms: u64,
    /// Nodes below and including this one.
    pub size: u64,
}

/// How much is held, and how much may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Now.
    pub held: u64,
    /// At most.
    pub most: u64,
}

/// What a node holds of the table of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Records {
    /// Records kept for others.
    pub kept: u64,
    /// Bytes that they cost.
    pub kept_bytes: Share,
    /// Records of the Names attached here.
    pub own: Share,
    /// Records learnt for the node's own use.
    pub learnt: Share,
    /// Names and aliases that were asked for in vain a moment ago.
    pub absent: Share,
    /// Names whose highest number is remembered.
    pub numbers: Share,
    /// Lookups under way.
    pub lookups: Share,
}

/// A neighbour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its Name, as text; empty before it proved it.
    pub name: String,
    /// This device's own word for it; empty where there is none.
    #[serde(default)]
    pub alias: String,
    /// Address as dialled, or where it came from.
    pub at: String,
    /// `dialling`, `proving`, `up`, `doubtful`, `away`.
    pub wait: Wait,
    /// Round trip of the last probe in microseconds; zero before the first.
    pub rtt_us: u64,
    /// What it is in each tree in which it has said how it stands.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Bytes of packets queued for it.
    pub queued: u64,
    /// How many packets those are.
    #[serde(default)]
    pub queued_packets: u64,
    /// What ended its last link; empty before the first end.
    pub last_error: String,
    /// Milliseconds since then.
    pub last_error_ms: u64,
}

/// A neighbour in a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Which, counted from 0.
    pub tree: u8,
    /// `parent`, `child`, `backup`, `shortcut`, `apart`.
    pub role: String,
    /// Its word, in the tree that its own root has.
    pub word: String,
    /// Nodes below and including a child, as it says; zero for others.
    pub size: u64,
}
