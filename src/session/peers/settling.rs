//! What finished handshakes lead to: one tunnel, the same on both sides, whatever crossed.
//!
//! ```text
//! own handshake, answered      proposal   confirmed by any sealed packet of the peer
//! the peer's, finished         tunnel     confirmed by a packet that only who is confirmed sends
//! ```
//!
//! Before it is confirmed a tunnel carries no application's bytes, so any other may take its place
//! and nothing is lost: what waits to be opened moves on. So these rules need no proof but the
//! handshakes' own. The peer may have called a service for what was opened early, though: the first
//! proposal is therefore kept beside a later one, and the peer holds on to the tunnel of the first
//! one for as long as its Finished comes.
//!
//! The lower Name takes no handshake of the peer beside its proposal; the higher one takes it and
//! keeps its proposal until one of the two is confirmed. Whose proposal was confirmed has no other
//! handshake under way, so the peer has no other tunnel. A Finished beside a *confirmed* tunnel
//! belongs to a handshake begun after that, by a peer that had none.

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::limits::TUNNELS_MAX;
use crate::session::handshake::Established;
use crate::session::tunnel::{Event, Tunnel};
use crate::wire::reason::Reason;

use super::{Happening, Peers, Proposal};

impl Peers {
    /// The peer answered: its Name is proved, and this side's is on its way.
    pub(super) fn propose(&mut self, peer: Name, made: Established, finished: Buffer, now: Time) {
        let boot = made.boot;
        let tunnel = self.make(made, Some(finished), now);
        let entry = self.peers.entry(peer).or_default();
        for older in entry.proposals.drain(1.min(entry.proposals.len())..) {
            self.counters.merge(older.tunnel.counters());
        }
        entry.proposals.push(Proposal { tunnel, boot, since: now });
        entry.dial = None;
        self.advance(peer, now);
        self.drain(peer);
    }

    /// The peer finished its handshake, and may have a tunnel.
    pub(super) fn accept(&mut self, peer: Name, made: Established, now: Time) {
        let boot = made.boot;
        let tunnel = self.make(made, None, now);
        if !self.peers.contains_key(&peer) && self.peers.len() >= TUNNELS_MAX {
            self.drop_idle();
        }
        self.half_open.forget(&peer);
        let entry = self.peers.entry(peer).or_default();
        entry.dial = None;
        let is_restart = std::mem::replace(&mut entry.boot, boot) != boot;
        let old = entry.tunnel.replace(tunnel);
        self.end_old(peer, old, is_restart);
        self.advance(peer, now);
        self.drain(peer);
    }

    /// The peer proves that it holds no tunnel, and wants none.
    pub(super) fn end_disowned(&mut self, peer: Name, made: &Established, now: Time) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let is_restart = entry.boot != made.boot;
        let old = entry.tunnel.take();
        self.end_old(peer, old, is_restart);
        self.advance(peer, now);
        self.forget_unused(&peer);
    }

    fn end_old(&mut self, peer: Name, old: Option<Tunnel>, is_restart: bool) {
        let Some(mut old) = old else { return };
        self.counters.merge(old.counters());
        old.end(if is_restart { Reason::Restarted } else { Reason::LetGo });
        while let Some(event) = old.poll_event() {
            self.happenings.push_back((peer, Happening::Tunnel(event)));
        }
    }

    fn make(&mut self, made: Established, finished: Option<Buffer>, now: Time) -> Tunnel {
        let (bounds, rng) = (self.policy.bounds, self.rng.child());
        let mut tunnel = Tunnel::new(made.keys, finished, bounds, self.pool.clone(), rng, now);
        tunnel.on_handshake_rtt(made.rtt);
        if !self.uplink {
            tunnel.set_uplink(false, now);
        }
        tunnel
    }

    /// A tunnel of this peer has taken in a packet.
    pub(super) fn settle(&mut self, peer: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if let Some(at) = entry.proposals.iter().position(|p| p.tunnel.is_confirmed()) {
            let proposal = entry.proposals.remove(at);
            entry.boot = proposal.boot;
            let old = entry.tunnel.replace(proposal.tunnel);
            let early = |pending: &mut super::Pending| Some((pending.ticket, pending.early?));
            let early: Vec<_> = entry.pending.iter_mut().filter_map(early).collect();
            let started = if at == 0 { early } else { Vec::new() };
            entry.pending.retain(|pending| at > 0 || pending.early.is_none());
            self.drop_proposals(&peer);
            self.end_old(peer, old, false);
            for (ticket, key) in started {
                self.happenings.push_back((peer, Happening::Started(ticket, key)));
            }
        }
        self.end_proposals(peer);
        self.drain(peer);
        if self.peers.get(&peer).is_some_and(super::Peer::is_confirmed) {
            self.confirmed(peer, now);
        } else {
            self.advance(peer, now);
        }
    }

    /// A proposed tunnel is over before it began: the peer, which proved its Name, said so.
    fn end_proposals(&mut self, peer: Name) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        let mut ended = None;
        for proposal in &mut entry.proposals {
            while let Some(event) = proposal.tunnel.poll_event() {
                if let Event::Ended(reason) = event {
                    ended = Some(reason);
                }
            }
        }
        let Some(reason) = ended else { return };
        self.drop_proposals(&peer);
        self.happenings.push_back((peer, Happening::Tunnel(Event::Ended(reason))));
        // Who is only stopping comes back.
        if reason != Reason::Stopped {
            self.give_up(peer, reason);
        }
        self.forget_unused(&peer);
    }

    /// Both sides know that they are in one tunnel: what else was under way leads nowhere.
    fn confirmed(&mut self, peer: Name, now: Time) {
        self.half_open.forget(&peer);
        self.drop_proposals(&peer);
        if let Some(entry) = self.peers.get_mut(&peer) {
            (entry.dial, entry.trouble) = (None, None);
        }
        self.advance(peer, now);
    }

    pub(super) fn drop_proposals(&mut self, peer: &Name) {
        let Some(entry) = self.peers.get_mut(peer) else { return };
        for proposal in entry.proposals.drain(..) {
            self.counters.merge(proposal.tunnel.counters());
        }
        entry.pending.iter_mut().for_each(|pending| pending.early = None);
    }

    /// Does for those who wait what can be done now: they start in the tunnel, are opened in the
    /// proposal, or have somebody asked.
    pub(super) fn advance(&mut self, peer: Name, now: Time) {
        let Some(entry) = self.peers.get_mut(&peer) else { return };
        if entry.pending.is_empty() {
            return;
        }
        match (&mut entry.tunnel, entry.proposals.first_mut()) {
            (Some(tunnel), _) if tunnel.is_confirmed() => {
                for pending in entry.pending.drain(..) {
                    let happening = match tunnel.open(pending.port, pending.service, now) {
                        Ok(key) => Happening::Started(pending.ticket, key),
                        Err(reason) => Happening::Failed(pending.ticket, reason),
                    };
                    self.happenings.push_back((peer, happening));
                }
            }
            (Some(tunnel), _) => tunnel.want(now),
            (None, Some(proposal)) => {
                for pending in entry.pending.iter_mut().filter(|pending| pending.early.is_none()) {
                    pending.early = proposal.tunnel.open(pending.port, pending.service, now).ok();
                }
            }
            (None, None) => return self.dial(peer, now),
        }
        self.drain(peer);
    }

    /// Removes a peer that no application wants and that has no tunnel.
    pub(super) fn forget_unused(&mut self, peer: &Name) {
        let unused = self.peers.get(peer).is_some_and(|entry| {
            let is_empty = entry.dial.is_none() && entry.proposals.is_empty();
            is_empty && entry.tunnel.is_none() && entry.pending.is_empty() && !entry.dialled
        });
        if unused {
            self.peers.remove(peer);
        }
    }

    /// Makes place for a tunnel: one without sessions goes.
    pub(super) fn drop_idle(&mut self) {
        let idle = self.peers.iter().find(|(_, entry)| {
            entry.pending.is_empty()
                && entry.tunnel.as_ref().is_none_or(|tunnel| tunnel.sessions() == 0)
        });
        if let Some(name) = idle.map(|(name, _)| *name) {
            self.with(&name, Tunnel::say_goodbye);
            self.peers.remove(&name);
        }
    }
}
