//! How links begin and end, and what follows for their sessions.

use crate::base::clock::Time;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Cause};
use crate::wire::reason::Reason;

use super::Node;
use super::local::{Local, Side, Stage};

impl Node {
    pub(super) fn on_connected(&mut self, link: LinkId, now: Time) {
        if self.uplink.is(link) {
            self.uplink.connected(&mut self.rng, now);
            self.actions.push_back(Action::Flush(link));
            return;
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        local.stage = Stage::Stream;
        let Some((peer, key)) = local.session else { return };
        self.peers.with(&peer, |tunnel| tunnel.accept(key, now));
        self.actions.push_back(Action::Flush(link));
        self.actions.push_back(Action::Resume(link));
        self.try_shut(link);
    }

    pub(super) fn on_eof(&mut self, link: LinkId, now: Time) {
        if self.uplink.is(link) {
            return self.drop_uplink("the CLOAK daemon closed the connection", now);
        }
        let Some(local) = self.locals.get_mut(link) else { return };
        local.has_ended = true;
        match (&local.stage, local.side, local.session) {
            (Stage::Stream, _, Some(_))
            | (Stage::Waiting(..) | Stage::Opening, Side::Forward(_), _) => {
                self.send_early(link, now);
            }
            _ => self.close_local(link, now),
        }
    }

    pub(super) fn on_closed(&mut self, link: LinkId, cause: Cause, now: Time) {
        if self.uplink.is(link) {
            self.uplink.let_go();
            return self.lose_uplink(words(cause), now);
        }
        let Some(local) = self.locals.remove(link) else { return };
        self.leave(link, &local, cause, now);
    }

    /// The node closes a local link that has nothing more to say.
    pub(super) fn close_local(&mut self, link: LinkId, now: Time) {
        if let Some(local) = self.locals.remove(link) {
            self.actions.push_back(Action::Close(link));
            self.leave(link, &local, Cause::Reset, now);
        }
    }

    /// What follows from the end of a local link for its session.
    fn leave(&mut self, link: LinkId, local: &Local, cause: Cause, now: Time) {
        self.seeks.forget(link);
        match (&local.stage, local.session) {
            (Stage::Waiting(peer, ticket, _), _) => self.peers.withdraw(peer, *ticket, now),
            (Stage::Serving, _) => self.withdraw_offers(link, now),
            (Stage::Dialling, Some((peer, key))) => {
                let reason = refusal(cause);
                self.peers.with(&peer, |tunnel| tunnel.refuse(key, reason, now));
            }
            (_, Some((peer, key))) => {
                self.peers.with(&peer, |tunnel| tunnel.reset(key, Reason::ByApplication, now));
            }
            _ => {}
        }
    }
}

/// What a failed link is called in a sentence.
fn words(cause: Cause) -> &'static str {
    match cause {
        Cause::Reset => "the connection was reset",
        Cause::Refused => "the connection was refused",
        Cause::Unreachable => "the host is unreachable",
        Cause::TimedOut => "no answer",
        Cause::NoSuchHost => "the host name has no address",
        Cause::Denied => "the system does not allow it",
        Cause::Offline => "this machine has no way there",
    }
}

/// Why a service could not be reached, for the peer.
fn refusal(cause: Cause) -> Reason {
    match cause {
        Cause::Reset | Cause::Refused => Reason::Refused,
        Cause::Unreachable | Cause::Denied | Cause::Offline => Reason::Unreachable,
        Cause::TimedOut => Reason::TimedOut,
        Cause::NoSuchHost => Reason::NoSuchHost,
    }
}
