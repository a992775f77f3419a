//! What people are told: every wait with its reason and its end.

use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::machine::Port;
use crate::control::status::{Listener, Seeking, Service, Session, Status, Tunnel, Wait};
use crate::overlay::dht::alias::Alias;
use crate::session::flow::Outage;
use crate::session::peers::View;
use crate::session::tunnel::Held;

use super::local::{Local, Side, Stage};
use super::offers::Target;
use super::uplink::State;
use super::{CONTROL, FORWARDS, Node, SOCKS};

fn wait(state: &str, since: Time, now: Time, why: String, until: String) -> Wait {
    let since_ms = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
    Wait { state: state.to_owned(), since_ms, why, until }
}

fn millis(until: Time, now: Time) -> String {
    format!("in {} ms", until.since(now).as_millis())
}

impl Node {
    /// The status; the caller adds what it knows of an embedded CLOAK node.
    #[must_use]
    pub fn status(&self, now: Time) -> Status {
        let mut counters = self.peers.counters();
        counters.merge(&self.counters);
        let mut counters: Vec<(String, u64)> =
            counters.iter().map(|(name, count)| (name.to_owned(), count)).collect();
        if self.uplink.ignored() > 0 {
            counters.push(("ignored-frame".to_owned(), self.uplink.ignored()));
        }
        if self.uplink.dropped() > 0 {
            counters.push(("uplink-dropped".to_owned(), self.uplink.dropped()));
        }
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            name: self.name.to_string(),
            uptime_ms: u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX),
            uplink: Some(self.uplink_wait(now)),
            listeners: self.listening.keys().map(|port| self.listener(*port)).collect(),
            services: self.services(),
            tunnels: self.peers.iter().map(|view| self.tunnel_status(&view, now)).collect(),
            seeking: self
                .seeks
                .iter()
                .map(|(alias, since, until)| self.seeking(alias, since, until, now))
                .collect(),
            overlay: None,
            memory_used: self.pool.used() as u64,
            memory_budget: self.pool.budget() as u64,
            counters,
        }
    }

    /// Own word for a Name, given as text, or the alias that was pinned to it; empty if there is
    /// none.
    #[must_use]
    pub fn word_for(&self, name: &str) -> String {
        let name = name.parse::<Name>().ok();
        name.and_then(|name| self.alias_of(&name)).unwrap_or_default().to_owned()
    }

    fn uplink_wait(&self, now: Time) -> Wait {
        let why = self.uplink.error.clone().unwrap_or_default();
        let since = self.uplink.since;
        match &self.uplink.state {
            State::Open(_) if self.uplink.is_up() => {
                wait("up", since, now, String::new(), String::new())
            }
            State::Open(_) => wait("proving", since, now, why, "the daemon's proof".into()),
            State::Dialling(_) => wait("dialling", since, now, why, "the daemon's answer".into()),
            State::Down(at) => {
                wait("down", since, now, why, format!("the next attempt {}", millis(*at, now)))
            }
        }
    }

    pub(super) fn purpose(&self, port: Port) -> (&'static str, &'static str) {
        match port {
            CONTROL => ("control", "--state"),
            SOCKS => ("socks", "--socks"),
            _ => ("forward", "-L"),
        }
    }

    /// Where a listening socket was asked for.
    pub(super) fn wanted(&self, port: Port) -> Option<&Endpoint> {
        match port {
            CONTROL => self.config.control.as_ref(),
            SOCKS => self.config.socks.as_ref(),
            Port(port) => {
                let place = port.checked_sub(FORWARDS)? as usize;
                self.config.forwards.get(place).map(|forward| &forward.listen)
            }
        }
    }

    fn listener(&self, port: Port) -> Listener {
        let place = port.0.checked_sub(FORWARDS).map(|place| place as usize);
        let forward = place.and_then(|place| self.config.forwards.get(place));
        let to = forward.map(|forward| format!("{}:{}", self.word(&forward.peer), forward.port));
        Listener {
            purpose: self.purpose(port).0.to_owned(),
            at: self.listening.get(&port).map_or_else(String::new, Endpoint::to_string),
            to: to.unwrap_or_default(),
        }
    }

    /// Who waits for an alias; nobody does where it is only asked whether a pin still holds.
    fn seeking(&self, alias: &Alias, since: Time, until: Time, now: Time) -> Seeking {
        let sought = |local: &&Local| matches!(&local.stage, Stage::Seeking(of, _) if of == alias);
        let locals = self.locals.iter().map(|(_, local)| local);
        let why = match self.uplink.is_up() {
            true => "the overlay is asked who claims the alias",
            false => "the way into the overlay is lost",
        };
        let until = format!("its answer, or the end {}", millis(until, now));
        Seeking {
            alias: alias.to_string(),
            sessions: locals.filter(sought).map(|local| local.number).collect(),
            wait: wait("seeking", since, now, why.into(), until),
        }
    }

    fn services(&self) -> Vec<Service> {
        let word = |target: &Target| match target {
            Target::Dial(endpoint) => endpoint.to_string(),
            Target::Application(_) => "an application of this device".to_owned(),
        };
        self.offers
            .iter()
            .map(|(port, target, allow)| Service {
                port,
                target: word(target),
                allow: allow.iter().map(Name::to_string).collect(),
            })
            .collect()
    }

    fn tunnel_status(&self, view: &View<'_>, now: Time) -> Tunnel {
        let mut status = view.tunnel.map(|tunnel| tunnel.status()).unwrap_or_default();
        status.name = view.name.to_string();
        status.alias = self.alias_of(&view.name).unwrap_or_default().to_owned();
        status.wait = self.tunnel_wait(view, now);
        let held = self.locals.iter().filter(|(_, local)| match (&local.stage, local.session) {
            (Stage::Waiting(peer, ..), _) => *peer == view.name,
            (_, session) => session.is_some_and(|(peer, _)| peer == view.name),
        });
        for (_, local) in held {
            let known = local.session.and_then(|(_, key)| {
                let tunnel = view.tunnel?;
                tunnel.session_status(key).map(|(status, _)| (status, tunnel.held(key)))
            });
            let (mut session, held): (Session, Option<Held>) = known.unwrap_or_default();
            if let Stage::Waiting(_, _, service) = local.stage {
                session.port = service;
            }
            session.session = local.number;
            session.outgoing = local.side != Side::Service;
            session.local = local.side.word().to_owned();
            session.wait = self.session_wait(local, held, &status.wait, now);
            status.sessions.push(session);
        }
        status
    }

    fn tunnel_wait(&self, view: &View<'_>, now: Time) -> Wait {
        let next = |at: Option<Time>, what: &str| {
            let is_up = self.uplink.is_up();
            at.filter(|_| is_up).map_or_else(
                || "the way into the overlay".to_owned(),
                |at| format!("an answer to the {what} {}", millis(at, now)),
            )
        };
        if let Some(tunnel) = view.tunnel {
            let (outage, since) = tunnel.outage();
            return match outage {
                None if !tunnel.is_confirmed() => {
                    let until = next(tunnel.next_try(), "next Finished");
                    wait("handshake", since, now, "the peer has not confirmed".into(), until)
                }
                None => wait("flowing", since, now, String::new(), String::new()),
                Some(outage) => {
                    let until = next(tunnel.next_try(), "next Re-Hello");
                    wait("suspended", since, now, outage.to_string(), until)
                }
            };
        }
        let trouble = view.trouble.map(|reason| reason.to_string());
        match view.dial {
            Some((since, at)) => {
                let why = trouble.unwrap_or_else(|| "the peer has not answered".into());
                wait("handshake", since, now, why, next(at, "next Hello"))
            }
            None => {
                let since = view.ended.unwrap_or(self.started);
                wait("none", since, now, trouble.unwrap_or_default(), String::new())
            }
        }
    }

    fn session_wait(&self, local: &Local, held: Option<Held>, tunnel: &Wait, now: Time) -> Wait {
        let since = local.since;
        match (&local.stage, held) {
            (_, Some(Held::Outage)) => Wait { state: "suspended".into(), ..tunnel.clone() },
            (Stage::Waiting(..), _) => {
                let why = "there is no tunnel yet".to_owned();
                let until =
                    if tunnel.until.is_empty() { "the handshake" } else { tunnel.until.as_str() };
                wait("opening", since, now, why, until.to_owned())
            }
            (Stage::Opening, _) => {
                wait("opening", since, now, String::new(), "the far service's answer".into())
            }
            (Stage::Dialling, _) => {
                wait("opening", since, now, String::new(), "the local service's answer".into())
            }
            (_, Some(Held::Credit)) => {
                let why = "the far application does not read".to_owned();
                wait("waiting", since, now, why, "its reading".into())
            }
            (_, Some(Held::Log)) => {
                let why = "the log is full".to_owned();
                wait("waiting", since, now, why, "the peer's acknowledgement".into())
            }
            (_, Some(Held::Closed)) => {
                wait("closing", since, now, String::new(), "the other direction's end".into())
            }
            _ => wait("flowing", since, now, String::new(), String::new()),
        }
    }
}

impl std::fmt::Display for Outage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoUplink => "the way into the overlay is lost",
            Self::Silence => "the peer does not answer",
            Self::Unreachable => "the overlay knows no way to the peer",
        })
    }
}
