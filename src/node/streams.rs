//! The bytes of local links: read into sessions, written out of them, held back while there is no
//! room for them.

use crate::base::clock::Time;
use crate::base::ids::Name;
use crate::base::links::LinkId;
use crate::base::machine::{Action, Slices};
use crate::session::envelope;
use crate::session::tunnel::Held;

use super::Node;
use super::intake::{SCRATCH, SMALL};
use super::local::Stage;

/// Sixteenths of the memory budget above which applications are not read …
const MEMORY_FULL: usize = 12;
/// … until it is below this again.
const MEMORY_FREE: usize = 10;
/// Who gave no more bytes than this in its last turn goes before the others in the next.
const KEYSTROKES: usize = 512;

impl Node {
    // ---- From the application -----------------------------------------------------------------

    /// Where the next bytes of a link land; nowhere, while they have to wait.
    pub(super) fn local_space(&mut self, link: LinkId) -> &mut [u8] {
        let Some(local) = self.locals.get(link) else { return &mut [] };
        match (&local.stage, local.session) {
            (Stage::Request(_), _) if local.words.is_empty() => self.locals.line_space(link),
            (Stage::Socks(_) | Stage::Draining | Stage::Serving, _) => &mut self.intake.scratch,
            (Stage::Seeking(..) | Stage::Waiting(..), _) => {
                let room = SCRATCH.saturating_sub(local.early.len());
                &mut self.intake.scratch[..room]
            }
            (Stage::Opening | Stage::Stream, Some((peer, key))) if local.early.is_empty() => {
                self.stream_space(link, peer, key)
            }
            _ => &mut [],
        }
    }

    /// So many have landed.
    pub(super) fn local_received(&mut self, link: LinkId, count: usize, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        match (&mut local.stage, local.session) {
            (Stage::Request(lines), _) => {
                lines.recv_commit(count);
                self.on_request(link, now);
            }
            (Stage::Socks(_), _) => self.on_socks(link, count, now),
            (Stage::Seeking(..) | Stage::Waiting(..), _) => {
                local.early.extend_from_slice(&self.intake.scratch[..count]);
            }
            (Stage::Opening | Stage::Stream, Some((peer, key))) => {
                local.given = local.given.saturating_add(count);
                self.stream_commit(peer, key, count, now);
            }
            _ => {}
        }
    }

    fn stream_space(&mut self, link: LinkId, peer: Name, key: u64) -> &mut [u8] {
        let now = self.latest;
        let is_crowded = self.uplink.is_crowded() || !self.pool.has_room(MEMORY_FULL);
        let room = self.peers.with(&peer, |tunnel| tunnel.room(key, now));
        match room {
            Some(Ok(room)) if !is_crowded => self.intake.space(room),
            // A session that waits for its peer is resumed by name; the others in turn.
            Some(Err(Held::Credit | Held::Log | Held::Closed)) => &mut [],
            held => {
                self.is_held |= held.is_some_and(|room| room.is_ok());
                self.pause(link);
                &mut []
            }
        }
    }

    fn stream_commit(&mut self, peer: Name, key: u64, count: usize, now: Time) {
        let Some(payload) = self.intake.take(count) else { return };
        self.peers.with(&peer, |tunnel| tunnel.send(key, payload, now));
    }

    /// Sends what came behind the request, then the end of stream if that came too.
    pub(super) fn send_early(&mut self, link: LinkId, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let Some((peer, key)) = local.session else { return };
        while !local.early.is_empty() {
            let room = self.peers.with(&peer, |tunnel| tunnel.room(key, now));
            let Some(Ok(room)) = room else {
                return self.pause(link);
            };
            let count = local.early.len().min(room).min(SMALL);
            let mut payload = envelope::blank(&self.pool, count);
            payload.extend(&local.early[..count]);
            local.early.drain(..count);
            self.peers.with(&peer, |tunnel| tunnel.send(key, payload, now));
        }
        if local.has_ended {
            self.peers.with(&peer, |tunnel| tunnel.finish(key, now));
        }
    }

    // ---- Turns --------------------------------------------------------------------------------

    /// Puts a link in turn for room.
    fn pause(&mut self, link: LinkId) {
        let Some(local) = self.locals.get_mut(link) else { return };
        if std::mem::replace(&mut local.is_paused, true) {
            return;
        }
        // Whoever gave much in its last turn would take all of the next one too.
        if local.given <= KEYSTROKES {
            self.paused.push_front(link);
        } else {
            self.paused.push_back(link);
        }
    }

    /// Lets everything that waits for room try again.
    pub(super) fn resume_paused(&mut self, now: Time) {
        for _ in 0..self.paused.len() {
            let Some(link) = self.paused.pop_front() else { return };
            let Some(local) = self.locals.get_mut(link) else { continue };
            (local.is_paused, local.given) = (false, 0);
            if !local.early.is_empty() {
                self.send_early(link, now);
            }
            self.actions.push_back(Action::Resume(link));
        }
    }

    /// Lets everything that waits for memory or for the uplink's queue try again, if there is room.
    pub(super) fn release(&mut self, now: Time) {
        if self.is_held && self.pool.has_room(MEMORY_FREE) && !self.uplink.is_crowded() {
            self.is_held = false;
            self.resume_paused(now);
        }
    }

    // ---- To the application -------------------------------------------------------------------

    /// What waits to be written to a link.
    pub(super) fn local_slices<'a>(&'a self, link: LinkId, into: &mut Slices<'a>) {
        let Some(local) = self.locals.get(link) else { return };
        into.push(&local.words);
        let Some((peer, key)) = local.session.filter(|_| matches!(local.stage, Stage::Stream))
        else {
            return;
        };
        let Some(tunnel) = self.peers.tunnel(&peer) else { return };
        for bytes in tunnel.ready(key) {
            if !into.push(bytes) {
                break;
            }
        }
    }

    /// So many bytes of it are written.
    pub(super) fn local_sent(&mut self, link: LinkId, count: usize, now: Time) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let own = count.min(local.words.len());
        local.words.drain(..own);
        if own > 0 && local.words.is_empty() && matches!(local.stage, Stage::Request(_)) {
            self.actions.push_back(Action::Resume(link));
        }
        if let Some((peer, key)) = local.session.filter(|_| count > own) {
            self.peers.with(&peer, |tunnel| tunnel.consume(key, count - own, now));
        }
        self.try_shut(link);
    }

    /// Passes the peer's end of stream on, once the application has all that came before it.
    pub(super) fn try_shut(&mut self, link: LinkId) {
        let Some(local) = self.locals.get_mut(link) else { return };
        let Some((peer, key)) = local.session else { return };
        let is_due = local.is_finished && !local.is_shut && local.words.is_empty();
        if is_due && matches!(local.stage, Stage::Stream) {
            let waiting = self.peers.tunnel(&peer).map_or(0, |tunnel| tunnel.ready_bytes(key));
            if waiting == 0 {
                local.is_shut = true;
                self.actions.push_back(Action::Shutdown(link));
            }
        }
    }
}
