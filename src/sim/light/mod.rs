//! The light simulation: graphs, trees and greedy walks, up to a million nodes.
//!
//! Words, metrics and next hops are those of `crate::overlay`, called as a node calls them; what is
//! simulated is only who is linked to whom ([`crate::sim::graph`]), which tree that gives
//! ([`grow`]), who is dead ([`living`]), and how the trees heal ([`rebase`], or a flush by
//! [`grow::regrow`]). `docs/OVERLAY.md` has what it measures ([`tables`]).

pub mod churn;
pub mod dht;
pub mod family;
pub mod grow;
pub mod living;
pub mod pairs;
pub mod rebase;
pub mod roots;
pub mod tables;
pub mod tree;
pub mod walk;
pub mod world;
