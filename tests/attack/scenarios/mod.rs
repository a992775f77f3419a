//! The attacks, one a module, each named for what it must not bring about.

mod a_child_that_claims_a_giant_subtree_hides_no_name;
mod a_flood_of_stores_leaves_room_for_honest_records;
mod a_forged_hello_keeps_no_tunnel_from_opening;
mod a_hello_flood_resets_no_application;
mod a_root_whose_clock_is_behind_is_followed_again;
mod a_stranger_that_claims_a_name_draws_none_of_its_packets;
mod a_thousand_idle_links_keep_no_device_out;
mod an_allowed_peer_harms_only_itself;
mod an_errand_to_a_client_breaks_no_uplink;
mod bytes_sealed_a_thousand_epochs_ago_arrive;
mod clients_that_left_leave_nothing;
mod false_answers_to_hellos_cost_little;
mod false_proofs_keep_no_newcomer_out;
mod forged_refusals_reset_no_waiting_application;
mod forged_unreachables_slow_no_flow;
mod hellos_at_full_rate_slow_no_flow;
mod links_that_never_read_stop_no_flow;
mod packets_of_every_length_harm_no_daemon;
mod refused_requests_fill_no_log;
mod silent_connections_leave_descriptors;
mod strangers_that_become_roots_stop_no_session;
mod two_hundred_strangers_hide_no_name;
mod unsigned_standings_slow_no_flow;

use super::figures::Figures;
use super::trial::{Aftermath, Trial};

/// An attack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// The sentence that says what must not happen.
    pub(crate) name: &'static str,
    /// Rows of the catalogue of attacks that it plays.
    pub(crate) row: &'static str,
    /// Whether the attacker is off the path; an attacker on the path may slow the pair.
    pub(crate) is_off_path: bool,
    /// Whether `make test` runs it.
    pub(crate) is_quick: bool,
    /// Runs it once.
    pub(crate) run: fn(Trial) -> Aftermath,
}

impl Scenario {
    /// What is not as promised.
    pub(crate) fn broken(&self, figures: &Figures, is_measured: bool) -> Vec<String> {
        if is_measured {
            return figures.broken(self.is_off_path);
        }
        let mut broken = figures.faults.clone();
        broken.extend(figures.recovery.is_none().then(|| "never recovered".to_owned()));
        broken
    }
}

/// All of them.
pub(crate) const ALL: &[Scenario] = &[
    packets_of_every_length_harm_no_daemon::IT,
    a_forged_hello_keeps_no_tunnel_from_opening::IT,
    a_hello_flood_resets_no_application::IT,
    hellos_at_full_rate_slow_no_flow::IT,
    a_child_that_claims_a_giant_subtree_hides_no_name::IT,
    two_hundred_strangers_hide_no_name::IT,
    strangers_that_become_roots_stop_no_session::IT,
    a_stranger_that_claims_a_name_draws_none_of_its_packets::IT,
    links_that_never_read_stop_no_flow::IT,
    a_thousand_idle_links_keep_no_device_out::IT,
    an_errand_to_a_client_breaks_no_uplink::IT,
    unsigned_standings_slow_no_flow::IT,
    a_flood_of_stores_leaves_room_for_honest_records::IT,
    a_root_whose_clock_is_behind_is_followed_again::IT,
    bytes_sealed_a_thousand_epochs_ago_arrive::IT,
    silent_connections_leave_descriptors::IT,
    forged_refusals_reset_no_waiting_application::IT,
    false_proofs_keep_no_newcomer_out::IT,
    false_answers_to_hellos_cost_little::IT,
    forged_unreachables_slow_no_flow::IT,
    refused_requests_fill_no_log::IT,
    clients_that_left_leave_nothing::IT,
    an_allowed_peer_harms_only_itself::IT,
];
