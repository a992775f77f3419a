//! A scenario a file, each named as a sentence.

mod a_device_sleeps_and_wakes_elsewhere;
mod a_hundred_sessions_are_away_for_ten_minutes;
mod a_link_flaps;
mod bob_moves_to_another_router;
mod both_ends_move_at_once;
mod five_percent_are_lost;
mod keystrokes_go_beside_bulk;
mod one_direction_falls_silent;
mod one_of_two_interfaces_dies;
mod relays_are_killed;
mod the_address_is_lost_for_a_while;
mod the_far_side_speaks_seldom;
mod the_interface_is_down;
mod the_mapping_of_a_nat_expires;
mod the_path_falls_silent;
mod the_path_is_slow;
mod the_path_returns_worse;

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
    the_far_side_speaks_seldom::EVERY_3_S,
    the_far_side_speaks_seldom::EVERY_10_S,
    the_far_side_speaks_seldom::EVERY_60_S,
    the_far_side_speaks_seldom::BOB_SPEAKS,
    one_of_two_interfaces_dies::BOB_RECEIVES,
    one_of_two_interfaces_dies::BOB_SENDS,
    the_interface_is_down::SCENARIO,
    one_direction_falls_silent::BOB_IS_NOT_HEARD,
    one_direction_falls_silent::BOB_HEARS_NOTHING,
    a_link_flaps::SCENARIO,
    the_address_is_lost_for_a_while::SCENARIO,
    a_device_sleeps_and_wakes_elsewhere::SCENARIO,
    relays_are_killed::A_RELAY,
    relays_are_killed::EVERY_ROOT,
    the_mapping_of_a_nat_expires::SCENARIO,
    the_path_returns_worse::TEN_TIMES_SLOWER,
    the_path_returns_worse::LONGER,
    the_path_is_slow::RTT_600_MS,
    the_path_is_slow::RTT_1500_MS,
    the_path_is_slow::RTT_3_S,
    the_path_is_slow::RTT_10_S,
    the_path_is_slow::GROWS_TO_3_S,
    the_path_is_slow::GROWS_TO_30_S,
    five_percent_are_lost::SCENARIO,
    keystrokes_go_beside_bulk::SCENARIO,
    a_hundred_sessions_are_away_for_ten_minutes::SCENARIO,
];
