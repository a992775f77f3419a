//! The bytes of every message, fixed for ever: `docs/protocol/vectors.md`.
//!
//! A change here is a change of the protocol. Each file of `tests/vectors/` is checked a second
//! time by `docs/protocol/check_vectors.py`, which shares no code with this crate (CR-18).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use muses::base::buffer::{Buffer, Pool};
use muses::base::clock::Time;
use muses::base::ids::Name;
use muses::base::limits::{
    FRAME_HEADER, FRAME_MAX, HEAD_ROOM, HOPS_MAX, PERSISTENT_LEN, PLACES_LEN, RECORD_MAX, ROUTE_LEN,
};
use muses::crypto::identity::{Identity, verify};
use muses::crypto::rng::Rng;
use muses::crypto::seal::{Opener, Sealer};
use muses::crypto::secret::Secret;
use muses::crypto::suite::Suite;
use muses::session::peers::{Peers, Policy};
use muses::session::tunnel::Bounds;
use muses::wire::ack::{Ack, Entry, ReHello, Span, emit_entry};
use muses::wire::attachment::{Attachment, emit_names, names_len, parse_names};
use muses::wire::cursor::Writer;
use muses::wire::frame::{self, Kind};
use muses::wire::hello::{Credentials, Manner, Offer, binding_text, prologue};
use muses::wire::link::{Hello, Role, proof_text};
use muses::wire::packet::{ConType, Header, PSessId, SessId};
use muses::wire::reason::Reason;
use muses::wire::referral::Other;
use muses::wire::route::{self, Course, Route};
use muses::wire::tree::{Claim, Pulse};

/// One file: fields of bytes under a name, `name:` and then hexadecimal digits; `#` to the end of
/// the line is for people.
struct Vector {
    file: &'static str,
    fields: BTreeMap<String, Vec<u8>>,
}

impl Vector {
    fn read(file: &'static str, text: &str) -> Self {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        let mut name = String::new();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        for word in lines.flat_map(str::split_whitespace) {
            match word.strip_suffix(':') {
                Some(field) => {
                    field.clone_into(&mut name);
                    let known = fields.insert(name.clone(), String::new());
                    assert!(known.is_none(), "{file}: {name} is there twice");
                }
                None => fields.entry(name.clone()).or_default().push_str(word),
            }
        }
        let bytes = |digits: &String| {
            data_encoding::HEXLOWER.decode(digits.as_bytes()).expect("a vector is written in hex")
        };
        Self { file, fields: fields.iter().map(|(name, hex)| (name.clone(), bytes(hex))).collect() }
    }

    fn get(&self, field: &str) -> &[u8] {
        let found = self.fields.get(field);
        found.unwrap_or_else(|| panic!("{} has no field '{field}'", self.file))
    }

    fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.get(field).try_into().expect("a field of the right length")
    }

    /// Every one of these fields is what the program makes, and there are no others.
    fn holds(&self, made: &[(&str, Vec<u8>)]) {
        let mut wrong = String::new();
        for (field, bytes) in made {
            if self.fields.get(*field) != Some(bytes) {
                let _ = writeln!(wrong, "{field}:\n  {}", data_encoding::HEXLOWER.encode(bytes));
            }
        }
        assert!(wrong.is_empty(), "{}: the program makes\n{wrong}", self.file);
        let known: BTreeSet<&str> = made.iter().map(|(field, _)| *field).collect();
        let extra = self.fields.keys().find(|field| !known.contains(field.as_str()));
        assert_eq!(extra, None, "{}: nobody checks this field", self.file);
    }
}

macro_rules! vector {
    ($file:literal) => {
        Vector::read($file, include_str!($file))
    };
}

mod overlay;

fn written(len: usize, write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = vec![0xa5; len];
    let mut writer = Writer::new(&mut bytes);
    write(&mut writer);
    let len = writer.len();
    bytes.truncate(len);
    bytes
}

fn run(from: u8, to: u8) -> Vec<u8> {
    (from..=to).collect()
}

/// The two devices of all vectors: their identities' seeds are 32 bytes of 0x11 and of 0x22.
fn alice() -> Identity {
    Identity::from_seed([0x11; 32])
}

fn bob() -> Identity {
    Identity::from_seed([0x22; 32])
}

fn session() -> SessId {
    SessId {
        opener: PSessId { port: 0xc001, serial: 2 },
        answerer: PSessId { port: 22, serial: 0x0000_a1b2_c3d4_e5f6 },
    }
}

fn data_header(suite: Suite) -> Header {
    let suite = suite.number();
    Header { kind: ConType::Data, suite, last: true, epoch: 3, seq: 7, session: session() }
}

#[test]
fn a_link_hello() {
    let hello = Hello {
        role: Role::Neighbour,
        name: alice().name(),
        challenge: run(0x40, 0x5f).try_into().expect("32 bytes"),
    };
    let message = written(Hello::LEN, |into| hello.emit(into));
    assert_eq!(Hello::parse(&message), Ok(hello));
    vector!("link-hello.txt").holds(&[("message", message)]);
}

#[test]
fn a_link_proof() {
    let own = Hello { role: Role::Client, name: alice().name(), challenge: [0x0a; 32] };
    let other = Hello { role: Role::Neighbour, name: bob().name(), challenge: [0x0b; 32] };
    let text = proof_text(&own, &other);
    let message = alice().sign(&text);
    assert!(verify(&alice().name(), &text, &message));
    vector!("link-proof.txt").holds(&[("text", text), ("message", message.to_vec())]);
}

/// The word of each of them that it is attached to the node with the seed of three bytes `0x63`.
fn attached(client: &Identity, number: u64) -> Attachment {
    let node = Identity::from_seed([0x63; 32]).name();
    let mut own = Attachment { client: client.name(), node, number, ttl: 600, signature: [0; 64] };
    own.signature = client.sign(&own.text());
    own
}

#[test]
fn an_attachment() {
    let own = attached(&alice(), 0x0102_0304_0506_0708);
    let message = written(Attachment::LEN, |into| own.emit(into));
    assert_eq!(Attachment::parse(&message, own.client, own.node), Ok(own));
    assert!(verify(&own.client, &own.text(), &own.signature));
    vector!("link-attach.txt").holds(&[("text", own.text()), ("message", message)]);
}

#[test]
fn the_names_attached() {
    let mut list = [attached(&alice(), 7), attached(&bob(), 8)];
    list.sort_unstable_by_key(|own| own.client);
    let message = written(names_len(2), |into| emit_names(list.iter(), into));
    assert_eq!(parse_names(&message, list[0].node).as_deref(), Ok(&list[..]));
    let none = written(2, |into| emit_names([].iter(), into));
    vector!("link-names.txt").holds(&[("message", message), ("none", none)]);
}

#[test]
fn the_headers_of_frames() {
    let made = |kind, total| {
        let mut bytes = [0xa5; FRAME_HEADER];
        frame::emit(&mut bytes, kind, total);
        assert_eq!(frame::length(&bytes), Ok(Some(total)));
        assert_eq!(frame::kind(&bytes), Ok(kind));
        bytes.to_vec()
    };
    vector!("frame-header.txt").holds(&[
        ("hello", made(Kind::Hello, FRAME_HEADER + Hello::LEN)),
        ("proof", made(Kind::Proof, FRAME_HEADER + 64)),
        ("names", made(Kind::Names, FRAME_HEADER + 2)),
        ("packet", made(Kind::Packet, FRAME_MAX)),
        ("ping", made(Kind::Ping, FRAME_HEADER)),
        ("pong", made(Kind::Pong, FRAME_HEADER)),
        ("standing", made(Kind::Standing, FRAME_HEADER + 7 + Claim::LEN)),
        ("pulse", made(Kind::Pulse, FRAME_HEADER + Pulse::LEN)),
        ("places", made(Kind::Places, FRAME_HEADER + PLACES_LEN)),
        ("record", made(Kind::Record, FRAME_HEADER + RECORD_MAX)),
        ("seek", made(Kind::Seek, FRAME_HEADER + 3)),
        ("sought", made(Kind::Sought, FRAME_HEADER + 4)),
        ("errand", made(Kind::Errand, FRAME_HEADER + ROUTE_LEN + 42)),
        ("listens", made(Kind::Listens, FRAME_HEADER + 2)),
        ("referral", made(Kind::Referral, FRAME_HEADER + 2 + 2 * Other::LEN)),
        ("attach", made(Kind::Attach, FRAME_HEADER + Attachment::LEN)),
    ]);
}

#[test]
fn a_routing_header() {
    let mut fresh = [0xa5; ROUTE_LEN];
    route::emit(&mut fresh, &alice().name(), &bob().name(), HOPS_MAX);
    let mut relayed = fresh;
    let mut view = Route::new_checked(&mut relayed).expect("what emit wrote");
    view.set_hops(HOPS_MAX - 1);
    view.mark();
    let mut placed = fresh;
    let mut view = Route::new_checked(&mut placed).expect("what emit wrote");
    let (first, second): (&[u8], &[u8]) = (&[1, 2, 1], &[250]);
    view.set_there([(0x0102_0304, first), (0x0506_0708, &[])].into_iter());
    view.set_here([(0x0506_0708, second)].into_iter());
    view.set_course(Course::Tree(1), 0b10, 3);
    let mut descending = fresh;
    let mut view = Route::new_checked(&mut descending).expect("what emit wrote");
    view.set_course(Course::Descend(2), 5, u32::MAX);
    vector!("routing-header.txt").holds(&[
        ("fresh", fresh.to_vec()),
        ("relayed", relayed.to_vec()),
        ("placed", placed.to_vec()),
        ("descending", descending.to_vec()),
    ]);
}

#[test]
fn a_persistent_header() {
    let header = data_header(Suite::AesCtrHmacSha1);
    let mut message = [0xa5; PERSISTENT_LEN];
    header.emit(&mut message);
    assert_eq!(Header::parse(&message), Ok(header));
    vector!("persistent-header.txt").holds(&[("message", message.to_vec())]);
}

#[test]
fn the_types_of_packets() {
    let names: Vec<String> = ConType::ALL.iter().map(|kind| format!("{kind:?}")).collect();
    let numbers = ConType::ALL.iter().map(|kind| vec![*kind as u8]);
    let made: Vec<_> = names.iter().map(String::as_str).zip(numbers).collect();
    vector!("contype.txt").holds(&made);
}

#[test]
fn the_codes_of_reasons() {
    let word = |reason| serde_json::to_value(reason).expect("a word");
    let names: Vec<String> =
        Reason::ALL.iter().map(|reason| word(*reason).as_str().expect("a word").into()).collect();
    let codes = Reason::ALL.iter().map(|reason| vec![*reason as u8]);
    let made: Vec<_> = names.iter().map(String::as_str).zip(codes).collect();
    vector!("reason.txt").holds(&made);
}

fn manner(psk: bool, notice: bool, cookie: Option<[u8; 32]>) -> Vec<u8> {
    let manner = Manner { psk, notice, cookie };
    let len = if cookie.is_some() { Manner::LEN_MAX } else { 1 };
    let message = written(len, |into| manner.emit(into));
    assert_eq!(Manner::parse(&message), Ok((manner, &[][..])));
    message
}

#[test]
fn what_the_handshake_carries() {
    let offer = Offer { suites: Suite::ALL.iter().map(|suite| suite.number()).collect() };
    let text = binding_text(&alice().name(), alice().static_key().public());
    let binding = alice().sign(&text);
    let boot = run(0x60, 0x6f).try_into().expect("16 bytes");
    let credentials = Credentials { binding, boot, suite: 1 };
    let offered = written(8, |into| offer.emit(into));
    assert_eq!(Offer::parse(&offered), Ok(offer));
    let shown = written(Credentials::LEN, |into| credentials.emit(into));
    assert_eq!(Credentials::parse(&shown), Ok(credentials));
    vector!("handshake.txt").holds(&[
        ("flags-none", manner(false, false, None)),
        ("flags-psk", manner(true, false, None)),
        ("flags-notice", manner(false, true, None)),
        ("flags-cookie", manner(false, false, run(0xc0, 0xdf).try_into().ok())),
        ("offer", offered),
        ("prologue", prologue(&alice().name(), &bob().name())),
        ("binding-text", text),
        ("credentials", shown),
    ]);
}

#[test]
fn an_acknowledgement() {
    let head = Ack { settled: true, received: 0x0102_0304, marked: 5 };
    let opener = session().opener;
    let mut first = Entry {
        session: opener,
        gone: false,
        cumulative: 100,
        credit: 0x0002_0000,
        delay_us: 4321,
        ..Entry::default()
    };
    assert!(first.spans.push(Span { start: 101, end: 103 }));
    assert!(first.spans.push(Span { start: 110, end: 111 }));
    let gone = Entry { session: PSessId { serial: 4, ..opener }, gone: true, ..Entry::default() };
    let message = written(512, |into| {
        head.emit(into);
        assert!(emit_entry(&first, into) && emit_entry(&gone, into));
    });
    let (read, entries) = Ack::parse(&message).expect("an acknowledgement");
    assert_eq!(read, head);
    assert!(entries.eq([Ok(first), Ok(gone)]));
    vector!("ack.txt").holds(&[("message", message)]);
}

#[test]
fn the_head_of_a_re_hello() {
    let nonce = run(0x80, 0x9f).try_into().expect("32 bytes");
    let head = |keep| {
        let head = ReHello { nonce, outage: true, keep, heard: 0x1122 };
        let message = written(ReHello::LEN, |into| head.emit(into));
        assert_eq!(ReHello::parse(&message), Ok((head, &[][..])));
        message
    };
    vector!("re-hello.txt").holds(&[("message", head(false)), ("keeping", head(true))]);
}

/// Seals the vector's plaintext under its secret, as a session's sender would.
fn sealed(suite: Suite, vector: &Vector) {
    let secret = Secret::from_bytes(vector.array("secret"));
    let bound: [u8; 64] =
        [*alice().name().as_bytes(), *bob().name().as_bytes()].concat().try_into().expect("64");
    let mut header = [0; PERSISTENT_LEN];
    data_header(suite).emit(&mut header);
    let plaintext = vector.get("plaintext");
    let mut packet = [plaintext, &vec![0; suite.icv_len()]].concat();
    let mut sealer = Sealer::new(suite, &secret, &bound).expect("a sealer");
    sealer.seal(&header, data_header(suite).seq, &mut packet).expect("sealed");
    vector.holds(&[
        ("secret", secret.as_bytes().to_vec()),
        ("bound", bound.to_vec()),
        ("header", header.to_vec()),
        ("plaintext", plaintext.to_vec()),
        ("sealed", packet.clone()),
    ]);
    let mut opener = Opener::new(suite, &secret, &bound).expect("an opener");
    assert_eq!(opener.open(&header, 7, &mut packet), Ok(plaintext.len()));
}

#[test]
fn a_packet_sealed_by_each_suite() {
    sealed(Suite::AesCtrHmacSha1, &vector!("sealed-aes-ctr-hmac-sha1.txt"));
    sealed(Suite::AesGcm, &vector!("sealed-aes-gcm.txt"));
    sealed(Suite::ChaCha20Poly1305, &vector!("sealed-chacha20-poly1305.txt"));
}

#[test]
fn a_derived_secret() {
    let secret = Secret::from_bytes(run(0, 0x1f).try_into().expect("32 bytes"));
    let salt = run(0xa0, 0xaf);
    vector!("derive.txt").holds(&[
        ("secret", secret.as_bytes().to_vec()),
        ("bare", secret.derive("traffic", &[]).as_bytes().to_vec()),
        ("with-context", secret.derive("step", &[&[0, 0, 0, 1], &[7; 32]]).as_bytes().to_vec()),
        ("salt", salt.clone()),
        ("extracted", Secret::extract(&salt, &[&[1; 32], &[2; 32]]).as_bytes().to_vec()),
    ]);
}

/// One side of the conversation.
struct Side {
    name: Name,
    peers: Peers,
    pool: Pool,
}

impl Side {
    fn new(identity: Identity, boot: u8, seed: u8, peer: Name) -> Self {
        let identity = Rc::new(identity);
        let (name, pool) = (identity.name(), Pool::new(1 << 20));
        let policy = Policy {
            identity,
            boot: [boot; 16],
            suites: Suite::ALL.to_vec(),
            secrets: BTreeMap::new(),
            allowed: BTreeSet::from([peer]),
            notify: Default::default(),
            bounds: Bounds::default(),
        };
        let mut peers = Peers::new(policy, pool.clone(), Rng::new([seed; 32]));
        peers.set_uplink(true, Time::ZERO);
        Self { name, peers, pool }
    }

    /// The next packet that leaves, which must be of this type.
    fn says(&mut self, kind: ConType) -> Vec<u8> {
        let frame = self.peers.poll_packet().expect("something to say");
        let header = Header::parse(&frame[FRAME_HEADER + ROUTE_LEN..]).expect("a packet");
        assert_eq!(header.kind, kind);
        assert!(frame.len() >= HEAD_ROOM);
        frame.to_vec()
    }

    fn hears(&mut self, frame: &[u8]) {
        let buffer: Buffer = self.pool.copy(frame);
        self.peers.receive(buffer, Time::ZERO + Duration::from_millis(10));
        while self.peers.poll_happening().is_some() {}
    }
}

/// A whole conversation with fixed randomness: the handshake, the first packet of a session, and
/// a step into epoch 1. What the vectors above cannot reach is in here: the Noise messages, the
/// tunnel's secrets and the stepping of an epoch.
#[test]
fn a_conversation() {
    let mut a = Side::new(alice(), 0xb1, 0x33, bob().name());
    let mut b = Side::new(bob(), 0xb2, 0x44, alice().name());
    let later = Time::ZERO + Duration::from_millis(10);

    a.peers.open(b.name, 1, 0xc001, 22, Time::ZERO);
    let hello = a.says(ConType::Hello);
    b.hears(&hello);
    let hello_back = b.says(ConType::HelloBack);
    a.hears(&hello_back);
    let finished = a.says(ConType::Finished);
    let open = a.says(ConType::Open);
    b.hears(&finished);
    let finished_back = b.says(ConType::FinishedBack);

    a.hears(&finished_back);
    let first_ack = a.says(ConType::Ack);
    a.peers.path_changed(later);
    let re_hello = a.says(ConType::ReHello);
    b.hears(&re_hello);
    let re_hello_back = b.says(ConType::ReHelloBack);
    a.hears(&re_hello_back);
    // An acknowledgement of everything leaves first; what follows is of epoch 1 as well.
    let ack = a.says(ConType::Ack);
    let key = PSessId { port: 0xc001, serial: 0 }.to_u64();
    a.peers.with(&b.name, |tunnel| tunnel.reset(key, Reason::Killed, later));
    let reset = a.says(ConType::Reset);

    vector!("conversation.txt").holds(&[
        ("hello", hello),
        ("hello-back", hello_back),
        ("finished", finished),
        ("open", open),
        ("finished-back", finished_back),
        ("first-ack", first_ack),
        ("re-hello", re_hello),
        ("re-hello-back", re_hello_back),
        ("ack", ack),
        ("reset", reset),
    ]);
}
