//! A lookup on its way, past the dead where there are any.

use super::super::living::Living;
use super::super::tree::Tree;
use super::super::walk::{Walk, Walker};
use super::angle::Angle;
use super::spread::Spread;
use super::{Key, Owners};
use crate::overlay::metric::Metric;
use crate::sim::graph::{Graph, Node};

/// An overlay to look things up in.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its links.
    pub graph: &'a Graph,
    /// Its trees.
    pub trees: &'a [Tree],
    /// Who answers.
    pub living: &'a Living,
    /// What near means.
    pub metric: &'a Metric,
}

impl Field<'_> {
    fn walker(&self) -> Walker<'_> {
        Walker::new(self.graph, self.trees, self.living, self.metric)
    }

    /// The papers' lookup of a copy: greedily towards the key's word, which is nobody's; where no
    /// neighbour is nearer, there the record should be.
    #[must_use]
    pub fn by_angle(&self, angle: &Angle<'_>, key: &Key, replica: usize, from: Node) -> Walk {
        let word = angle.word(key, replica);
        self.walker().along(from, None, &[(0, &word)], |_, _| ())
    }

    /// Ours: greedily to the root of the copy's tree, by all addresses of the root, and down from
    /// there by tree edges. `None` where a dead node is in the way.
    #[must_use]
    pub fn by_descent(
        &self,
        spread: &Spread<'_>,
        key: &Key,
        copy: usize,
        from: Node,
    ) -> Option<Walk> {
        let root = spread.tree(copy).root();
        if !self.living.has(root) {
            return None;
        }
        let up = self.walker().to(from, root)?;
        let way = spread.descent(key, copy);
        let is_open = way.iter().all(|node| self.living.has(*node));
        is_open.then(|| Walk { end: way[way.len() - 1], hops: up + way.len() as u32 - 1 })
    }
}

/// Whether any copy is found where the new mapping looks for it, by who kept one before and lives.
#[must_use]
pub fn is_found(before: &[Node], living: &Living, now: &impl Owners, key: &Key) -> bool {
    let asked = (0..now.replicas()).map(|replica| now.owner(key, replica));
    asked.into_iter().any(|node| living.has(node) && before.contains(&node))
}

#[cfg(test)]
mod tests {
    use super::super::super::roots::Order;
    use super::super::super::world::{Plan, World};
    use super::super::spread::Draw;
    use super::*;
    use crate::sim::dice::dice;
    use crate::sim::graph::shapes::{Kind, Shape};

    #[test]
    fn the_owner_is_the_same_from_everywhere() {
        for degree in [4, 16, 256] {
            let shape = Shape { kind: Kind::Joiners, nodes: 200, links: 2 };
            let plan = Plan { shape, degree, trees: 3, order: Order::Hash, seed: 1 };
            let world = World::new(&plan);
            let living = Living::all(200);
            let angle = Angle::new(&world.trees[0], degree, 16, 0);
            let spread = Spread::new(&world.trees, 8, Draw::Place);
            let mut rng = dice(1, "keys");
            for metric in [Metric::Tree, Metric::hyperbolic(degree)] {
                let (graph, trees) = (&world.graph, &world.trees[..]);
                let field = Field { graph, trees, living: &living, metric: &metric };
                let first = Field { trees: &trees[..1], ..field };
                for copy in 0..8 {
                    let key = rng.array();
                    let ends = (0..200).map(|from| first.by_angle(&angle, &key, copy, from).end);
                    let owner = angle.owner(&key, copy);
                    assert!(ends.into_iter().all(|end| end == owner), "{degree} {metric:?}");
                    let owner = spread.owner(&key, copy);
                    let mut ends = (0..200).map(|from| field.by_descent(&spread, &key, copy, from));
                    assert!(ends.all(|walk| walk.is_some_and(|walk| walk.end == owner)));
                }
            }
        }
    }

    #[test]
    fn a_record_is_found_while_somebody_asked_keeps_it() {
        let shape = Shape { kind: Kind::Ba, nodes: 200, links: 2 };
        let plan = Plan { shape, degree: 16, trees: 4, order: Order::Hash, seed: 1 };
        let world = World::new(&plan);
        let spread = Spread::new(&world.trees, 8, Draw::Place);
        let key = dice(1, "keys").array();
        let holders = spread.holders(&key);
        let mut living = Living::all(200);
        assert!(is_found(&holders, &living, &spread, &key));
        holders.iter().for_each(|node| living.kill(*node));
        assert!(!is_found(&holders, &living, &spread, &key));
        assert!(!is_found(&[], &Living::all(200), &spread, &key));
    }
}
