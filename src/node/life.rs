//! A node's start, its passing of time, and its end.

use crate::base::clock::Time;
use crate::base::limits::GOODBYE_MAX;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Port};

use super::local::Local;
use super::{CONTROL, FORWARDS, Node, SOCKS};

impl Node {
    pub(super) fn start(&mut self) {
        self.keep_pins();
        let control = self.config.control.clone().map(|at| (CONTROL, at));
        let socks = self.config.socks.clone().map(|at| (SOCKS, at));
        let forwards = (FORWARDS..).zip(self.config.forwards.iter());
        let forwards = forwards.map(|(port, forward)| (Port(port), forward.listen.clone()));
        for (port, at) in control.into_iter().chain(socks).chain(forwards) {
            self.actions.push_back(Action::Listen(port, at));
        }
    }

    pub(super) fn tick(&mut self, now: Time) {
        if self.stopping.is_some_and(|until| until <= now) {
            self.exit(None);
        }
        while let Some((due, link)) = self.requests.front().copied() {
            let owes = self.locals.get(link).is_some_and(Local::owes_request);
            if owes && due > now {
                break;
            }
            self.requests.pop_front();
            if owes {
                self.counters.add("request-timed-out");
                self.close_local(link, now);
            }
        }
        self.logged.tick(now);
        self.tick_seeks(now);
        self.uplink.tick(now);
        self.dial_uplink(now);
        self.peers.tick(now);
    }

    pub(super) fn stop(&mut self, now: Time) {
        if self.stopping.is_none() {
            self.stopping = Some(now + GOODBYE_MAX);
            self.peers.say_goodbye();
            self.break_off();
            self.settle(now);
            if !self.uplink.has_output() {
                self.exit(None);
            }
        }
    }

    /// A stream that this node cuts short must not look as if it had come to its end.
    fn break_off(&mut self) {
        let cut = self.locals.iter().filter(|(_, local)| local.session.is_some());
        let cut: Vec<LinkId> = cut.map(|(link, _)| link).collect();
        for link in cut {
            self.locals.remove(link);
            self.actions.push_back(Action::Abort(link));
        }
    }

    pub(super) fn exit(&mut self, why: Option<String>) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.actions.push_back(Action::Exit(why));
        }
    }
}
