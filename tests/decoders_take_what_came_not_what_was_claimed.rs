//! No decoder takes memory by a length, a count or a depth that its input only claims (catalogue
//! rows FR-01, FR-02, FR-06): what it takes at once is bounded by the bytes that are there.

// The library forbids unsafe code; a counting allocator is no part of it.
#![allow(unsafe_code)]
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;

use muses::base::ids::Name;
use muses::control::line::Lines;
use muses::control::request::Request;
use muses::crypto::identity::Identity;
use muses::overlay::dht::record::{Record, Signed};
use muses::overlay::routes::Routes;
use muses::tape::play;
use muses::wire::ack::{Ack, ReHello};
use muses::wire::attachment::parse_names;
use muses::wire::errand::Errand;
use muses::wire::hello::{Credentials, Manner, Offer};
use muses::wire::link::Hello;
use muses::wire::packet::Header;
use muses::wire::referral::{Referral, parse_listens};
use muses::wire::route::Route;
use muses::wire::socks::Negotiation;
use muses::wire::tree::{Pulse, Standing};
use muses::wire::{places, sought};

thread_local! {
    /// Bytes that this thread holds and the most it held: tests do not see each other.
    static HELD: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

/// At the thread's end the counter may be gone, and is not looked at any more.
fn count(taken: usize, given_back: usize) {
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        let now = (now + taken).saturating_sub(given_back);
        held.set((now, most.max(now)));
    });
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while the bytes are moved.
        count(size, 0);
        count(0, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that a decoder held at once while it read these bytes.
fn peak(decode: fn(&[u8]), bytes: &[u8]) -> usize {
    let before = HELD.get().0;
    HELD.set((before, before));
    decode(black_box(bytes));
    HELD.get().1 - before
}

/// Drops what was read, but not before it was there.
fn keep<T>(value: T) {
    let _ = black_box(value);
}

/// A decoder; the bytes it may take however short its input is (an error's text, a few small
/// vectors), and those for each byte that is there.
type Decoder = (&'static str, usize, usize, fn(&[u8]));

/// What reads bytes of other nodes.
const OF_THE_WIRE: [Decoder; 17] = [
    ("names", 0, 2, |bytes| keep(parse_names(bytes, Name::from_bytes([1; 32])))),
    ("link hello", 0, 0, |bytes| keep(Hello::parse(bytes))),
    ("standing", 1024, 4, |bytes| keep(Standing::parse(bytes))),
    ("pulse", 0, 0, |bytes| keep(Pulse::parse(bytes))),
    ("referral", 512, 4, |bytes| keep(Referral::parse(bytes))),
    ("listens", 0, 0, |bytes| keep(parse_listens(bytes))),
    ("routing header", 0, 0, |bytes| keep(Route::new_checked(bytes).map(|_| ()))),
    ("places", 0, 0, |bytes| keep(places::parse(bytes).map(|_| ()))),
    ("errand", 1024, 4, |bytes| keep(Errand::parse(bytes))),
    ("sought", 64, 1, |bytes| keep(sought::parse(bytes))),
    ("record", 256, 4, |bytes| keep(Signed::parse(bytes))),
    ("persistent header", 0, 0, |bytes| keep(Header::parse(bytes))),
    ("manner", 0, 0, |bytes| keep(Manner::parse(bytes))),
    ("offer", 0, 1, |bytes| keep(Offer::parse(bytes))),
    ("credentials", 0, 0, |bytes| keep(Credentials::parse(bytes))),
    ("acknowledgement", 0, 0, |bytes| {
        if let Ok((_, entries)) = Ack::parse(bytes) {
            entries.for_each(keep);
        }
    }),
    ("re-hello", 0, 0, |bytes| keep(ReHello::parse(bytes))),
];

/// What reads applications' bytes and files.
const OF_THIS_MACHINE: [Decoder; 5] = [
    ("socks", 64, 2, |bytes| keep(Negotiation::default().feed(bytes))),
    // A number of one letter and its comma are 32 bytes in serde's buffer, which doubles.
    ("request", 1024, 64, |bytes| keep(serde_json::from_slice::<Request>(bytes))),
    ("routes", 3072, 16, |bytes| {
        keep(std::str::from_utf8(bytes).map(str::parse::<Routes>));
    }),
    ("identity", 256, 4, |bytes| {
        keep(std::str::from_utf8(bytes).map(Identity::from_text));
    }),
    // A tape is read through a buffer.
    ("tape", 16384, 4, |bytes| {
        let refuse = |_, _: &[u8]| Err::<muses::device::Device, _>(String::new());
        keep(play(bytes, refuse));
    }),
];

/// Every length with claims in every place, and the named corpus cut and whole.
fn inputs() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for length in 0..200 {
        for fill in [0, 1, 2, 3, 0xff] {
            inputs.push(vec![fill; length]);
        }
        for place in 0..length.min(16) {
            for value in [0xff, 0x7f, 1] {
                let mut bytes = vec![0; length];
                bytes[place] = value;
                inputs.push(bytes.clone());
                bytes[0] = 1;
                inputs.push(bytes);
            }
        }
    }
    let author = Identity::from_seed([3; 32]);
    let record = Record::end(author.name(), 60).sign(&author).expect("the least of records");
    inputs.push(record.bytes().to_vec());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for target in std::fs::read_dir(corpus).expect("a corpus") {
        for file in std::fs::read_dir(target.expect("readable").path()).expect("a directory") {
            let bytes = std::fs::read(file.expect("readable").path()).expect("readable");
            // Structured inputs have a version and a choice in front of a format's bytes.
            for skipped in 0..bytes.len().min(3) {
                inputs.push(bytes[skipped..].to_vec());
                inputs.push(bytes[skipped..(skipped + bytes.len()) / 2].to_vec());
            }
        }
    }
    inputs
}

fn check(decoders: &[Decoder], inputs: &[Vec<u8>]) {
    for (name, base, per_byte, decode) in decoders {
        let (mut worst, mut worst_of_long) = (0, 0.0_f64);
        for bytes in inputs {
            let taken = peak(*decode, bytes);
            let allowed = base + per_byte * bytes.len();
            assert!(taken <= allowed, "{name}: {taken} bytes for {} of {bytes:?}", bytes.len());
            worst = worst.max(taken);
            if bytes.len() >= 64 {
                worst_of_long = worst_of_long.max(taken as f64 / bytes.len() as f64);
            }
        }
        println!("{name:18} {worst:7} bytes at most, {worst_of_long:5.1} for each of 64 and more");
    }
}

/// FR-01, FR-02: a length that is only claimed costs nothing.
#[test]
fn a_decoder_takes_memory_for_what_is_there() {
    let inputs = inputs();
    check(&OF_THE_WIRE, &inputs);
    check(&OF_THIS_MACHINE, &inputs);
}

/// FR-06: what nests or repeats as deep as a line allows costs no more than its bytes, and no
/// stack.
#[test]
fn a_nested_text_is_no_bomb() {
    let mut inputs = Vec::new();
    for (open, inner, close) in
        [("[", "", "]"), ("{\"do\":", "1", "}"), ("[0,", "0", "]"), ("{\"a\":[", "", "]}")]
    {
        for depth in [1, 100, 127, 128, 129, 600] {
            let nested = [&open.repeat(depth), inner, &close.repeat(depth)].concat();
            inputs.push(format!("{{\"do\":\"status\",\"x\":{nested}}}").into_bytes());
            inputs.push(format!("{{\"do\":{nested}}}").into_bytes());
            inputs.push(open.repeat(depth).into_bytes());
            inputs.push(nested.into_bytes());
        }
    }
    inputs.push(format!("{{\"x\":[{}0],\"do\":\"status\"}}", "0,".repeat(2000)).into_bytes());
    inputs.push(format!("{{{}\"do\":\"status\"}}", "\"a\":0,".repeat(600)).into_bytes());
    check(&OF_THIS_MACHINE, &inputs);
    assert!(Lines::default().recv_space().len() <= 4096, "a longer line is not read at all");
}

/// FR-06: nothing that could unpack what a stranger packed is in the programs.
#[test]
fn nothing_decompresses() {
    let packages = include_str!("../Cargo.lock");
    for packer in ["flate2", "miniz", "zlib", "zstd", "brotli", "lz4", "snap", "bzip2", "lzma"] {
        assert!(!packages.contains(&format!("name = \"{packer}")), "{packer} is a dependency");
    }
}

#[test]
fn the_peak_is_seen() {
    assert_eq!(peak(|bytes| keep(bytes.to_vec()), &[0; 100]), 100);
}
