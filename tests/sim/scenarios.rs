//! Scripted lives: what the paper shows and the issue promises, each a sentence.

use std::time::Duration;

use muses::base::clock::Time;

use crate::app::{Ending, Reading, Script};
use crate::faults::Fault;
use crate::net::{Dialling, Wire};
use crate::oracle::{Service, Session};
use crate::swarm::describe;
use crate::town::{ALICE, BOB, Shape};
use crate::world::World;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A town on 5 ms wires of 10 Mbyte/s; nobody has started.
fn town(shape: Shape) -> World {
    let mut world = World::new(7);
    world.settle_town(shape);
    world.all_wires(Wire { latency: 5 * MS, bandwidth: 10 << 20, ..Wire::default() });
    world
}

fn plan(world: &mut World, there: Script, back: Script) -> usize {
    world.plan(Session::new(ALICE, BOB, [there, back]), MS * 100)
}

/// Client and server of a session.
fn ends(world: &World, session: usize) -> [&crate::app::App; 2] {
    let session = &world.sessions[session];
    [session.client_app, session.server_app]
        .map(|place| &world.apps[place.expect("both applications are there")])
}

fn hold(world: &World) {
    if let Some(why) = &world.failure {
        panic!("{why}\n{}", describe(world));
    }
}

/// Runs until all is over; every session must have come to its end.
fn finish(mut world: World, within: Duration) {
    world.run(within);
    hold(&world);
    let left: Vec<String> = world.pending().map(crate::app::App::word).collect();
    assert!(left.is_empty(), "still at it: {left:?}\n{}", describe(&world));
}

fn cut_all(world: &mut World, from: Duration, to: Duration) {
    for (a, b) in world.wires.clone() {
        world.fault(from, Fault::Cut(a, b, Dialling::Silent));
        world.fault(from, Fault::Void(a, b));
        world.fault(to, Fault::Heal(a, b, Duration::ZERO));
    }
}

/// A steady trickle that lasts longer than what is done to it.
fn trickle() -> Script {
    let total = 60 << 20;
    Script { chunk: 4 << 10, rest: 20 * MS, ..Script::plain(total) }
}

/// The paper's Figure 7: the path is cut at 59 s and back at 73.82 s.
#[test]
#[expect(clippy::print_stdout, reason = "the figure is what the test is for")]
fn after_figure_sevens_outage_bytes_flow_at_once() {
    let mut world = town(Shape::Chain);
    let session = plan(&mut world, trickle(), Script::plain(0));
    let (cut, back) = (MS * 59_000, MS * 73_820);
    cut_all(&mut world, cut, back);
    world.start_all();
    world.run_until(Time::ZERO + back);
    hold(&world);
    let before = ends(&world, session)[1].read;
    while ends(&world, session)[1].read == before {
        world.run(MS);
        hold(&world);
        assert!(world.now < Time::ZERO + back + SECOND * 2, "nothing flows\n{}", describe(&world));
    }
    let waited = world.now.since(Time::ZERO + back);
    println!("Figure 7: first byte {} ms after the path's return", waited.as_millis());
    assert!(waited < SECOND * 2, "{waited:?}");
    world.strike(Fault::Calm);
    finish(world, Duration::from_secs(60));
}

#[test]
fn a_flapping_link_delays_and_ends_nothing() {
    let mut world = town(Shape::Chain);
    plan(&mut world, trickle(), trickle());
    for flap in 0..40 {
        let at = SECOND + MS * 700 * flap;
        world.fault(at, Fault::Cut(2, 3, Dialling::Refused));
        world.fault(at + 100 * MS, Fault::Break(2, 3, flap % 2 == 0));
        world.fault(at + 350 * MS, Fault::Heal(2, 3, MS * 20));
    }
    world.fault(Duration::from_secs(30), Fault::Calm);
    world.start_all();
    finish(world, Duration::from_secs(60));
}

#[test]
fn both_ends_may_be_cut_and_moved_at_once() {
    let mut world = town(Shape::Chain);
    plan(&mut world, Script::plain(8 << 20), Script::plain(8 << 20));
    cut_all(&mut world, MS * 400, SECOND * 5);
    world.fault(SECOND * 5, Fault::Move(ALICE, true));
    world.fault(SECOND * 5, Fault::Move(BOB, true));
    world.start_all();
    finish(world, Duration::from_secs(15));
}

#[test]
fn a_relay_may_be_killed_in_the_middle_of_a_transfer() {
    for shape in [Shape::Chain, Shape::Star, Shape::Daemon] {
        let mut world = town(shape);
        plan(&mut world, Script::plain(8 << 20), Script::plain(8 << 20));
        world.fault(MS * 400, Fault::Kill(3));
        world.fault(MS * 3400, Fault::Start(3));
        world.start_all();
        finish(world, Duration::from_secs(15));
    }
}

#[test]
fn a_restarted_peer_resets_its_sessions_and_serves_new_ones() {
    let mut world = town(Shape::Chain);
    let old = plan(&mut world, trickle(), trickle());
    let scripts = [Script::plain(5000), Script::plain(5000)];
    let new = world.plan(Session::new(ALICE, BOB, scripts), SECOND * 12);
    world.fault(SECOND * 2, Fault::Kill(BOB));
    world.fault(SECOND * 5, Fault::Start(BOB));
    world.start_all();
    world.run_until(Time::ZERO + SECOND * 8);
    assert!(ends(&world, old)[0].saw_reset, "{}", describe(&world));
    world.run_until(Time::ZERO + SECOND * 14);
    let [client, server] = ends(&world, new);
    assert_eq!((client.read, server.read), (5000, 5000));
    finish(world, SECOND);
}

#[test]
fn a_thousand_sessions_of_which_a_hundred_are_busy_resume_within_memory() {
    const BUDGET: usize = 64 << 20;
    let mut world = town(Shape::Chain);
    for number in 0..1000 {
        let mut idle = Script::plain(64);
        idle.ending = Ending::Fin;
        let (there, back) = if number % 10 == 0 {
            (Script::plain(256 << 10), Script::plain(64 << 10))
        } else {
            (Script { reading: Reading::From(Time::ZERO + SECOND * 8), ..idle.clone() }, idle)
        };
        plan(&mut world, there, back);
    }
    for id in [ALICE, BOB] {
        if let Some((node, cloak)) = world.node_mut(id) {
            node.memory = BUDGET;
            if let Some(cloak) = cloak {
                cloak.memory = BUDGET / 4;
            }
        }
    }
    cut_all(&mut world, MS * 600, SECOND * 6);
    world.start_all();
    world.run(SECOND * 5);
    hold(&world);
    let pending = world.pending().count();
    assert!(pending > 1000, "they are cut in the middle: {pending}");
    let peak = world.memory_peak.values().copied().max().unwrap_or_default();
    assert!(peak <= BUDGET, "{peak} bytes");
    finish(world, Duration::from_secs(25));
}

#[test]
fn keystrokes_are_not_held_up_by_bulk_in_the_same_tunnel() {
    let mut world = town(Shape::Chain);
    world.all_wires(Wire { latency: MS, bandwidth: 1 << 20, ..Wire::default() });
    plan(&mut world, Script::plain(20 << 20), Script::plain(0));
    let key = Script { chunk: 1, rest: 50 * MS, ..Script::plain(120) };
    let keys = plan(&mut world, key, Script::plain(0));
    world.start_all();
    world.run(SECOND * 5);
    hold(&world);
    let [typist, reader] = ends(&world, keys);
    let late = typist.written - reader.read;
    assert!(typist.written >= 80 && late <= 16, "{} typed, {late} late", typist.written);
    finish(world, Duration::from_secs(40));
}

/// Each kind of end, said while the path is away, arrives after it.
#[test]
fn what_ends_during_an_outage_is_told_after_it() {
    let mut world = town(Shape::Chain);
    let slow = |total, ending| Script {
        chunk: 1,
        rest: Duration::from_millis(1900),
        ending,
        ..Script::plain(total)
    };
    // They write their last byte while the path is away.
    let ended = plan(&mut world, slow(4, Ending::Fin), Script::plain(9000));
    let reset = plan(&mut world, slow(4, Ending::Reset(4)), slow(5000, Ending::Fin));
    let answered = plan(&mut world, slow(4, Ending::Fin), slow(9, Ending::FinLast));
    let mut late = Session::new(ALICE, BOB, [Script::plain(10), Script::plain(10)]);
    late.service = Service::Refuses;
    let refused = world.plan(late, SECOND * 4);
    cut_all(&mut world, SECOND, SECOND * 20);
    world.start_all();
    world.run_until(Time::ZERO + SECOND * 19);
    hold(&world);
    assert!(!ends(&world, ended)[1].saw_fin && !ends(&world, reset)[1].saw_reset);
    world.run_until(Time::ZERO + SECOND * 22);
    hold(&world);
    assert!(ends(&world, ended)[1].saw_fin && ends(&world, reset)[1].saw_reset);
    let [client, server] = ends(&world, answered);
    assert!(server.saw_fin && client.saw_fin && client.read == 9, "the answer follows the end");
    let client = world.sessions[refused].client_app.expect("it came");
    assert!(world.apps[client].saw_reset, "a forward has no other word for a refusal");
    finish(world, Duration::from_secs(30));
}
