//! What a scenario is.

use super::outcome::Outcome;

/// A scenario: one way in which a network fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The sentence that says it.
    pub(crate) name: &'static str,
    /// What the best others need, as measured, and what was promised: median and worst, in seconds.
    pub(crate) goal: Option<Goal>,
    /// Whether `make test` runs it.
    pub(crate) is_quick: bool,
    /// Runs it once.
    pub(crate) run: fn(u64) -> Outcome,
}

/// What a scenario's return is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    /// Others, in words.
    pub(crate) others: &'static str,
    /// The median that was promised.
    pub(crate) median: f64,
    /// The worst.
    pub(crate) worst: f64,
}
