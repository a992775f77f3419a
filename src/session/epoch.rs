//! Epochs: traffic keys that change without a key exchange.
//!
//! An epoch has two secrets. The *traffic* secret gives every session and direction its keys. The
//! *resume* secret authenticates the Re-Hello that leaves the epoch and, with a fresh number of
//! each side, gives the next epoch; then it is erased. So no counter is ever continued under an
//! old key, and what was sealed earlier cannot be opened with what is stolen later (DESIGN section
//! 5; `docs/protocol/handshake.md#epochs`).

use crate::base::ids::Name;
use crate::crypto::secret::Secret;
use crate::wire::packet::SessId;

/// The secrets of one epoch.
pub(crate) struct Epoch {
    number: u32,
    traffic: Secret,
    resume: Secret,
}

impl Epoch {
    /// Epoch 0, from what the handshake agreed on.
    pub(crate) fn first(root: &Secret) -> Self {
        Self { number: 0, traffic: root.derive("traffic", &[]), resume: root.derive("resume", &[]) }
    }

    /// The epoch after this one. `low` and `high` are the fresh numbers of the side with the lower
    /// and the higher Name, so both sides come to the same whoever asked.
    pub(crate) fn next(&self, low: &[u8; 32], high: &[u8; 32]) -> Self {
        let number = self.number.saturating_add(1);
        let step = self.resume.derive("step", &[&number.to_be_bytes(), low, high]);
        Self { number, traffic: step.derive("traffic", &[]), resume: step.derive("resume", &[]) }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Secret of the tunnel's own packets in one direction.
    pub(crate) fn control(&self, sender: &Name) -> Secret {
        self.traffic.derive("tunnel", &[sender.as_bytes()])
    }

    /// Secret of the Re-Hellos of one direction.
    pub(crate) fn rehello(&self, sender: &Name) -> Secret {
        self.resume.derive("re-hello", &[sender.as_bytes()])
    }

    /// The part that opens what was sealed in this epoch, to be kept after the epoch.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic { number: self.number, secret: self.traffic.derive("sessions", &[]) }
    }
}

/// What opens and seals the sessions' packets of one epoch.
pub(crate) struct Traffic {
    number: u32,
    secret: Secret,
}

impl Traffic {
    /// The epoch's number.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Secret of one session and direction.
    pub(crate) fn session(&self, session: SessId, sender: &Name) -> Secret {
        self.secret.derive("session", &[&session.to_bytes(), sender.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_its_own() {
        let (a, b) = (Name::from_bytes([1; 32]), Name::from_bytes([2; 32]));
        let first = Epoch::first(&Secret::from_bytes([7; 32]));
        let (one, other) = (first.next(&[1; 32], &[2; 32]), first.next(&[2; 32], &[1; 32]));
        let mut all = Vec::new();
        for epoch in [&first, &one, &other] {
            for name in [&a, &b] {
                all.push(*epoch.control(name).as_bytes());
                all.push(*epoch.rehello(name).as_bytes());
                all.push(*epoch.traffic().session(SessId::default(), name).as_bytes());
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!((one.number(), other.number()), (1, 1));
    }
}
