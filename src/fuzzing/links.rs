//! One end of a link against bytes in pieces: the same in any pieces, bounded, and clean at the
//! end (FR-01, FR-03, OV-14).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::driver::Driver;
use super::script::Script;
use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::limits::{FRAME_MAX, LINK_QUEUE_MAX, READ_AHEAD};
use crate::base::links::LinkId;
use crate::base::machine::{Machine, Slices};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::link::{Event, Link};
use crate::wire::frame::{self, Kind};
use crate::wire::link::Role;

const MEMORY: usize = 64 << 20;

/// The identity of a seed: made once, because it costs more than most runs.
pub(super) fn identity(seed: u8) -> Rc<Identity> {
    thread_local! {
        static KNOWN: RefCell<BTreeMap<u8, Rc<Identity>>> = const { RefCell::new(BTreeMap::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        let made = || Rc::new(Identity::from_seed([seed; 32]));
        Rc::clone(known.entry(seed).or_insert_with(made))
    })
}

/// A link's far end says what the input says, before or after it proved its Name.
pub fn link_stream(input: &[u8]) {
    let Some(mut script) = Script::new(input) else { return };
    let form = script.byte();
    let sizes = script.piece();
    let bytes = script.rest();
    let whole = run(form, bytes, &[255]);
    assert_eq!(run(form, bytes, sizes), whole, "in pieces");
}

/// What came of the bytes, the last error included.
fn run(form: u8, bytes: &[u8], sizes: &[u8]) -> Vec<String> {
    let pool = Pool::new(MEMORY);
    let role = if form & 1 == 0 { Role::Neighbour } else { Role::Client };
    let mut link = end(1, role, &pool);
    let mut came = Vec::new();
    if form & 2 != 0 {
        let far_role = if form & 4 == 0 { Role::Neighbour } else { Role::Client };
        let mut far = end(2, far_role, &pool).calling();
        join(&mut link, &mut far, Time::ZERO);
    }
    let now = Time::from_nanos(1_000_000);
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut rest = bytes;
    while !rest.is_empty() {
        let space = link.recv_space();
        assert!(space.len() <= FRAME_MAX + READ_AHEAD, "a read is bounded");
        let count = sizes.next().unwrap_or(1).min(space.len()).min(rest.len());
        if count == 0 {
            break;
        }
        space[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        link.recv_commit(count, now);
        came.extend(std::iter::from_fn(|| link.poll()).map(|event| told(&event)));
        assert!(pool.used() <= LINK_QUEUE_MAX, "{} bytes are held", pool.used());
    }
    link.tick(now);
    drop(link);
    assert_eq!(pool.used(), 0, "a link that is gone holds nothing");
    came
}

fn end(seed: u8, role: Role, pool: &Pool) -> Link {
    Link::new(identity(seed), role, None, &mut Rng::new([seed; 32]), pool, Time::ZERO)
}

fn told(event: &Event) -> String {
    match event {
        Event::Packet(packet) => {
            assert_eq!(frame::length(packet), Ok(Some(packet.len())), "a frame has its own length");
            assert!(matches!(frame::kind(packet), Ok(Kind::Packet | Kind::Errand)));
            assert!(!packet.is_shared());
            format!("packet {:?}", &packet[..])
        }
        Event::Word(kind, body) => format!("{kind:?} {:?}", &body[..]),
        _ => format!("{event:?}"),
    }
}

/// Moves bytes both ways until nothing moves.
pub(super) fn join(one: &mut Link, other: &mut Link, now: Time) {
    while hand_over(one, other, now) | hand_over(other, one, now) {}
}

/// The same where one end is a machine's.
pub(super) fn join_with<M: Machine>(driver: &mut Driver<M>, link: LinkId, far: &mut Link) {
    while driver.is_open(link) {
        let there = driver.send(link, usize::MAX);
        let taken = give(far, &there, driver.now);
        let mut slices = Slices::default();
        far.send_slices(&mut slices);
        let back: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let moved = if back.is_empty() { 0 } else { driver.receive(link, &back) };
        far.send_commit(moved, driver.now);
        if taken == 0 && moved == 0 {
            return;
        }
    }
}

fn hand_over(from: &mut Link, to: &mut Link, now: Time) -> bool {
    let mut slices = Slices::default();
    from.send_slices(&mut slices);
    let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
    let moved = give(to, &bytes, now);
    from.send_commit(moved, now);
    moved > 0
}

/// Gives bytes to a link; how many found room.
pub(super) fn give(to: &mut Link, bytes: &[u8], now: Time) -> usize {
    let mut moved = 0;
    while moved < bytes.len() {
        let space = to.recv_space();
        let count = space.len().min(bytes.len() - moved);
        if count == 0 {
            break;
        }
        space[..count].copy_from_slice(&bytes[moved..moved + count]);
        to.recv_commit(count, now);
        moved += count;
    }
    moved
}
