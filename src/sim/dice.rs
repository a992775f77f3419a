//! Randomness out of one seed, a stream for each purpose, so that asking for one thing more does
//! not change another.

use crate::crypto::rng::Rng;

/// The stream of a seed for a purpose, of which the first 24 bytes count.
#[must_use]
pub fn dice(seed: u64, purpose: &str) -> Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    for (into, from) in bytes[8..].iter_mut().zip(purpose.bytes()) {
        *into = from;
    }
    Rng::new(bytes)
}

/// A number below `bound`, which is not zero.
pub fn below(rng: &mut Rng, bound: usize) -> usize {
    rng.below(bound as u64) as usize
}

/// A number between 0 and 1, neither of them.
pub fn fraction(rng: &mut Rng) -> f64 {
    ((rng.u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Any order, each equally likely.
pub fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for end in (1..items.len()).rev() {
        items.swap(end, below(rng, end + 1));
    }
}

/// Draws until `count` different items have come, or until it is clear that there are no more.
pub fn distinct(count: usize, mut draw: impl FnMut() -> u32) -> Vec<u32> {
    let mut drawn = Vec::with_capacity(count);
    for _ in 0..50 * count {
        if drawn.len() == count {
            break;
        }
        let item = draw();
        if !drawn.contains(&item) {
            drawn.push(item);
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_their_seeds_and_purposes() {
        let first = |seed, purpose| dice(seed, purpose).u64();
        assert_eq!(first(1, "roots"), first(1, "roots"));
        assert_ne!(first(1, "roots"), first(2, "roots"));
        assert_ne!(first(1, "roots"), first(1, "pairs"));
    }

    #[test]
    fn what_is_shuffled_or_drawn_is_there_once() {
        let mut rng = dice(1, "test");
        let mut items: Vec<u32> = (0..100).collect();
        shuffle(&mut rng, &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
        let mut drawn = distinct(7, || below(&mut rng, 7) as u32);
        drawn.sort_unstable();
        assert_eq!(drawn, (0..7).collect::<Vec<_>>());
        assert_eq!(distinct(3, || 5), [5], "there is only one");
        assert!((0..1000).all(|_| (f64::MIN_POSITIVE..1.0).contains(&fraction(&mut rng))));
    }
}
