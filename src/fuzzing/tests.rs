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

/// A machine's input: steps of one place, each of a head and a body of some length.
fn steps(machine: u8, heads: impl Iterator<Item = Vec<u8>>, filled: u8) -> Vec<u8> {
    let step = |head: Vec<u8>| {
        let length = head.last().copied().map_or(0, usize::from);
        [head, vec![filled; length]].concat()
    };
    [vec![machine], heads.flat_map(step).collect()].concat()
}

/// FR-02, FR-05: bodies of every length, from a neighbour (place 0) and a client (place 1).
#[test]
fn frames_of_every_kind_and_length_harm_nobody() {
    for (machine, place) in [(0, 0), (0, 1), (1, 0), (2, 0)] {
        raw_frames(&steps(machine, (0..=255).map(|kind| vec![place, 1, kind, 0]), 0));
        for kind in 1..=17 {
            let heads = (1..48).map(|length| vec![place, 1, kind, length]);
            raw_frames(&steps(machine, heads, kind));
        }
    }
}

/// FR-02: packets and errands whose Routing Header is right, and what follows has every length;
/// to an honest client (0) and to the device (1).
#[test]
fn what_follows_a_routing_header_may_have_any_length() {
    for machine in 0..3 {
        for (form, to) in [(2, 0), (2, 1), (3, 0), (3, 1)] {
            let heads = (0..48).map(|length| vec![0, form, 0, to, length]);
            raw_frames(&steps(machine, heads, 32));
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
