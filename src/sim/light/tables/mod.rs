//! What the light simulation's tables have in common.
//!
//! *Classic* is what the papers describe: one tree, the hyperbolic metric, flush. *Ours* is the
//! tree metric, four trees unless a column says otherwise, rebase. Goals are those of the study
//! that the overlay was planned by.

pub mod addresses;
pub mod dead;
pub mod records;
pub mod stretch;

use super::roots::Order;
use super::world::{Plan, World};
use crate::sim::graph::shapes::{Kind, Shape};
use crate::sim::table::Effort;

/// Trees of ours.
const TREES: usize = 4;

/// The world of a shape, a smaller one where that is enough.
fn world(effort: Effort, shape: Shape, degree: u16, trees: usize, order: Order) -> World {
    let nodes = effort.nodes(shape.nodes).max(50);
    let shape = Shape { nodes, ..shape };
    World::new(&Plan { shape, degree, trees, order, seed: effort.seed })
}

const fn ba(nodes: u32, links: u32) -> Shape {
    Shape { kind: Kind::Ba, nodes, links }
}

const fn joiners(nodes: u32, links: u32) -> Shape {
    Shape { kind: Kind::Joiners, nodes, links }
}

/// Five thousand autonomous systems.
const INTERNET: Shape = Shape { kind: Kind::As, nodes: 5000, links: 0 };

/// `BA 10000 m=2`.
fn called(shape: Shape) -> String {
    let Shape { kind, nodes, links } = shape;
    match kind {
        Kind::Ba => format!("BA {nodes}, m={links}"),
        Kind::As => format!("AS-like {nodes}"),
        Kind::Joiners => format!("joiners {nodes}, k={links}"),
        Kind::Grid => format!("grid {nodes}"),
    }
}
