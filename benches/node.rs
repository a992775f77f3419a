//! What the cores cost without sockets: two devices and a relay in memory, all on one thread.
//!
//! `cargo bench --bench node [-- --sessions 1000 --json]`
//!
//! The reference is what sealing and opening the same payloads costs in the same run. The rest is
//! everything else: logs, acknowledgements, forwarding, and the copies that stand for sockets.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::time::Duration;

use muses::base::limits::PERSISTENT_LEN;
use muses::crypto::seal::{Opener, Sealer};
use muses::crypto::secret::Secret;
use muses::crypto::suite::Suite;

#[path = "support/chain.rs"]
mod chain;
mod support;

use chain::Chain;
use support::{median, option, print, thread_cpu};

const LENGTHS: [usize; 4] = [1024, 4096, 8192, 16_384];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(150);
const COLUMNS: [&str; 7] =
    ["suite", "sessions", "bytes", "ns/packet", "crypto ns", "rest ns", "GB/s"];

/// Nanoseconds that sealing and opening a packet takes.
fn crypto(suite: Suite, len: usize, packets: usize) -> f64 {
    let (secret, header) = (Secret::from_bytes([7; 32]), [2; PERSISTENT_LEN]);
    let mut sealer = Sealer::new(suite, &secret, &[1; 64]).expect("a sealer");
    let mut opener = Opener::new(suite, &secret, &[1; 64]).expect("an opener");
    let mut packet = vec![0; len + suite.icv_len()];
    let begun = thread_cpu();
    for seq in 0..packets as u64 {
        sealer.seal(&header, seq, &mut packet).expect("sealed");
        opener.open(&header, seq, &mut packet).expect("opened");
    }
    (thread_cpu() - begun).as_nanos() as f64 / packets as f64
}

fn measure(suite: Suite, sessions: usize, len: usize) -> Vec<String> {
    let mut chain = Chain::new(suite, sessions);
    chain.transfer(2000 / sessions + 1, len);
    let (mut wholes, mut cryptos) = (Vec::new(), Vec::new());
    let each = (1000 / sessions).max(1);
    for _ in 0..ROUNDS {
        let (begun, mut packets) = (thread_cpu(), 0);
        while thread_cpu() - begun < ROUND {
            chain.transfer(each, len);
            packets += 2 * each * sessions;
        }
        wholes.push((thread_cpu() - begun).as_nanos() as f64 / packets as f64);
        cryptos.push(crypto(suite, len, packets));
    }
    let rest = median(wholes.iter().zip(&cryptos).map(|(whole, own)| whole - own).collect());
    let (whole, crypto) = (median(wholes), median(cryptos));
    vec![
        suite.to_string(),
        sessions.to_string(),
        len.to_string(),
        format!("{whole:.0}"),
        format!("{crypto:.0}"),
        format!("{rest:.0}"),
        format!("{:.2}", len as f64 / whole),
    ]
}

fn main() {
    let sessions = option("--sessions").and_then(|given| given.parse().ok()).unwrap_or(1);
    let suites = [Suite::default(), Suite::AesGcm];
    let pairs = suites.into_iter().flat_map(|suite| LENGTHS.map(|len| (suite, len)));
    let rows: Vec<Vec<String>> = pairs.map(|(suite, len)| measure(suite, sessions, len)).collect();
    print("two devices and a relay in memory", &COLUMNS, &rows);
}
