//! The targets themselves, over inputs that no fuzzer chose and with real MACs.

use crate::crypto::rng::Rng;

use super::*;

/// Runs a target over inputs of up to `longest` choices; the seed is fixed, so a failure recurs.
fn try_out(target: fn(&[u8]), runs: u64, longest: u64) {
    try_version(VERSION, target, runs, longest);
}

fn try_version(version: u8, target: fn(&[u8]), runs: u64, longest: u64) {
    let mut rng = Rng::new([6; 32]);
    for _ in 0..runs {
        let mut input = vec![version; 1 + rng.below(longest) as usize];
        rng.fill(&mut input[1..]);
        target(&input);
    }
}

#[test]
fn another_versions_input_is_left_alone() {
    for (name, target) in TARGETS {
        target(&[]);
        target(&[OVERLAY_VERSION + 1, 1, 2, 3]);
        target(&[VERSION]);
        assert!(!name.is_empty());
    }
}

#[test]
fn parsers_survive_chance() {
    for target in [packet_parser, socks, control_line, routes_file, identity_text, tape] {
        try_out(target, 1000, 200);
    }
}

#[test]
fn links_and_handshakes_survive_chance() {
    try_out(link_stream, 100, 300);
    try_out(handshake, 60, 300);
}

#[test]
fn sessions_survive_a_network_of_chance() {
    try_out(session_records, 30, 400);
}

#[test]
fn whole_cores_survive_chance() {
    try_out(node_inputs, 30, 600);
    try_out(cloak_inputs, 30, 600);
    try_version(OVERLAY_VERSION, cloak_inputs, 30, 600);
}

#[test]
fn the_overlay_survives_messages_of_chance() {
    try_out(tree_messages, 60, 400);
    try_out(dht_messages, 60, 400);
}

#[cfg(all(feature = "cli", feature = "reactor"))]
#[test]
fn configuration_files_survive_chance() {
    let words = ["socks", "peer", "=", "[", "]", "\"", "1080", "alias", "\n", ".", "é", "'", "{"];
    let mut rng = Rng::new([6; 32]);
    for _ in 0..1000 {
        let count = rng.below(12);
        let text: String =
            (0..count).map(|_| words[rng.below(words.len() as u64) as usize]).collect();
        config_file(text.as_bytes());
    }
}
