//! SSM of a tunnel: its keys, epoch by epoch, and the packets that belong to no session.
//!
//! Stepping is symmetric: each side draws one fresh number for the step and repeats it in every
//! Re-Hello until the step is done; whoever knows both numbers has stepped. Crossed, repeated and
//! reordered Re-Hellos therefore all lead to the same next epoch (RS-08), and a repeated one never
//! re-installs a key (HS-08).

use std::collections::VecDeque;

use crate::base::buffer::Buffer;
use crate::base::clock::Time;
use crate::crypto::CryptoError;
use crate::crypto::rng::Rng;
use crate::crypto::seal::{Opener, Sealer};
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::wire::packet::{ConType, Header, SessId};

use super::envelope::{self, Ends};
use super::epoch::{Epoch, Traffic};
use super::window::{Seen, Window};

/// Epochs whose packets may still be under way. Each outage that ends without a single
/// acknowledgement adds one; at this many a resume keeps the present epoch.
const UNSETTLED_MAX: usize = 1024;

/// Why a packet was dropped, as the counter's name.
pub(crate) type Rejected = &'static str;

/// Receiving side of one epoch's control packets.
struct Incoming {
    epoch: u32,
    opener: Opener,
    window: Window,
}

/// The Re-Hellos that lead out of one epoch.
struct Step {
    leaving: u32,
    sealer: Sealer,
    sent: u64,
    opener: Opener,
    /// Attempts below this are old.
    heard: u64,
    own: Option<[u8; 32]>,
    peer: Option<[u8; 32]>,
}

/// Which step a Re-Hello belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Out of the present epoch: it has to be stepped.
    Ahead,
    /// Into the present epoch: this side has stepped already.
    Done,
}

/// A tunnel's keys.
pub(crate) struct Keys {
    suite: Suite,
    ends: Ends,
    tunnel: SessId,
    epoch: Epoch,
    began: Time,
    /// Oldest first; the last is the present epoch's.
    traffic: VecDeque<Traffic>,
    sealer: Sealer,
    sent: u64,
    incoming: Incoming,
    earlier: Option<Incoming>,
    step: Step,
    done: Option<Step>,
}

impl Keys {
    /// Keys of epoch 0. `ends` is the sending direction.
    pub(crate) fn new(
        suite: Suite,
        ends: Ends,
        tunnel: SessId,
        root: &Secret,
        now: Time,
    ) -> Result<Self, CryptoError> {
        let epoch = Epoch::first(root);
        Ok(Self {
            suite,
            ends,
            tunnel,
            began: now,
            traffic: VecDeque::from([epoch.traffic()]),
            sealer: Sealer::new(suite, &epoch.control(&ends.source), &ends.bound())?,
            sent: 0,
            incoming: Self::incoming(suite, ends, &epoch)?,
            earlier: None,
            step: Self::step_out_of(suite, ends, &epoch)?,
            done: None,
            epoch,
        })
    }

    fn incoming(suite: Suite, ends: Ends, epoch: &Epoch) -> Result<Incoming, CryptoError> {
        let secret = epoch.control(&ends.destination);
        let opener = Opener::new(suite, &secret, &ends.reversed().bound())?;
        Ok(Incoming { epoch: epoch.number(), opener, window: Window::default() })
    }

    fn step_out_of(suite: Suite, ends: Ends, epoch: &Epoch) -> Result<Step, CryptoError> {
        let back = ends.reversed();
        Ok(Step {
            leaving: epoch.number(),
            sealer: Sealer::new(suite, &epoch.rehello(&ends.source), &ends.bound())?,
            sent: 0,
            opener: Opener::new(suite, &epoch.rehello(&back.source), &back.bound())?,
            heard: 0,
            own: None,
            peer: None,
        })
    }

    /// The present epoch's number.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.number()
    }

    /// Packets of the tunnel itself sealed in the present epoch.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// When the present epoch began.
    pub(crate) fn began(&self) -> Time {
        self.began
    }

    /// The suite of the tunnel.
    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    /// Sending direction.
    pub(crate) fn ends(&self) -> Ends {
        self.ends
    }

    /// The tunnel's own SessID.
    pub(crate) fn tunnel(&self) -> SessId {
        self.tunnel
    }

    /// A sealer for one session's packets in the present epoch.
    pub(crate) fn session_sealer(&self, session: SessId) -> Result<Sealer, CryptoError> {
        let present = self.traffic.back().expect("the present epoch is always there");
        let secret = present.session(session, &self.ends.source);
        Sealer::new(self.suite, &secret, &self.ends.bound())
    }

    /// An opener for one session's packets of `epoch`; `None` if that epoch is unknown or settled.
    pub(crate) fn session_opener(&self, session: SessId, epoch: u32) -> Option<Opener> {
        let traffic = self.traffic.iter().rev().find(|traffic| traffic.number() == epoch)?;
        let back = self.ends.reversed();
        Opener::new(self.suite, &traffic.session(session, &back.source), &back.bound()).ok()
    }

    /// The peer's packets of earlier epochs are all here: their secrets go.
    pub(crate) fn settle(&mut self) {
        while self.traffic.len() > 1 {
            self.traffic.pop_front();
        }
    }

    /// Whether only the present epoch can be opened.
    pub(crate) fn is_settled(&self) -> bool {
        self.traffic.len() == 1
    }

    /// Whether so many epochs are unsettled that no step is taken: one more would be one whose
    /// packets, or the first one's, could never be opened.
    pub(crate) fn is_full(&self) -> bool {
        self.traffic.len() >= UNSETTLED_MAX
    }

    /// Makes a payload a sealed packet of the tunnel itself.
    pub(crate) fn seal(&mut self, kind: ConType, body: &mut Buffer) -> Result<(), CryptoError> {
        let header = Header {
            kind,
            suite: self.suite.number(),
            last: false,
            epoch: self.epoch.number(),
            seq: self.sent,
            session: self.tunnel,
        };
        // The number is the nonce, so it must not repeat; no epoch lasts for 2^64 packets.
        self.sent = self.sent.saturating_add(1);
        envelope::close(body, self.ends, &header, Some(&mut self.sealer))
    }

    /// Opens a sealed packet of the tunnel itself. Nothing is remembered of a forged one.
    pub(crate) fn open(&mut self, header: &Header, body: &mut Buffer) -> Result<(), Rejected> {
        let earlier = self.earlier.as_mut().filter(|keys| keys.epoch == header.epoch);
        let is_present = self.incoming.epoch == header.epoch;
        let keys = if is_present { &mut self.incoming } else { earlier.ok_or("unknown-epoch")? };
        if keys.window.look(header.seq) != Seen::New {
            return Err("replayed");
        }
        envelope::open(body, header, &mut keys.opener).map_err(|_| "forged")?;
        keys.window.note(header.seq);
        if is_present {
            self.earlier = None;
        }
        Ok(())
    }

    /// This side's number for the step out of the present epoch, drawn at the first use.
    pub(crate) fn nonce(&mut self, rng: &mut Rng) -> [u8; 32] {
        *self.step.own.get_or_insert_with(|| rng.array())
    }

    /// Whether this side has asked for the step out of the present epoch.
    pub(crate) fn has_asked(&self) -> bool {
        self.step.sent > 0
    }

    /// This side's number of the step that led here.
    pub(crate) fn last_nonce(&self) -> Option<[u8; 32]> {
        self.done.as_ref()?.own
    }

    /// The peer's attempts at a step that were heard.
    pub(crate) fn heard(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Done => self.done.as_ref().map_or(0, |step| step.heard),
            Stage::Ahead => self.step.heard,
        }
    }

    /// Makes a payload a Re-Hello: of the step ahead, or of the one that is done. Gives the epoch
    /// that it leaves and the number of this attempt.
    pub(crate) fn seal_step(
        &mut self,
        kind: ConType,
        stage: Stage,
        body: &mut Buffer,
    ) -> Result<(u32, u64), CryptoError> {
        let (suite, tunnel, ends) = (self.suite.number(), self.tunnel, self.ends);
        let step = match stage {
            Stage::Done => self.done.as_mut().unwrap_or(&mut self.step),
            Stage::Ahead => &mut self.step,
        };
        let (epoch, seq) = (step.leaving, step.sent);
        step.sent = step.sent.saturating_add(1);
        let header = Header { kind, suite, last: false, epoch, seq, session: tunnel };
        envelope::close(body, ends, &header, Some(&mut step.sealer))?;
        Ok((epoch, seq))
    }

    /// Opens a Re-Hello. What it says may only be believed after [`Keys::admit`].
    pub(crate) fn open_step(
        &mut self,
        header: &Header,
        body: &mut Buffer,
    ) -> Result<Stage, Rejected> {
        let done = self.done.as_mut().filter(|step| step.leaving == header.epoch);
        let (stage, step) = match done {
            Some(step) => (Stage::Done, step),
            None if self.step.leaving == header.epoch => (Stage::Ahead, &mut self.step),
            None => return Err("stale-re-hello"),
        };
        if header.seq < step.heard {
            return Err("stale-re-hello");
        }
        envelope::open(body, header, &mut step.opener).map_err(|_| "forged")?;
        Ok(stage)
    }

    /// Accepts an opened Re-Hello whose claims were found possible.
    ///
    /// An answer to a question never asked, or a second number for the same step, is refused.
    pub(crate) fn admit(
        &mut self,
        header: &Header,
        stage: Stage,
        nonce: [u8; 32],
    ) -> Result<(), Rejected> {
        let step = match stage {
            Stage::Ahead => &mut self.step,
            Stage::Done => self.done.as_mut().ok_or("stale-re-hello")?,
        };
        if header.kind == ConType::ReHelloBack && step.own.is_none() {
            return Err("unasked-re-hello");
        }
        if step.peer.is_some_and(|known| known != nonce) {
            return Err("changed-re-hello");
        }
        step.peer = Some(nonce);
        step.heard = header.seq.saturating_add(1);
        Ok(())
    }

    /// Steps into the next epoch; the present resume secret is erased.
    pub(crate) fn step(&mut self, rng: &mut Rng, now: Time) -> Result<(), CryptoError> {
        let own = self.nonce(rng);
        let Some(peer) = self.step.peer else { return Ok(()) };
        let own_is_low = self.ends.source < self.ends.destination;
        let (low, high) = if own_is_low { (own, peer) } else { (peer, own) };
        let next = self.epoch.next(&low, &high);
        let sealer = Sealer::new(self.suite, &next.control(&self.ends.source), &self.ends.bound())?;
        let incoming = Self::incoming(self.suite, self.ends, &next)?;
        let step = Self::step_out_of(self.suite, self.ends, &next)?;
        self.traffic.push_back(next.traffic());
        (self.sealer, self.sent) = (sealer, 0);
        self.earlier = Some(std::mem::replace(&mut self.incoming, incoming));
        self.done = Some(std::mem::replace(&mut self.step, step));
        (self.epoch, self.began) = (next, now);
        Ok(())
    }
}
