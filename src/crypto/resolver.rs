//! Gives `snow` its primitives from OpenSSL and its randomness from a seed.

use openssl::error::ErrorStack;
use openssl::sha::Sha256;
use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::CryptoResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use zeroize::Zeroize;

use super::aead::{Aead, NONCE, TAG};
use super::rng::Rng;
use super::secret::Secret;
use super::static_key::StaticKey;

/// Resolves X25519, SHA-256, AES-GCM and ChaCha20-Poly1305, and nothing else.
pub(super) struct Resolver {
    /// Equal seeds give equal ephemeral keys.
    pub(super) seed: Secret,
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Seeded(Rng::new(*self.seed.as_bytes()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(X25519(None)) as Box<dyn Dh>)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        matches!(choice, HashChoice::SHA256).then(|| Box::new(Sha(Sha256::new())) as Box<dyn Hash>)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        let kind = match choice {
            CipherChoice::AESGCM => Kind::AesGcm,
            CipherChoice::ChaChaPoly => Kind::ChaChaPoly,
        };
        Some(Box::new(Keyed { kind, key: Secret::from_bytes([0; 32]) }))
    }
}

struct Seeded(Rng);

impl Random for Seeded {
    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.0.fill(into);
        Ok(())
    }
}

/// `None` before a key is set, and after one that OpenSSL refused: no exchange works with it.
struct X25519(Option<StaticKey>);

impl X25519 {
    const NO_KEY: [u8; 32] = [0; 32];
}

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, private: &[u8]) {
        let private = private.first_chunk().copied().map(Secret::from_bytes);
        self.0 = private.and_then(|private| StaticKey::from_secret(private).ok());
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut private = [0; 32];
        rng.try_fill_bytes(&mut private)?;
        self.0 = StaticKey::from_secret(Secret::from_bytes(private)).ok();
        private.zeroize();
        self.0.is_some().then_some(()).ok_or(Error::Dh)
    }

    fn pubkey(&self) -> &[u8] {
        self.0.as_ref().map_or(&Self::NO_KEY, |key| key.public())
    }

    fn privkey(&self) -> &[u8] {
        self.0.as_ref().map_or(&Self::NO_KEY, |key| key.private().as_bytes())
    }

    fn dh(&self, public: &[u8], into: &mut [u8]) -> Result<(), Error> {
        let (key, public) = (self.0.as_ref().ok_or(Error::Dh)?, public.first_chunk());
        let shared = key.agree(public.ok_or(Error::Dh)?).ok_or(Error::Dh)?;
        into[..Secret::LEN].copy_from_slice(shared.as_bytes());
        Ok(())
    }
}

struct Sha(Sha256);

impl Hash for Sha {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Sha256::new();
    }

    fn input(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn result(&mut self, into: &mut [u8]) {
        into[..32].copy_from_slice(&self.0.clone().finish());
    }
}

#[derive(Clone, Copy)]
enum Kind {
    AesGcm,
    ChaChaPoly,
}

/// A handshake seals a handful of messages, so a context for each is no loss.
struct Keyed {
    kind: Kind,
    key: Secret,
}

impl Keyed {
    fn aead(&self) -> Result<Aead, ErrorStack> {
        match self.kind {
            Kind::AesGcm => Aead::aes_gcm(&self.key),
            Kind::ChaChaPoly => Aead::chacha20_poly1305(&self.key),
        }
    }

    /// Noise section 12: big-endian for AES-GCM, little-endian for ChaCha20-Poly1305.
    fn nonce(&self, number: u64) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce[NONCE - 8..].copy_from_slice(&match self.kind {
            Kind::AesGcm => number.to_be_bytes(),
            Kind::ChaChaPoly => number.to_le_bytes(),
        });
        nonce
    }
}

impl Cipher for Keyed {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::AesGcm => "AESGCM",
            Kind::ChaChaPoly => "ChaChaPoly",
        }
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.key = Secret::from_bytes(*key);
    }

    fn encrypt(&self, number: u64, bound: &[u8], plain: &[u8], into: &mut [u8]) -> usize {
        let total = plain.len() + TAG;
        let (body, tag) = into[..total].split_at_mut(plain.len());
        body.copy_from_slice(plain);
        let seal = |mut aead: Aead| aead.seal(self.nonce(number), &[bound], body, tag);
        if self.aead().and_then(seal).is_err() {
            // There is no way to report it from here. Zeros are no ciphertext of anything, so the
            // other side refuses the message and no plaintext leaves (CR-16).
            into[..total].zeroize();
        }
        total
    }

    fn decrypt(
        &self,
        number: u64,
        bound: &[u8],
        sealed: &[u8],
        into: &mut [u8],
    ) -> Result<usize, Error> {
        let length = sealed.len().checked_sub(TAG).ok_or(Error::Decrypt)?;
        let (sealed, tag) = sealed.split_at(length);
        let body = into.get_mut(..length).ok_or(Error::Decrypt)?;
        body.copy_from_slice(sealed);
        let open = |mut aead: Aead| aead.open(self.nonce(number), &[bound], body, tag);
        if self.aead().and_then(open).is_err() {
            into[..length].zeroize();
            return Err(Error::Decrypt);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex;
    use serde::Deserialize;
    use snow::Builder;

    #[derive(Deserialize)]
    struct Vector {
        protocol_name: String,
        init_prologue: String,
        #[serde(default)]
        init_psks: Vec<String>,
        init_static: String,
        init_ephemeral: String,
        resp_prologue: String,
        #[serde(default)]
        resp_psks: Vec<String>,
        resp_static: String,
        resp_ephemeral: String,
        handshake_hash: Option<String>,
        messages: Vec<Message>,
    }

    #[derive(Deserialize)]
    struct Message {
        payload: String,
        ciphertext: String,
    }

    /// Where a protocol like `Noise_XXpsk0+psk2_…` mixes its secrets in.
    fn psk_places(protocol: &str) -> Vec<u8> {
        let pattern = protocol.split('_').nth(1).expect("a pattern");
        pattern.split("psk").skip(1).map(|text| text.as_bytes()[0] - b'0').collect()
    }

    fn side(vector: &Vector, initiator: bool) -> snow::HandshakeState {
        let (prologue, psks, own, ephemeral) = if initiator {
            (&vector.init_prologue, &vector.init_psks, &vector.init_static, &vector.init_ephemeral)
        } else {
            (&vector.resp_prologue, &vector.resp_psks, &vector.resp_static, &vector.resp_ephemeral)
        };
        let (prologue, own, ephemeral) = (hex(prologue), hex(own), hex(ephemeral));
        let psks: Vec<[u8; 32]> =
            psks.iter().map(|psk| hex(psk).try_into().expect("32 bytes")).collect();
        let resolver = Resolver { seed: Secret::from_bytes([0; 32]) };
        let params = vector.protocol_name.parse().expect("a protocol");
        let mut builder = Builder::with_resolver(params, Box::new(resolver))
            .prologue(&prologue)
            .and_then(|builder| builder.local_private_key(&own))
            .expect("set once")
            .fixed_ephemeral_key_for_testing_only(&ephemeral);
        for (place, psk) in psk_places(&vector.protocol_name).into_iter().zip(&psks) {
            builder = builder.psk(place, psk).expect("set once");
        }
        if initiator { builder.build_initiator() } else { builder.build_responder() }
            .expect("a handshake")
    }

    fn check(vector: &Vector) {
        let (mut one, mut other) = (side(vector, true), side(vector, false));
        let (mut sealed, mut opened) = ([0; 512], [0; 512]);
        let (handshake, transport) = vector.messages.split_at(3);
        for Message { payload, ciphertext } in handshake {
            let count = one.write_message(&hex(payload), &mut sealed).expect("written");
            assert_eq!(sealed[..count].to_vec(), hex(ciphertext), "{}", vector.protocol_name);
            let count = other.read_message(&hex(ciphertext), &mut opened).expect("read");
            assert_eq!(opened[..count].to_vec(), hex(payload), "{}", vector.protocol_name);
            (one, other) = (other, one);
        }
        if let Some(hash) = &vector.handshake_hash {
            assert_eq!(one.get_handshake_hash().to_vec(), hex(hash));
        }
        assert_eq!(one.get_handshake_hash(), other.get_handshake_hash());
        let mut one = one.into_transport_mode().expect("finished");
        let mut other = other.into_transport_mode().expect("finished");
        for Message { payload, ciphertext } in transport {
            let count = one.write_message(&hex(payload), &mut sealed).expect("written");
            assert_eq!(sealed[..count].to_vec(), hex(ciphertext), "{}", vector.protocol_name);
            let count = other.read_message(&hex(ciphertext), &mut opened).expect("read");
            assert_eq!(opened[..count].to_vec(), hex(payload), "{}", vector.protocol_name);
            (one, other) = (other, one);
        }
    }

    // CR-18: the vectors of the cacophony library (XX, XXpsk3) and of snow (XXpsk0+psk2).
    #[test]
    fn handshakes_give_what_other_implementations_give() {
        let text = include_str!("../../tests/vectors/noise-xx.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).expect("the vectors parse");
        assert_eq!(vectors.len(), 4);
        vectors.iter().for_each(check);
    }
}
