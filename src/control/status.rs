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
    /// Neighbours, those we dial and those that came.
    pub neighbours: Vec<Neighbour>,
    /// Names of the local MUSeS nodes attached.
    pub clients: Vec<String>,
    /// Packets passed on.
    pub forwarded: u64,
}

/// A neighbour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its Name, as text; empty before it proved it.
    pub name: String,
    /// Address as dialled, or where it came from.
    pub at: String,
    /// `dialling`, `proving`, `up`, `doubtful`, `away`.
    pub wait: Wait,
    /// Round trip of the last probe in microseconds; zero before the first.
    pub rtt_us: u64,
    /// Bytes queued for it.
    pub queued: u64,
    /// What ended its last link; empty before the first end.
    pub last_error: String,
    /// Milliseconds since then.
    pub last_error_ms: u64,
}
