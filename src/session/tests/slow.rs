//! Paths with round trips of seconds, and answers that arrive after the timeouts for them.

use super::*;
use crate::base::limits::HANDSHAKE_RTT_MAX;

const S: Duration = Duration::from_secs(1);

impl World {
    /// Opens a session from A on a path with this round trip. Returns the time until four bytes
    /// have arrived.
    fn exchange(&mut self, rtt: Duration) -> Duration {
        self.delay = rtt / 2;
        let (began, peer) = (self.now, self.sides[B].name);
        self.sides[A].peers.open(peer, 7, 40_000, 22, self.now);
        while !self.sides[B].heard.values().any(|heard| heard == b"ping") {
            self.run(MS * 10);
            for key in self.started(A).collect::<Vec<_>>() {
                if !self.sides[A].to_send.contains_key(&key) {
                    self.say(A, key, b"ping");
                }
            }
            assert!(self.now.since(began) < 20 * rtt, "not a word in twenty round trips");
        }
        self.now.since(began)
    }

    fn sent_again(&self, at: usize) -> u64 {
        let peer = self.sides[1 - at].name;
        self.sides[at].peers.tunnel(&peer).map_or(0, |tunnel| tunnel.status().sent_again)
    }

    fn resumed(&self, at: usize) -> u64 {
        let peer = self.sides[1 - at].name;
        self.sides[at].peers.tunnel(&peer).map_or(0, |tunnel| tunnel.status().resumed)
    }
}

#[test]
fn a_first_word_takes_two_round_trips_and_a_half_however_long_they_are() {
    for rtt in [600, 1500, 3000, 9000] {
        let mut world = World::new();
        let took = world.exchange(MS * rtt);
        assert!(took <= MS * rtt * 5 / 2 + MS * 50, "{took:?} over {rtt} ms");
        let key = *world.sides[B].heard.keys().next().expect("a session");
        world.say(A, key, &pattern(200_000));
        world.run(MS * rtt * 20);
        assert_eq!(world.sides[B].heard[&key].len(), 200_004, "over {rtt} ms");
        // What a handshake says of longer ones is not relied on.
        let most = if MS * rtt <= HANDSHAKE_RTT_MAX { 0 } else { 12 };
        let again = world.sent_again(A) + world.sent_again(B);
        assert!(again <= most, "{again} packets over {rtt} ms");
        assert!(world.resumed(A) + world.resumed(B) <= most, "over {rtt} ms");
    }
}

#[test]
fn a_round_trip_that_grows_costs_one_outage_and_few_packets() {
    for rtt in [1500, 3200, 10_000, 30_000] {
        let mut world = World::new();
        let key = world.open(A);
        world.say(A, key, &pattern(100_000));
        world.run(S);
        world.delay = MS * rtt / 2;
        let mut said = 100_000;
        for _ in 0..20 {
            world.say(A, key, &pattern(1000));
            said += 1000;
            world.run(MS * rtt);
        }
        world.run(MS * rtt * 4);
        assert_eq!(world.sides[B].heard[&key].len(), said, "over {rtt} ms");
        assert!(world.resumed(A) <= 1, "{} outages over {rtt} ms", world.resumed(A));
        assert!(world.sent_again(A) <= 12, "{} packets over {rtt} ms", world.sent_again(A));
    }
}

/// The simulator's seed 377: the answerer has accepted the first handshake and called the service
/// for what was opened early; its confirmation is lost until the initiator has begun again.
#[test]
fn a_lost_confirmation_has_no_service_called_twice() {
    for lost_for in [900, 1500, 2500, 6000] {
        let mut world = World::new();
        world.tamper = Some(Box::new(move |frame: &[u8]| {
            let header = Header::parse(&frame[HEAD_ROOM - PERSISTENT_LEN..]).expect("a header");
            let is_first = header.kind == ConType::FinishedBack || header.kind == ConType::Ack;
            (!is_first).then(|| frame.to_vec())
        }));
        let peer = world.sides[B].name;
        world.sides[A].peers.open(peer, 7, 40_000, 22, world.now);
        world.run(MS * lost_for);
        world.tamper = None;
        world.run(S * 5);
        let incoming = |e: &&Happening| matches!(e, Happening::Tunnel(Event::Incoming(..)));
        let reset = |e: &&Happening| matches!(e, Happening::Tunnel(Event::Reset(..)));
        let events = &world.sides[B].events;
        assert_eq!(events.iter().filter(incoming).count(), 1, "lost for {lost_for} ms");
        assert_eq!(events.iter().filter(reset).count(), 0, "lost for {lost_for} ms");
        assert!(world.started(A).next().is_some(), "lost for {lost_for} ms");
    }
}
