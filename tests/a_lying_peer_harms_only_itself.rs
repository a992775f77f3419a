//! An authenticated peer that lies: about what it received, about credit, about sessions. What is
//! impossible is counted and changes nothing; what is possible costs nobody but the liar
//! (catalogue rows RL-03, RL-05, RS-02, RS-03, HS-08, DO-05, FR-05).

use std::time::Duration;

use muses::base::limits::{CREDIT_INITIAL, PAYLOAD_MAX, SESSIONS_PER_TUNNEL_MAX};
use muses::fuzzing::pair::{A, B, Pair};
use muses::session::peers::Happening;
use muses::session::tunnel::{Event, Tunnel};
use muses::wire::ack::{Ack, Entry, Span, Spans, emit_entry};
use muses::wire::cursor::Writer;
use muses::wire::packet::{ConType, PSessId, SessId};
use muses::wire::reason::Reason;

const MS: Duration = Duration::from_millis(1);

/// Values at which arithmetic breaks, around the number of packets that were sent.
fn boundaries(sent: u64) -> Vec<u64> {
    let mut values: Vec<u64> = (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).collect();
    values.extend([sent + 1, sent + 2, u64::MAX - 1, u64::MAX]);
    values.retain(|value| *value > sent);
    values
}

fn lie(pair: &mut Pair, from: usize, act: impl FnOnce(&mut Tunnel)) {
    let peer = pair.peer_of(from);
    pair.sides[from].peers.with(&peer, act).expect("a tunnel to lie in");
    pair.collect();
    // The lie arrives, and no answer of the other side reaches the liar.
    for frame in std::mem::take(&mut pair.wire[1 - from]) {
        pair.deliver(1 - from, &frame);
    }
    pair.wire[from].clear();
}

fn id_of(pair: &Pair, side: usize, key: u64) -> SessId {
    let tunnel = pair.sides[side].peers.tunnel(&pair.peer_of(side));
    tunnel.expect("a tunnel").session_id(key)
}

fn claims(key: u64, cumulative: u64, spans: &[(u64, u64)]) -> Vec<u8> {
    let mut list = Spans::default();
    for (start, end) in spans {
        list.push(Span { start: *start, end: *end });
    }
    let session = PSessId::from_u64(key);
    let entry = Entry { session, cumulative, credit: u64::MAX, spans: list, ..Entry::default() };
    let mut bytes = [0; 512];
    let mut writer = Writer::new(&mut bytes);
    Ack::default().emit(&mut writer);
    assert!(emit_entry(&entry, &mut writer));
    let length = writer.len();
    bytes[..length].to_vec()
}

/// Bytes that A keeps until they are acknowledged.
fn kept(pair: &Pair, key: u64) -> u64 {
    let tunnel = pair.sides[A].peers.tunnel(&pair.peer_of(A)).expect("a tunnel");
    tunnel.session_status(key).expect("a session").0.unacknowledged
}

/// A session in which A has sent two packets: the opening, which is acknowledged, and one that
/// was lost.
fn with_one_lost() -> (Pair, u64) {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    pair.flow(MS * 100);
    pair.say(A, key, b"lost on the way");
    pair.wire[B].clear();
    assert!(kept(&pair, key) > 0);
    (pair, key)
}

fn arrives(pair: &mut Pair, key: u64, bytes: &[u8]) {
    let before = pair.sides[B].heard[&key].clone();
    pair.say(A, key, bytes);
    pair.flow(Duration::from_secs(5));
    assert_eq!(pair.sides[B].heard[&key], [&before[..], bytes].concat());
}

/// RL-03: over the boundary values of u64.
#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let (mut pair, key) = with_one_lost();
    let before = (kept(&pair, key), pair.sides[A].events.len());
    for (count, value) in (1..).zip(boundaries(2)) {
        lie(&mut pair, B, |tunnel| tunnel.lie(ConType::Ack, &claims(key, value, &[])));
        assert_eq!(pair.count(A, "impossible-claim"), count, "{value}");
        assert_eq!((kept(&pair, key), pair.sides[A].events.len()), before, "{value}");
    }
    pair.flow(Duration::from_secs(5));
    assert_eq!(pair.sides[B].heard[&key], b"lost on the way");
    arrives(&mut pair, key, b", and more");
}

/// RL-03: the same in ranges, however far they reach.
#[test]
fn spans_beyond_what_was_sent_free_nothing() {
    let (mut pair, key) = with_one_lost();
    let before = kept(&pair, key);
    let far = u64::from(u32::MAX);
    let reaching = |end: u64| vec![(2, 2 + end)];
    let many: Vec<(u64, u64)> = (0..16).map(|at| (3 + at * far, 2 + (at + 1) * far)).collect();
    for spans in [reaching(1), reaching(far), many] {
        lie(&mut pair, B, |tunnel| tunnel.lie(ConType::Ack, &claims(key, 1, &spans)));
        assert_eq!(kept(&pair, key), before, "{spans:?}");
    }
    assert_eq!(pair.count(A, "impossible-claim"), 3);
    // Ranges that would pass the end of all numbers are no acknowledgement at all.
    let mut overflowing = claims(key, 1, &[(3, 4)]);
    let cumulative = Ack::LEN + 8 + 1;
    overflowing[cumulative..cumulative + 8].fill(0xff);
    lie(&mut pair, B, |tunnel| tunnel.lie(ConType::Ack, &overflowing));
    assert_eq!((pair.count(A, "malformed"), kept(&pair, key)), (1, before));
    pair.flow(Duration::from_secs(5));
    assert_eq!(pair.sides[B].heard[&key], b"lost on the way");
}

/// RS-02 and RS-03: a Re-Hello with an impossible claim leaves the session suspended and whole.
#[test]
fn an_impossible_re_hello_resumes_nothing() {
    let (mut pair, key) = with_one_lost();
    pair.wait(Duration::from_secs(5));
    pair.wire.iter_mut().for_each(std::collections::VecDeque::clear);
    assert!(pair.is_out(A));
    let state = |pair: &Pair| {
        let tunnel = pair.sides[A].peers.tunnel(&pair.peer_of(A)).expect("a tunnel");
        (kept(pair, key), tunnel.status().epoch, tunnel.outage())
    };
    let before = state(&pair);
    // The opening was acknowledged: zero would tear a gap.
    let impossible = [0].into_iter().chain(boundaries(2));
    for (count, value) in (1..).zip(impossible) {
        for kind in [ConType::ReHello, ConType::ReHelloBack] {
            let claims = claims(key, value, &[]);
            lie(&mut pair, B, |tunnel| tunnel.lie_in_re_hello(kind, None, &claims));
        }
        assert_eq!(pair.count(A, "impossible-claim"), 2 * count, "{value}");
        assert_eq!(state(&pair), before, "{value}");
    }
    pair.flow(Duration::from_secs(5));
    assert!(!pair.is_out(A) && pair.sides[A].saw(Event::Resumed));
    assert_eq!(pair.sides[B].heard[&key], b"lost on the way");
    arrives(&mut pair, key, b", and more");
}

/// HS-08, RS-01: a step has one fresh number of each side; another one moves nothing.
#[test]
fn a_second_number_for_one_step_is_refused() {
    let (mut pair, key) = with_one_lost();
    let epoch = |pair: &Pair| {
        let tunnel = pair.sides[A].peers.tunnel(&pair.peer_of(A)).expect("a tunnel");
        tunnel.status().epoch
    };
    let claims = claims(key, 1, &[]);
    lie(&mut pair, B, |tunnel| tunnel.lie_in_re_hello(ConType::ReHello, None, &claims));
    assert_eq!(epoch(&pair), 1);
    let other = Some([0xa5; 32]);
    lie(&mut pair, B, |tunnel| tunnel.lie_in_re_hello(ConType::ReHello, other, &claims));
    assert_eq!((epoch(&pair), pair.count(A, "changed-re-hello")), (1, 1));
    pair.flow(Duration::from_secs(5));
    arrives(&mut pair, key, b"");
    assert_eq!(pair.sides[B].heard[&key], b"lost on the way");
}

/// RL-05: a sender that ignores its credit, in order and behind a gap, fills no memory and holds
/// nobody else up.
#[test]
fn what_was_not_granted_is_not_kept() {
    for gap in [0, 1] {
        let mut pair = Pair::default();
        let (victim, other) = (pair.open(A, 40_000), pair.open(A, 40_001));
        pair.sides[B].reads = false;
        let session = id_of(&pair, A, victim);
        for seq in 0..2000 {
            let body = [seq as u8; PAYLOAD_MAX];
            lie(&mut pair, A, |tunnel| {
                tunnel.lie_in_session(session, ConType::Data, 1 + gap + seq, &body);
            });
        }
        let used = pair.sides[B].pool.used();
        assert!(used <= 2 * CREDIT_INITIAL as usize, "{used} bytes are held");
        assert!(pair.count(B, "beyond-credit") > 1900);
        pair.sides[B].reads = true;
        arrives(&mut pair, other, b"small");
    }
}

/// RL-05: what costs no credit holds no memory either.
#[test]
fn control_that_carries_data_is_not_kept() {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    let session = id_of(&pair, A, key);
    for seq in 0..500 {
        let body = [0; PAYLOAD_MAX];
        lie(&mut pair, A, |tunnel| {
            tunnel.lie_in_session(session, ConType::Fin, 2 + seq, &body);
        });
    }
    assert!(pair.sides[B].pool.used() <= 1 << 16, "{} bytes", pair.sides[B].pool.used());
    assert!(!pair.sides[B].saw(Event::Finished(key)));
}

/// DO-05: the peer's sessions are bounded in number, and far ids allocate no range.
#[test]
fn sessions_without_end_are_refused() {
    let mut pair = Pair::default();
    let first = pair.open(A, 40_000);
    let tunnel = pair.sides[A].peers.tunnel(&pair.peer_of(A)).expect("a tunnel");
    let mut session = tunnel.session_id(0);
    let wanted = SESSIONS_PER_TUNNEL_MAX as u64 + 100;
    pair.sides[B].reads = false;
    for serial in 1..=wanted {
        session.opener = PSessId { port: 1, serial: 2 * serial };
        lie(&mut pair, A, |tunnel| tunnel.lie_in_session(session, ConType::Open, 0, &[]));
    }
    let incoming = pair.sides[B].events.iter();
    let incoming = incoming.filter(|e| matches!(e, Happening::Tunnel(Event::Incoming(..)))).count();
    assert_eq!(incoming, SESSIONS_PER_TUNNEL_MAX);
    assert_eq!(pair.count(B, "too-many-sessions"), 101);
    let each = pair.sides[B].pool.used() / SESSIONS_PER_TUNNEL_MAX;
    assert!(each <= 1024, "{each} bytes for a session with nothing in it");
    pair.sides[B].reads = true;
    pair.flow(MS * 100);
    arrives(&mut pair, first, b"works");
}

/// DO-05: one session in the far future costs as much as one in the near.
#[test]
fn a_far_serial_is_one_session() {
    let mut pair = Pair::default();
    let first = pair.open(A, 40_000);
    let tunnel = pair.sides[A].peers.tunnel(&pair.peer_of(A)).expect("a tunnel");
    let mut session = tunnel.session_id(0);
    let used = pair.sides[B].pool.used();
    session.opener = PSessId { port: 1, serial: PSessId::SERIAL_MAX - 1 };
    lie(&mut pair, A, |tunnel| tunnel.lie_in_session(session, ConType::Open, 0, &[]));
    assert!(pair.sides[B].saw(Event::Incoming(session.opener.to_u64(), 22)));
    assert!(pair.sides[B].pool.used() - used <= 1024);
    // A serial of the other parity is the other side's to give.
    session.opener = PSessId { port: 1, serial: 1 };
    lie(&mut pair, A, |tunnel| tunnel.lie_in_session(session, ConType::Open, 0, &[]));
    assert_eq!(pair.count(B, "unknown-session"), 1);
    arrives(&mut pair, first, b"works");
}

/// RL-11, FR-05: what cannot follow what came before it is counted and reaches no application.
#[test]
fn what_is_out_of_place_reaches_nobody() {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    let session = id_of(&pair, A, key);
    let says = [
        (ConType::Open, &b""[..], 1),
        (ConType::Accept, b"", 2),
        (ConType::Refuse, &[Reason::Full as u8], 3),
        (ConType::Data, b"before the end", 3),
        (ConType::Fin, b"", 3),
        (ConType::Data, b"behind the end", 4),
        (ConType::Fin, b"", 5),
        (ConType::Open, b"", 6),
    ];
    for (seq, (kind, body, out_of_place)) in (1..).zip(says) {
        lie(&mut pair, A, |tunnel| tunnel.lie_in_session(session, kind, seq, body));
        assert_eq!(pair.count(B, "out-of-place"), out_of_place, "{kind:?}");
    }
    assert_eq!(pair.sides[B].heard[&key], b"before the end");
    let events = &pair.sides[B].events;
    let told = |wanted: fn(&Event) -> bool| {
        events.iter().filter(|e| matches!(e, Happening::Tunnel(event) if wanted(event))).count()
    };
    assert_eq!(told(|event| matches!(event, Event::Incoming(..))), 1);
    assert_eq!(told(|event| matches!(event, Event::Finished(_))), 1);
    assert_eq!(told(|event| matches!(event, Event::Accepted(_) | Event::Refused(..))), 0);
}

/// FR-05: types and bodies that mean nothing, under true keys.
#[test]
fn nonsense_under_true_keys_is_counted() {
    let mut pair = Pair::default();
    let key = pair.open(A, 40_000);
    let bodies: [&[u8]; 4] = [&[], &[0xff], &[0xff; 40], &[0; 500]];
    for kind in [ConType::Ack, ConType::Probe] {
        for body in bodies {
            lie(&mut pair, A, |tunnel| tunnel.lie(kind, body));
        }
    }
    for body in bodies {
        lie(&mut pair, A, |tunnel| tunnel.lie_in_re_hello(ConType::ReHello, None, body));
    }
    assert!(pair.count(B, "malformed") >= 8, "{}", pair.count(B, "malformed"));
    assert_eq!(pair.sides[B].peers.tunnel(&pair.peer_of(B)).map(Tunnel::sessions), Some(1));
    pair.flow(Duration::from_secs(2));
    arrives(&mut pair, key, b"works");
}
