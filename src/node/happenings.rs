//! What the network brings, passed on to the local side.

use log::Level;

use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::links::LinkId;
use crate::base::log_limiter::LogSource;
use crate::base::machine::Action;
use crate::control::request::Reply;
use crate::session::peers::Happening;
use crate::session::tunnel::Event;
use crate::wire::reason::Reason;
use crate::wire::socks;

use super::Node;
use super::local::{Local, Side, Stage};
use super::offers::Target;

impl Node {
    pub(super) fn on_happening(&mut self, peer: Name, happening: Happening, now: Time) {
        match happening {
            Happening::Started(ticket, key) => self.on_started(peer, ticket, key, now),
            Happening::Failed(ticket, reason) => {
                if let Some(link) = self.locals.numbered(ticket) {
                    self.refuse_local(link, reason, now);
                }
            }
            Happening::Trouble(reason) => {
                let cure = match reason {
                    Reason::SecretDiffers | Reason::SecretMissing => {
                        "; give both sides the same --psk, applications wait until then"
                    }
                    _ => "",
                };
                self.note(Level::Warn, "no-tunnel", LogSource::Name(peer), now, |node| {
                    format!("no tunnel with {} yet: {reason}{cure}", node.word(&peer))
                });
            }
            Happening::Stranger => {
                self.note(Level::Warn, "stranger", LogSource::Name(peer), now, |_| {
                    format!(
                        "{peer} wanted a tunnel and is on no list; '--allow {peer}' would let it in"
                    )
                });
            }
            Happening::Tunnel(event) => self.on_event(peer, event, now),
        }
    }

    fn on_event(&mut self, peer: Name, event: Event, now: Time) {
        match event {
            Event::Incoming(key, service) => self.on_incoming(peer, key, service, now),
            Event::Accepted(key) => self.with_link(peer, key, |node, link| node.on_accepted(link)),
            Event::Refused(key, reason) => {
                self.with_link(peer, key, |node, link| node.refuse_local(link, reason, now));
            }
            Event::Readable(key) => self.with_link(peer, key, |node, link| {
                node.actions.push_back(Action::Flush(link));
            }),
            Event::Finished(key) => self.with_link(peer, key, |node, link| {
                if let Some(local) = node.locals.get_mut(link) {
                    local.is_finished = true;
                }
                node.try_shut(link);
            }),
            Event::Reset(key, reason) => {
                self.with_link(peer, key, |node, link| node.reset_local(link, reason, now));
                self.announced.retain(|_, (_, name, other)| (*name, *other) != (peer, key));
            }
            Event::Writable(key) => self.with_link(peer, key, |node, link| {
                node.send_early(link, now);
                node.actions.push_back(Action::Resume(link));
            }),
            Event::Closed(key) => self.with_link(peer, key, |node, link| {
                node.locals.remove(link);
                node.actions.push_back(Action::Close(link));
            }),
            Event::Room => self.resume_paused(now),
            Event::Up => self.note_tunnel(peer, "tunnel-up", "up", now),
            Event::Suspended(outage) => {
                self.note_tunnel(peer, "tunnel-suspended", &format!("suspended: {outage}"), now);
            }
            Event::Resumed => {
                self.note_tunnel(peer, "tunnel-resumed", "resumed", now);
                self.resume_paused(now);
            }
            Event::Idle => self.note(Level::Info, "idle", LogSource::Name(peer), now, |node| {
                format!("nothing waits in the tunnel with {}: it is idle", node.word(&peer))
            }),
            Event::Ended(reason) => {
                self.peers.set_ended(&peer, now);
                self.note_tunnel(peer, "tunnel-over", &format!("over: {reason}"), now);
            }
        }
    }

    fn note_tunnel(&mut self, peer: Name, kind: &'static str, state: &str, now: Time) {
        self.note(Level::Info, kind, LogSource::Name(peer), now, |node| {
            format!("tunnel with {} is {state}", node.word(&peer))
        });
    }

    fn with_link(&mut self, peer: Name, key: u64, act: impl FnOnce(&mut Self, LinkId)) {
        if let Some(link) = self.locals.of((peer, key)) {
            act(self, link);
        }
    }

    fn on_started(&mut self, peer: Name, ticket: u64, key: u64, now: Time) {
        let Some(link) = self.locals.numbered(ticket) else {
            self.peers.with(&peer, |tunnel| tunnel.reset(key, Reason::ByApplication, now));
            return;
        };
        self.locals.bind(link, (peer, key));
        if let Some(local) = self.locals.get_mut(link) {
            local.stage = Stage::Opening;
        }
        self.send_early(link, now);
        self.actions.push_back(Action::Resume(link));
    }

    fn on_accepted(&mut self, link: LinkId) {
        let Some(local) = self.locals.get_mut(link) else { return };
        local.stage = Stage::Stream;
        match local.side {
            Side::Socks => local.words.extend(socks::reply(socks::Code::Succeeded, None)),
            Side::Control => say(local, &Reply::Ok),
            Side::Forward(_) | Side::Service => {}
        }
        self.actions.push_back(Action::Flush(link));
    }

    /// The session asked for will not be: the application is told why, in its own protocol.
    pub(super) fn refuse_local(&mut self, link: LinkId, reason: Reason, now: Time) {
        self.locals.unbind(link);
        let Some(local) = self.locals.get_mut(link) else { return };
        match local.side {
            Side::Socks => local.words.extend(socks::reply(reason.into(), None)),
            Side::Control => {
                let error = format!("refused: {reason}");
                say(local, &Reply::Error { error, reason: Some(reason) });
            }
            // A forward has no words for it but the reset.
            Side::Forward(_) | Side::Service => {
                self.locals.remove(link);
                return self.actions.push_back(Action::Abort(link));
            }
        }
        self.drain_local(link, now);
    }

    fn reset_local(&mut self, link: LinkId, reason: Reason, now: Time) {
        let Some(local) = self.locals.get(link) else { return };
        let (number, is_opening) = (local.number, matches!(local.stage, Stage::Opening));
        let source = local.session.map_or(LogSource::Local, |(peer, _)| LogSource::Name(peer));
        if is_opening {
            return self.refuse_local(link, reason, now);
        }
        self.note(Level::Info, "session-reset", source, now, |_| {
            format!("session {number} was reset: {reason}")
        });
        self.locals.remove(link);
        self.actions.push_back(Action::Abort(link));
    }

    fn on_incoming(&mut self, peer: Name, key: u64, service: u16, now: Time) {
        match self.offers.target(&peer, service).cloned() {
            Ok(Target::Dial(endpoint)) => {
                let number = self.number();
                let mut local = Local::new(Side::Service, Stage::Dialling, 0, number, now);
                local.session = Some((peer, key));
                let link = self.locals.insert(local);
                self.actions.push_back(Action::Connect(link, endpoint));
            }
            Ok(Target::Application(holder)) => {
                let session = self.number();
                self.announced.insert(session, (holder, peer, key));
                let incoming = Reply::Incoming { incoming: session, name: peer, session };
                if let Some(local) = self.locals.get_mut(holder) {
                    say(local, &incoming);
                }
                self.actions.push_back(Action::Flush(holder));
            }
            Err(reason) => {
                let why = if reason == Reason::NoService { "not served" } else { "on no list" };
                self.note(Level::Warn, "service-refused", LogSource::Name(peer), now, |node| {
                    format!("{} asked for port {service}: {why}", node.word(&peer))
                });
                self.counters.add("service-refused");
                self.peers.with(&peer, |tunnel| tunnel.refuse(key, reason, now));
            }
        }
    }

    /// Own word for a peer, or the alias that was pinned to it.
    pub(super) fn alias_of(&self, peer: &Name) -> Option<&str> {
        let own = self.config.aliases.iter().find(|(_, name)| *name == peer);
        own.map(|(word, _)| word.as_str()).or_else(|| self.seeks.alias_of(peer))
    }

    /// Own word for a peer, or the start of its Name.
    pub(super) fn word(&self, peer: &Name) -> String {
        self.alias_of(peer).map_or_else(|| peer.short(), str::to_owned)
    }

    /// What the listening socket that failed is for, in a sentence.
    pub(super) fn listen_failure(&self, port: crate::base::machine::Port, why: &str) -> String {
        let (purpose, option) = self.purpose(port);
        let at = self.wanted(port).map_or_else(String::new, |at: &Endpoint| at.to_string());
        format!("cannot listen on {at} for {purpose}: {why}; choose another with {option}")
    }
}

/// Puts a line for the application behind what waits for it.
pub(super) fn say(local: &mut Local, reply: &Reply) {
    let line = serde_json::to_vec(reply).expect("replies have no map keys but strings");
    local.words.extend(line);
    local.words.push(b'\n');
}
