//! The running digest of all that goes into a machine and comes out of it.

use super::event::emit_endpoint;
use crate::base::fingerprint::Fingerprint;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Deadline, Machine, Slices};

#[derive(Debug, Default)]
pub(super) struct Digest(Fingerprint);

impl Digest {
    /// What stands on the tape after each record.
    pub(super) fn check(&self) -> u32 {
        self.0.value() as u32
    }

    /// A record as it stands on the tape, before its check.
    pub(super) fn record(&mut self, bytes: &[u8]) {
        self.0.fold_bytes(bytes);
    }

    /// How much room a link had.
    pub(super) fn room(&mut self, length: usize) {
        self.0.fold(length as u64);
    }

    /// The first `count` bytes that a link wants written; how many there were in fact.
    pub(super) fn sent(&mut self, machine: &impl Machine, link: LinkId, count: u64) -> u64 {
        let mut slices = Slices::default();
        machine.send_slices(link, &mut slices);
        let mut left = count;
        for slice in slices.iter() {
            let part = usize::try_from(left).map_or(slice.len(), |left| left.min(slice.len()));
            self.0.fold_bytes(&slice[..part]);
            left -= part as u64;
        }
        count - left
    }

    pub(super) fn deadline(&mut self, deadline: Option<Deadline>) {
        self.0.fold(deadline.map_or(u64::MAX, |deadline| deadline.at.as_nanos()));
    }

    pub(super) fn action(&mut self, action: &Action) {
        let (number, value) = match action {
            Action::Listen(port, _) => (0, u64::from(port.0)),
            Action::Unlisten(port) => (1, u64::from(port.0)),
            Action::Connect(link, _) => (2, link.raw()),
            Action::Resume(link) => (3, link.raw()),
            Action::Flush(link) => (4, link.raw()),
            Action::Shutdown(link) => (5, link.raw()),
            Action::Close(link) => (6, link.raw()),
            Action::Abort(link) => (7, link.raw()),
            Action::Exit(why) => (8, u64::from(why.is_some())),
            Action::Keep(memory, _) => (9, *memory as u64),
        };
        self.0.fold(number);
        self.0.fold(value);
        if let Action::Listen(_, endpoint) | Action::Connect(_, endpoint) = action {
            let mut bytes = Vec::new();
            emit_endpoint(endpoint, &mut bytes);
            self.0.fold_bytes(&bytes);
        }
        if let Action::Keep(_, bytes) = action {
            self.0.fold_bytes(bytes);
        }
        if let Action::Exit(Some(why)) = action {
            self.0.fold_bytes(why.as_bytes());
        }
    }
}
