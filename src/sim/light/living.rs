//! Who is dead.

use crate::crypto::rng::Rng;
use crate::sim::dice::below;
use crate::sim::graph::Node;

/// The nodes that live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    is_dead: Vec<bool>,
    dead: u32,
}

impl Living {
    /// Everybody.
    #[must_use]
    pub fn all(nodes: u32) -> Self {
        Self { is_dead: vec![false; nodes as usize], dead: 0 }
    }

    /// Everybody but as many as this share of the nodes, drawn from all but `spared`.
    #[must_use]
    pub fn but(nodes: u32, percent: f64, spared: &[Node], rng: &mut Rng) -> Self {
        let mut living = Self::all(nodes);
        let most = nodes.saturating_sub(spared.len() as u32 + 2);
        let count = ((f64::from(nodes) * percent / 100.0).round() as u32).min(most);
        while living.dead < count {
            let node = below(rng, nodes as usize) as Node;
            if !spared.contains(&node) {
                living.kill(node);
            }
        }
        living
    }

    /// One dies.
    pub fn kill(&mut self, node: Node) {
        self.dead += u32::from(!std::mem::replace(&mut self.is_dead[node as usize], true));
    }

    /// Whether this one lives.
    #[must_use]
    pub fn has(&self, node: Node) -> bool {
        !self.is_dead[node as usize]
    }

    /// How many live.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.is_dead.len() as u32 - self.dead
    }

    /// One of them.
    pub fn draw(&self, rng: &mut Rng) -> Node {
        loop {
            let node = below(rng, self.is_dead.len()) as Node;
            if self.has(node) {
                return node;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::dice;

    #[test]
    fn the_share_dies_and_the_spared_do_not() {
        let mut rng = dice(1, "dead");
        let living = Living::but(100, 20.0, &[7, 9], &mut rng);
        assert_eq!((living.count(), living.has(7), living.has(9)), (80, true, true));
        assert!((0..200).all(|_| living.has(living.draw(&mut rng))));
        assert_eq!(Living::but(4, 99.0, &[0], &mut rng).count(), 3, "there is always a pair");
    }
}
