//! Greedy routing over several trees: the neighbour that is strictly closer.
//!
//! A packet carries its destination's place in each tree. At first the distance is the least over
//! all trees. Where no neighbour is closer, the packet goes on in the untried tree whose distance
//! is least, each tree once. Within each of these phases a watermark holds the least distance so
//! far and only what is below it is gone on with, so no loop can form, whatever the neighbours say
//! (reference: "stuck, next untried tree").

use super::metric::{Far, Metric};
use super::word::Letter;

/// Which tree, and under which root: places are compared only where this is the same.
pub type Tag = u32;

/// A place in one tree.
pub type Place<'a> = (Tag, &'a [Letter]);

/// Somebody who has places.
pub trait Located {
    /// The place in the tree with this tag.
    fn place(&self, tag: Tag) -> Option<&[Letter]>;
}

impl<L: Located> Located for &L {
    fn place(&self, tag: Tag) -> Option<&[Letter]> {
        (**self).place(tag)
    }
}

/// How far a packet has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Progress {
    /// `None`: the least distance over all trees; else this of the destination's places.
    pub tree: Option<u8>,
    /// The places whose tree was tried alone, one bit each.
    pub tried: u8,
    /// The least distance so far.
    pub watermark: Far,
}

impl Default for Progress {
    fn default() -> Self {
        Self { tree: None, tried: 0, watermark: Far::MAX }
    }
}

/// The next hop of a packet and how far it has come there; `None` if no tree leads on.
pub fn next<N, L: Located>(
    metric: &Metric,
    destination: &[Place<'_>],
    mut progress: Progress,
    own: &impl Located,
    neighbours: impl Iterator<Item = (N, u32, L)> + Clone,
) -> Option<(N, Progress)> {
    loop {
        if let Some(found) = closer(metric, destination, progress, own, neighbours.clone()) {
            return Some(found);
        }
        progress = turn(metric, destination, progress, own)?;
    }
}

/// The next phase of a packet that is stuck: the untried tree whose distance is least.
pub fn turn(
    metric: &Metric,
    destination: &[Place<'_>],
    progress: Progress,
    own: &impl Located,
) -> Option<Progress> {
    let places = destination.iter().zip(0..u8::BITS as u8);
    let untried = places
        .filter(|(_, at)| progress.tried & 1 << at == 0)
        .filter_map(|(place, at)| Some((far(metric, place, own)?, at)))
        .min();
    let (_, tree) = untried?;
    Some(Progress { tree: Some(tree), tried: progress.tried | 1 << tree, watermark: Far::MAX })
}

/// The next hop within the phase a packet is in.
///
/// `neighbours` gives each with the cost of its link, which decides between those that are equally
/// far from the destination.
pub fn closer<N, L: Located>(
    metric: &Metric,
    destination: &[Place<'_>],
    progress: Progress,
    own: &impl Located,
    neighbours: impl Iterator<Item = (N, u32, L)>,
) -> Option<(N, Progress)> {
    let places = match progress.tree {
        Some(tree) => destination.get(usize::from(tree)..=usize::from(tree))?,
        None => destination,
    };
    let here = least(metric, places, own)?;
    if here >= progress.watermark {
        return None;
    }
    let distances = neighbours.filter_map(|(name, cost, neighbour)| {
        let far = least(metric, places, &neighbour)?;
        (far < here).then_some((far, cost, name))
    });
    let (_, _, next) = distances.min_by_key(|(far, cost, _)| (*far, *cost))?;
    Some((next, Progress { watermark: here, ..progress }))
}

fn least(metric: &Metric, places: &[Place<'_>], of: &impl Located) -> Option<Far> {
    places.iter().filter_map(|place| far(metric, place, of)).min()
}

fn far(metric: &Metric, (tag, word): &Place<'_>, of: &impl Located) -> Option<Far> {
    Some(metric.far(of.place(*tag)?, word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct At(BTreeMap<Tag, Vec<Letter>>);

    impl Located for At {
        fn place(&self, tag: Tag) -> Option<&[Letter]> {
            self.0.get(&tag).map(Vec::as_slice)
        }
    }

    fn at(places: &[(Tag, &[Letter])]) -> At {
        At(places.iter().map(|(tag, word)| (*tag, word.to_vec())).collect())
    }

    fn go(to: &[Place<'_>], progress: Progress, own: &At, all: &[At]) -> Option<(usize, Progress)> {
        let neighbours = all.iter().enumerate().map(|(id, at)| (id, 0, at));
        next(&Metric::Tree, to, progress, own, neighbours)
    }

    #[test]
    fn the_closest_over_all_trees_wins() {
        let own = at(&[(1, &[0]), (2, &[5])]);
        let all = [at(&[(1, &[]), (2, &[])]), at(&[(1, &[9]), (2, &[5, 1])])];
        let to: [Place<'_>; 2] = [(1, &[3, 4]), (2, &[5, 1, 2])];
        let (hop, progress) = go(&to, Progress::default(), &own, &all).expect("a way");
        assert_eq!((hop, progress.watermark, progress.tree), (1, 2, None));
    }

    #[test]
    fn who_is_stuck_takes_the_next_untried_tree_and_each_but_once() {
        let own = at(&[(1, &[0]), (2, &[5])]);
        let away = [at(&[(1, &[0, 7]), (2, &[])])];
        let to: [Place<'_>; 2] = [(1, &[0, 4]), (2, &[6])];
        let (hop, progress) = go(&to, Progress::default(), &own, &away).expect("by tree 2");
        assert_eq!((hop, progress.tree, progress.tried), (0, Some(1), 0b11));
        let spent = Progress { tried: 0b11, watermark: 0, tree: Some(1) };
        assert_eq!(go(&to, spent, &own, &away), None);
    }

    #[test]
    fn what_came_no_closer_goes_no_further_in_that_phase() {
        let own = at(&[(1, &[0])]);
        let all = [at(&[(1, &[])])];
        let to: [Place<'_>; 1] = [(1, &[3])];
        let stale = Progress { watermark: 2, ..Progress::default() };
        let (_, progress) = go(&to, stale, &own, &all).expect("the tree alone");
        assert_eq!(progress, Progress { tree: Some(0), tried: 1, watermark: 2 });
        assert_eq!(go(&to, progress, &own, &all), None, "a loop would come back like this");
    }

    #[test]
    fn trees_under_other_roots_are_not_compared() {
        let own = at(&[(1, &[0])]);
        let all = [at(&[(9, &[3])])];
        assert_eq!(go(&[(1, &[3])], Progress::default(), &own, &all), None);
        assert_eq!(go(&[(7, &[3])], Progress::default(), &own, &all), None);
    }

    #[test]
    fn a_tie_is_broken_by_the_cost_of_the_link() {
        let own = at(&[(1, &[0])]);
        let all = [at(&[(1, &[])]), at(&[(1, &[])])];
        let neighbours = all.iter().enumerate().map(|(id, at)| (id, 9 - id as u32, at));
        let to: [Place<'_>; 1] = [(1, &[3])];
        let found = next(&Metric::Tree, &to, Progress::default(), &own, neighbours);
        assert_eq!(found.map(|(hop, _)| hop), Some(1));
    }
}
