//! Two ends back to back, and one end against hostile bytes.

use super::*;
use crate::base::limits::{HEAD_ROOM, LINK_DEAD, LINK_DOUBT, LINK_QUEUE_MAX};
use crate::overlay::attached::signed;
use crate::wire::route;
use quickcheck::quickcheck;

fn at(ms: u64) -> Time {
    Time::from_nanos(ms * 1_000_000)
}

fn pool() -> Pool {
    Pool::new(64 << 20)
}

fn identity(seed: u8) -> Rc<Identity> {
    Rc::new(Identity::from_seed([seed; 32]))
}

fn end(seed: u8, role: Role, pool: &Pool) -> Link {
    Link::new(identity(seed), role, None, &mut Rng::new([seed; 32]), pool, at(0))
}

fn packet(pool: &Pool, fill: u8) -> Buffer {
    let mut bytes = vec![fill; HEAD_ROOM + 100];
    let total = bytes.len();
    frame::emit(&mut bytes, Kind::Packet, total);
    let (a, b) = (identity(1).name(), identity(2).name());
    route::emit(&mut bytes[FRAME_HEADER..], &a, &b, 3);
    pool.copy(&bytes)
}

/// What `from` has to write, at most `most` bytes of it, taken off its queue.
fn drain(from: &mut Link, most: usize) -> Vec<u8> {
    let mut slices = Slices::default();
    from.send_slices(&mut slices);
    let mut bytes: Vec<u8> = slices.iter().flat_map(|part| part.to_vec()).collect();
    bytes.truncate(most);
    from.send_commit(bytes.len(), Time::ZERO);
    bytes
}

/// Hands `bytes` to `to`; stops where it lends no space.
fn give(to: &mut Link, mut bytes: &[u8], now: Time) {
    while !bytes.is_empty() {
        let space = to.recv_space();
        let count = space.len().min(bytes.len());
        if count == 0 {
            return;
        }
        space[..count].copy_from_slice(&bytes[..count]);
        to.recv_commit(count, now);
        bytes = &bytes[count..];
    }
}

/// Moves bytes both ways until nothing moves.
fn settle(a: &mut Link, b: &mut Link, now: Time) {
    while a.has_output() || b.has_output() {
        give(b, &drain(a, usize::MAX), now);
        give(a, &drain(b, usize::MAX), now);
    }
}

fn broken(link: &mut Link) -> Option<LinkError> {
    std::iter::from_fn(|| link.poll()).find_map(|event| match event {
        Event::Broken(error) => Some(error),
        _ => None,
    })
}

fn pair(pool: &Pool) -> (Link, Link) {
    let mut a = end(1, Role::Neighbour, pool).calling();
    let mut b = end(2, Role::Neighbour, pool);
    settle(&mut a, &mut b, at(0));
    for (link, other) in [(&mut a, 2), (&mut b, 1)] {
        let Some(Event::Proved { name, role }) = link.poll() else { panic!("not proved") };
        assert_eq!((name, role), (identity(other).name(), Role::Neighbour));
    }
    (a, b)
}

#[test]
fn two_ends_prove_themselves_and_carry_packets_and_names() {
    let pool = pool();
    let mut a = end(1, Role::Neighbour, &pool).calling();
    let mut b = end(2, Role::Neighbour, &pool);
    assert!(a.send(packet(&pool, 1), at(0)), "what is sent early waits for the proof");
    settle(&mut a, &mut b, at(1));
    let list = [signed(7, identity(1).name(), 1)];
    a.announce(list.iter());
    assert!(b.send(packet(&pool, 2), at(1)));
    settle(&mut a, &mut b, at(1));
    assert!(matches!(b.poll(), Some(Event::Proved { .. })));
    let Some(Event::Packet(frame)) = b.poll() else { panic!("no packet") };
    assert_eq!(&frame[..], &packet(&pool, 1)[..]);
    assert!(!frame.is_shared());
    assert!(matches!(b.poll(), Some(Event::Names(names)) if names == list));
    assert!(matches!(a.poll(), Some(Event::Proved { .. })));
    assert!(matches!(a.poll(), Some(Event::Packet(_))));
}

#[test]
fn the_caller_proves_itself_only_when_it_knows_whom_it_called() {
    let pool = pool();
    let mut a = end(1, Role::Neighbour, &pool).calling();
    let mut b = end(2, Role::Neighbour, &pool);
    give(&mut b, &drain(&mut a, usize::MAX), at(0));
    give(&mut a, &drain(&mut b, usize::MAX), at(0));
    assert!(a.is_up() && !b.is_up(), "dropped now, the link was never up for the other end");
}

#[test]
fn nobody_proves_a_name_in_no_time() {
    // DO-01: a connection that says nothing, or its Hello and no more, is closed in time.
    let pool = pool();
    for says in [0, 30, 71] {
        let mut link = end(1, Role::Neighbour, &pool);
        let hello = drain(&mut end(2, Role::Neighbour, &pool), says);
        give(&mut link, &hello, at(100));
        let due = link.next_timeout().expect("a deadline");
        link.tick(due.at);
        assert_eq!((due.at, broken(&mut link)), (Time::ZERO + PROOF_MAX, Some(LinkError::Late)));
        assert!(link.recv_space().is_empty() && !link.has_output());
        assert_eq!(link.next_timeout(), None);
    }
}

#[test]
fn before_the_proof_nothing_else_has_a_place() {
    let pool = pool();
    let mut names = end(9, Role::Neighbour, &pool);
    names.announce([].iter());
    let hello = FRAME_HEADER + Hello::LEN;
    let early = [
        (message(&pool, Kind::Ping, 0, |_| ()).to_vec(), LinkError::Unexpected),
        (drain(&mut names, usize::MAX)[hello..].to_vec(), LinkError::Unexpected),
        (packet(&pool, 0).to_vec(), LinkError::Frame(WireError::Bound)),
        (vec![0, 0, 0, 1, 99], LinkError::Frame(WireError::Unknown)),
        (vec![0; 4], LinkError::Frame(WireError::Bound)),
    ];
    for (bytes, error) in early {
        let mut link = end(1, Role::Neighbour, &pool);
        give(&mut link, &bytes, at(0));
        assert_eq!(broken(&mut link), Some(error), "{bytes:?}");
    }
}

#[test]
fn a_second_hello_breaks_the_link() {
    // OV-13, OV-08: recorded bytes of the same link played again.
    let pool = pool();
    let hello = drain(&mut end(2, Role::Neighbour, &pool), usize::MAX);
    let (mut a, _) = pair(&pool);
    give(&mut a, &hello, at(1));
    assert_eq!(broken(&mut a), Some(LinkError::Unexpected));
}

/// A proved link whose ends have these roles.
fn joined(pool: &Pool, near: Role, far: Role) -> (Link, Link) {
    // A client is always the caller.
    let is_called = near == Role::Neighbour;
    let (mut near, far) = (end(1, near, pool), end(2, far, pool));
    let mut far = if is_called { far.calling() } else { far };
    settle(&mut near, &mut far, at(0));
    while near.poll().is_some() || far.poll().is_some() {}
    (near, far)
}

/// docs/protocol/link.md#which-frame-where: a client ignores what it has no use for, which others
/// may have had passed on; what only the far end itself can have made ends a CLOAK node's link.
#[test]
fn each_kind_of_frame_has_its_place_and_out_of_it_breaks_or_is_ignored() {
    use Kind::*;
    let pool = pool();
    let (node, client) = (Role::Neighbour, Role::Client);
    let welcome = |near, far, kind| match (near, far) {
        (Role::Client, _) => matches!(kind, Packet | Ping | Pong | Places | Sought),
        (_, Role::Client) => matches!(kind, Packet | Ping | Pong | Record | Seek | Attach),
        _ => !matches!(kind, Hello | Proof | Record | Seek | Attach | Places | Sought),
    };
    for (near, far) in [(node, node), (node, client), (client, node)] {
        for kind in Kind::ALL {
            let (mut link, _far) = joined(&pool, near, far);
            // No body fits all kinds: a wrong one is no message out of turn.
            let body: &[u8] = if matches!(kind, Ping | Pong) { &[] } else { &[0xee; 300] };
            let frame = message(&pool, kind, body.len(), |into| {
                into.bytes(body);
            });
            give(&mut link, &frame, at(1));
            let events: Vec<Event> = std::iter::from_fn(|| link.poll()).collect();
            let case = format!("{kind:?} from {far:?} to {near:?}: {events:?}");
            let is = |error| matches!(events.last(), Some(Event::Broken(e)) if *e == error);
            let is_ignored = matches!(events[..], [Event::Ignored(ignored)] if ignored == kind);
            let is_proof = matches!(kind, Hello | Proof);
            if welcome(near, far, kind) {
                assert!(!is(LinkError::Unexpected) && !is_ignored, "{case}");
            } else if near == client && !is_proof {
                assert!(is_ignored && link.is_up(), "{case}");
            } else {
                assert!(is(LinkError::Unexpected), "{case}");
            }
        }
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let pool = pool();
    let mut hello = drain(&mut end(2, Role::Neighbour, &pool), usize::MAX);
    hello[FRAME_HEADER] += 1;
    let mut link = end(1, Role::Neighbour, &pool);
    give(&mut link, &hello, at(0));
    let error = broken(&mut link).expect("broken");
    assert_eq!(error, LinkError::Version);
    let text = "the far end speaks another version of the link protocol than 2";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_silent_end_is_asked_and_then_given_up() {
    let pool = pool();
    let (mut a, mut b) = pair(&pool);
    assert_eq!(a.next_timeout(), None, "an idle link waits for nothing");
    assert!(a.send(packet(&pool, 1), at(1000)));
    settle(&mut a, &mut b, at(1000));
    while let Some(due) = a.next_timeout().filter(|_| !a.is_doubtful()) {
        a.tick(due.at);
        drain(&mut a, usize::MAX);
        assert_eq!(a.is_doubtful(), due.at == at(1000) + LINK_DOUBT);
    }
    let due = a.next_timeout().expect("the end");
    assert_eq!(due.at, at(1000) + LINK_DEAD);
    a.tick(due.at);
    assert_eq!(broken(&mut a), Some(LinkError::Silent));
}

#[test]
fn what_cannot_be_written_keeps_the_doubt_alive() {
    let pool = pool();
    let (mut a, mut b) = pair(&pool);
    assert!(a.send(packet(&pool, 1), at(0)) && b.send(packet(&pool, 2), at(100)));
    give(&mut a, &drain(&mut b, usize::MAX), at(100));
    while let Some(due) = a.next_timeout().filter(|_| !a.is_doubtful()) {
        a.tick(due.at);
    }
    assert!(a.is_doubtful(), "it speaks, but it takes nothing");
}

#[test]
fn a_question_is_answered_once_and_gives_the_round_trip() {
    // DO-06: a flood of questions that the asker does not read answers to costs one answer.
    let pool = pool();
    let (mut a, mut b) = pair(&pool);
    a.suspect(at(10));
    assert!(a.is_doubtful());
    give(&mut b, &drain(&mut a, usize::MAX), at(15));
    give(&mut b, &message(&pool, Kind::Ping, 0, |_| ()).repeat(50), at(15));
    let answer = drain(&mut b, usize::MAX);
    assert_eq!(answer.len(), FRAME_HEADER);
    give(&mut a, &answer, at(20));
    assert_eq!((a.rtt(), a.is_doubtful()), (Some(Duration::from_millis(10)), false));
    assert_eq!(b.next_timeout(), None, "an answer waits for no answer");
}

#[test]
fn a_paused_end_lends_no_space_and_says_that_it_lives() {
    let pool = pool();
    let (mut a, mut b) = pair(&pool);
    b.pause(true, at(0));
    assert!(b.recv_space().is_empty());
    assert!(a.send(packet(&pool, 1), at(0)));
    for ms in 1..10_000 {
        a.tick(at(ms));
        b.tick(at(ms));
        give(&mut a, &drain(&mut b, usize::MAX), at(ms));
        assert!(!a.is_doubtful());
    }
    b.pause(false, at(10_000));
    settle(&mut a, &mut b, at(10_000));
    assert!(matches!(b.poll(), Some(Event::Packet(_))));
}

#[test]
fn what_waits_moves_to_a_fresh_link() {
    let pool = pool();
    let (mut a, _) = pair(&pool);
    assert!((1..5).all(|fill| a.send(packet(&pool, fill), at(0))));
    drain(&mut a, HEAD_ROOM + 100 + HEAD_ROOM);
    let (mut fresh, mut b) = pair(&pool);
    for waiting in a.take_queue() {
        assert!(fresh.send(waiting, at(1)));
    }
    settle(&mut fresh, &mut b, at(1));
    let fills: Vec<u8> = std::iter::from_fn(|| b.poll())
        .filter_map(|event| match event {
            Event::Packet(frame) => frame.last().copied(),
            _ => None,
        })
        .collect();
    assert_eq!(fills, [2, 3, 4], "the second, half written, is whole again");
    assert!(!a.has_output() && a.queued() == 0);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let pool = pool();
    let (mut a, _) = pair(&pool);
    let mut kept = 0;
    while a.send(packet(&pool, 0), at(0)) {
        kept += packet(&pool, 0).len();
    }
    assert!(kept <= LINK_QUEUE_MAX && a.queued() == kept);
    assert_eq!(a.dropped(), 1);
}

quickcheck! {
    /// FR, OV-14: whatever arrives, a link does not panic, lends bounded space and ends clean.
    fn any_bytes_are_survived(bytes: Vec<u8>, proved: bool) -> bool {
        let pool = pool();
        let mut link = if proved { pair(&pool).0 } else { end(1, Role::Neighbour, &pool) };
        give(&mut link, &bytes, at(1));
        while link.poll().is_some() {}
        drop(link);
        pool.used() == 0
    }
}
