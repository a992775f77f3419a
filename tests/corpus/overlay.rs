//! Runs worth keeping of the overlay's targets: what neighbours say of trees and of records, to
//! one node of it and to a whole CLOAK node. The codes are those of `src/fuzzing`: trees, tables
//! and cloaks.

use muses::base::ids::Name;
use muses::crypto::identity::Identity;
use muses::fuzzing::OVERLAY_VERSION;
use muses::wire::cursor::Writer;
use muses::wire::errand::{Errand, Sought};
use muses::wire::moved::Moved;
use muses::wire::referral::{Other, Referral};
use muses::wire::sought;
use muses::wire::tree::{Claim, Edge, Grant, Pulse, Standing, Wish};

use super::makers::{Made, named, versioned};

pub(crate) fn all() -> Vec<Made> {
    let mut all = named("tree_messages", trees());
    all.extend(named("dht_messages", tables()));
    all.extend(named("cloak_inputs", cloaks()));
    all
}

fn standing() -> Standing {
    let name = |fill| Name::from_bytes([fill; 32]);
    let edge = Edge { child: name(2), letter: 4, number: 5, by_parent: [6; 64], by_child: [7; 64] };
    Standing {
        tree: 1,
        claim: Claim { root: name(1), number: 9, signature: [3; 64] },
        edges: vec![edge; 2],
        size: 70,
        wish: Some(Wish { number: 1, letter: Some(200), taken: [1; 32] }),
        grant: Some(Grant { number: 2, place: Some((3, [4; 64])) }),
    }
}

fn emitted(room: usize, emit: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = vec![0; room];
    let mut writer = Writer::new(&mut bytes);
    emit(&mut writer);
    let length = writer.len();
    bytes.truncate(length);
    bytes
}

/// Head 0: the bytes of a message.
fn format(bytes: &[u8]) -> Vec<u8> {
    versioned(&[&[0], bytes].concat())
}

/// Head 1 and the hands that are listed as roots, one bit each; then steps.
///
/// Steps: 0 up, 1 down, 2 says, 5 bent, 6 pulse, 8 a packet, 138 moves, 9 and 139 time; then the
/// hand. Says: tree of what it heard, form (1 below the node, 2 wish, 8 grant), way, tree, claim,
/// letter and number of each edge, number of the wish, letter of the grant, size. Moves: tree, the
/// hand above, by how much the number grows, letters, place and change of a wrong byte.
fn trees() -> Vec<(&'static str, Vec<u8>)> {
    let said = |roots: u8, steps: &[&[u8]]| versioned(&[&[1, roots], &steps.concat()[..]].concat());
    let whole = standing();
    let plain = Standing { wish: None, grant: None, edges: Vec::new(), ..whole.clone() };
    let pulse = Pulse { tree: 1, claim: whole.claim, hung: None };
    let others = vec![Other { name: whole.claim.root, at: ([192, 0, 2, 1], 7001).into() }];
    let referral = Referral { tree: 1, others };
    let bytes = |standing: &Standing| emitted(standing.room(), |into| standing.emit(into));
    let root: &[u8] = &[0, 0, 2, 0, 0, 0, 0, 0, 5, 0, 9];
    let granted: &[u8] = &[2, 0, 0, 8, 0, 0, 5, 0, 7, 9];
    let wished: &[u8] = &[0, 1, 2, 1, 0, 2, 0, 0, 5, 0, 3];
    let child: &[u8] = &[2, 1, 0, 3, 0, 0, 5, 0, 3];
    let far: &[u8] = &[0, 4, 2, 4, 0, 0, 0x0f, 0, 5, 1, 1, 2, 2, 3, 3, 4, 4, 0, 9];
    vec![
        ("format-standing", format(&bytes(&whole))),
        ("format-standing-with-nothing-more", format(&bytes(&plain))),
        ("format-pulse", format(&emitted(Pulse::LEN, |into| pulse.emit(into)))),
        ("format-referral", format(&emitted(referral.room(), |into| referral.emit(into)))),
        ("a-listed-root-takes-the-node-in", said(1, &[root, granted, &[9, 0, 50]])),
        ("a-child-comes-and-goes", said(0, &[wished, child, &[9, 0, 50], &[1, 1]])),
        (
            "a-chain-of-four",
            said(1, &[far, &[2, 4, 0, 8, 0x0f, 0, 5, 1, 1, 2, 2, 3, 3, 4, 4, 0, 7]]),
        ),
        ("a-bent-standing", said(1, &[far, &[5, 4, 0, 0, 200, 1], &[5, 4, 0, 0, 200, 0]])),
        ("a-letter-that-is-the-parents-own", {
            let below: &[u8] = &[0, 1, 2, 1, 0, 0, 1, 0, 5, 7, 3, 0, 9];
            said(1, &[below, &[2, 1, 0, 8, 1, 0, 5, 7, 3, 0, 7, 9]])
        }),
        ("one-letter-for-two-children", {
            let says = |hand: u8| [0, hand, 2, hand, 0, 0, 1, 0, 5, 7, 3, 0, 9];
            said(1, &[&says(1), &says(2), &[9, 0, 50]])
        }),
        ("two-that-would-hang-from-each-other", {
            said(1, &[root, granted, &[2, 0, 0, 3, 0, 0, 5, 0, 3], &[9, 0, 50]])
        }),
        ("another-root-falls-silent", said(1, &[root, granted, &[0x89, 0, 90], &[6, 0, 0, 0, 9]])),
        ("a-child-moves-and-a-packet-follows", {
            // Hand 1 hung by the letter that its Name leads to, and is at 7, 8 now.
            let letter = Identity::from_seed([101; 32]).name().as_bytes()[0] % 255;
            let moves: &[u8] = &[138, 1, 0, 1, 9, 2, 7, 8, 0, 0, 0];
            let ask: &[u8] = &[8, 0, 0, 0, 0, 200, 2, letter, letter ^ 1];
            let bent: &[u8] = &[138, 1, 0, 1, 99, 2, 7, 8, 0, 100, 1];
            said(0, &[wished, child, moves, ask, bent, moves, &[139, 0, 61], ask])
        }),
        ("a-child-of-a-child-moves", {
            let moves: &[u8] = &[138, 2, 0, 1, 3, 7, 9, 1, 5, 0, 0, 0];
            said(0, &[wished, child, moves, &[9, 0, 50], moves])
        }),
        ("a-pulse-of-nobodys-root", said(1, &[root, granted, &[6, 0, 0, 1, 200], &[9, 0, 50]])),
        ("a-packet-asks-its-way", {
            let ask: &[u8] = &[8, 0, 0, 0, 0, 200, 2, 7, 8];
            said(1, &[root, granted, wished, child, ask, &[8, 0, 0, 1, 0, 3, 2, 7, 8]])
        }),
    ]
}

/// Head 1, then steps: 0 store, 1 find, 2 found, 3 push, 5 publish, 6 withdraw, 7 look up, 8 doubt,
/// 9 hand over, 11 time.
fn tables() -> Vec<(&'static str, Vec<u8>)> {
    let said = |steps: &[&[u8]]| versioned(&[&[1], &steps.concat()[..]].concat());
    // Signed anew: whose, form, life, number, home, no places.
    let record = |number: u8, home: u8| [0, 0, 2, 2, 0, number, home, 0];
    let brought = |kind: u8, form: u8, record: &[u8]| [&[kind, 0, form], record].concat();
    let store = [&brought(0, 0, &record(7, 9))[..], &[3, 0, 0]].concat();
    let push = |number, home| [&brought(3, 0, &record(number, home))[..], &[0, 0, 0]].concat();
    let name = Name::from_bytes([3; 32]);
    let find = |wanted| Errand::Find { nonce: 9, wanted }.to_bytes();
    vec![
        ("format-find-a-name", format(&find(Sought::Name(name)))),
        ("format-find-an-alias", format(&find(Sought::Alias(b"bob")))),
        ("format-found", {
            let records = vec![b"one".as_slice(), b"another"];
            format(&Errand::Found { nonce: 9, records }.to_bytes())
        }),
        ("format-moved", {
            let standing = standing();
            let (signature, letters) = (standing.claim.signature, vec![1, 2]);
            let (left, above) = (standing.edges[0], standing.edges[1..].to_vec());
            let moved = Moved { tree: 1, number: 9, tag: 7, letters, signature, left, above };
            format(&Errand::Moved(Box::new(moved)).to_bytes())
        }),
        ("format-sought", {
            format(&sought::to_bytes(b"bob", [b"one".as_slice(), b"other"].into_iter()))
        }),
        ("format-places", format(&[2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 9, 0])),
        ("a-record-is-stored-and-found", said(&[&store, &[1, 0, 0, 1, 0, 3, 0, 0]])),
        ("a-lookup-and-its-answer", {
            let found = [&brought(2, 0x42, &record(7, 9))[..], &[0, 0, 0, 0]].concat();
            said(&[&[7, 0], &found, &[11, 0, 200]])
        }),
        ("a-lookup-in-vain", said(&[&[7, 0], &[11, 1, 9], &[7, 200, 1], &[11, 1, 9]])),
        ("a-bent-record", {
            let bent = [&brought(3, 1, &record(7, 9))[..], &[0, 40, 1, 0, 0, 0]].concat();
            said(&[&bent, &[8, 0, 1]])
        }),
        ("an-old-number-again", said(&[&push(7, 9), &push(6, 9), &[8, 0, 0]])),
        ("two-records-with-one-number", said(&[&push(7, 9), &push(7, 8), &[8, 0, 0]])),
        ("the-end-of-a-name", said(&[&push(7, 9), &[3, 0, 0, 0, 0, 0, 2, 0, 9, 0], &push(8, 9)])),
        ("published-changed-and-withdrawn", {
            let publish = |number| [&[5][..], &record(number, 9)].concat();
            let time: &[u8] = &[11, 2, 20];
            said(&[&publish(7), &[11, 0, 200], &publish(8), time, &publish(7), time, &[6, 0]])
        }),
        ("records-are-handed-over", said(&[&store, &[9, 0xff], &[11, 0, 200], &[9, 0]])),
    ]
}

/// The second version. Head: 1 a leaf, 2 a stranger is listed as the root. Codes: those of the
/// driver below 160, then see `step_in_overlay`.
fn cloaks() -> Vec<(&'static str, Vec<u8>)> {
    let said = |head: u8, steps: &[&[u8]]| [&[OVERLAY_VERSION, head], &steps.concat()[..]].concat();
    let neighbour: &[u8] = &[160, 0, 0, 9, 0, 0];
    let client: &[u8] = &[160, 0, 1, 9, 1, 1];
    let root: &[u8] = &[220, 0, 0, 0, 0, 0, 0, 5, 0, 9];
    let granted: &[u8] = &[220, 0, 0, 0, 8, 0, 0, 5, 0, 7, 9];
    let wished: &[u8] = &[220, 0, 0, 0, 2, 0, 0, 5, 0, 3];
    let packet: &[u8] = &[200, 0, 1, 2, 9, 3, 1, 2, 3, 0, 0, 0, 200, 1, 2, 0, 2];
    // A record of the second stranger's, who is the client.
    let record: &[u8] = &[1, 2, 2, 0, 7, 9, 0];
    vec![
        ("overlay-a-root-takes-the-node-in", said(2, &[neighbour, root, granted, &[8, 50]])),
        ("overlay-a-child-hangs-itself-here", said(0, &[neighbour, wished, &[8, 50, 3, 0, 0]])),
        ("overlay-a-packet-with-any-course", said(2, &[neighbour, root, granted, client, packet])),
        ("overlay-a-client-publishes-and-seeks", {
            let publish = [&[236][..], record, &[0, 0, 1]].concat();
            let seek = [&[236][..], record, &[200, 0, 1, 1]].concat();
            said(0, &[neighbour, client, &publish, &seek, &[9, 9]])
        }),
        ("overlay-errands-of-a-neighbour", {
            let errand =
                |kind: u8| [&[210, 0][..], record, &[1, 0, 0, 0, 0, 7, kind, 1, 1, 1, 9]].concat();
            said(0, &[neighbour, wished, &errand(0), &errand(1), &errand(2), &errand(3)])
        }),
        ("overlay-a-pulse-and-silence", said(2, &[neighbour, root, &[232, 0, 0, 9, 0], &[9, 200]])),
        ("overlay-a-full-root-names-another", {
            let refused: &[u8] = &[220, 0, 0, 0, 24, 0, 0, 5, 0, 7, 9];
            let named: &[u8] = &[248, 9, 7, 1, 0, 0, 0];
            said(2, &[neighbour, root, refused, named, &[8, 200, 8, 200]])
        }),
        ("overlay-a-leaf", said(1, &[neighbour, client, packet, &[9, 61]])),
    ]
}
