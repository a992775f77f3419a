//! What the look for the next hop costs, by the number of neighbours.
//!
//! `cargo bench --bench hop`
//!
//! A real overlay node with 8, 64 and 512 neighbours in three trees decides on packets for
//! destinations below them, with what it remembers and without: for that, a link's cost changes
//! before each packet. CPU time of this thread; and, where `valgrind` is installed,
//! instructions, counted by running this program under it with and without the packets. The
//! reference is the distance of one pair of words, which no decision can do without.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use muses::base::clock::Time;
use muses::base::ids::Name;
use muses::base::limits::{HOPS_MAX, ROUTE_LEN, TREES_DEFAULT};
use muses::crypto::identity::Identity;
use muses::crypto::rng::Rng;
use muses::overlay::forest::tree::Said;
use muses::overlay::forest::{Forest, Heard};
use muses::overlay::hyperbolic::{Hyperbolic, Next, Settings};
use muses::overlay::source::SourceGroup;
use muses::overlay::word::{self, Word};
use muses::wire::route::{self, Course, Route};

mod support;
use support::thread_cpu;

const NEIGHBOURS: [usize; 3] = [8, 64, 512];
const PACKETS: usize = 2_000;
/// Given to this program when it runs under valgrind: neighbours and packets.
const COUNTED: &str = "--counted";

fn identity(number: usize) -> Rc<Identity> {
    let mut seed = [9; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Rc::new(Identity::from_seed(seed))
}

/// A node with so many neighbours that stand around it, and a header for each to one below it.
fn star(count: usize) -> (Hyperbolic, Vec<[u8; ROUTE_LEN]>) {
    let hub = identity(0);
    let settings =
        Settings { trees: TREES_DEFAULT, roots: vec![hub.name()], born: 1, ..Settings::default() };
    let mut node = Hyperbolic::new(&hub, &settings, (0, []), Rng::new([1; 32]), Time::ZERO);
    let mut now = Time::ZERO;
    let mut around: Vec<(Name, Forest)> = (1..=count)
        .map(|number| {
            let own = identity(number);
            let forest = Forest::new(&own, TREES_DEFAULT, &settings.roots, 1, Time::ZERO);
            (own.name(), forest)
        })
        .collect();
    for (name, forest) in &mut around {
        forest.neighbour_up(hub.name(), SourceGroup::Neighbour(hub.name()), now);
        node.forest.neighbour_up(*name, SourceGroup::Neighbour(*name), now);
    }
    for _ in 0..20 {
        now = now + Duration::from_millis(20);
        node.tick(now);
        while let Some((to, said)) = node.poll_said() {
            let hearer = around.iter_mut().find(|(name, _)| *name == to);
            let (Some((_, forest)), Said::Standing(_)) = (hearer, &said) else { continue };
            forest.hear(hub.name(), said);
            read(forest, now);
        }
        for (name, forest) in &mut around {
            forest.tick(now);
            while let Some((_, said)) = forest.poll() {
                if matches!(said, Said::Standing(_)) {
                    node.forest.hear(*name, said);
                    read(&mut node.forest, now);
                }
            }
        }
    }
    let headers = around.iter().filter(|(_, forest)| forest.trees()[0].parent().is_some());
    let headers = headers.map(|(name, forest)| {
        let mut header = [0; ROUTE_LEN];
        route::emit(&mut header, &hub.name(), name, HOPS_MAX);
        let below: Vec<(u32, Word)> =
            forest.places().map(|(tag, word)| (tag, word.clone().step(254))).collect();
        let mut view = Route::new_checked(&mut header).expect("what emit wrote");
        view.set_there(below.iter().map(|(tag, word)| (*tag, &**word)));
        header
    });
    let headers: Vec<_> = headers.collect();
    assert!(headers.len() >= count.min(254), "{} of {count} hang from the hub", headers.len());
    (node, headers)
}

/// Looks at all that was heard, which holds.
fn read(forest: &mut Forest, now: Time) {
    while let Some(heard) = forest.read(now) {
        assert_eq!(heard, Heard::True);
    }
}

fn decide(node: &mut Hyperbolic, headers: &mut [[u8; ROUTE_LEN]], packets: usize, is_anew: bool) {
    let last = Route::new_checked(&headers[headers.len() - 1][..]).map(|view| view.destination());
    let last = last.expect("a header");
    for at in 0..packets {
        if is_anew {
            node.forest.set_cost(&last, (at % 2) as u32);
        }
        let header = &mut headers[at % 8];
        let mut view = Route::new_checked(&mut header[..]).expect("a header");
        view.set_course(Course::Nearest, 0, u32::MAX);
        assert!(matches!(black_box(node.next(&mut view, Time::ZERO)), Next::Neighbour(_)));
    }
}

/// Instructions of this program for so many packets, the preparation included.
fn instructions(neighbours: usize, packets: usize, is_anew: bool) -> Option<u64> {
    let own = std::env::current_exe().ok()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    command.args([COUNTED, &neighbours.to_string(), &packets.to_string(), &is_anew.to_string()]);
    let said = String::from_utf8(command.output().ok()?.stderr).ok()?;
    let line = said.lines().find_map(|line| line.split("Collected :").nth(1))?;
    line.trim().parse().ok()
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some(at) = words.iter().position(|word| word == COUNTED) {
        let number = |at: usize| words[at].parse::<usize>().expect("a number");
        let (mut node, mut headers) = star(number(at + 1));
        return decide(&mut node, &mut headers, number(at + 2), words[at + 3] == "true");
    }
    let pair = [[3_u8, 7, 1, 4], [3, 7, 9, 2]];
    let start = thread_cpu();
    (0..PACKETS * 100).for_each(|_| _ = black_box(word::distance(&black_box(pair)[0], &pair[1])));
    let distance = (thread_cpu() - start).as_nanos() as f64 / (PACKETS * 100) as f64;
    println!("neighbours      decided   ns/packet   distances   instructions/packet");
    for (count, is_anew) in NEIGHBOURS.into_iter().flat_map(|count| [(count, true), (count, false)])
    {
        let (mut node, mut headers) = star(count);
        decide(&mut node, &mut headers, PACKETS, is_anew);
        let start = thread_cpu();
        decide(&mut node, &mut headers, 10 * PACKETS, is_anew);
        let each = (thread_cpu() - start).as_nanos() as f64 / (10 * PACKETS) as f64;
        let counted = instructions(count, PACKETS, is_anew).zip(instructions(count, 0, is_anew));
        let counted = counted.map_or("no valgrind".to_owned(), |(with, without)| {
            format!("{}", with.saturating_sub(without) / PACKETS as u64)
        });
        let how = if is_anew { "anew" } else { "remembered" };
        println!("{count:10} {how:>12} {each:11.0} {:11.0} {counted:>21}", each / distance);
    }
}
