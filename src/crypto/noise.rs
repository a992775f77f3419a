//! The handshake: Noise XX (`XXpsk2` with a pre-shared secret), X25519, AES-GCM, SHA-256.
//!
//! ```text
//!  initiator                             responder
//!    -> e                                            payload in the clear (with a psk: no secret)
//!    <- e, ee, s, es [, psk]                         payload sealed
//!    -> s, se                                        payload sealed
//! ```
//!
//! A message that fails leaves the handshake as it was before, always: forgeries, however many
//! and whatever part of them is genuine, do not keep the genuine message from being read (HS-07).
//! `snow` alone does not hold that for the third message. Where its state is spoilt it is built
//! again from the seed and the messages so far, which are kept for that.

use std::fmt;

use snow::params::NoiseParams;
use snow::{Builder, Error, HandshakeState};
use thiserror::Error as ThisError;
use zeroize::{Zeroize, Zeroizing};

use super::resolver::Resolver;
use super::rng::Rng;
use super::secret::Secret;
use super::static_key::StaticKey;

const XX: &str = "Noise_XX_25519_AESGCM_SHA256";
const XX_PSK2: &str = "Noise_XXpsk2_25519_AESGCM_SHA256";

/// Bytes that each message adds to its payload, at most: keys and tags.
const OVERHEAD: [usize; 3] = [32 + 16, 32 + (32 + 16) + 16, (32 + 16) + 16];

/// Why a handshake does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum NoiseError {
    /// Another message, another prologue or another pre-shared secret than the other side's.
    #[error("a message that does not continue this handshake")]
    Forged,
    /// A public key of small order: the secret would be everybody's (HS-11).
    #[error("a public key that leads to no secret")]
    WeakKey,
    /// Writing when it is the other side's turn, reading when it is ours, or after the end.
    #[error("out of turn")]
    Turn,
    /// The message does not fit its buffer or is longer than Noise allows.
    #[error("no room for the message")]
    Room,
    /// Keys are asked for before the last message.
    #[error("the handshake is not finished")]
    Unfinished,
    /// OpenSSL cannot do what the handshake needs.
    #[error("OpenSSL lacks a part of the handshake")]
    Setup,
}

/// One side of one handshake.
pub struct Noise {
    state: HandshakeState,
    origin: Origin,
    /// What happened so far, at most three messages.
    steps: Vec<Step>,
    /// The other side's static key, once a message proved that it has it.
    remote: Option<[u8; 32]>,
}

/// All that the handshake began with.
struct Origin {
    initiator: bool,
    static_key: StaticKey,
    prologue: Vec<u8>,
    psk: Option<Secret>,
    seed: Secret,
}

/// A message that is part of the handshake.
enum Step {
    /// Ours, as its payload.
    Wrote(Vec<u8>),
    /// The other side's.
    Read(Vec<u8>),
}

impl Noise {
    /// Bytes that a message adds to its payload, at most.
    pub const OVERHEAD_MAX: usize = OVERHEAD[1];

    /// The side that writes first. Its ephemeral key comes from `rng`.
    pub fn initiator(
        static_key: &StaticKey,
        prologue: &[u8],
        psk: Option<&Secret>,
        rng: &mut Rng,
    ) -> Result<Self, NoiseError> {
        Self::new(true, static_key, prologue, psk, rng)
    }

    /// The side that answers. Its ephemeral key comes from `rng`.
    pub fn responder(
        static_key: &StaticKey,
        prologue: &[u8],
        psk: Option<&Secret>,
        rng: &mut Rng,
    ) -> Result<Self, NoiseError> {
        Self::new(false, static_key, prologue, psk, rng)
    }

    fn new(
        initiator: bool,
        static_key: &StaticKey,
        prologue: &[u8],
        psk: Option<&Secret>,
        rng: &mut Rng,
    ) -> Result<Self, NoiseError> {
        let origin = Origin {
            initiator,
            static_key: static_key.clone(),
            prologue: prologue.to_vec(),
            psk: psk.cloned(),
            seed: Secret::from_bytes(rng.array()),
        };
        Ok(Self { state: origin.build()?, origin, steps: Vec::new(), remote: None })
    }

    /// Writes the next message with this payload; gives its length.
    ///
    /// The payload of the first message is readable by everybody. An error changes nothing;
    /// [`NoiseError::WeakKey`] is what the message read before leads to, and lasts.
    pub fn write(&mut self, payload: &[u8], into: &mut [u8]) -> Result<usize, NoiseError> {
        if !self.state.is_my_turn() || self.state.is_handshake_finished() {
            return Err(NoiseError::Turn);
        }
        if into.len() < payload.len() + OVERHEAD[self.steps.len()] {
            return Err(NoiseError::Room);
        }
        match self.state.write_message(payload, into) {
            Ok(length) => {
                self.steps.push(Step::Wrote(payload.to_vec()));
                Ok(length)
            }
            Err(error) => {
                // An ephemeral key may have been drawn: the next one must be the first again, or
                // the steps would not lead here.
                into.zeroize();
                self.build_again()?;
                Err(if error == Error::Dh { NoiseError::WeakKey } else { NoiseError::Room })
            }
        }
    }

    /// Reads the next message; gives the length of its payload, written to `into`.
    ///
    /// An error changes nothing: another message may be tried. `into` then holds nothing of use.
    pub fn read(&mut self, message: &[u8], into: &mut [u8]) -> Result<usize, NoiseError> {
        if self.state.is_my_turn() || self.state.is_handshake_finished() {
            return Err(NoiseError::Turn);
        }
        match self.state.read_message(message, into) {
            Ok(length) => {
                self.steps.push(Step::Read(message.to_vec()));
                let remote = self.state.get_remote_static();
                self.remote = remote.and_then(|key| key.try_into().ok());
                Ok(length)
            }
            Err(error) => {
                // `snow` puts its hashes back but not the cipher's key and nonce. They matter
                // only past the static key: before it they are not moved, or are made anew by
                // the next attempt. So a stranger's forgery costs no exchange of ours (HS-12).
                if self.remote.is_none() && self.state.get_remote_static().is_some() {
                    self.build_again()?;
                }
                Err(if error == Error::Dh { NoiseError::WeakKey } else { NoiseError::Forged })
            }
        }
    }

    /// Takes back the message that was read last, so that another may be read in its place: what
    /// it proved is not what the caller wants.
    ///
    /// # Errors
    ///
    /// [`NoiseError::Turn`] if nothing was read since this side wrote.
    pub fn unread(&mut self) -> Result<(), NoiseError> {
        if !matches!(self.steps.last(), Some(Step::Read(_))) {
            return Err(NoiseError::Turn);
        }
        self.steps.pop();
        self.remote = None;
        self.build_again()
    }

    /// The other side's static key, once a message proved that it holds it: for the initiator
    /// after the second message, for the responder after the third.
    #[must_use]
    pub const fn remote_static(&self) -> Option<[u8; 32]> {
        self.remote
    }

    /// The secret that both sides share, and nobody else, bound to all that was said.
    pub fn finish(mut self) -> Result<Secret, NoiseError> {
        if !self.state.is_handshake_finished() {
            return Err(NoiseError::Unfinished);
        }
        let (one, other) = self.state.dangerously_get_raw_split();
        let (one, other) = (Zeroizing::new(one), Zeroizing::new(other));
        Ok(Secret::extract(self.state.get_handshake_hash(), &[one.as_slice(), other.as_slice()]))
    }

    fn build_again(&mut self) -> Result<(), NoiseError> {
        let mut state = self.origin.build()?;
        for step in &self.steps {
            let (Step::Wrote(bytes) | Step::Read(bytes)) = step;
            let mut unused = vec![0; bytes.len() + Self::OVERHEAD_MAX];
            let done = match step {
                Step::Wrote(payload) => state.write_message(payload, &mut unused),
                Step::Read(message) => state.read_message(message, &mut unused),
            };
            done.map_err(|_| NoiseError::Setup)?;
        }
        self.state = state;
        Ok(())
    }
}

impl Origin {
    fn build(&self) -> Result<HandshakeState, NoiseError> {
        self.try_build().map_err(|_| NoiseError::Setup)
    }

    fn try_build(&self) -> Result<HandshakeState, Error> {
        let name = if self.psk.is_some() { XX_PSK2 } else { XX };
        let params: NoiseParams = name.parse()?;
        let mut builder =
            Builder::with_resolver(params, Box::new(Resolver { seed: self.seed.clone() }))
                .local_private_key(self.static_key.private().as_bytes())?
                .prologue(&self.prologue)?;
        if let Some(psk) = &self.psk {
            builder = builder.psk(2, psk.as_bytes())?;
        }
        if self.initiator { builder.build_initiator() } else { builder.build_responder() }
    }
}

impl fmt::Debug for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.origin.initiator { "initiator" } else { "responder" };
        write!(f, "Noise({side}, {} messages)", self.steps.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;
    use crate::crypto::static_key::tests::SMALL_ORDER;
    use snow::params::{CipherChoice, DHChoice, HashChoice};
    use snow::resolvers::CryptoResolver;
    use snow::types::{Cipher, Dh, Hash, Random};
    use std::cell::Cell;

    const PAYLOADS: [&[u8]; 3] = [b"offer", b"answer and credentials", b"credentials"];

    fn key(byte: u8) -> StaticKey {
        StaticKey::from_secret(Secret::from_bytes([byte; 32])).expect("a key")
    }

    fn pair(psk: Option<&Secret>) -> [Noise; 2] {
        let mut rng = Rng::new([9; 32]);
        let one = Noise::initiator(&key(1), b"prologue", psk, &mut rng).expect("an initiator");
        let other = Noise::responder(&key(2), b"prologue", psk, &mut rng).expect("a responder");
        [one, other]
    }

    /// Brings the first `count` messages over; the side to write next stands first.
    fn after(count: usize, psk: Option<&Secret>) -> [Noise; 2] {
        let [mut one, mut other] = pair(psk);
        for payload in &PAYLOADS[..count] {
            let (mut message, mut read) = ([0; 256], [0; 256]);
            let length = one.write(payload, &mut message).expect("written");
            let length = other.read(&message[..length], &mut read).expect("read");
            assert_eq!(&read[..length], *payload);
            (one, other) = (other, one);
        }
        [one, other]
    }

    #[test]
    fn both_sides_end_with_one_secret_and_know_each_other() {
        let psk = Secret::from_bytes([5; 32]);
        let mut secrets = Vec::new();
        for psk in [None, Some(&psk)] {
            let [responder, initiator] = after(3, psk);
            assert_eq!(initiator.remote_static(), Some(*key(2).public()));
            assert_eq!(responder.remote_static(), Some(*key(1).public()));
            let secret = initiator.finish().expect("finished");
            assert_eq!(Ok(&secret), responder.finish().as_ref());
            secrets.push(secret);
        }
        assert_ne!(secrets[0], secrets[1]);
    }

    // HS-01: a key is known when its holder proved it, not when somebody sent it.
    #[test]
    fn a_static_key_is_known_only_once_it_is_proved() {
        let [responder, initiator] = after(1, None);
        assert_eq!((responder.remote_static(), initiator.remote_static()), (None, None));
        let [initiator, responder] = after(2, None);
        assert_eq!(initiator.remote_static(), Some(*key(2).public()));
        assert_eq!(responder.remote_static(), None);
    }

    // HS-07: with every single bit of every message flipped, and cut at every length, the message
    // is refused wherever it is protected, and the genuine one is accepted afterwards.
    #[test]
    fn no_forgery_spoils_the_handshake() {
        let psk = Secret::from_bytes([5; 32]);
        for psk in [None, Some(&psk)] {
            for index in 1..3 {
                let [mut one, mut other] = after(index, psk);
                let (mut message, mut read) = ([0; 256], [0; 256]);
                let length = one.write(PAYLOADS[index], &mut message).expect("written");
                let message = &mut message[..length];
                for bit in 0..length * 8 {
                    message[bit / 8] ^= 1 << (bit % 8);
                    let result = other.read(message, &mut read);
                    message[bit / 8] ^= 1 << (bit % 8);
                    // X25519 ignores the highest bit of a key; the hash of all does not.
                    assert_eq!(result, Err(NoiseError::Forged), "message {index} bit {bit}");
                }
                for cut in 0..length {
                    assert_eq!(other.read(&message[..cut], &mut read), Err(NoiseError::Forged));
                }
                let length = other.read(message, &mut read);
                assert_eq!(length, Ok(PAYLOADS[index].len()), "message {index}");
                assert_eq!(&read[..PAYLOADS[index].len()], PAYLOADS[index]);
                finish_from(index + 1, other, one);
            }
        }
    }

    fn finish_from(count: usize, mut one: Noise, mut other: Noise) {
        for payload in &PAYLOADS[count..] {
            let (mut message, mut read) = ([0; 256], [0; 256]);
            let length = one.write(payload, &mut message).expect("written");
            other.read(&message[..length], &mut read).expect("read");
            (one, other) = (other, one);
        }
        assert_eq!(one.finish(), other.finish());
    }

    // HS-07: an answer by a static key that is not the peer's is no end of the handshake.
    #[test]
    fn what_was_read_can_be_taken_back() {
        let psk = Secret::from_bytes([5; 32]);
        for psk in [None, Some(&psk)] {
            let [responder, mut initiator] = after(1, psk);
            assert_eq!(initiator.unread(), Err(NoiseError::Turn));
            let mut rng = Rng::new([8; 32]);
            let mut other = Noise::responder(&key(3), b"prologue", psk, &mut rng).expect("one");
            let (mut message, mut read) = ([0; 256], [0; 256]);
            let Step::Read(hello) = &responder.steps[0] else { panic!("a Hello was read") };
            other.read(hello, &mut read).expect("the same Hello");
            let length = other.write(b"false", &mut message).expect("written");
            initiator.read(&message[..length], &mut read).expect("valid for Noise");
            assert_eq!(initiator.remote_static(), Some(*key(3).public()));
            assert_eq!((initiator.unread(), initiator.remote_static()), (Ok(()), None));
            finish_from(1, responder, initiator);
        }
    }

    // HS-07: turns are kept, and nothing is finished early.
    #[test]
    fn a_message_out_of_turn_is_refused_and_changes_nothing() {
        let mut buffer = [0; 256];
        for count in 0..=3 {
            let [mut one, mut other] = after(count, None);
            assert_eq!(other.write(b"", &mut buffer), Err(NoiseError::Turn));
            assert_eq!(one.read(&[0; 96], &mut buffer), Err(NoiseError::Turn));
            if count == 3 {
                assert_eq!(one.write(b"", &mut buffer), Err(NoiseError::Turn));
                assert_eq!(other.read(&[0; 96], &mut buffer), Err(NoiseError::Turn));
            }
            finish_from(count, one, other);
        }
        for count in 0..3 {
            let [one, other] = after(count, None);
            assert_eq!(one.finish(), Err(NoiseError::Unfinished));
            assert_eq!(other.finish(), Err(NoiseError::Unfinished));
        }
    }

    #[test]
    fn a_message_takes_no_more_room_than_it_says() {
        let psk = Secret::from_bytes([5; 32]);
        for psk in [None, Some(&psk)] {
            for (index, overhead) in OVERHEAD.into_iter().enumerate() {
                let [mut one, other] = after(index, psk);
                let mut room = vec![0; PAYLOADS[index].len() + overhead];
                let short = room.len() - 1;
                let refused = one.write(PAYLOADS[index], &mut room[..short]);
                assert_eq!(refused, Err(NoiseError::Room));
                one.write(PAYLOADS[index], &mut room).expect("it fits");
                drop(other);
            }
        }
    }

    // HS-04: both Names are in the prologue, so another pair of Names is another handshake; the
    // same for another pre-shared secret, and for one on one side only.
    #[test]
    fn sides_that_mean_different_things_do_not_finish() {
        let (psk, wrong) = (Secret::from_bytes([5; 32]), Secret::from_bytes([6; 32]));
        let cases: [(&[u8], Option<&Secret>); 4] = [
            (b"prologue", Some(&wrong)),
            (b"prologue", None),
            (b"another prologue", Some(&psk)),
            (b"", Some(&psk)),
        ];
        for (prologue, other_psk) in cases {
            let mut rng = Rng::new([9; 32]);
            let [mut one, _] = pair(Some(&psk));
            let mut other =
                Noise::responder(&key(2), prologue, other_psk, &mut rng).expect("a responder");
            let (mut message, mut read) = ([0; 256], [0; 256]);
            let length = one.write(b"", &mut message).expect("written");
            let Ok(_) = other.read(&message[..length], &mut read) else { continue };
            let length = other.write(b"", &mut message).expect("written");
            assert_eq!(one.read(&message[..length], &mut read), Err(NoiseError::Forged));
        }
    }

    // HS-11: an ephemeral key of small order ends in an error on either side, and the initiator
    // still reads the genuine answer.
    #[test]
    fn an_ephemeral_key_of_small_order_is_refused() {
        for point in SMALL_ORDER {
            let (mut message, mut read) = ([0; 256], [0; 256]);
            let [_, mut responder] = pair(None);
            responder.read(&hex(point), &mut read).expect("a key like any other so far");
            for _ in 0..2 {
                assert_eq!(responder.write(b"", &mut message), Err(NoiseError::WeakKey));
                assert_eq!(message, [0; 256]);
            }

            let [mut responder, mut initiator] = after(1, None);
            let length = responder.write(b"", &mut message).expect("written");
            let mut forged = message;
            forged[..32].copy_from_slice(&hex(point));
            assert_eq!(initiator.read(&forged[..length], &mut read), Err(NoiseError::WeakKey));
            assert_eq!(initiator.read(&message[..length], &mut read), Ok(0));
        }
    }

    /// A static key that says it is the point zero.
    struct Liar(Box<dyn Dh>);

    impl Dh for Liar {
        fn name(&self) -> &'static str {
            self.0.name()
        }

        fn pub_len(&self) -> usize {
            self.0.pub_len()
        }

        fn priv_len(&self) -> usize {
            self.0.priv_len()
        }

        fn set(&mut self, private: &[u8]) {
            self.0.set(private);
        }

        fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
            self.0.generate(rng)
        }

        fn pubkey(&self) -> &[u8] {
            &[0; 32]
        }

        fn privkey(&self) -> &[u8] {
            self.0.privkey()
        }

        fn dh(&self, public: &[u8], into: &mut [u8]) -> Result<(), Error> {
            self.0.dh(public, into)
        }
    }

    /// Makes the first key asked for, the static one, a [`Liar`].
    struct Lying(Resolver, Cell<bool>);

    impl CryptoResolver for Lying {
        fn resolve_rng(&self) -> Option<Box<dyn Random>> {
            self.0.resolve_rng()
        }

        fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
            let honest = self.0.resolve_dh(choice)?;
            Some(if self.1.replace(true) { honest } else { Box::new(Liar(honest)) })
        }

        fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
            self.0.resolve_hash(choice)
        }

        fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
            self.0.resolve_cipher(choice)
        }
    }

    // HS-11: a static key of small order, sent by one who follows the protocol otherwise.
    #[test]
    fn a_static_key_of_small_order_is_refused() {
        let resolver = Resolver { seed: Secret::from_bytes([3; 32]) };
        let lying = Lying(resolver, Cell::new(false));
        let mut liar = Builder::with_resolver(XX.parse().expect("a protocol"), Box::new(lying))
            .local_private_key(&[1; 32])
            .and_then(|builder| builder.prologue(b"prologue")?.build_initiator())
            .expect("a liar");
        let [_, mut responder] = pair(None);
        let (mut message, mut read) = ([0; 256], [0; 256]);
        let length = liar.write_message(b"", &mut message).expect("written");
        responder.read(&message[..length], &mut read).expect("read");
        let length = responder.write(b"", &mut message).expect("written");
        liar.read_message(&message[..length], &mut read).expect("read");
        let length = liar.write_message(b"", &mut message).expect("written");
        for _ in 0..2 {
            let refused = responder.read(&message[..length], &mut read);
            assert_eq!(refused, Err(NoiseError::WeakKey));
            assert_eq!(responder.remote_static(), None);
        }
    }

    // CR-17: equal seeds give equal handshakes, for replay; other seeds give other keys.
    #[test]
    fn a_handshake_is_a_function_of_its_seed() {
        let first = |seed| {
            let mut rng = Rng::new([seed; 32]);
            let mut noise = Noise::initiator(&key(1), b"", None, &mut rng).expect("an initiator");
            let mut message = [0; 64];
            noise.write(b"", &mut message).expect("written");
            message
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }
}
