//! `muses sim full`: the life of one overlay of real cores, a row for each measure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::ids::Name;
use crate::base::limits::TREES_MAX;
use crate::overlay::forest::tree::Tree;
use crate::overlay::word::Letter;
use crate::sim::full::life::{Churn, Life, Script};
use crate::sim::full::mail::Lot;
use crate::sim::full::sessions::Law;
use crate::sim::full::world::{Death, Plan, World};
use crate::sim::graph::Node;
use crate::wire::frame::Kind as Message;

use super::super::super::clock::Stopwatch;
use super::super::super::columns::Columns;
use super::super::super::disk::{self, Dot, Kind, rim};
use super::super::super::failure::{Failure, Wrong};
use super::super::super::programs::print;
use super::super::super::settings::Settings;

/// Nodes that one machine holds.
const NODES_MAX: u64 = 20_000;
/// A week.
const MINUTES_MAX: u64 = 7 * 24 * 60;
/// Before anything is measured nodes come and go for half as long as after it.
const BEFORE: u32 = 2;

/// Runs it.
pub(super) fn run(settings: &Settings) -> Result<(), Failure> {
    let script = script(settings)?;
    let clock = Stopwatch::start();
    let life = Life::live(&script);
    let mut rows = Columns::new(["MEASURE", "VALUE"]);
    for [measure, value] in measures(&script, &life) {
        rows.row([measure.to_owned(), value]);
    }
    rows.row(["seconds in all".into(), format!("{:.1}", clock.elapsed().as_secs_f64())]);
    if let Some(file) = super::draw(settings, || picture(&life.world))? {
        rows.row(["map".into(), file]);
    }
    print(&rows.text(""))
}

fn script(settings: &Settings) -> Result<Script, Wrong> {
    let law = [Law::Exponential, Law::HeavyTailed].map(|law| (law.word(), law));
    let law = super::choice(settings, "sessions", &law)?;
    let median = super::number(settings, "median", 10, 1_000_000)?;
    let death = if settings.count("silent") > 0 { Death::Silent } else { Death::Killed };
    let comes_and_goes = law.is_some() || median.is_some() || death == Death::Silent;
    let churn = comes_and_goes.then(|| Churn {
        law: law.unwrap_or(Law::Exponential),
        median: Duration::from_secs(median.unwrap_or(300)),
        death,
    });
    let minutes = super::number(settings, "minutes", 1, MINUTES_MAX)?.unwrap_or(5);
    let watched = Duration::from_secs(60 * minutes);
    Ok(Script {
        plan: Plan {
            trees: super::number(settings, "trees", 1, TREES_MAX as u64)?.unwrap_or(3) as u8,
            loss: settings.read("loss", super::percent)?.unwrap_or(0.0) / 100.0,
            has_visitors: true,
            seed: super::seed(settings)?,
            ..Plan::default()
        },
        shape: super::shape(settings, NODES_MAX, 300, 3)?,
        before: if churn.is_some() { watched / BEFORE } else { Duration::ZERO },
        churn,
        watched,
    })
}

fn measures(script: &Script, life: &Life) -> Vec<[String; 2]> {
    let nodes = life.world.nodes();
    let each = |count: u64| count as f64 / f64::from(nodes);
    let rate = |bytes: u64| format!("{:.1} B/s a node", each(bytes) / script.watched.as_secs_f64());
    let records = life.said.of(Message::Errand).1;
    let packets = life.said.of(Message::Packet).1;
    let settled = life.settled.map_or("never".to_owned(), |s| format!("{:.2} s", s.as_secs_f64()));
    let (messages, bytes) = (each(life.forming.messages()), each(life.forming.bytes()));
    vec![
        ["graph".into(), format!("{}, seed {}", script.shape.kind.word(), script.plan.seed)],
        ["nodes".into(), nodes.to_string()],
        ["trees".into(), script.plan.trees.to_string()],
        ["settled after the last start".into(), settled],
        ["said until then, by node".into(), format!("{messages:.0} messages, {bytes:.0} bytes")],
        ["deaths".into(), life.deaths.to_string()],
        ["said by trees and links".into(), rate(life.said.bytes() - records - packets)],
        ["said for records".into(), rate(records)],
        ["questions to friends".into(), answered(&life.friends)],
        ["questions to strangers".into(), answered(&life.strangers)],
    ]
}

fn answered(lot: &Lot) -> String {
    let within = |seconds| lot.within(Duration::from_secs(seconds));
    let (once, one, ten) = (lot.at_once(), within(1), within(10));
    format!(
        "{}: {once:.2} % arrived at once, {one:.2} % answered in 1 s, {ten:.2} % in 10 s",
        lot.count()
    )
}

/// The first tree and all links, as they are in the end.
fn picture(world: &World) -> String {
    let tree = |node: Node| Some((node, world.overlay(node)?.forest.trees().first()?));
    let trees: Vec<(Node, &Tree)> = (0..world.nodes()).filter_map(tree).collect();
    let at: BTreeMap<Name, usize> =
        trees.iter().zip(0..).map(|((node, _), at)| (world.name(*node), at)).collect();
    let words: Vec<&[Letter]> = trees.iter().map(|(_, tree)| &**tree.place().1).collect();
    let places = rim::spread(&words).into_iter().zip(&trees);
    let dots: Vec<Dot> = places.map(|(at, (node, tree))| dot(at, *node, tree)).collect();
    let edge = |(at_child, parent): (usize, Option<&Name>)| Some((at_child, *at.get(parent?)?));
    let parents = trees.iter().map(|(_, tree)| tree.parent());
    let edges: Vec<(usize, usize)> = (0..).zip(parents).filter_map(edge).collect();
    let ends = world.links().map(|(a, b)| (at[&world.name(a)], at[&world.name(b)]));
    let links: Vec<(usize, usize)> =
        ends.filter(|(a, b)| !edges.contains(&(*a, *b)) && !edges.contains(&(*b, *a))).collect();
    disk::draw(&dots, &edges, &links, &format!("{} nodes", dots.len()))
}

fn dot(at: disk::Point, node: Node, tree: &Tree) -> Dot {
    let kind = if tree.is_root() { Kind::Root } else { Kind::Node };
    Dot { at, label: node.to_string(), about: format!("node {node}"), kind, is_own: false }
}
