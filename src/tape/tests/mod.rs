//! What is recorded plays; what was touched rings.

mod toy;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use quickcheck::quickcheck;

use self::toy::{FATAL, Toy};
use super::event::Event;
use super::intake::Intake;
use super::parse::{self, Stop};
use super::*;
use crate::base::clock::Time;
use crate::base::ids::Endpoint;
use crate::base::machine::{Cause, Input, Machine, Port, Slices};

const SECRET: u8 = 0x5a;

fn header() -> Header {
    Header { kind: 7, started: 1_700_000_000, origin: vec![SECRET] }
}

fn build(kind: u8, origin: &[u8]) -> Result<Toy, String> {
    match (kind, origin) {
        (7, [secret]) => Ok(Toy::new(*secret)),
        _ => Err("another machine's tape".to_owned()),
    }
}

fn play_toy(tape: &[u8]) -> Result<Report, TapeError> {
    play(tape, build)
}

/// Drives a machine as a driver would: each byte of the script is one thing that happens.
fn drive(machine: &mut Recorded<Toy, &mut Vec<u8>>, script: &[u8]) {
    let mut now = Time::from_nanos(5);
    machine.handle(Input::Start, now);
    while machine.poll().is_some() {}
    for (step, code) in script.iter().enumerate() {
        now = now + Duration::from_micros(u64::from(*code) * 97);
        let links = machine.machine().link_ids();
        let link = links.get(step % links.len().max(1)).copied();
        match (code % 16, link) {
            (0, _) => {
                let from = if *code > 200 {
                    Endpoint::Unix(String::new())
                } else {
                    Endpoint::Tcp(([127, 0, 0, 1], u16::from(*code)).into())
                };
                machine.accept(Port(1), from, now);
            }
            (1, Some(link)) => machine.handle(Input::Eof(link), now),
            (2, Some(link)) => machine.handle(Input::Closed(link, Cause::TimedOut), now),
            (3, _) => machine.handle(Input::PathChanged, now),
            (4, Some(link)) => {
                // Asked, and the kernel had nothing.
                let _ = machine.recv_space(link);
            }
            (5..=9, Some(link)) => {
                let mut slices = Slices::default();
                machine.send_slices(link, &mut slices);
                let all: usize = slices.iter().map(|slice| slice.len()).sum();
                if all > 0 {
                    machine.send_commit(link, 1 + usize::from(*code) % all, now);
                }
            }
            (10, _) => {
                let failed = Input::ListenFailed(Port(1), "address already in use");
                machine.handle(failed, now);
            }
            (11.., Some(link)) => receive(machine, link, step, *code, now),
            _ => machine.handle(Input::Timeout, now),
        }
        while machine.poll().is_some() {}
    }
}

fn receive(
    machine: &mut Recorded<Toy, &mut Vec<u8>>,
    link: crate::base::links::LinkId,
    step: usize,
    code: u8,
    now: Time,
) {
    let space = machine.recv_space(link);
    let count = space.len().min(1 + usize::from(code) / 4);
    if count > 0 {
        space[..count].fill(step as u8);
        machine.recv_commit(link, count, now);
    }
}

fn record(script: &[u8]) -> Vec<u8> {
    let mut tape = Vec::new();
    let mut recorded = Recorded::new(Toy::new(SECRET), &header(), &mut tape).expect("memory");
    drive(&mut recorded, script);
    recorded.finish().expect("memory");
    drop(recorded);
    tape
}

/// A long, mixed script.
fn script() -> Vec<u8> {
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    [0, 16, 32].into_iter().chain((0..3000).map(|_| byte())).collect()
}

/// The records with their place on the tape.
fn records(tape: &[u8]) -> Vec<(std::ops::Range<usize>, parse::Record)> {
    let mut at = header().emit().len();
    let mut intake = Intake::new(&tape[at..]);
    let mut records = Vec::new();
    loop {
        match parse::parse(&mut intake) {
            Ok((record, length)) => {
                records.push((at..at + length + 4, record));
                at += length + 4;
            }
            Err(Stop::Over) => return records,
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// Whether the report says that something is amiss; a lost end is no divergence but is told.
fn rings(tape: &[u8]) -> bool {
    let report = play_toy(tape).expect("a tape");
    report.divergence.is_some() || !report.ended
}

#[test]
fn what_was_recorded_plays_to_the_end() {
    let tape = record(&script());
    let report = play_toy(&tape).expect("a tape");
    assert_eq!(report.divergence, None);
    assert!(report.ended && !report.torn);
    assert_eq!(report.started, header().started);
    assert!(report.bytes > 10_000 && report.span > Duration::from_secs(10), "{report:?}");
    let records = records(&tape);
    assert_eq!(report.records, records.len() as u64);
    // The script has met all there is, and marks compared the state on the way.
    for kind in [0, 2, 3, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15] {
        let met = records.iter().any(|(_, record)| record.event.kind() == kind);
        assert!(met, "no record of kind {kind}");
    }
}

#[test]
fn a_touched_tape_rings() {
    let tape = record(&script());
    let records = records(&tape);
    let mut touched = 0;
    for (place, record) in records.iter().step_by(17) {
        let mut dropped = tape[..place.start].to_vec();
        dropped.extend(&tape[place.end..]);
        assert!(rings(&dropped), "dropped {record:?}");

        let mut later = tape[..place.start].to_vec();
        record.event.emit(record.delta + 1, &mut later);
        later.extend(&tape[place.end - 4..]);
        assert!(rings(&later), "a nanosecond later: {record:?}");

        if matches!(record.event, Event::Recv(..)) {
            let mut flipped = tape.clone();
            flipped[place.end - 5] ^= 1;
            assert!(rings(&flipped), "flipped {record:?}");
            touched += 1;
        }
    }
    assert!(touched > 10);
}

#[test]
fn another_machine_rings_at_the_first_thing_it_does_otherwise() {
    let tape = record(&script());
    let report = play(&tape[..], |_, _| Ok(Toy::new(SECRET + 1))).expect("a tape");
    let divergence = report.divergence.expect("other bytes sent");
    let (_, first) = records(&tape).swap_remove(divergence.record as usize);
    assert!(matches!(first.event, Event::Sent(..)), "{divergence:?}");
    assert!(divergence.input.contains("sent"), "{divergence:?}");
    assert!(matches!(play(&tape[..], |_, _| Err::<Toy, _>("no".into())), Err(TapeError::Build(_))));
}

#[test]
fn a_torn_tape_plays_up_to_its_last_whole_record() {
    let tape = record(&script()[..300]);
    let start = header().emit().len();
    let ends: Vec<_> = records(&tape).into_iter().map(|(place, _)| place.end).collect();
    for length in 0..tape.len() {
        let played = play_toy(&tape[..length]);
        if length < start {
            assert!(matches!(played, Err(TapeError::NotATape)), "{length}: {played:?}");
            continue;
        }
        let report = played.expect("a tape");
        assert_eq!(report.divergence, None, "torn at {length}");
        assert_eq!(report.torn, length != start && !ends.contains(&length), "torn at {length}");
        assert_eq!(report.records, ends.iter().filter(|end| **end <= length).count() as u64);
        assert!(!report.ended);
    }
}

#[test]
fn a_full_tape_is_a_playable_prefix_and_disturbs_nobody() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join("tape");
    let sink = FileSink::create(&path, 5_000).expect("a free path");
    let mut recorded = Recorded::new(Toy::new(SECRET), &header(), sink).expect("room");
    let mut other = Vec::new();
    let mut whole = Recorded::new(Toy::new(SECRET), &header(), &mut other).expect("memory");
    for step in 0..2_000_u64 {
        let now = Time::from_nanos(step);
        for machine in [&mut recorded as &mut dyn Machine, &mut whole] {
            machine.handle(Input::PathChanged, now);
            while machine.poll().is_some() {}
        }
    }
    assert_eq!(recorded.fingerprint(), whole.fingerprint());
    drop(recorded);
    let tape = std::fs::read(&path).expect("the tape");
    assert!((4_900..=5_000).contains(&tape.len()), "{} bytes", tape.len());
    let report = play_toy(&tape).expect("a tape");
    assert!(!report.torn && !report.ended && report.divergence.is_none(), "{report:?}");
}

#[test]
fn a_panic_is_reproduced_by_its_tape() {
    let mut tape = Vec::new();
    let defect = catch_unwind(AssertUnwindSafe(|| {
        let toy = Toy::defective(SECRET);
        let mut recorded = Recorded::new(toy, &header(), &mut tape).expect("memory");
        let from = Endpoint::Tcp(([127, 0, 0, 1], 1).into());
        let link = recorded.accept(Port(1), from, Time::ZERO).expect("to be let in");
        while recorded.poll().is_some() {}
        recorded.recv_space(link)[0] = FATAL;
        recorded.recv_commit(link, 1, Time::ZERO);
    }));
    assert!(defect.is_err());
    let build = |_: u8, _: &[u8]| Ok(Toy::defective(SECRET));
    assert!(catch_unwind(|| play(&tape[..], build).is_ok()).is_err(), "it is not reproduced");
    let repaired = play_toy(&tape).expect("a tape");
    assert!(repaired.divergence.is_none() && repaired.records == 2, "{repaired:?}");
}

#[test]
fn a_stranger_is_told_so() {
    assert!(matches!(play_toy(b"#!/bin/sh\n"), Err(TapeError::NotATape)));
    let mut other = header().emit();
    other[9] = 99;
    assert!(matches!(play_toy(&other), Err(TapeError::Format(99))));
}

quickcheck! {
    fn any_script_plays(script: Vec<u8>) -> bool {
        let report = play_toy(&record(&script)).expect("a tape");
        report.ended && report.divergence.is_none()
    }

    fn any_bytes_are_survived(bytes: Vec<u8>) -> bool {
        let _ = play_toy(&bytes);
        let mut tape = header().emit();
        tape.extend(&bytes);
        let _ = play_toy(&tape);
        true
    }

    fn any_damage_is_survived(script: Vec<u8>, at: usize, damage: Vec<u8>) -> bool {
        let mut tape = record(&script);
        let start = at % tape.len();
        for (slot, byte) in tape[start..].iter_mut().zip(damage) {
            *slot ^= byte;
        }
        let _ = play_toy(&tape);
        true
    }
}
