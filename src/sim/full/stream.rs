//! The byte streams between nodes: in order and whole, as TCP gives them, and late where it is.

use std::collections::VecDeque;
use std::time::Duration;

use super::sieve::Sieve;
use super::tally::Counter;
use crate::base::clock::Time;
use crate::base::links::LinkId;
use crate::crypto::rng::Rng;
use crate::sim::dice::fraction;
use crate::sim::graph::Node;

/// A lost segment is sent again after this long, and each further time after twice as long.
const RETRANSMITTED_AFTER: Duration = Duration::from_millis(200);

/// One end of a stream: a link of one life of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Whose.
    pub node: Node,
    /// In which of its lives.
    pub life: u32,
    /// What the node calls it.
    pub link: LinkId,
}

/// What travels.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The writer has closed.
    Fin,
    /// The writer has aborted, or died.
    Reset,
}

/// A stream.
#[derive(Debug)]
pub struct Stream {
    /// Both ends; the first one dialled.
    pub ends: [End; 2],
    /// How long a piece travels.
    pub latency: Duration,
    /// Nothing arrives any more, and nobody is told.
    pub is_silent: bool,
    /// What travels from each end.
    pub ways: [Way; 2],
}

/// One direction.
#[derive(Debug, Default)]
pub struct Way {
    under_way: VecDeque<(Time, Piece)>,
    last: Time,
    /// Cuts what is written into frames.
    pub counter: Counter,
    /// Takes out what a reader that swallows packets does not pass on.
    pub sieve: Sieve,
    /// The reader lent no space; it says when it does.
    pub is_stalled: bool,
}

impl Way {
    /// Sends a piece; when it arrives. Pieces never overtake each other.
    pub fn send(&mut self, piece: Piece, latency: Duration, lateness: Duration, now: Time) -> Time {
        self.last = self.last.max(now + latency + lateness);
        self.under_way.push_back((self.last, piece));
        self.last
    }

    /// The next piece that has arrived.
    pub fn receive(&mut self, now: Time) -> Option<Piece> {
        self.under_way.front().filter(|(at, _)| *at <= now)?;
        self.under_way.pop_front().map(|(_, piece)| piece)
    }

    /// Puts back what the reader did not take.
    pub fn put_back(&mut self, piece: Piece, now: Time) {
        self.under_way.push_front((now, piece));
        self.is_stalled = true;
    }

    /// What is under way arrives no sooner than at `until`.
    pub fn hold(&mut self, until: Time) {
        self.under_way.iter_mut().for_each(|(at, _)| *at = until.max(*at));
        self.last = self.last.max(until);
    }
}

/// How much later a piece arrives where this share of all pieces is lost: each loss costs a
/// retransmission, and what is sent again may be lost again.
pub fn lateness(loss: f64, rng: &mut Rng) -> Duration {
    let mut late = Duration::ZERO;
    let mut wait = RETRANSMITTED_AFTER;
    while loss > 0.0 && fraction(rng) < loss {
        late += wait;
        wait *= 2;
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::dice;

    #[test]
    fn pieces_keep_their_order_and_wait_for_the_late() {
        let (mut way, ms) = (Way::default(), Duration::from_millis);
        let first = way.send(Piece::Bytes(vec![1]), ms(10), ms(200), Time::ZERO);
        let second = way.send(Piece::Fin, ms(10), Duration::ZERO, Time::ZERO + ms(5));
        assert_eq!((first, second), (Time::ZERO + ms(210), first));
        assert_eq!(way.receive(Time::ZERO + ms(209)), None);
        assert_eq!(way.receive(first), Some(Piece::Bytes(vec![1])));
        way.put_back(Piece::Bytes(vec![1]), first);
        way.hold(first + ms(50));
        assert_eq!(way.receive(first + ms(49)), None);
        assert_eq!(way.receive(first + ms(50)), Some(Piece::Bytes(vec![1])));
        assert_eq!(way.receive(first + ms(50)), Some(Piece::Fin));
    }

    #[test]
    fn so_many_are_late_as_are_lost() {
        let mut rng = dice(1, "late");
        assert_eq!(lateness(0.0, &mut rng), Duration::ZERO);
        let late = (0..10_000).filter(|_| !lateness(0.1, &mut rng).is_zero()).count();
        assert!((900..1100).contains(&late), "{late}");
    }
}
