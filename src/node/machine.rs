//! The node as a [`Machine`]: what the driver says goes to the uplink or to a local link.

use crate::base::clock::{Time, earliest};
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Endpoint;
use crate::base::limits::LINKS_MAX;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline, Input, Machine, Port, Slices};

use super::Node;

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        self.latest = now;
        match input {
            Input::Start => {
                self.start();
                self.tick(now);
            }
            Input::Listening(port, at) => {
                self.listening.insert(port, at);
            }
            Input::ListenFailed(port, why) => {
                let text = self.listen_failure(port, why);
                self.exit(Some(text));
            }
            Input::Connected(link) => self.on_connected(link, now),
            Input::Eof(link) => self.on_eof(link, now),
            Input::Closed(link, cause) => self.on_closed(link, cause, now),
            Input::Timeout => self.tick(now),
            Input::PathChanged => {
                self.uplink.hurry(now);
                self.dial_uplink(now);
                self.peers.path_changed(now);
            }
            Input::Stop => self.stop(now),
        }
        self.settle(now);
    }

    fn accept(&mut self, on: Port, from: Endpoint, now: Time) -> Option<LinkId> {
        self.latest = now;
        if self.locals.len() >= LINKS_MAX || self.stopping.is_some() {
            self.counters.add("too-many-links");
            return None;
        }
        let link = self.accept_local(on, &from, now)?;
        self.settle(now);
        Some(link)
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        let request = self.requests.front().map(|(at, _)| Deadline { at: *at, why: "a request" });
        let stopping = self.stopping.filter(|_| !self.is_over);
        let stop = stopping.map(|at| Deadline { at, why: "goodbye" });
        let next = earliest(self.uplink.next_timeout(), self.peers.next_timeout());
        let own = earliest(self.logged.next_timeout(), earliest(request, stop));
        earliest(earliest(next, self.seeks.next_timeout()), own)
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        if self.uplink.is(link) {
            return self.uplink.link_mut().map_or(&mut [], |link| link.recv_space());
        }
        self.local_space(link)
    }

    fn recv_commit(&mut self, link: LinkId, count: usize, now: Time) {
        self.latest = now;
        if self.uplink.is(link) {
            if let Some(link) = self.uplink.link_mut() {
                link.recv_commit(count, now);
            }
            return self.settle(now);
        }
        self.local_received(link, count, now);
        self.settle(now);
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        if self.uplink.is(link) {
            if let Some(link) = self.uplink.link() {
                link.send_slices(into);
            }
            return;
        }
        self.local_slices(link, into);
    }

    fn send_commit(&mut self, link: LinkId, count: usize, now: Time) {
        self.latest = now;
        if self.uplink.is(link) {
            if let Some(link) = self.uplink.link_mut() {
                link.send_commit(count, now);
            }
            if self.stopping.is_some() && !self.uplink.has_output() {
                self.exit(None);
            }
            return self.settle(now);
        }
        self.local_sent(link, count, now);
        self.settle(now);
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprint::default();
        print.fold_bytes(self.name.as_bytes());
        print.fold(self.numbers);
        print.fold(self.locals.len() as u64 | (self.paused.len() as u64) << 32);
        print.fold(u64::from(self.uplink.is_up()));
        self.seeks.fold(&mut print);
        self.peers.fold(&mut print);
        print
    }
}
