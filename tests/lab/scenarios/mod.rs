//! A scenario a file, each named as a sentence.

mod bob_moves_to_another_router;
mod both_ends_move_at_once;
mod the_interface_is_down;
mod the_path_falls_silent;

use super::scenario::Scenario;

/// All of them, in the order of the table.
pub(crate) const ALL: &[Scenario] = &[
    bob_moves_to_another_router::THE_PAPERS_MOVE,
    bob_moves_to_another_router::THE_RECEIVER_MOVES,
    bob_moves_to_another_router::THE_SENDER_MOVES,
    both_ends_move_at_once::SCENARIO,
    the_path_falls_silent::FOR_5_S,
    the_path_falls_silent::FOR_15_S,
    the_path_falls_silent::FOR_60_S,
    the_path_falls_silent::FOR_10_MIN,
    the_interface_is_down::SCENARIO,
];
