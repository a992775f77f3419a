//! Sealing and opening against the bare OpenSSL primitives on the same bytes in the same run.
//!
//! `cargo bench --bench seal [-- --json]`
//!
//! The reference of suite 1 is AES-256-CTR and one plain SHA-1 over the body; of the others the
//! AEAD itself with nothing but the body. Both reuse their contexts as we do, so a ratio is the
//! price of what a packet needs beyond its bytes: HMAC's outer hash, bound Names, the header.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::Duration;

use muses::base::limits::PERSISTENT_LEN;
use muses::crypto::seal::{Opener, Sealer};
use muses::crypto::secret::Secret;
use muses::crypto::suite::Suite;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::sha::Sha1;

mod support;
use support::{median, print, thread_cpu};

/// The last two are longer than any packet: what the primitives give at best.
const SIZES: [usize; 6] = [64, 256, 1024, 4096, 16_384, 65_536];
/// Bytes gone through in a pass: they stay in the second-level cache, as a packet does.
const PASS: usize = 256 << 10;
const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(4);
const COLUMNS: [&str; 9] = [
    "suite",
    "bytes",
    "bare ns",
    "seal ns",
    "open ns",
    "bare GB/s",
    "seal GB/s",
    "seal/bare",
    "open/bare",
];

/// A primitive without anything around it.
struct Bare {
    suite: Suite,
    cipher: CipherCtx,
}

impl Bare {
    fn new(suite: Suite) -> Self {
        let kind = match suite {
            Suite::AesCtrHmacSha1 => Cipher::aes_256_ctr(),
            Suite::AesGcm => Cipher::aes_256_gcm(),
            Suite::ChaCha20Poly1305 => Cipher::chacha20_poly1305(),
        };
        let mut cipher = CipherCtx::new().expect("a context");
        cipher.encrypt_init(Some(kind), Some(&[7; 32]), None).expect("a key");
        Self { suite, cipher }
    }

    fn run(&mut self, seq: u64, packet: &mut [u8]) {
        let length = packet.len() - self.suite.icv_len();
        let (body, icv) = packet.split_at_mut(length);
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&seq.to_be_bytes());
        let nonce = if self.suite == Suite::AesCtrHmacSha1 { &nonce[..] } else { &nonce[..12] };
        self.cipher.encrypt_init(None, None, Some(nonce)).expect("a nonce");
        self.cipher.cipher_update_inplace(body, length).expect("encrypted");
        if self.suite == Suite::AesCtrHmacSha1 {
            let mut hash = Sha1::new();
            hash.update(body);
            icv.copy_from_slice(&hash.finish());
        } else {
            self.cipher.cipher_final(&mut []).expect("finished");
            self.cipher.tag(icv).expect("a tag");
        }
    }
}

/// Nanoseconds a packet took.
fn timed(packets: &mut [Vec<u8>], mut act: impl FnMut(u64, &mut Vec<u8>)) -> f64 {
    let before = thread_cpu();
    for (seq, packet) in (0..).zip(packets.iter_mut()) {
        act(seq, packet);
    }
    black_box(&packets);
    (thread_cpu() - before).as_nanos() as f64 / packets.len() as f64
}

fn measure(suite: Suite, size: usize) -> Vec<String> {
    let (secret, bound, header) = (Secret::from_bytes([7; 32]), [1; 64], [2; PERSISTENT_LEN]);
    let mut sealer = Sealer::new(suite, &secret, &bound).expect("a sealer");
    let mut opener = Opener::new(suite, &secret, &bound).expect("an opener");
    let mut bare = Bare::new(suite);
    let mut packets = vec![vec![0; size + suite.icv_len()]; (PASS / size).max(4)];
    let (mut bares, mut seals, mut opens) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (mut sums, mut passes) = ([0.0; 3], 0.0);
        let begun = thread_cpu();
        while thread_cpu() - begun < ROUND * 3 {
            sums[0] += timed(&mut packets, |seq, packet| bare.run(seq, packet));
            sums[1] += timed(&mut packets, |seq, packet| {
                sealer.seal(&header, seq, packet).expect("sealed");
            });
            sums[2] += timed(&mut packets, |seq, packet| {
                assert_eq!(opener.open(&header, seq, packet), Ok(size));
            });
            passes += 1.0;
        }
        bares.push(sums[0] / passes);
        seals.push(sums[1] / passes);
        opens.push(sums[2] / passes);
    }
    let ratio = |of: &[f64]| median(of.iter().zip(&bares).map(|(a, b)| a / b).collect());
    let (seal_ratio, open_ratio) = (ratio(&seals), ratio(&opens));
    let (bare, seal, open) = (median(bares), median(seals), median(opens));
    let speed = |nanos: f64| format!("{:.2}", size as f64 / nanos);
    vec![
        suite.to_string(),
        size.to_string(),
        format!("{bare:.0}"),
        format!("{seal:.0}"),
        format!("{open:.0}"),
        speed(bare),
        speed(seal),
        format!("{seal_ratio:.2}"),
        format!("{open_ratio:.2}"),
    ]
}

fn main() {
    let pairs = Suite::ALL.into_iter().flat_map(|suite| SIZES.map(|size| (suite, size)));
    let rows: Vec<Vec<String>> = pairs.map(|(suite, size)| measure(suite, size)).collect();
    print("seal and open against the bare primitives", &COLUMNS, &rows);
}
