//! A graph like that of the autonomous systems, after Elmokashfi, Kvalbein and Dovrolis ("On the
//! scalability of BGP", 2010), each system in one of five regions.
//!
//! Five tier-1 systems all linked to each other; 15 % transit, 5 % content, the rest stubs. Each
//! buys from a few providers, a tier-1 with some probability and else a transit system of its
//! region, both in proportion to the links that these have; transit and content systems also peer
//! with transit ones of their region. The means grow with the size as in the paper, up to ten
//! thousand nodes.

use super::Node;
use crate::crypto::rng::Rng;
use crate::sim::dice::{below, fraction};

const TIER1: u32 = 5;
const REGIONS: usize = 5;

/// What a kind of system links to.
struct Habit {
    /// Mean number of providers …
    providers: f64,
    /// … and how often one is a tier-1.
    tier1: f64,
    /// Mean number of transit systems that it peers with.
    peers: f64,
}

/// Who can be linked to, each as often as it has links.
struct Bowls {
    tier1: Vec<Node>,
    /// By region.
    transit: [Vec<Node>; REGIONS],
    links: Vec<(Node, Node)>,
}

/// The links of `nodes` systems.
pub(super) fn links(nodes: u32, rng: &mut Rng) -> Vec<(Node, Node)> {
    let tier1 = TIER1.min(nodes);
    let clique = (0..tier1).flat_map(|a| (a + 1..tier1).map(move |b| (a, b)));
    let mut bowls =
        Bowls { tier1: (0..tier1).collect(), transit: Default::default(), links: clique.collect() };
    let size = f64::from(nodes.min(10_000));
    let transit = tier1 + (nodes - tier1) * 15 / 100;
    let content = transit + (nodes - tier1) * 5 / 100;
    let habit = |providers, tier1, peers| Habit { providers, tier1, peers };
    let of_transit = habit(2.0 + size / 4000.0, 0.375, 1.0 + size / 5000.0);
    let of_content = habit(2.0 + size / 6667.0, 0.375, 0.2 + size / 5000.0);
    let of_stubs = habit(1.0 + size / 20_000.0, 0.125, 0.0);
    for new in tier1..nodes {
        let habit = match new {
            new if new < transit => &of_transit,
            new if new < content => &of_content,
            _ => &of_stubs,
        };
        let region = below(rng, REGIONS);
        bowls.join(new, habit, region, rng);
        if new < transit {
            bowls.transit[region].push(new);
        }
    }
    bowls.links
}

impl Bowls {
    fn join(&mut self, new: Node, habit: &Habit, region: usize, rng: &mut Rng) {
        let transit = &mut self.transit[region];
        for _ in 0..about(habit.providers, 1, rng) {
            let is_tier1 = transit.is_empty() || fraction(rng) < habit.tier1;
            let bowl = if is_tier1 { &mut self.tier1 } else { &mut *transit };
            Self::link(new, bowl, &mut self.links, rng);
        }
        for _ in 0..about(habit.peers, 0, rng) {
            if !transit.is_empty() {
                Self::link(new, transit, &mut self.links, rng);
            }
        }
    }

    fn link(new: Node, bowl: &mut Vec<Node>, links: &mut Vec<(Node, Node)>, rng: &mut Rng) {
        let end = bowl[below(rng, bowl.len())];
        bowl.push(end);
        links.push((new, end));
    }
}

/// A whole number, `least` or more, equally likely up to where its mean is this one.
fn about(mean: f64, least: u32, rng: &mut Rng) -> u32 {
    let most = 2.0 * mean - f64::from(least);
    let below_most = most.floor();
    // The last value only as often as the mean asks for.
    let span = below_most as u32 + 1 - least;
    let drawn = least + below(rng, span as usize) as u32;
    let is_one_more = fraction(rng) < (most - below_most) / 2.0;
    drawn + u32::from(is_one_more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::dice::dice;

    #[test]
    fn numbers_have_their_means() {
        let mut rng = dice(1, "about");
        for (mean, least) in [(4.5, 1), (1.05, 1), (0.4, 0), (3.0, 1)] {
            let sum: u32 = (0..20_000).map(|_| about(mean, least, &mut rng)).sum();
            assert!((f64::from(sum) / 20_000.0 - mean).abs() < 0.05, "{mean}: {sum}");
        }
    }

    #[test]
    fn stubs_are_nobodys_providers() {
        let links = links(1000, &mut dice(1, "graph"));
        let of_stub = |(a, b): &&(Node, Node)| *a.min(b) >= 5 + 149;
        assert_eq!(links.iter().filter(of_stub).count(), 0);
        assert!(links.len() > 1300 && links.len() < 2500, "{}", links.len());
    }
}
