//! What local applications ask for: SOCKS5, fixed forwards, the control socket.

use log::Level;

use crate::base::clock::Time;
use crate::base::ids::{Endpoint, Name};
use crate::base::limits::REQUEST_MAX;
use crate::base::links::LinkId;
use crate::base::log_limiter::LogSource;
use crate::base::machine::{Action, Port};
use crate::control::request::{Reply, Request};
use crate::wire::reason::Reason;
use crate::wire::socks::{self, Host, Negotiation, Step};

use super::happenings::say;
use super::local::{Local, Side, Stage};
use super::offers::Target;
use super::{CONTROL, FORWARDS, Node, SOCKS};

/// What a control link wants to know of the whole device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// How everything is.
    Status,
    /// The places of this tree.
    Map(u8),
}

impl Node {
    pub(super) fn accept_local(&mut self, on: Port, from: &Endpoint, now: Time) -> Option<LinkId> {
        let (side, stage) = match on {
            CONTROL => (Side::Control, Stage::Request(Box::default())),
            SOCKS => (Side::Socks, Stage::Socks(Negotiation::default())),
            Port(port) => {
                let place = port.checked_sub(FORWARDS)? as usize;
                self.config.forwards.get(place)?;
                (Side::Forward(place), Stage::Draining)
            }
        };
        let port = if let Endpoint::Tcp(address) = from { address.port() } else { 0 };
        let number = self.number();
        let link = self.locals.insert(Local::new(side, stage, port, number, now));
        if let Side::Forward(place) = side {
            let forward = &self.config.forwards[place];
            let (peer, service) = (forward.peer, forward.port);
            self.ask(link, peer, service, now);
        } else {
            self.requests.push_back((now + REQUEST_MAX, link));
        }
        Some(link)
    }

    /// Asks for a session for a local link.
    pub(super) fn ask(&mut self, link: LinkId, peer: Name, service: u16, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        local.stage = Stage::Waiting(peer, local.number, service);
        let (ticket, port) = (local.number, local.port);
        self.peers.open(peer, ticket, port, service, now);
    }

    /// A Name, an own alias, or either with `.muses` behind it.
    fn resolve(&self, word: &str) -> Option<Name> {
        let lower = word.to_ascii_lowercase();
        let bare = lower.strip_suffix(Name::SUFFIX).unwrap_or(&lower);
        self.config.aliases.get(bare).copied().or_else(|| bare.parse().ok())
    }

    /// Asks for a session with whoever a word means; false if it can mean nobody.
    fn ask_word(&mut self, link: LinkId, word: &str, service: u16, now: Time) -> bool {
        if let Some(peer) = self.resolve(word) {
            self.ask(link, peer, service, now);
            return true;
        }
        let lower = word.to_ascii_lowercase();
        let bare = lower.strip_suffix(Name::SUFFIX).unwrap_or(&lower);
        let alias = bare.parse().ok();
        alias.map(|alias| self.seek(link, alias, service, now)).is_some()
    }

    // ---- SOCKS5 -------------------------------------------------------------------------------

    pub(super) fn on_socks(&mut self, link: LinkId, count: usize, now: Time) {
        let mut at = 0;
        loop {
            let Some(local) = self.locals.get_mut(link) else { return };
            let Stage::Socks(negotiation) = &mut local.stage else { return };
            let (taken, step) = negotiation.feed(&self.intake.scratch[at..count]);
            at += taken;
            match step {
                Step::NeedMore => return,
                Step::Answer(bytes) => {
                    local.words.extend(bytes);
                    self.actions.push_back(Action::Flush(link));
                }
                Step::Connect { host, port } => {
                    local.early.extend_from_slice(&self.intake.scratch[at..count]);
                    return self.socks_connect(link, &host, port, now);
                }
                Step::Refuse(bytes, fault) => {
                    log::debug!("SOCKS5 request refused: {fault:?}");
                    self.counters.add("socks-refused");
                    local.words.extend(bytes);
                    return self.drain_local(link, now);
                }
            }
        }
    }

    /// Only Names are reached: an address, or a name of the DNS, is none of ours, and no word
    /// without `.muses` is ever looked up (LO-07). Else whoever registers `localhost` or `wpad` in
    /// the overlay would get what programs send there of their own accord.
    fn socks_connect(&mut self, link: LinkId, host: &Host, port: u16, now: Time) {
        let domain = if let Host::Domain(domain) = host { domain.as_str() } else { "" };
        let is_ours = domain.to_ascii_lowercase().ends_with(Name::SUFFIX);
        if is_ours && self.ask_word(link, domain, port, now) {
            return;
        }
        if let Some(peer) = self.resolve(domain) {
            return self.ask(link, peer, port, now);
        }
        self.note(Level::Info, "socks-unknown-host", LogSource::Local, now, |_| {
            format!("SOCKS5: {host:?} is no Name and no alias")
        });
        self.counters.add("socks-unknown-host");
        let Some(local) = self.locals.get_mut(link) else { return };
        local.words.extend(socks::reply(socks::Code::HostUnreachable, None));
        self.drain_local(link, now);
    }

    // ---- The control socket -------------------------------------------------------------------

    pub(super) fn on_request(&mut self, link: LinkId, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let Stage::Request(lines) = &mut local.stage else { return };
        match lines.next_line::<Request>() {
            None => {}
            Some(Ok(request)) => {
                local.early = lines.take_rest();
                self.obey(link, request, now);
            }
            Some(Err(error)) => self.answer_error(link, error.to_string(), now),
        }
    }

    fn obey(&mut self, link: LinkId, request: Request, now: Time) {
        match request {
            Request::Connect { name, port } => self.connect(link, &name, port, now),
            Request::Listen { port, allow } => self.serve(link, port, &allow, now),
            Request::Accept { incoming } => self.hand_over(link, incoming, now),
            Request::Status => self.questions.push_back((link, Question::Status)),
            Request::Map { tree } => self.questions.push_back((link, Question::Map(tree))),
            Request::Kill { session } => {
                let done = self.kill(session, now);
                let reply = if done { Ok(()) } else { Err(format!("no session {session}")) };
                self.answer(link, reply, now);
            }
            Request::Reconnect => {
                self.uplink.hurry(now);
                self.peers.path_changed(now);
                self.reconnect = true;
                self.answer(link, Ok(()), now);
            }
        }
    }

    fn connect(&mut self, link: LinkId, word: &str, port: u16, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let (session, said) = (local.number, local.words.len());
        say(local, &Reply::Session { session });
        self.actions.push_back(Action::Flush(link));
        if !self.ask_word(link, word, port, now) {
            if let Some(local) = self.locals.get_mut(link) {
                // There is no session to have a number.
                local.words.truncate(said);
            }
            let error = format!("'{word}' is neither a Name nor an alias");
            self.answer_error(link, error, now);
        }
    }

    fn answer(&mut self, link: LinkId, outcome: Result<(), String>, now: Time) {
        match outcome {
            Ok(()) => {
                if let Some(local) = self.locals.get_mut(link) {
                    say(local, &Reply::Ok);
                }
                self.drain_local(link, now);
            }
            Err(error) => self.answer_error(link, error, now),
        }
    }

    pub(super) fn answer_error(&mut self, link: LinkId, error: String, now: Time) {
        if let Some(local) = self.locals.get_mut(link) {
            say(local, &Reply::Error { error, reason: None });
        }
        self.drain_local(link, now);
    }

    /// Lets what was said leave; the other side closes, or time does.
    pub(super) fn drain_local(&mut self, link: LinkId, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        local.stage = Stage::Draining;
        self.requests.push_back((now + REQUEST_MAX, link));
        self.actions.push_back(Action::Flush(link));
        self.actions.push_back(Action::Shutdown(link));
        self.actions.push_back(Action::Resume(link));
    }

    fn kill(&mut self, session: u64, now: Time) -> bool {
        let Some(link) = self.locals.numbered(session) else { return false };
        match self.locals.unbind(link) {
            Some((peer, key)) => {
                self.peers.with(&peer, |tunnel| tunnel.reset(key, Reason::Killed, now));
            }
            None => match self.locals.get(link).map(|local| &local.stage) {
                Some(Stage::Waiting(peer, ticket, _)) => self.peers.withdraw(peer, *ticket, now),
                Some(Stage::Seeking(..)) => {}
                _ => return false,
            },
        }
        self.seeks.forget(link);
        self.locals.remove(link);
        self.actions.push_back(Action::Abort(link));
        true
    }

    fn serve(&mut self, link: LinkId, port: u16, allow: &[String], now: Time) {
        let names: Option<Vec<Name>> = allow.iter().map(|word| self.resolve(word)).collect();
        let Some(names) = names else {
            let error = "an entry of 'allow' is no Name and no alias".to_owned();
            return self.answer_error(link, error, now);
        };
        if !self.offers.add(port, Target::Application(link), names.iter().copied()) {
            return self.answer_error(link, format!("port {port} is served already"), now);
        }
        names.into_iter().for_each(|name| self.peers.allow(name));
        if let Some(local) = self.locals.get_mut(link) {
            local.stage = Stage::Serving;
            say(local, &Reply::Ok);
        }
        self.actions.push_back(Action::Flush(link));
        self.actions.push_back(Action::Resume(link));
    }

    /// The application that served is gone: what was announced to it is refused.
    pub(super) fn withdraw_offers(&mut self, link: LinkId, now: Time) {
        self.offers.withdraw(link);
        let orphans: Vec<u64> = self
            .announced
            .iter()
            .filter(|(_, (holder, ..))| *holder == link)
            .map(|(session, _)| *session)
            .collect();
        for session in orphans {
            if let Some((_, peer, key)) = self.announced.remove(&session) {
                self.peers.with(&peer, |tunnel| tunnel.refuse(key, Reason::Refused, now));
            }
        }
    }

    fn hand_over(&mut self, link: LinkId, incoming: u64, now: Time) {
        let Some((_, peer, key)) = self.announced.remove(&incoming) else {
            return self.answer_error(link, format!("no session {incoming} waits"), now);
        };
        self.locals.bind(link, (peer, key));
        if let Some(local) = self.locals.get_mut(link) {
            local.stage = Stage::Stream;
            say(local, &Reply::Ok);
        }
        self.peers.with(&peer, |tunnel| tunnel.accept(key, now));
        self.send_early(link, now);
        self.actions.push_back(Action::Flush(link));
        self.actions.push_back(Action::Resume(link));
    }

    // ---- For whoever composes a device ----------------------------------------------------------

    /// The next control link that wants to know something.
    pub fn take_question(&mut self) -> Option<(LinkId, Question)> {
        self.questions.pop_front()
    }

    /// Answers it.
    pub fn answer_question(&mut self, link: LinkId, reply: &Reply, now: Time) {
        if let Some(local) = self.locals.get_mut(link) {
            say(local, reply);
        }
        self.drain_local(link, now);
    }

    /// Whether a person asked to try everything again.
    pub fn take_reconnect(&mut self) -> bool {
        std::mem::take(&mut self.reconnect)
    }
}
