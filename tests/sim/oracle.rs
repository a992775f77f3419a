//! What must be true: of each application's bytes at every step, of each session at the end.

use std::time::Duration;

use muses::base::ids::Endpoint;
use muses::base::links::LinkId;

use crate::app::{App, Script};
use crate::greet::{Greeting, Verdict};
use crate::net::Owner;
use crate::process::{Socket, Spec, State, Task};
use crate::world::{CAUSES, Event, World, trace};

/// How a client comes to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Forward,
    /// Eager ones write before they were accepted.
    Socks(bool),
    Control(bool),
}

/// What becomes of the dial to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Accepts,
    Refuses,
    Unreachable,
    Silent,
    NotServed,
}

impl Service {
    /// The code a SOCKS5 client must be told, and the word a control client.
    fn answer(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Accepts => None,
            Self::Refuses => Some(("5", "\"refused\"")),
            Self::Unreachable => Some(("4", "\"unreachable\"")),
            Self::Silent => Some(("6", "\"timed-out\"")),
            Self::NotServed => Some(("5", "\"no-service\"")),
        }
    }
}

/// One application connection through the overlay.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: usize,
    pub(crate) server: usize,
    pub(crate) door: Door,
    pub(crate) service: Service,
    pub(crate) scripts: [Script; 2],
    pub(crate) client_app: Option<usize>,
    pub(crate) server_app: Option<usize>,
    /// A process of one of its ends ended: it may be reset.
    pub(crate) is_excused: bool,
    /// The life of the server's process in which its service was dialled last.
    dialled_in: Option<u32>,
}

impl Session {
    pub(crate) fn new(client: usize, server: usize, scripts: [Script; 2]) -> Self {
        Self {
            client,
            server,
            door: Door::Forward,
            service: Service::Accepts,
            scripts,
            client_app: None,
            server_app: None,
            is_excused: false,
            dialled_in: None,
        }
    }
}

/// Forwards and services have the number of their session.
const PORTS: u16 = 10_000;

pub(crate) fn port_of(session: usize) -> u16 {
    PORTS + session as u16
}

pub(crate) fn service_of(session: usize) -> Endpoint {
    Endpoint::Host("service".into(), port_of(session))
}

impl World {
    /// A client comes, if its node is there.
    pub(crate) fn begin(&mut self, number: usize) {
        let session = self.sessions[number].clone();
        let client = session.client;
        let host = self.processes[client].name.clone();
        let peer = match &self.processes[session.server].spec {
            Spec::Device(node, _) => crate::town::name_of(node.identity),
            Spec::Relay(_) => return,
        };
        let (at, greeting) = match session.door {
            Door::Forward => (Endpoint::Host(host, port_of(number)), Greeting::None),
            Door::Socks(eager) => {
                let greeting = Greeting::socks(&peer, port_of(number), eager);
                (Endpoint::Host(host, 1080), greeting)
            }
            Door::Control(eager) => {
                let greeting = Greeting::control(&peer, port_of(number), eager);
                (Endpoint::Unix(host), greeting)
            }
        };
        let Some((_, port)) = self.listeners.get(&at).copied() else { return };
        let mut app = App::new(number, true, client, session.scripts[0].clone());
        app.greeting = greeting;
        let place = self.apps.len();
        let owners = [Owner::App(place), Owner::Backlog(client, port)];
        let conn = self.net.open(owners, None);
        app.conn = Some((conn, 0));
        trace!(self, "session {number} begins: {session:?}");
        self.apps.push(app);
        self.sessions[number].client_app = Some(place);
        // Its node may not know yet that the other one has lost their tunnel.
        self.sessions[number].is_excused |=
            [client, session.server].iter().any(|id| !self.processes[*id].is_first_run());
        let from = Endpoint::Host("application".into(), 0);
        self.task(client, Task::Accept(conn, port, from));
        self.after(Duration::from_micros(1), Event::App(place));
    }

    /// A node dials a service.
    pub(crate) fn dial_service(&mut self, id: usize, link: LinkId, to: &Endpoint) {
        let Endpoint::Host(_, port) = to else { return };
        let number = usize::from(port - PORTS);
        let run = self.processes[id].run;
        // A node that was started anew knows nothing of the dials of its former life.
        if self.sessions[number].dialled_in.replace(run) == Some(run) {
            return self.fail(format!("the service of session {number} was dialled twice"));
        }
        let cause = match self.sessions[number].service {
            Service::Accepts => return self.accept_service(id, link, number),
            Service::Refuses => (0, Duration::ZERO),
            Service::Unreachable => (1, Duration::from_millis(5)),
            Service::Silent => (2, Duration::from_secs(2)),
            Service::NotServed => {
                return self.fail(format!("session {number} reached what is not served"));
            }
        };
        debug_assert!(usize::from(cause.0) < CAUSES.len(), "a cause has a number");
        self.after(cause.1, Event::NoDial(id, run, link, cause.0));
    }

    fn accept_service(&mut self, id: usize, link: LinkId, number: usize) {
        let run = self.processes[id].run;
        let script = self.sessions[number].scripts[1].clone();
        let mut app = App::new(number, false, id, script);
        let place = self.apps.len();
        let owners = [Owner::Process(id, run, link), Owner::App(place)];
        let conn = self.net.open(owners, None);
        app.conn = Some((conn, 1));
        self.apps.push(app);
        self.sessions[number].server_app = Some(place);
        self.processes[id].links.insert(link, Socket::new(State::Open(conn, 0)));
        self.task(id, Task::Connected(link));
        self.enqueue(id, link);
        self.after(Duration::from_micros(1), Event::App(place));
    }

    pub(crate) fn app_step(&mut self, place: usize) {
        let calm = self.calm;
        let before = (self.apps[place].read, self.apps[place].written);
        match self.apps[place].step(&mut self.net, calm, self.now) {
            Err(why) => return self.fail(why),
            Ok(Some(at)) => self.at(at, Event::App(place)),
            Ok(None) => {}
        }
        let app = &self.apps[place];
        self.fold(app.read ^ app.written << 32);
        let app = &self.apps[place];
        if (app.read, app.written) != before || app.is_done {
            trace!(
                self,
                "{}: wrote {} read {} fin {} reset {} done {}",
                app.word(),
                app.written,
                app.read,
                app.saw_fin,
                app.saw_reset,
                app.is_done
            );
        }
        if let Err(why) = self.judge(place) {
            self.fail(why);
        }
    }

    /// Holds what an application has seen against what its peer has done.
    fn judge(&self, place: usize) -> Result<(), String> {
        let app = &self.apps[place];
        let session = &self.sessions[app.session];
        if app.is_orphan {
            return Ok(());
        }
        let other = if app.is_client { session.server_app } else { session.client_app };
        let other = other.map(|other| &self.apps[other]);
        if app.greeting.verdict() == Verdict::Refused {
            return judge_refusal(app, session);
        }
        let said = other.map_or(0, |other| other.written);
        if app.read > said {
            return Err(format!("{} read {} of {said} bytes", app.word(), app.read));
        }
        if app.saw_fin {
            let whole = other.is_some_and(|other| other.has_finished);
            if !whole || app.read != said {
                return Err(format!(
                    "{} saw an end after {} of {said} bytes, finished: {whole}",
                    app.word(),
                    app.read
                ));
            }
        }
        let deserved = session.is_excused
            || other.is_some_and(|other| other.did_reset)
            || session.service != Service::Accepts;
        if app.saw_reset && !deserved {
            return Err(format!("{} was reset and nobody did it", app.word()));
        }
        Ok(())
    }

    /// A process is gone: its applications with it, and its sessions may be reset.
    pub(crate) fn excuse(&mut self, id: usize) {
        for number in 0..self.sessions.len() {
            let session = &self.sessions[number];
            let Some(client_app) = session.client_app else { continue };
            let apps = [Some(client_app), session.server_app];
            if ![session.client, session.server].contains(&id) {
                continue;
            }
            self.sessions[number].is_excused = true;
            for place in apps.into_iter().flatten() {
                let app = &mut self.apps[place];
                if app.process != id {
                    continue;
                }
                (app.is_orphan, app.is_done) = (true, true);
                if let Some((conn, end)) = app.conn.take() {
                    self.net.leave(conn, end, true, self.now);
                }
            }
        }
    }

    /// Applications that have still something to do.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &App> {
        self.apps.iter().filter(|app| !app.is_done)
    }
}

fn judge_refusal(app: &App, session: &Session) -> Result<(), String> {
    let answer = app.greeting.answer();
    let is_true = match (session.door, session.service.answer()) {
        (Door::Socks(_), Some((code, _))) => answer == code,
        (_, Some((_, word))) => answer.contains(word),
        (_, None) => false,
    };
    if is_true || session.is_excused {
        return Ok(());
    }
    Err(format!("{} was refused with '{answer}', {:?}", app.word(), session.service))
}
