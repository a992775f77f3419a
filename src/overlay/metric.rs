//! What "closer" means to greedy routing.
//!
//! Both metrics of the reference decrease strictly along tree edges towards any destination, so a
//! packet always arrives on an intact tree. The integer one measures better on every graph tried
//! (docs/OVERLAY.md) and is the default; the papers' hyperbolic one stays for comparison.

use std::f64::consts::PI;

use super::word::{self, Letter};

/// A distance: to be compared, not to be added.
pub type Far = u32;

/// Steps of a hyperbolic distance in one unit of its logarithm. The smallest difference that
/// decides is about 2/k at depth k, which this resolves for every depth an address may have.
const STEPS: f64 = 65536.0;

/// How far two places are from each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Metric {
    /// Edges of the tree.
    #[default]
    Tree,
    /// Distance in the hyperbolic plane, where the tree is drawn with this many edges at each node.
    Hyperbolic(Plane),
}

impl Metric {
    /// The papers' metric for trees of degree `q`, 3 to 256.
    #[must_use]
    pub fn hyperbolic(q: u16) -> Self {
        Self::Hyperbolic(Plane::new(q))
    }

    /// How far `to` is from `from`.
    #[must_use]
    pub fn far(&self, from: &[Letter], to: &[Letter]) -> Far {
        match self {
            Self::Tree => word::distance(from, to),
            Self::Hyperbolic(plane) => (plane.far(word::way(from, to)) * STEPS) as Far,
        }
    }
}

/// A hyperbolic plane with a q-regular tree drawn in it, each edge of the critical length.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// `ln sin(pi/q)`, once for every letter.
    shrink: f64,
    /// For each letter its half-turn's second coefficient, `-i cos(pi/q) e^(2 pi i letter / q)`.
    turns: Vec<(f64, f64)>,
}

impl Plane {
    /// The plane for degree `q`.
    #[must_use]
    pub fn new(q: u16) -> Self {
        let q = f64::from(q.clamp(3, 256));
        let radius = (PI / q).cos();
        let turn = |letter: u16| {
            let (sin, cos) = (2.0 * PI * f64::from(letter) / q).sin_cos();
            (radius * sin, -radius * cos)
        };
        Self { shrink: (PI / q).sin().ln(), turns: (0..q as u16).map(turn).collect() }
    }

    /// The half-turns of a word multiplied, and the logarithm of what was divided out of them.
    fn product(&self, way: impl Iterator<Item = Letter>) -> ((f64, f64), (f64, f64), f64) {
        let (mut a, mut b, mut log) = ((1.0, 0.0), (0.0, 0.0), 0.0);
        for letter in way {
            let at = usize::from(letter).checked_rem(self.turns.len());
            let Some(t) = at.and_then(|at| self.turns.get(at)) else { continue };
            // (a, b) * (i, t), with i conjugated to -i.
            let next_a = (-a.1 + b.0 * t.0 + b.1 * t.1, a.0 - b.0 * t.1 + b.1 * t.0);
            let next_b = (a.0 * t.0 - a.1 * t.1 + b.1, a.0 * t.1 + a.1 * t.0 - b.0);
            let size = next_a.0.hypot(next_a.1);
            a = (next_a.0 / size, next_a.1 / size);
            b = (next_b.0 / size, next_b.1 / size);
            log += size.ln() - self.shrink;
        }
        (a, b, log)
    }

    /// The logarithm of `cosh(d/2)`, which grows with the distance d and overflows at no depth.
    fn far(&self, way: impl Iterator<Item = Letter>) -> f64 {
        self.product(way).2.max(0.0)
    }

    /// The point of the Poincare disk where a word is drawn.
    #[must_use]
    pub fn point(&self, word: &[Letter]) -> (f64, f64) {
        let (a, b, _) = self.product(word.iter().copied());
        // b / conj(a), with |a| = 1.
        (b.0 * a.0 - b.1 * a.1, b.0 * a.1 + b.1 * a.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::word::Word;
    use quickcheck::quickcheck;

    fn word(q: u16, raw: &[u8]) -> Word {
        raw.iter().fold(Word::root(), |word, byte| {
            let letter = (u16::from(*byte) % q) as u8;
            if word.last() == Some(&letter) { word } else { word.step(letter) }
        })
    }

    /// The property that greedy routing stands on: along every edge of the tree's way to the
    /// destination the distance decreases, whatever the two places and the degree.
    fn decreases(metric: &Metric, from: &Word, to: &Word) -> bool {
        let mut at = from.clone();
        let way: Vec<u8> = word::way(from, to).collect();
        way.into_iter().all(|letter| {
            let far = metric.far(&at, to);
            at = std::mem::take(&mut at).step(letter);
            metric.far(&at, to) < far
        }) && metric.far(&at, to) == 0
    }

    quickcheck! {
        fn both_metrics_decrease_along_tree_edges(q: u8, a: Vec<u8>, b: Vec<u8>) -> bool {
            let q = 3 + u16::from(q) % 254;
            let [a, b] = [a, b].map(|raw| word(q, &raw[..raw.len().min(60)]));
            [Metric::Tree, Metric::hyperbolic(q)].iter().all(|metric| decreases(metric, &a, &b))
        }
    }

    #[test]
    fn every_degree_is_greedy_on_the_hardest_way() {
        // A cusp: always turn to the next edge, so that the distance grows slowest.
        for q in 3..=256 {
            let cusp: Vec<u8> = (0..59).map(|n: u16| (n % q) as u8).collect();
            let cusp = Word::new(&cusp).expect("no letter follows itself");
            assert!(decreases(&Metric::hyperbolic(q), &cusp, &Word::root()), "{q}");
            assert!(decreases(&Metric::hyperbolic(q), &Word::root(), &cusp), "{q}");
        }
    }

    #[test]
    fn points_are_where_the_papers_draw_them() {
        for q in [3_u16, 4, 16, 256] {
            let plane = Plane::new(q);
            assert_eq!(plane.point(&[]), (0.0, 0.0));
            for letter in 0..q.min(8) as u8 {
                let (x, y) = plane.point(&[letter]);
                let radius = (PI / f64::from(q)).cos();
                assert!((x.hypot(y) - radius).abs() < 1e-12, "half edge: tanh h = cos(pi/q)");
            }
            let (x, y) = plane.point(&[0, 1, 0]);
            assert!(x.hypot(y) < 1.0);
        }
    }
}
