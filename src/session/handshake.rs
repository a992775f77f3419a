//! The handshake (paper Figure 3): Noise XX, with the identity's signature over the static key.
//!
//! ```text
//! A                                              B
//! | Hello (pSessID-a, suites offered)        ->  |
//! | <-  Hello (pSessID-b, suite, boot, binding)  |
//! | Finished (suite, boot, binding)          ->  |   A's data may follow at once
//! | <-  Finished (sealed: accepted, or why not)  |
//! ```
//!
//! Each message may be repeated; each is answered with the same bytes as before, and a message
//! that fails leaves the handshake as it was (HS-07, HS-08). `docs/protocol/handshake.md`.

use std::time::Duration;

use thiserror::Error;

use crate::base::buffer::{Buffer, Pool};
use crate::base::clock::Time;
use crate::crypto::identity::{Identity, verify};
use crate::crypto::noise::{Noise, NoiseError};
use crate::crypto::rng::Rng;
use crate::crypto::secret::Secret;
use crate::crypto::suite::Suite;
use crate::wire::cursor::Writer;
use crate::wire::hello::{Cookie, Credentials, Manner, Offer, binding_text, prologue};
use crate::wire::packet::{ConType, Header, PSessId, SessId};
use crate::wire::reason::Reason;

use super::envelope::{self, Ends};
use super::keys::Keys;

/// Bytes a handshake message may have.
const MESSAGE_MAX: usize = 512;

/// Why a handshake message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HandshakeError {
    /// It does not belong to this handshake, or its form is wrong.
    #[error("not a message of this handshake")]
    Stray,
    /// Noise refuses it.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// The static key is not bound to the Name.
    #[error("the key is not bound to the Name")]
    Unbound,
    /// It cannot go on for this reason.
    #[error("{0}")]
    Refused(Reason),
}

/// A message that was not taken, and the handshake, where it can go on.
pub(crate) type Declined<T> = (Option<Box<T>>, HandshakeError);

/// What this side brings.
pub(crate) struct Own<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) boot: [u8; 16],
    pub(crate) suites: &'a [Suite],
    pub(crate) pool: &'a Pool,
}

/// What a handshake led to.
pub(crate) struct Established {
    /// The peer's run: another number than before means that it has lost its sessions.
    pub(crate) boot: [u8; 16],
    /// The tunnel's keys.
    pub(crate) keys: Keys,
    /// How long the peer took to answer, at most; zero where that is not known.
    pub(crate) rtt: Duration,
}

fn credentials(own: &Own<'_>, suite: Suite) -> Credentials {
    let text = binding_text(&own.identity.name(), own.identity.static_key().public());
    Credentials { binding: own.identity.sign(&text), boot: own.boot, suite: suite.number() }
}

/// Checks that the Noise static key belongs to `ends.destination`, the peer.
fn check(noise: &Noise, peer: &Credentials, ends: Ends) -> Result<(), HandshakeError> {
    let key = noise.remote_static().ok_or(HandshakeError::Unbound)?;
    let text = binding_text(&ends.destination, &key);
    let bound = verify(&ends.destination, &text, &peer.binding);
    if bound { Ok(()) } else { Err(HandshakeError::Unbound) }
}

/// Makes the whole frame of a second or third message.
fn message(
    noise: &mut Noise,
    (kind, session): (ConType, SessId),
    payload: &[u8],
    (ends, pool): (Ends, &Pool),
) -> Result<Buffer, HandshakeError> {
    let mut body = envelope::blank(pool, MESSAGE_MAX);
    let len = noise.write(payload, body.spare())?;
    body.grow(len);
    let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
    envelope::close(&mut body, ends, &header, None).map_err(|_| HandshakeError::Stray)?;
    Ok(body)
}

/// Makes the whole frame of a Hello, of which `first` is the Noise message.
fn hello_frame(
    manner: &Manner,
    first: &[u8],
    session: SessId,
    (ends, pool): (Ends, &Pool),
) -> Result<Buffer, HandshakeError> {
    let mut lead = [0; Manner::LEN_MAX];
    let mut writer = Writer::new(&mut lead);
    manner.emit(&mut writer);
    let len = writer.len();
    let mut body = envelope::blank(pool, MESSAGE_MAX);
    body.extend(lead.get(..len).unwrap_or_default());
    body.extend(first);
    let kind = ConType::Hello;
    let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
    envelope::close(&mut body, ends, &header, None).map_err(|_| HandshakeError::Stray)?;
    Ok(body)
}

/// The side that asks.
pub(crate) struct Initiator {
    noise: Noise,
    ends: Ends,
    own: PSessId,
    hello: Buffer,
    /// What of the Hello follows its manner.
    first: Vec<u8>,
    offered: Vec<Suite>,
    manner: Manner,
}

impl Initiator {
    /// Begins; [`Initiator::hello`] is to be sent until it is answered.
    pub(crate) fn new(
        own: &Own<'_>,
        ends: Ends,
        (psk, notice): (Option<&Secret>, bool),
        rng: &mut Rng,
    ) -> Result<Self, HandshakeError> {
        let mix = prologue(&ends.source, &ends.destination);
        let mut noise = Noise::initiator(own.identity.static_key(), &mix, psk, rng)?;
        let serial = rng.u64() & PSessId::SERIAL_MAX;
        let half = PSessId { port: 0, serial };
        let session = SessId { opener: half, answerer: PSessId::default() };
        let offer = Offer { suites: own.suites.iter().map(|suite| suite.number()).collect() };
        let mut payload = [0; 16];
        let mut writer = Writer::new(&mut payload);
        offer.emit(&mut writer);
        let len = writer.len();
        let manner = Manner { psk: psk.is_some(), notice, cookie: None };
        let mut first = vec![0; len.saturating_add(Noise::OVERHEAD_MAX)];
        let len = noise.write(payload.get(..len).unwrap_or_default(), &mut first)?;
        first.truncate(len);
        let hello = hello_frame(&manner, &first, session, (ends, own.pool))?;
        let offered = own.suites.to_vec();
        Ok(Self { noise, ends, own: half, hello, first, offered, manner })
    }

    /// Takes the cookie of a Retry; whether the Hello is another one with it.
    pub(crate) fn take_cookie(&mut self, cookie: Cookie, pool: &Pool) -> bool {
        if self.manner.cookie == Some(cookie) {
            return false;
        }
        let manner = Manner { cookie: Some(cookie), ..self.manner };
        let session = SessId { opener: self.own, answerer: PSessId::default() };
        let hello = hello_frame(&manner, &self.first, session, (self.ends, pool));
        let is_made = hello.is_ok();
        if let Ok(hello) = hello {
            (self.hello, self.manner) = (hello, manner);
        }
        is_made
    }

    /// The first message.
    pub(crate) fn hello(&self) -> Buffer {
        self.hello.share()
    }

    /// Whether it only tells the peer of a loss.
    pub(crate) fn is_notice(&self) -> bool {
        self.manner.notice
    }

    /// Whether a packet answers this handshake.
    pub(crate) fn is_answered_by(&self, header: &Header) -> bool {
        header.session.opener == self.own
    }

    /// Takes the answer; gives the third message. An answer that fails leaves the handshake as it
    /// was, so that the genuine one still fits; [`HandshakeError::Refused`] is the proved peer's.
    pub(crate) fn finish(
        mut self: Box<Self>,
        own: &Own<'_>,
        header: &Header,
        body: &[u8],
        now: Time,
    ) -> Result<(Established, Buffer), Declined<Self>> {
        let mut payload = [0; MESSAGE_MAX];
        let len = match self.noise.read(body, &mut payload) {
            Ok(len) => len,
            Err(error) => return Err((Some(self), error.into())),
        };
        match self.judge(payload.get(..len).unwrap_or_default()) {
            Ok((suite, boot)) => {
                self.go_on(own, header, suite, boot, now).map_err(|error| (None, error))
            }
            Err(error) => match self.noise.unread() {
                Ok(()) => Err((Some(self), error)),
                Err(broken) => Err((None, broken.into())),
            },
        }
    }

    /// Whether the answer is the peer's: the suite that it chose, and its run.
    fn judge(&self, payload: &[u8]) -> Result<(Suite, [u8; 16]), HandshakeError> {
        let peer = Credentials::parse(payload).map_err(|_| HandshakeError::Stray)?;
        check(&self.noise, &peer, self.ends)?;
        let suite = Suite::from_number(peer.suite).filter(|suite| self.offered.contains(suite));
        Ok((suite.ok_or(HandshakeError::Refused(Reason::NoSuite))?, peer.boot))
    }

    fn go_on(
        mut self,
        own: &Own<'_>,
        header: &Header,
        suite: Suite,
        boot: [u8; 16],
        now: Time,
    ) -> Result<(Established, Buffer), HandshakeError> {
        let mut bytes = [0; Credentials::LEN];
        credentials(own, suite).emit(&mut Writer::new(&mut bytes));
        let at = (self.ends, own.pool);
        let kind = (ConType::Finished, header.session);
        let finished = message(&mut self.noise, kind, &bytes, at)?;
        let root = self.noise.finish()?;
        let keys = Keys::new(suite, self.ends, header.session, &root, now)
            .map_err(|_| HandshakeError::Noise(NoiseError::Setup))?;
        Ok((Established { boot, keys, rtt: Duration::ZERO }, finished))
    }
}

/// The side that answers.
pub(crate) struct Responder {
    noise: Noise,
    ends: Ends,
    session: SessId,
    answer: Buffer,
    suite: Suite,
    notice: bool,
    began: Time,
}

impl Responder {
    /// Takes a Hello; [`Responder::answer`] is to be sent each time it comes again.
    pub(crate) fn new(
        own: &Own<'_>,
        ends: Ends,
        (header, body): (&Header, &[u8]),
        psk: Option<&Secret>,
        (rng, now): (&mut Rng, Time),
    ) -> Result<Self, HandshakeError> {
        let (manner, hello) = Manner::parse(body).map_err(|_| HandshakeError::Stray)?;
        if manner.psk != psk.is_some() {
            return Err(HandshakeError::Refused(Reason::SecretMissing));
        }
        let mix = prologue(&ends.destination, &ends.source);
        let mut noise = Noise::responder(own.identity.static_key(), &mix, psk, rng)?;
        let mut payload = [0; MESSAGE_MAX];
        let len = noise.read(hello, &mut payload)?;
        let offer = payload.get(..len).unwrap_or_default();
        let offer = Offer::parse(offer).map_err(|_| HandshakeError::Stray)?;
        let common = offer.suites.iter().filter_map(|number| Suite::from_number(*number));
        let mut common = common.filter(|suite| own.suites.contains(suite));
        let suite = common.next().ok_or(HandshakeError::Refused(Reason::NoSuite))?;
        let half = PSessId { port: 0, serial: rng.u64() & PSessId::SERIAL_MAX };
        let session = SessId { opener: header.session.opener, answerer: half };
        let mut bytes = [0; Credentials::LEN];
        credentials(own, suite).emit(&mut Writer::new(&mut bytes));
        let at = (ends, own.pool);
        let answer = message(&mut noise, (ConType::HelloBack, session), &bytes, at)?;
        Ok(Self { noise, ends, session, answer, suite, notice: manner.notice, began: now })
    }

    /// The second message.
    pub(crate) fn answer(&self) -> Buffer {
        self.answer.share()
    }

    /// The tunnel it will be.
    pub(crate) fn tunnel(&self) -> SessId {
        self.session
    }

    /// Who asked.
    pub(crate) fn peer(&self) -> crate::base::ids::Name {
        self.ends.destination
    }

    /// Whether the peer only tells that it holds no tunnel.
    pub(crate) fn is_notice(&self) -> bool {
        self.notice
    }

    /// When the Hello came.
    pub(crate) fn began(&self) -> Time {
        self.began
    }

    /// Takes the third message. A forged one gives the handshake back.
    pub(crate) fn finish(
        mut self: Box<Self>,
        body: &[u8],
        now: Time,
    ) -> Result<Established, Declined<Self>> {
        let mut payload = [0; MESSAGE_MAX];
        let len = match self.noise.read(body, &mut payload) {
            Ok(len) => len,
            Err(error) => return Err((Some(self), error.into())),
        };
        let payload = payload.get(..len).unwrap_or_default();
        self.go_on(payload, now).map_err(|error| (None, error))
    }

    fn go_on(self, payload: &[u8], now: Time) -> Result<Established, HandshakeError> {
        let peer = Credentials::parse(payload).map_err(|_| HandshakeError::Stray)?;
        check(&self.noise, &peer, self.ends)?;
        if peer.suite != self.suite.number() {
            return Err(HandshakeError::Refused(Reason::NoSuite));
        }
        let root = self.noise.finish()?;
        let keys = Keys::new(self.suite, self.ends, self.session, &root, now)
            .map_err(|_| HandshakeError::Noise(NoiseError::Setup))?;
        Ok(Established { boot: peer.boot, keys, rtt: now.since(self.began) })
    }
}
