//! Handshakes among forgers: nodes that write a Name as the source of a packet, off the path or
//! on it, delays a tunnel by little and ends nothing.

use super::*;
use crate::session::envelope::Ends;
use crate::session::handshake::{Own, Responder};
use crate::wire::packet::{PSessId, SessId};

/// A packet that is not sealed, from whatever source.
pub(super) fn open_packet(
    (source, destination): (Name, Name),
    kind: ConType,
    session: SessId,
    body: &[u8],
) -> Vec<u8> {
    let pool = Pool::new(1 << 20);
    let mut packet = envelope::blank(&pool, body.len());
    packet.extend(body);
    let header = Header { kind, suite: 0, last: false, epoch: 0, seq: 0, session };
    let ends = Ends { source, destination };
    envelope::close(&mut packet, ends, &header, None).expect("it fits");
    packet.to_vec()
}

fn forged_hello(ends: (Name, Name), number: u64) -> Vec<u8> {
    let mut body = vec![0];
    body.extend(std::array::from_fn::<u8, 32, _>(|at| (at as u64 * 7 + number) as u8 | 1));
    body.extend([3, 1, 2, 3]);
    let opener = PSessId { port: 0, serial: number };
    let session = SessId { opener, answerer: PSessId::default() };
    open_packet(ends, ConType::Hello, session, &body)
}

/// Both allow each other.
fn mutual() -> World {
    World::of([1, 2].map(|of| Side::new(of, &[name_of(3 - of)], &[], Bounds::default())))
}

impl World {
    /// So many Hellos a second under the other side's Name, for so long from now on.
    fn flood(&mut self, to: usize, per_second: u64, time: Duration) {
        let ends = (self.sides[1 - to].name, self.sides[to].name);
        let every = Duration::from_secs(1) / u32::try_from(per_second).expect("few");
        let mut after = Duration::ZERO;
        while after < time {
            self.order += 1;
            let hello = forged_hello(ends, self.order);
            self.post(to, hello, after);
            after += every;
        }
    }

    fn has_accepted(&self, at: usize) -> bool {
        let accepted = |e: &Happening| matches!(e, Happening::Tunnel(Event::Accepted(_)));
        self.sides[at].events.iter().any(accepted)
    }

    fn has_reset(&self) -> bool {
        let reset = |e: &Happening| {
            matches!(e, Happening::Tunnel(Event::Reset(..)) | Happening::Failed(..))
        };
        self.sides.iter().any(|side| side.events.iter().any(reset))
    }

    fn is_settled(&self) -> bool {
        let tunnel = |at: usize| {
            let tunnel = self.sides[at].peers.tunnel(&self.sides[1 - at].name)?;
            tunnel.is_confirmed().then(|| tunnel.id())
        };
        tunnel(A).is_some() && tunnel(A) == tunnel(B)
    }

    fn of_kind(&self, from: usize, kind: ConType) -> impl Iterator<Item = Header> {
        let name = *self.sides[from].name.as_bytes();
        let own = self.carried.iter().filter(move |frame| {
            let source = FRAME_HEADER + ROUTE_SOURCE;
            frame.get(source..source + 32) == Some(&name[..])
        });
        own.filter_map(|frame| Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).ok())
            .filter(move |header| header.kind == kind)
    }
}

/// Where the Routing Header has the source's Name.
const ROUTE_SOURCE: usize = 38;

/// HS-09, HS-12: both begin at about the same time, with a forger at every point between them: one
/// tunnel is left, the same one, and all that was asked for starts in it.
#[test]
fn a_crossing_among_forged_hellos_settles_on_one_tunnel() {
    for seed in 0..48 {
        let mut dice = Rng::new([seed; 32]);
        let mut world = mutual();
        world.delay = MS * u32::try_from(dice.below(150)).expect("small");
        world.loss = [0, 0, 8, 4][usize::from(seed % 4)];
        world.chance = Rng::new([seed ^ 0xff; 32]);
        for ms in 0..4000 {
            for to in [A, B] {
                if dice.below(5) == 0 {
                    let ends = (world.sides[1 - to].name, world.sides[to].name);
                    let hello = forged_hello(ends, dice.u64() & PSessId::SERIAL_MAX);
                    world.post(to, hello, MS * ms);
                }
            }
        }
        let first = usize::from(dice.below(2) == 1);
        for from in [first, 1 - first] {
            let peer = world.sides[1 - from].name;
            world.sides[from].peers.open(peer, 1, 1, 22, world.now);
            world.run(MS * u32::try_from(dice.below(400)).expect("small"));
        }
        world.run(Duration::from_secs(15));
        assert!(world.is_settled(), "seed {seed}");
        assert!(world.has_accepted(A) && world.has_accepted(B), "seed {seed}");
        assert!(!world.has_reset(), "seed {seed}");
    }
}

/// HS-12: under forged Hellos, however many, a handshake takes one round trip more and its public-
/// key work is bounded; nothing that waited is reset.
#[test]
fn forged_hellos_delay_a_handshake_by_a_round_trip() {
    for (delay, per_second) in [(30, 200), (60, 200), (60, 5_000)] {
        for flooded in [&[B][..], &[A], &[A, B]] {
            let mut world = mutual();
            world.delay = MS * delay;
            for to in flooded {
                world.flood(*to, per_second, Duration::from_secs(6));
            }
            world.run(Duration::from_secs(4));
            for from in [A, B] {
                let peer = world.sides[1 - from].name;
                world.sides[from].peers.open(peer, 1, 1, 22, world.now);
            }
            world.run(Duration::from_secs(1));
            assert!(world.is_settled(), "{per_second} a second");
            assert!(world.has_accepted(A) && world.has_accepted(B), "{per_second} a second");
            world.run(Duration::from_secs(10));
            assert!(world.is_settled() && !world.has_reset());
            for at in flooded {
                let answers: BTreeSet<_> =
                    world.of_kind(*at, ConType::HelloBack).map(|header| header.session).collect();
                assert!(answers.len() <= 20 + 6 * 10 + 10, "{} answers", answers.len());
                assert!(world.count(*at, "retry-sent") > 500);
            }
        }
    }
}

/// HS-16: the half-open handshake was pushed out before its Finished came: another one is begun,
/// and what waited goes on in it.
#[test]
fn a_handshake_that_was_forgotten_is_begun_again() {
    let mut world = mutual();
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
        (header.kind != ConType::Finished).then(|| frame.to_vec())
    }));
    let peer = world.sides[B].name;
    world.sides[A].peers.open(peer, 1, 1, 22, world.now);
    world.run(MS * 10);
    world.flood(B, 200, Duration::from_secs(20));
    world.run(Duration::from_secs(20));
    let begun: BTreeSet<_> =
        world.of_kind(A, ConType::Hello).map(|header| header.session.opener).collect();
    assert!((10..=25).contains(&begun.len()), "{} in 20 s", begun.len());
    assert!(world.sides[A].peers.tunnel(&peer).is_none());
    world.tamper = None;
    world.run(Duration::from_secs(2));
    assert!(world.is_settled() && world.has_accepted(A) && !world.has_reset());
}

/// RS-12: who says that it cannot be, unproved, ends no waiting; whoever comes late is served.
#[test]
fn forged_refusals_end_nothing() {
    let mut world = World::new();
    let (near, far) = (world.sides[A].name, world.sides[B].name);
    world.cut = true;
    world.sides[A].peers.open(far, 7, 1, 22, world.now);
    world.run(MS * 100);
    let hello = world.of_kind(A, ConType::Hello).next().expect("a Hello").session;
    for reason in Reason::ALL {
        for session in [hello, SessId::default()] {
            let refused = open_packet((far, near), ConType::Refused, session, &[reason as u8]);
            (0..10).for_each(|_| world.post(A, refused.clone(), MS));
        }
    }
    world.run(Duration::from_secs(60));
    assert!(!world.has_reset());
    let told = |e: &&Happening| matches!(e, Happening::Trouble(_));
    assert!(world.sides[A].events.iter().filter(told).count() <= Reason::ALL.len());
    world.cut = false;
    world.run(Duration::from_secs(1));
    assert!(world.has_accepted(A) && !world.has_reset());
}

/// HS-01, HS-07: a relay on the path answers itself, before the peer and as often as it likes: its
/// key is not the peer's, the open handshake stays, and the peer's answer still fits.
#[test]
fn false_answers_leave_the_handshake_open_for_the_true_one() {
    for times in [3, 400] {
        let mut world = World::new();
        let (near, far) = (world.sides[A].name, world.sides[B].name);
        let liar = Identity::from_seed([66; 32]);
        let (pool, mut rng) = (Pool::new(1 << 20), Rng::new([66; 32]));
        let own = Own { identity: &liar, boot: [6; 16], suites: &Suite::ALL, pool: &pool };
        world.delay = MS * 20;
        world.sides[A].peers.open(far, 7, 1, 22, world.now);
        let mut answered = 0;
        for _ in 0..1500 {
            world.run(MS * 2);
            if world.carried.len() > answered {
                let hellos: Vec<_> = world.carried[answered..]
                    .iter()
                    .filter_map(|frame| {
                        let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).ok()?;
                        (header.kind == ConType::Hello).then(|| (header, frame.clone()))
                    })
                    .collect();
                answered = world.carried.len();
                for (header, frame) in hellos {
                    let ends = Ends { source: far, destination: near };
                    let hello = (&header, &frame[HEAD_ROOM..]);
                    let lie = Responder::new(&own, ends, hello, None, (&mut rng, world.now));
                    let lie = lie.expect("valid for Noise").answer().to_vec();
                    // All of them come before the peer's own.
                    (0..times).for_each(|at| world.post(A, lie.clone(), MS * at / 50));
                }
            }
            if world.has_accepted(A) {
                break;
            }
        }
        let begun: BTreeSet<_> =
            world.of_kind(A, ConType::Hello).map(|header| header.session.opener).collect();
        assert_eq!(begun.len(), 1, "no answer makes another handshake");
        let (read, all) = (world.count(A, "bad-hello"), world.count(A, "too-many-answers"));
        assert!((3..=20 + 3 * 100 + 20).contains(&read), "{read} of {} were read", read + all);
        if times == 3 {
            assert!(world.now <= Time::ZERO + Duration::from_millis(300));
        }
        world.run(Duration::from_secs(1));
        assert!(world.has_accepted(A) && !world.has_reset(), "{times} lies for each Hello");
    }
}
