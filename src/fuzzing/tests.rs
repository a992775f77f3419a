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
fn frames_of_chance_harm_nobody() {
    for machine in 0..4 {
        try_version(machine, raw_frames, 30, 600);
    }
}

/// FR-02, FR-05: bodies of every length, from a neighbour (place 0) and a client (place 1).
#[test]
fn frames_of_every_kind_and_length_harm_nobody() {
    for (machine, place) in [(0, 0), (0, 1), (1, 0), (2, 0)] {
        let said = |kind: u8, length: u8| {
            let mut step = vec![machine, place, 1, kind, length];
            step.resize(step.len() + usize::from(length), kind);
            raw_frames(&step);
        };
        (0..=255).for_each(|kind| said(kind, 0));
        for kind in 1..=16 {
            (1..80).step_by(3).for_each(|length| said(kind, length));
        }
    }
}

/// FR-02: packets and errands whose Routing Header is right, and what follows has every length.
#[test]
fn what_follows_a_routing_header_may_have_any_length() {
    for machine in 0..3 {
        for form in [2, 3] {
            for (length, to) in (0..64).flat_map(|length| [(length, 0), (length, 1)]) {
                let mut step = vec![machine, 0, form, 0, to, length];
                step.resize(step.len() + usize::from(length), 32);
                raw_frames(&step);
            }
        }
    }
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
