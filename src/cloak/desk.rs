//! Control connections: who asks how the node does.

use std::collections::BTreeMap;

use crate::base::clock::Time;
use crate::base::limits::{CONTROLS_MAX, REQUEST_MAX};
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline, Slices};
use crate::control::line::Lines;
use crate::control::request::{Reply, Request};
use crate::control::status::Status;

use super::Cloak;

#[derive(Debug)]
struct Visit {
    lines: Lines,
    /// When it last asked.
    since: Time,
    /// Whether it goes once its last answer is written.
    is_leaving: bool,
}

/// All control connections.
#[derive(Debug, Default)]
pub struct Desk(BTreeMap<LinkId, Visit>);

impl Desk {
    /// Whether another visitor may come.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.0.len() < CONTROLS_MAX
    }

    /// A visitor comes.
    pub fn open(&mut self, id: LinkId, now: Time) {
        self.0.insert(id, Visit { lines: Lines::default(), since: now, is_leaving: false });
    }

    /// A visitor is gone.
    pub fn close(&mut self, id: LinkId) {
        self.0.remove(&id);
    }

    /// Where a visitor's next bytes belong.
    pub fn recv_space(&mut self, id: LinkId) -> &mut [u8] {
        match self.0.get_mut(&id) {
            Some(visit) if !visit.is_leaving => visit.lines.recv_space(),
            _ => &mut [],
        }
    }

    /// So many bytes were put there.
    pub fn recv_commit(&mut self, id: LinkId, count: usize) {
        if let Some(visit) = self.0.get_mut(&id) {
            visit.lines.recv_commit(count);
        }
    }

    /// The next request, once the answer to the one before is written. What is none is answered
    /// here.
    pub fn next(&mut self, id: LinkId, now: Time) -> Option<Request> {
        let visit = self.0.get_mut(&id)?;
        if visit.lines.has_output() || visit.is_leaving {
            return None;
        }
        visit.since = now;
        match visit.lines.next_line()? {
            Ok(request) => Some(request),
            Err(error) => {
                visit.is_leaving = true;
                visit.lines.push(&Reply::Error { error: error.to_string(), reason: None });
                None
            }
        }
    }

    /// Answers.
    pub fn answer(&mut self, id: LinkId, reply: &Reply) {
        if let Some(visit) = self.0.get_mut(&id) {
            visit.lines.push(reply);
        }
    }

    /// Whether there is an answer to write.
    #[must_use]
    pub fn has_output(&self, id: LinkId) -> bool {
        self.0.get(&id).is_some_and(|visit| visit.lines.has_output())
    }

    /// What is to be written next.
    pub fn send_slices<'a>(&'a self, id: LinkId, into: &mut Slices<'a>) {
        if let Some(visit) = self.0.get(&id) {
            visit.lines.send_slices(into);
        }
    }

    /// So many bytes of it were written; true if the visitor is to be let go.
    pub fn send_commit(&mut self, id: LinkId, count: usize) -> bool {
        let Some(visit) = self.0.get_mut(&id) else { return false };
        visit.lines.send_commit(count);
        visit.is_leaving && !visit.lines.has_output()
    }

    /// A visitor who has asked nothing for too long.
    #[must_use]
    pub fn idle(&self, now: Time) -> Option<LinkId> {
        let mut visits = self.0.iter();
        visits.find(|(_, visit)| visit.since + REQUEST_MAX <= now).map(|(id, _)| *id)
    }

    /// When the first visitor has asked nothing for too long.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Deadline> {
        let first = self.0.values().map(|visit| visit.since + REQUEST_MAX).min()?;
        Some(Deadline { at: first, why: "let an idle visitor go" })
    }
}

impl Cloak {
    /// Answers what a visitor asked.
    pub(super) fn serve(&mut self, id: LinkId, now: Time) {
        while let Some(request) = self.desk.next(id, now) {
            let reply = match request {
                Request::Status => Reply::Status(Box::new(self.whole_status(now))),
                Request::Map { tree } => Reply::from(self.map(tree)),
                Request::Reconnect => {
                    self.path_changed(now);
                    Reply::Ok
                }
                Request::Connect { .. }
                | Request::Listen { .. }
                | Request::Accept { .. }
                | Request::Kill { .. } => {
                    let error = "this is a cloak-node: it has no sessions; ask the muses-node";
                    Reply::Error { error: error.into(), reason: None }
                }
            };
            self.desk.answer(id, &reply);
        }
        if self.desk.has_output(id) {
            self.actions.push_back(Action::Flush(id));
        }
    }

    fn whole_status(&self, now: Time) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            name: self.name().to_string(),
            uptime_ms: now.since(self.started).as_millis() as u64,
            listeners: self.listeners().collect(),
            overlay: Some(self.status(now)),
            memory_used: self.memory_used() as u64,
            memory_budget: self.pool.budget() as u64,
            counters: self.counters().map(|(what, count)| (what.to_owned(), count)).collect(),
            ..Status::default()
        }
    }
}
