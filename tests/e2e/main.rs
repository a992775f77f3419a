//! End to end: real processes on loopback, unmodified programs through them, and real cuts.
//!
//! ```text
//! application - muses-node (Alice) - R1 - R2 - muses-node (Bob) - service
//! ```
//!
//! A module is a scenario, named as a sentence. A scenario that needs a program which is not
//! installed says so and passes; with `MUSES_E2E_ALL=1` it fails instead. `MUSES_E2E_OUTAGE` is
//! the length in seconds of the long outage (120), and `MUSES_E2E_LOG` the daemons' log filter.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test stands outside the cores: it has a clock and threads"
)]

mod bytes;
mod cluster;
mod process;
mod programs;
mod sockets;

mod a_cloak_daemon_is_restarted;
mod a_daemon_confines_itself;
mod a_daemon_stops_in_any_moment;
mod a_dialogue_outlives_a_long_outage;
mod a_node_finds_its_neighbours_again;
mod a_stop_is_heard_at_once;
mod a_thousand_sessions_survive_a_cut;
mod an_alias_is_looked_up_and_pinned;
mod applications_use_the_library;
mod bob_is_killed_and_comes_back;
mod connect_joins_stdio_through_a_cut;
mod curl_fetches_a_file_through_cuts;
mod descriptors_run_out;
mod disks_are_full;
mod ends_of_streams_arrive_after_the_outage;
mod failing_calls_are_survived;
mod fifty_overlay_nodes_lose_every_root;
mod files_arrive_whole_or_not_at_all;
mod local_ends_leave_nothing_behind;
mod logs_are_bounded_and_hold_no_secret;
mod memory_stays_bounded_when_nobody_reads;
mod other_users_are_refused;
mod packets_go_by_a_routes_file;
mod socks_tells_the_truth;
mod ssh_scp_and_rsync_go_through_a_cut;
mod status_says_why_and_until_when;
mod strangers_and_wrong_secrets_are_refused;
mod tapes_replay_identically;
mod the_overlay_is_seen_alike_by_all;
mod unix_sockets_on_both_sides;
mod wrong_starts_end_with_one_line;
