//! Sealing and opening packets: one key for each direction, in place, without allocation.
//!
//! ```text
//!  bound (64)      header (32)          sealed
//!  SrcID || DstID  persistent header    payload, encrypted       ICV
//!  ^-------------------- authenticated ------------------^
//! ```
//!
//! The packet's number is its nonce. It also stands in the header, so that a changed number is a
//! changed header: suite 1 authenticates the number through nothing else.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::memcmp;
use thiserror::Error;

use super::CryptoError;
use super::aead::{self, Aead};
use super::ctr_hmac::CtrHmac;
use super::secret::Secret;
use super::suite::Suite;

/// A packet that nobody who holds the key has sealed like this.
///
/// One error for every cause: who sends forgeries learns nothing from them (CR-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a packet that was not sealed with this key")]
pub struct Forged;

/// Seals the packets of one direction.
pub struct Sealer {
    suite: Suite,
    means: Means,
    packets: u64,
    bytes: u64,
}

impl Sealer {
    /// Keys are derived from `secret`; `bound` is authenticated in every packet.
    pub fn new(suite: Suite, secret: &Secret, bound: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { suite, means: Means::new(suite, secret, bound)?, packets: 0, bytes: 0 })
    }

    /// Seals in place: `sealed` is the plaintext and room for the ICV behind it.
    ///
    /// No two packets of one sealer may have the same `seq`. On an error `sealed` is wiped, so
    /// that no plaintext can leave (CR-16).
    ///
    /// # Panics
    ///
    /// If there is no room for the ICV.
    pub fn seal(&mut self, header: &[u8], seq: u64, sealed: &mut [u8]) -> Result<(), CryptoError> {
        let length = sealed.len().checked_sub(self.suite.icv_len()).expect("room for the ICV");
        let (body, icv) = sealed.split_at_mut(length);
        if let Err(error) = self.means.seal(header, seq, body, icv) {
            sealed.fill(0);
            return Err(error.into());
        }
        self.packets += 1;
        self.bytes += length as u64;
        Ok(())
    }

    /// Packets sealed so far.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Plaintext bytes sealed so far.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, {} packets, {} bytes)", self.suite, self.packets, self.bytes)
    }
}

/// Opens the packets of one direction.
pub struct Opener {
    suite: Suite,
    means: Means,
}

impl Opener {
    /// Keys are derived from `secret`; `bound` must be the sealer's.
    pub fn new(suite: Suite, secret: &Secret, bound: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { suite, means: Means::new(suite, secret, bound)? })
    }

    /// Verifies, then decrypts in place; gives the length of the plaintext at the start.
    ///
    /// A forged packet is unchanged in suite 1; in the others its body is wiped, because those
    /// decrypt while they verify.
    pub fn open(&mut self, header: &[u8], seq: u64, sealed: &mut [u8]) -> Result<usize, Forged> {
        let length = sealed.len().checked_sub(self.suite.icv_len()).ok_or(Forged)?;
        let (body, icv) = sealed.split_at_mut(length);
        self.means.open(header, seq, body, icv).map(|()| length)
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener({})", self.suite)
    }
}

/// A suite with its keys.
enum Means {
    /// Suite 1; `bound` is absorbed in the MAC's state.
    CtrHmac(CtrHmac),
    /// The others, with `bound`.
    Aead(Aead, Box<[u8]>),
}

impl Means {
    fn new(suite: Suite, secret: &Secret, bound: &[u8]) -> Result<Self, ErrorStack> {
        let key = |label| secret.derive(label, &[]);
        Ok(match suite {
            Suite::AesCtrHmacSha1 => {
                Self::CtrHmac(CtrHmac::new(&key("aes-ctr key"), &key("hmac-sha1 key"), bound)?)
            }
            Suite::AesGcm => Self::Aead(Aead::aes_gcm(&key("aes-gcm key"))?, bound.into()),
            Suite::ChaCha20Poly1305 => {
                let aead = Aead::chacha20_poly1305(&key("chacha20-poly1305 key"))?;
                Self::Aead(aead, bound.into())
            }
        })
    }

    fn seal(
        &mut self,
        header: &[u8],
        seq: u64,
        body: &mut [u8],
        icv: &mut [u8],
    ) -> Result<(), ErrorStack> {
        match self {
            Self::CtrHmac(means) => {
                means.apply(counter_block(seq), body)?;
                icv.copy_from_slice(&means.mac(header, body));
                Ok(())
            }
            Self::Aead(aead, bound) => aead.seal(nonce(seq), &[bound, header], body, icv),
        }
    }

    fn open(&mut self, header: &[u8], seq: u64, body: &mut [u8], icv: &[u8]) -> Result<(), Forged> {
        match self {
            Self::CtrHmac(means) => {
                if !is_authentic(memcmp::eq(&means.mac(header, body), icv)) {
                    return Err(Forged);
                }
                means.apply(counter_block(seq), body).map_err(|_| Forged)
            }
            Self::Aead(aead, bound) => {
                let opened = aead.open(nonce(seq), &[bound, header], body, icv);
                if !is_authentic(opened.is_ok()) {
                    body.fill(0);
                    return Err(Forged);
                }
                Ok(())
            }
        }
    }
}

/// The verdict on a packet. A fuzzer cannot forge a MAC, so in its build every MAC fits: what
/// lies behind is reached. No other place knows of this.
const fn is_authentic(icv_fits: bool) -> bool {
    cfg!(fuzzing) || icv_fits
}

/// The first counter block of a packet: 2^64 blocks lie between two numbers.
fn counter_block(seq: u64) -> [u8; 16] {
    let mut block = [0; 16];
    block[..8].copy_from_slice(&seq.to_be_bytes());
    block
}

fn nonce(seq: u64) -> [u8; aead::NONCE] {
    let mut nonce = [0; aead::NONCE];
    nonce[aead::NONCE - 8..].copy_from_slice(&seq.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::PAYLOAD_MAX;
    use crate::crypto::hex;
    use quickcheck::{TestResult, quickcheck};

    const HEADER: &[u8] = b"version, type, SessID, SeqNBR...";

    fn secret(byte: u8) -> Secret {
        Secret::from_bytes([byte; 32])
    }

    fn bound(from: u8, to: u8) -> [u8; 64] {
        let mut bound = [from; 64];
        bound[32..].fill(to);
        bound
    }

    fn pair(suite: Suite) -> (Sealer, Opener) {
        let bound = bound(1, 2);
        let sealer = Sealer::new(suite, &secret(7), &bound).expect("a sealer");
        (sealer, Opener::new(suite, &secret(7), &bound).expect("an opener"))
    }

    fn sealed(sealer: &mut Sealer, seq: u64, plain: &[u8]) -> Vec<u8> {
        let mut packet = plain.to_vec();
        packet.resize(plain.len() + sealer.suite.icv_len(), 0xa5);
        sealer.seal(HEADER, seq, &mut packet).expect("sealed");
        packet
    }

    fn any_suite(number: u8) -> Suite {
        Suite::ALL[usize::from(number) % Suite::ALL.len()]
    }

    quickcheck! {
        fn what_is_sealed_opens(number: u8, seqs: Vec<u64>, size: usize) -> bool {
            let (mut sealer, mut opener) = pair(any_suite(number));
            seqs.into_iter().enumerate().all(|(index, seq)| {
                // One pair, many packets: nothing of a packet stays in the contexts.
                let size = size.wrapping_mul(index + 1) % (PAYLOAD_MAX + 1);
                let plain: Vec<u8> = (0..size).map(|at| (at ^ index) as u8).collect();
                let mut packet = sealed(&mut sealer, seq, &plain);
                opener.open(HEADER, seq, &mut packet) == Ok(size) && packet[..size] == plain
            })
        }

        // CR-01: what two numbers would give away together is more than chance: nowhere in the
        // first blocks is a block of the keystream the same.
        fn two_numbers_never_share_keystream(number: u8, one: u64, other: u64) -> TestResult {
            if one == other {
                return TestResult::discard();
            }
            let (mut sealer, _) = pair(any_suite(number));
            let streams = [one, other].map(|seq| sealed(&mut sealer, seq, &[0; 1024]));
            let blocks = |index: usize| streams[index][..1024].chunks(16);
            TestResult::from_bool(!blocks(0).any(|block| blocks(1).any(|other| other == block)))
        }

        // CR-13: another number, key or header is another packet.
        fn what_differs_in_anything_is_forged(number: u8, plain: Vec<u8>, key: u8, at: u8) -> bool {
            let suite = any_suite(number);
            let (mut sealer, mut opener) = pair(suite);
            let mut packet = sealed(&mut sealer, 1, &plain);
            let mut header = HEADER.to_vec();
            header[usize::from(at) % HEADER.len()] ^= 1;
            let other = if key == 7 { 8 } else { key };
            let mut stranger = Opener::new(suite, &secret(other), &bound(1, 2)).expect("an opener");
            opener.open(&header, 1, &mut packet.clone()) == Err(Forged)
                && opener.open(&HEADER[1..], 1, &mut packet.clone()) == Err(Forged)
                && stranger.open(HEADER, 1, &mut packet.clone()) == Err(Forged)
                && opener.open(HEADER, 1, &mut packet) == Ok(plain.len())
        }
    }

    // CR-18: computed by a second implementation (Python: hmac, hashlib, cryptography).
    #[test]
    fn a_sealed_packet_is_what_the_protocol_says() {
        let run = |from: u8, to: u8| (from..to).collect::<Vec<u8>>();
        let secret = Secret::from_bytes(run(0, 32).try_into().expect("32 bytes"));
        let (bound, header) = (run(0x40, 0x80), run(0x80, 0xa0));
        let expected = [
            "b5643d2c64335205ae3db6e38e7c78e08c4011bbb5f012cab1e0f797a86e9c8e022e642049a0bd",
            "4692e4746b7c86ea69b4422557afb40e972cf19e4b8e7e5159b979ed9aaf00df733ebd",
            "e90665ee89e3d80698f06fa5b36357e3e07a9b23a44fa9dc4257b744181af77e3b0fe1",
        ];
        for (suite, expected) in Suite::ALL.into_iter().zip(expected) {
            let mut sealer = Sealer::new(suite, &secret, &bound).expect("a sealer");
            let mut packet = b"The quick brown fox".to_vec();
            packet.resize(packet.len() + suite.icv_len(), 0);
            sealer.seal(&header, 0x0102_0304_0506_0708, &mut packet).expect("sealed");
            assert_eq!(packet, hex(expected), "{suite}");
        }
    }

    // CR-03: every single bit of header, body and ICV; suite 1 leaves a forgery as it came.
    #[test]
    fn a_flipped_bit_anywhere_is_a_forgery() {
        for suite in Suite::ALL {
            let (mut sealer, mut opener) = pair(suite);
            for plain in [&b""[..], b"x", b"a payload of some blocks, and a bit"] {
                let packet = sealed(&mut sealer, 9, plain);
                for bit in 0..packet.len() * 8 {
                    let mut forged = packet.clone();
                    forged[bit / 8] ^= 1 << (bit % 8);
                    let as_it_came = forged.clone();
                    assert_eq!(opener.open(HEADER, 9, &mut forged), Err(Forged), "{suite} {bit}");
                    if suite == Suite::AesCtrHmacSha1 {
                        assert_eq!(forged, as_it_came);
                    } else {
                        assert!(forged[..plain.len()].iter().all(|byte| *byte == 0));
                    }
                }
                for bit in 0..HEADER.len() * 8 {
                    let mut header = HEADER.to_vec();
                    header[bit / 8] ^= 1 << (bit % 8);
                    let mut copy = packet.clone();
                    assert_eq!(opener.open(&header, 9, &mut copy), Err(Forged), "{suite} {bit}");
                }
                // The forgeries did no harm to the opener.
                assert_eq!(opener.open(HEADER, 9, &mut packet.clone()), Ok(plain.len()));
            }
        }
    }

    // CR-02: a packet sent back to its sender fails by its direction alone, under one secret.
    #[test]
    fn a_reflected_packet_is_a_forgery() {
        for suite in Suite::ALL {
            let (mut sealer, _) = pair(suite);
            let mut back = Opener::new(suite, &secret(7), &bound(2, 1)).expect("an opener");
            let mut packet = sealed(&mut sealer, 1, b"from one to two");
            assert_eq!(back.open(HEADER, 1, &mut packet), Err(Forged), "{suite}");
        }
    }

    // CR-10: a packet cut at any length has the one error, and so has one with more bytes.
    #[test]
    fn a_cut_or_lengthened_packet_is_a_forgery() {
        for suite in Suite::ALL {
            let (mut sealer, mut opener) = pair(suite);
            let packet = sealed(&mut sealer, 1, b"payload");
            for length in 0..packet.len() {
                let mut cut = packet[..length].to_vec();
                assert_eq!(opener.open(HEADER, 1, &mut cut), Err(Forged), "{suite} {length}");
            }
            let mut longer = packet.clone();
            longer.push(0);
            assert_eq!(opener.open(HEADER, 1, &mut longer), Err(Forged), "{suite}");
        }
    }

    // CR-13: a packet of one suite is none of another, though all keys come from one secret.
    #[test]
    fn suites_share_no_key() {
        for one in Suite::ALL {
            for other in Suite::ALL {
                let (mut sealer, _) = pair(one);
                let (_, mut opener) = pair(other);
                let mut packet = sealed(&mut sealer, 1, b"a payload longer than any ICV");
                assert_eq!(opener.open(HEADER, 1, &mut packet).is_ok(), one == other);
            }
        }
    }

    // CR-05: wear is counted in packets and plaintext bytes.
    #[test]
    fn a_sealer_counts_what_it_sealed() {
        let (mut sealer, _) = pair(Suite::default());
        assert_eq!((sealer.packets(), sealer.bytes()), (0, 0));
        for size in [0, 1, 1000] {
            sealed(&mut sealer, size, &vec![0; size as usize]);
        }
        assert_eq!((sealer.packets(), sealer.bytes()), (3, 1001));
    }

    // CR-14: neither side prints a key.
    #[test]
    fn a_sealer_prints_no_key() {
        let (sealer, opener) = pair(Suite::AesGcm);
        assert_eq!(format!("{sealer:?}"), "Sealer(aes-gcm, 0 packets, 0 bytes)");
        assert_eq!(format!("{opener:?}"), "Opener(aes-gcm)");
    }
}
