//! Rows of the catalogue of attacks and faults that speak of resume, acknowledgement and flow.

use super::*;

fn kind_of(frame: &[u8]) -> ConType {
    Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header").kind
}

/// RS-10: the path comes and goes every few hundred milliseconds, for minutes.
#[test]
fn a_path_that_flaps_for_minutes_still_carries() {
    let mut world = World::new();
    let key = world.open(A);
    let mut sent = Vec::new();
    for flap in 0..400 {
        let bytes = pattern(20_000);
        world.say(A, key, &bytes);
        sent.extend(bytes);
        world.cut = flap % 2 == 0;
        world.run(MS * if world.cut { 250 } else { 350 });
        world.carried.clear();
    }
    world.cut = false;
    world.finish_all(key, &sent);
}

impl World {
    /// Everything arrives, and nothing is held for it afterwards.
    fn finish_all(&mut self, key: u64, sent: &[u8]) {
        for side in [A, B] {
            self.sides[side].finish.insert(key);
            self.say(side, key, b"");
        }
        self.run(Duration::from_secs(10));
        assert!(self.sides[B].heard[&key] == sent, "{} bytes", self.sides[B].heard[&key].len());
        for side in &self.sides {
            assert!(side.saw(Event::Closed(key)));
            assert_eq!(side.pool.used(), 0, "a leak");
        }
    }
}

/// RS-13, RL-06: nothing is acknowledged, before an outage and behind it: the application is not
/// read beyond its window, and everything arrives once acknowledgements do.
#[test]
fn who_is_never_acknowledged_holds_its_window_and_no_more() {
    let bounds = Bounds { window: 256 << 10, ..Bounds::default() };
    let mut world = World::with(bounds);
    let key = world.open(A);
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let kind = kind_of(frame);
        (kind != ConType::Ack && kind != ConType::ReHelloBack).then(|| frame.to_vec())
    }));
    let bytes = pattern(3_000_000);
    world.say(A, key, &bytes);
    for away in [0, 20, 0, 200] {
        world.cut = away > 0;
        world.run(Duration::from_secs(away.max(10)));
        let used = world.sides[A].pool.used();
        assert!(used <= bounds.window + (64 << 10), "{used} bytes are held");
        let left = world.sides[A].to_send[&key].len();
        assert!(left > bytes.len() - bounds.window, "only {left} bytes are left outside");
    }
    (world.cut, world.tamper) = (false, None);
    world.run(Duration::from_secs(20));
    world.finish_all(key, &bytes);
}

/// RS-14: a Re-Hello of another version is dropped, counted, and resumes nothing.
#[test]
fn a_resume_by_another_version_is_refused() {
    let mut world = World::new();
    let key = world.open(A);
    world.tamper = Some(Box::new(|frame: &[u8]| {
        let mut other = frame.to_vec();
        other[HEAD_ROOM - PERSISTENT_LEN] += 1;
        Some(other)
    }));
    world.say(A, key, b"from one version to another");
    world.run(Duration::from_secs(10));
    assert!(world.outage(A) && world.count(B, "malformed") > 10);
    assert_eq!((world.epoch(A), world.epoch(B)), (0, 0));
    world.tamper = None;
    world.run(Duration::from_secs(1));
    assert_eq!(world.sides[B].heard[&key], b"from one version to another");
}

/// RS-15: a side moves at every step of a handshake, of a resume and of a change of keys: all that
/// was under way is lost, and only that exchange is begun again.
#[test]
fn a_move_at_any_step_sticks_nowhere() {
    for step in 0..40 {
        let mut bounds = Bounds::default();
        bounds.wear.packets = 8;
        let mut world = World::with(bounds);
        let mut seen = 0;
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            seen += 1;
            (seen < step || seen >= step + 6).then(|| frame.to_vec())
        }));
        let peer = world.sides[B].name;
        world.sides[A].peers.open(peer, 7, 1, 22, world.now);
        for _ in 0..5 {
            world.run(MS * 3);
            world.sides[usize::from(step % 2 == 1)].peers.path_changed(world.now);
        }
        world.run(Duration::from_secs(3));
        let key = world.started(A).last().unwrap_or_else(|| panic!("stuck at step {step}"));
        world.sides[A].heard.entry(key).or_default();
        let bytes = pattern(400_000);
        world.say(A, key, &bytes);
        world.run(MS * 5);
        // The whole of what follows an outage, one packet more of it each time.
        let mut seen = 0;
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            seen += 1;
            (seen >= 30 && (seen < 30 + step || seen >= 36 + step)).then(|| frame.to_vec())
        }));
        for side in [A, B] {
            world.sides[side].peers.path_changed(world.now);
            world.run(MS * 4);
        }
        world.run(Duration::from_secs(20));
        assert!(world.sides[B].heard[&key] == bytes, "stuck at step {step}");
        assert_eq!(world.epoch(A), world.epoch(B), "step {step}");
    }
}

/// RL-07: the reader rests for hours, and its first words of new credit are lost.
#[test]
fn a_lost_word_of_credit_is_asked_for() {
    let mut world = World::new();
    let key = world.open(A);
    world.sides[B].reads = false;
    let bytes = pattern(2_000_000);
    world.say(A, key, &bytes);
    world.run(Duration::from_secs(3 * 3600));
    assert!(!world.outage(A) && !world.sides[A].to_send[&key].is_empty());
    let mut lost = 0;
    world.tamper = Some(Box::new(move |frame: &[u8]| {
        lost += u32::from(kind_of(frame) == ConType::Ack);
        (kind_of(frame) != ConType::Ack || lost > 4).then(|| frame.to_vec())
    }));
    world.sides[B].reads = true;
    world.run(Duration::from_secs(60));
    world.finish_all(key, &bytes);
}

/// RL-02: one packet of a session is lost while another session is busy, whose acknowledgements
/// arrive all the time.
#[test]
fn a_packet_lost_beside_a_busy_session_is_sent_again() {
    let mut world = World::new();
    let (small, busy) = (world.open(A), world.open(A));
    let mut is_dropped = false;
    world.tamper = Some(Box::new(move |frame: &[u8]| {
        let is_it = kind_of(frame) == ConType::Data && frame.len() < 1000 && !is_dropped;
        is_dropped |= is_it;
        (!is_it).then(|| frame.to_vec())
    }));
    world.say(A, small, &pattern(100));
    let mut took = Duration::ZERO;
    while world.sides[B].heard.get(&small).is_none_or(|heard| heard.is_empty()) {
        world.say(A, busy, &pattern(20_000));
        world.run(MS);
        took += MS;
        assert!(took < Duration::from_secs(1), "it hangs");
    }
    assert!(took > MS * 50, "the packet was not lost");
}

/// RL-08: a relay drops one in ten, half, or nine in ten of the acknowledgements.
#[test]
fn lost_acknowledgements_cost_time_and_nothing_else() {
    for dropped in [10, 50, 90] {
        let mut world = World::new();
        let key = world.open(A);
        let mut dice = Rng::new([dropped as u8; 32]);
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            let is_lost = kind_of(frame) == ConType::Ack && dice.below(100) < dropped;
            (!is_lost).then(|| frame.to_vec())
        }));
        let bytes = pattern(1_000_000);
        world.say(A, key, &bytes);
        let mut took = Duration::ZERO;
        while world.sides[B].heard.get(&key).is_none_or(|heard| heard.len() < bytes.len()) {
            world.run(MS * 100);
            took += MS * 100;
            assert!(took < Duration::from_secs(60), "{dropped} % lost: it hangs");
        }
        world.tamper = None;
        world.run(Duration::from_secs(5));
        world.finish_all(key, &bytes);
    }
}

/// RL-10: the round trip jumps from 2 ms to 20 s and back: what is sent needlessly is bounded.
#[test]
fn a_round_trip_that_jumps_is_followed() {
    let mut world = World::new();
    let key = world.open(A);
    let mut sent = Vec::new();
    for (delay, steps) in [(1, 20), (10_000, 60), (1, 60)] {
        world.delay = MS * delay;
        for _ in 0..steps {
            let bytes = pattern(2_000);
            world.say(A, key, &bytes);
            sent.extend(bytes);
            world.run(Duration::from_secs(1));
        }
    }
    world.run(Duration::from_secs(60));
    let peer = world.sides[B].name;
    let again = world.sides[A].peers.tunnel(&peer).expect("a tunnel").status().sent_again_bytes;
    assert!(again < 30 * sent.len() as u64, "{again} bytes were sent again of {}", sent.len());
    let before = world.now;
    world.say(A, key, b"soon");
    sent.extend(b"soon");
    world.run(MS * 100);
    assert!(world.sides[B].heard[&key].ends_with(b"soon"), "{:?}", world.now.since(before));
    world.finish_all(key, &sent);
}
