//! Runs worth keeping of the targets that read their input as a script. The codes are those of
//! `src/fuzzing`: handshakes, records, driver, machines and raw_frames.

use super::makers::{Made, named, versioned};

pub(crate) fn all() -> Vec<Made> {
    let mut all = named("handshake", handshakes());
    all.extend(named("session_records", records()));
    all.extend(named("node_inputs", nodes()));
    all.extend(named("cloak_inputs", cloaks()));
    all.extend(named("raw_frames", raw_frames()));
    all
}

/// One file of steps.
fn steps(head: &[u8], steps: &[&[u8]]) -> Vec<u8> {
    versioned(&[head, &steps.concat()].concat())
}

/// Codes: 0 true, 4 bent, 8 invented, 12 wait, 13 ask, 14 lose; 16 more for side B.
fn handshakes() -> Vec<(&'static str, Vec<u8>)> {
    const TO_B: u8 = 16;
    vec![
        ("hello-and-its-answer", steps(&[], &[&[TO_B, 0, 0], &[0, 0, 0]])),
        ("a-bent-hello", steps(&[], &[&[TO_B | 4, 0, 0, 0, 9, 1, 0], &[0, 0, 0]])),
        ("a-bent-answer", steps(&[], &[&[TO_B, 0, 0], &[4, 0, 0, 0, 40, 1, 0], &[0, 0, 0]])),
        (
            "a-bent-finished",
            steps(&[], &[&[TO_B, 0, 0], &[0, 0, 0], &[TO_B | 4, 0, 1, 0, 8, 1, 0]]),
        ),
        ("both-ask-at-once", steps(&[], &[&[TO_B | 13, 7], &[TO_B, 0, 0], &[0, 0, 0], &[0, 0, 1]])),
        ("an-invented-refusal", steps(&[], &[&[8, 0, 16, 0, 0, 0, 0, 1, 2]])),
        ("a-stranger-out-of-nowhere", steps(&[], &[&[TO_B | 8, 200, 11, 1, 1, 1, 0, 2, 9, 9]])),
        ("retries-for-two-seconds", steps(&[], &[&[12, 250], &[TO_B, 0, 3], &[0, 0, 0]])),
    ]
}

/// Head: suite, form. Codes: see `Run::step`; 16 more for side B.
fn records() -> Vec<(&'static str, Vec<u8>)> {
    const B: u8 = 16;
    let say = |side: u8, count: u16| [1 | side, 0, (count >> 8) as u8, count as u8];
    let all = |side: u8| [2 | side, 255];
    vec![
        ("both-ways-and-closed", {
            let (there, back) = (say(0, 5000), say(B, 300));
            steps(&[0, 0], &[&there, &back, &all(B), &all(0), &[14, 1, 0], &[14 | B, 1, 0]])
        }),
        ("an-outage-in-the-middle", {
            let there = say(0, 40_000);
            steps(&[1, 0], &[&there, &[5 | B], &[11, 4], &[5 | B], &[5], &[11, 60], &there])
        }),
        ("both-lose-their-way-and-come-back", {
            let cut: [&[u8]; 4] = [&[12, 0], &[12 | B, 0], &[11, 9], &[12, 1]];
            steps(
                &[2, 0],
                &[&say(0, 900), cut[0], cut[1], cut[2], cut[3], &[12 | B, 1], &say(B, 9)],
            )
        }),
        ("bent-in-every-way", {
            let there = say(0, 9000);
            let bend = |how: u8| [8 | B, how, 0, 77];
            steps(&[0, 0], &[&there, &bend(4), &bend(1), &bend(2), &bend(3), &all(B), &all(0)])
        }),
        ("everything-again", {
            let again = |side: u8, at: u8| [9 | side, 0, at];
            let there = say(0, 9000);
            let more = [again(B, 0), again(B, 1), again(B, 3), again(0, 0), again(0, 2)].concat();
            steps(&[0, 0], &[&there, &all(B), &all(0), &more])
        }),
        ("worn-keys-and-a-small-window", {
            let there = say(0, 65_000);
            steps(&[0, 3], &[&there, &all(B), &all(0), &all(B), &all(0), &there, &all(B), &all(0)])
        }),
        ("a-reader-that-does-not-read", {
            let there = say(0, 65_000);
            steps(&[0, 0], &[&[15 | B, 0], &there, &there, &there, &[3 | B, 255], &[11, 30]])
        }),
        ("late-twice-and-lost", {
            let there = say(0, 60_000);
            let tricks = [7 | B, 6 | B, 4 | B, 7 | B, 7 | B, 6 | B];
            steps(&[0, 0], &[&there, &tricks, &all(B), &all(0), &[10, 200], &all(B)])
        }),
        ("a-session-from-each-side-and-a-reset", {
            let open: &[u8] = &[0, B, 2 | B, 255, 2, 255, 2 | B, 255];
            steps(&[0, 0], &[open, &[1, 1, 1, 0], &[1 | B, 2, 1, 0], &[14, 0, 1], &all(B)])
        }),
    ]
}

/// Head: form. Codes: those of the driver below 160, then see `node_inputs`.
fn nodes() -> Vec<(&'static str, Vec<u8>)> {
    // The uplink opens, and a CLOAK node proves its Name at the far end.
    let up: &[u8] = &[160, 0, 0];
    // The peer opens a session; the service behind it is dialled and answers.
    let served: &[u8] = &[192, 160, 0, 1];
    vec![
        ("a-peer-uses-a-service", {
            let talk: &[u8] = &[4, 1, 3, b'a', b'b', b'c', 208, 0, 1, 0, 7, 7, 2, 1, 224, 0];
            steps(&[0], &[up, served, talk])
        }),
        ("socks-to-the-peer", {
            // SOCKS is the second port; the greeting and the request are words 0 and 1.
            let ask: &[u8] = &[0, 1, 9, 5, 1, 0, 7, 5, 1, 1, 7, 4, 1, 2, b'h', b'i', 7];
            steps(&[0], &[up, ask])
        }),
        (
            "a-forward-before-the-uplink",
            steps(&[0], &[&[0, 2, 9, 4, 0, 2, b'h', b'i'], up, &[7, 7]]),
        ),
        ("the-tool-asks-everything", {
            let ask: &[u8] = &[0, 0, 0, 5, 0, 5, 7, 0, 0, 0, 5, 0, 6, 7, 0, 0, 0, 5, 0, 7, 1, 7];
            steps(&[0], &[up, served, ask])
        }),
        ("an-application-serves", {
            let serve: &[u8] = &[0, 0, 0, 5, 1, 3, 7];
            steps(&[0], &[up, serve, served, &[0, 0, 0, 5, 2, 4, 3, 7]])
        }),
        ("the-uplink-goes-and-comes", {
            let gone: &[u8] = &[3, 0, 0, 8, 200, 160, 0, 0, 9, 3, 10];
            steps(&[0], &[up, served, gone, &[9, 30]])
        }),
        ("stopped-while-it-speaks", steps(&[0], &[up, served, &[13, 255, 7, 9, 2]])),
        ("an-embedded-node", steps(&[1], &[&[160, 0, 0], &[192], &[160, 0, 1], &[10, 9, 3]])),
        ("links-that-never-were", {
            let stray = |what: u8| [11, 0x20, 1, 9, what];
            steps(&[0], &[&stray(0), &stray(1), &stray(2), &stray(3), &stray(4), &stray(5)])
        }),
        ("a-socket-is-taken", steps(&[0], &[&[12, 1, 0, 80, 0], &[12, 1, 0, 80, 255]])),
    ]
}

/// Head: whether it is a leaf. Codes: those of the driver below 160, then see `cloak_inputs`.
fn cloaks() -> Vec<(&'static str, Vec<u8>)> {
    // A neighbour calls and proves its Name; a client does.
    let neighbour: &[u8] = &[160, 0, 0, 9, 0, 0];
    let client: &[u8] = &[160, 0, 1, 9, 1, 1];
    // A dialled peer answers and proves its Name.
    let dialled: &[u8] = &[160, 1, 0, 2, 0];
    // Source, destination, hops, body; from the link at the place that stands second.
    let packet: &[u8] = &[192, 0, 1, 2, 9, 3, 1, 2, 3];
    vec![
        ("a-neighbour-and-a-client", steps(&[0], &[neighbour, client, packet, &[7]])),
        ("a-dialled-peer-goes-and-comes", {
            steps(&[0], &[dialled, client, packet, &[3, 0, 0], packet, &[8, 200], dialled, &[7]])
        }),
        ("both-dial-each-other", steps(&[0], &[dialled, &[160, 0, 0, 9, 2, 0], packet, &[9, 3]])),
        ("a-leaf-with-a-gateway", steps(&[1], &[dialled, client, packet, &[9, 2]])),
        ("names-are-told", steps(&[0], &[neighbour, &[240, 0, 5], packet, &[9, 61]])),
        ("a-packet-with-no-hops-left", steps(&[0], &[neighbour, client, &[192, 0, 1, 2, 0, 0]])),
        ("the-tool-asks", steps(&[0], &[&[0, 2, 0, 5, 0, 5, 7, 5, 0, 6, 7, 5, 0, 2, 7]])),
        ("callers-that-say-nothing", steps(&[0], &[&[0, 0, 9, 0, 1, 9, 9, 6]])),
        ("a-caller-that-says-anything", steps(&[0], &[&[0, 0, 9, 4, 0, 5, 0, 0, 0, 1, 5]])),
        ("stopped", steps(&[0], &[neighbour, packet, &[13, 255, 9, 2]])),
    ]
}

/// Head: 0 a relay, 1 a static relay, 2 a device, 3 a device behind another's CLOAK daemon. Steps:
/// who speaks (0 a neighbour, 1 a client, 2 a stranger, 3 one with a Hello, 5 a dialled node), or
/// 6 time, 7 a lost link; then the form (0 raw, 1 any kind, 2 a packet, 3 an errand, 5 a wrong
/// length, 6 the machine's own frame; 8 bent, 16 cut, 32 lengthened, 64 another kind) and its
/// bytes. A Routing Header is its form and the destination (0 the honest client, 1 the device).
fn raw_frames() -> Vec<(&'static str, Vec<u8>)> {
    const ENDS_IN_ITS_HEADERS: [u8; 7] = [2, 0, 0, 2, 2, 32, 6];
    let said = |machine: u8, steps: &[&[u8]]| [&[machine], &steps.concat()[..]].concat();
    let every_kind = |place: u8| -> Vec<u8> {
        (0..=16).flat_map(|kind| [place, 1, kind, 0, place, 1, kind, 3, 1, 2, 3]).collect()
    };
    let own_frames = |place: u8| -> Vec<u8> {
        let again = |at: u8| [place, 6, at, place, 6 | 16, at, 0, 90, place, 6 | 32, at, 2, 8, 9];
        (0..6).flat_map(again).collect()
    };
    let short = [&[0][..], &ENDS_IN_ITS_HEADERS].concat();
    vec![
        ("a-packet-that-ends-in-its-headers", said(0, &[&short, &[1, 0, 9]])),
        ("a-packet-to-a-device-that-ends-in-its-headers", said(2, &[&[0, 2, 0, 1, 2, 2, 32]])),
        ("an-errand-to-a-client-of-a-static-relay", said(1, &[&[0, 3, 0, 0, 1, 3], &[6, 9]])),
        ("an-errand-to-a-client-of-a-relay", said(0, &[&[0, 3, 0, 0, 1, 3], &[6, 9]])),
        ("every-kind-from-a-neighbour", said(0, &[&every_kind(0)])),
        ("every-kind-from-a-client", said(0, &[&every_kind(1)])),
        ("every-kind-before-the-proof", said(0, &[&every_kind(2), &every_kind(3)])),
        ("every-kind-to-a-static-relay", said(1, &[&every_kind(0), &every_kind(1)])),
        ("every-kind-to-a-device", said(2, &[&every_kind(0), &every_kind(5)])),
        (
            "a-daemon-that-lies",
            said(3, &[&[5, 1, 4, 3, 1, 2, 3, 0], &[6, 20], &[5, 2, 0, 1, 0, 0]]),
        ),
        ("a-length-of-nothing", said(0, &[&[2, 0, 0, 4, 0, 0, 0, 0], &[0, 5, 0, 0, 0]])),
        ("own-frames-cut-and-said-again", said(0, &[&own_frames(0), &own_frames(1), &[6, 99]])),
        ("own-frames-to-a-device", said(2, &[&own_frames(0), &own_frames(5)])),
    ]
}
