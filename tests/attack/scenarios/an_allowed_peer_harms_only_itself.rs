//! An allowed but hostile peer, with real sealed packets: false acknowledgements, wild Re-Hellos,
//! a hundred thousand opens, data beyond its credit, and no reading (RL-03, RL-05, RS-02, DO-05).
//! It seals with the program's own session code, told to lie.

use std::thread;
use std::time::{Duration, Instant};

use muses::base::clock::Time;
use muses::base::ids::Name;
use muses::fuzzing::pair::Side;
use muses::session::tunnel::{Bounds, Tunnel};
use muses::wire::packet::{ConType, SessId};

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{Link, STRANGER};
use crate::wire::{self, kind};
use crate::world::{MALLORY, Plan};

pub(super) const IT: Scenario = Scenario {
    name: "an_allowed_peer_harms_only_itself",
    row: "RL-03, RL-05, RS-02, DO-05",
    is_off_path: true,
    is_quick: true,
    run,
};

/// Lies of each kind in one turn, of which there are a hundred a second.
const LIES: u64 = 10;
const TURN: Duration = Duration::from_millis(10);
/// Packets of the peer's own memory are bounded too: what a turn may send.
const PACKETS: usize = 200;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().clients().start();
    let (at, bob, port) = (world.victim(), world.bob.name, world.echo_port());
    let attack = move |control: &std::sync::Arc<Control>| {
        let key = muses::crypto::identity::Identity::from_seed([MALLORY; 32]);
        let Ok(mut link) = Link::prove(at, STRANGER, key, wire::NEIGHBOUR) else { return };
        let bob = Name::from_bytes(bob);
        let suites = muses::crypto::suite::Suite::ALL;
        let mut side = Side::new(MALLORY, &[bob], &suites, Bounds::default());
        side.reads = false;
        let _ = lie(control, &mut link, &mut side, bob, port);
    };
    trial.play(world, attack, move |world, figures| {
        thread::sleep(Duration::from_secs(2));
        let status = world.bob.status().ok_or("Bob does not answer")?;
        let mallory =
            muses::crypto::identity::Identity::from_seed([MALLORY; 32]).name().to_string();
        let tunnel = status.tunnels.iter().find(|tunnel| tunnel.name == mallory);
        let tunnel = tunnel.ok_or("the hostile peer has no tunnel: nothing was tried")?;
        figures.more.push(format!("{} sessions of the hostile peer", tunnel.sessions.len()));
        figures.more.push(format!("Bob's packet memory {} MiB", status.memory_used >> 20));
        if status.memory_used > status.memory_budget {
            return Err("Bob's memory is over its budget".into());
        }
        Ok(())
    })
}

fn lie(
    control: &Control,
    link: &mut Link,
    side: &mut Side,
    bob: Name,
    port: u16,
) -> std::io::Result<()> {
    let since = Instant::now();
    let now = || Time::ZERO + since.elapsed();
    side.peers.open(bob, 1, 40_000, port, now());
    let mut serial = 1_000;
    while !control.is_over() {
        if side.peers.tunnel(&bob).is_some() {
            side.peers.with(&bob, |tunnel| turn(tunnel, port, &mut serial));
        }
        side.work(&bob, now());
        for packet in std::iter::from_fn(|| side.peers.poll_packet()).take(PACKETS) {
            control.sent(packet.len());
            link.send(&packet)?;
        }
        link.live(TURN, |_, found, body| {
            if found == kind::PACKET {
                side.receive(&wire::frame(kind::PACKET, body), now());
            }
            Ok(())
        })?;
        side.peers.tick(now());
    }
    Ok(())
}

/// Every lie there is, some times.
fn turn(tunnel: &mut Tunnel, port: u16, serial: &mut u64) {
    for _ in 0..LIES {
        // A session opened and given more than was granted.
        *serial += 2;
        let known = tunnel.session_id(*serial);
        let mut session = SessId { opener: known.opener, answerer: known.answerer };
        session.answerer.port = port;
        tunnel.lie_in_session(session, ConType::Open, 0, &[]);
        for number in 1..4 {
            tunnel.lie_in_session(session, ConType::Data, number, &[0x5a; 8192]);
        }
        let mut claims = vec![0; 64];
        claims[..32].copy_from_slice(&wire::random::<32>());
        tunnel.lie(ConType::Ack, &claims);
        tunnel.lie(ConType::Probe, &wire::random::<8>());
    }
    tunnel.lie_in_re_hello(ConType::ReHello, Some(wire::random()), &wire::random::<24>());
}
