//! A machine with a little of everything a tape must get right: time, buffers made only when
//! asked for, pauses, a secret that shows in what it sends.

use std::collections::VecDeque;
use std::time::Duration;

use crate::base::clock::Time;
use crate::base::fingerprint::Fingerprint;
use crate::base::ids::Endpoint;
use crate::base::links::{LinkId, Links};
use crate::base::machine::{Action, Deadline, Input, Machine, Port, Slices};

const HIGH_WATER: usize = 100;

/// Receiving this byte is a defect of the machine.
pub(super) const FATAL: u8 = 0xee;

#[derive(Debug, Default)]
struct Link {
    buffer: Option<Vec<u8>>,
    out: Vec<u8>,
    waiting: bool,
}

#[derive(Debug, Default)]
pub(super) struct Toy {
    secret: u8,
    links: Links<Link>,
    actions: VecDeque<Action>,
    alarm: Option<Time>,
    fatal: bool,
}

impl Toy {
    pub(super) fn new(secret: u8) -> Self {
        Self { secret, ..Self::default() }
    }

    /// One that panics on [`FATAL`].
    pub(super) fn defective(secret: u8) -> Self {
        Self { secret, fatal: true, ..Self::default() }
    }

    pub(super) fn link_ids(&self) -> Vec<LinkId> {
        self.links.iter().map(|(id, _)| id).collect()
    }
}

impl Machine for Toy {
    fn handle(&mut self, input: Input<'_>, now: Time) {
        match input {
            Input::Start => {
                let endpoint = Endpoint::Host("localhost".to_owned(), 7000);
                self.actions.push_back(Action::Listen(Port(1), endpoint));
            }
            Input::Timeout if self.alarm.is_some_and(|alarm| alarm <= now) => {
                self.alarm = None;
                for (id, link) in self.links.iter_mut() {
                    link.out.push(now.as_nanos() as u8);
                    self.actions.push_back(Action::Flush(id));
                }
            }
            Input::Eof(id) => {
                self.links.remove(id);
                self.actions.push_back(Action::Close(id));
            }
            Input::Closed(id, _) => drop(self.links.remove(id)),
            Input::Stop => self.actions.push_back(Action::Exit(Some("told to".to_owned()))),
            Input::PathChanged => self.secret = self.secret.wrapping_add(1),
            Input::Timeout
            | Input::Listening(..)
            | Input::ListenFailed(..)
            | Input::Connected(_) => {}
        }
    }

    fn accept(&mut self, _on: Port, from: Endpoint, _now: Time) -> Option<LinkId> {
        matches!(from, Endpoint::Tcp(_)).then(|| self.links.insert(Link::default()))
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn next_timeout(&self) -> Option<Deadline> {
        self.alarm.map(|at| Deadline { at, why: "alarm" })
    }

    fn recv_space(&mut self, link: LinkId) -> &mut [u8] {
        let Some(link) = self.links.get_mut(link) else { return &mut [] };
        if link.out.len() > HIGH_WATER {
            link.waiting = true;
            return &mut [];
        }
        link.buffer.get_or_insert_with(|| vec![0; 64])
    }

    fn recv_commit(&mut self, id: LinkId, count: usize, now: Time) {
        let Some(link) = self.links.get_mut(id) else { return };
        let buffer = link.buffer.take().unwrap_or_default();
        assert!(!self.fatal || !buffer[..count].contains(&FATAL), "the defect");
        link.out.extend(buffer[..count].iter().map(|byte| byte ^ self.secret));
        self.alarm = Some(now + Duration::from_millis(count as u64));
        self.actions.push_back(Action::Flush(id));
    }

    fn send_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        if let Some(link) = self.links.get(link) {
            link.out.chunks(7).all(|piece| into.push(piece));
        }
    }

    fn send_commit(&mut self, id: LinkId, count: usize, _now: Time) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.out.drain(..count);
        if link.out.len() <= HIGH_WATER && std::mem::take(&mut link.waiting) {
            self.actions.push_back(Action::Resume(id));
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        let mut digest = Fingerprint::default();
        digest.fold(u64::from(self.secret));
        digest.fold(self.alarm.map_or(0, Time::as_nanos));
        for (id, link) in self.links.iter() {
            digest.fold(id.raw());
            digest.fold(u64::from(link.waiting) << 1 | u64::from(link.buffer.is_some()));
            digest.fold_bytes(&link.out);
        }
        digest
    }
}
