//! Silent connections and false proofs, thousands a second from one machine (OV-13, DO-03): the
//! flow goes on, and a newcomer gets in.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Aftermath, Scenario, Trial};
use crate::control::Control;
use crate::neighbour::{STRANGER, connect};
use crate::wire::{self, kind};
use crate::world::Plan;

pub(super) const IT: Scenario = Scenario {
    name: "false_proofs_keep_no_newcomer_out",
    row: "OV-13, DO-03",
    is_off_path: true,
    is_quick: true,
    run,
};

const THREADS: u32 = 32;
const PER_SECOND: u32 = 8000;

fn run(trial: Trial) -> Aftermath {
    let world = Plan::default().start();
    let (at, by) = (world.victim(), world.entrance(0));
    let attack = move |control: &Arc<Control>| {
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let control = Arc::clone(control);
                thread::spawn(move || control.charged(|| flood(&control, at, number % 2 == 0)))
            })
            .collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    };
    trial.play(world, attack, move |world, figures| {
        let took = world.carol_comes(by, Duration::from_secs(8))?;
        figures.setups.push(took.as_secs_f64());
        figures.more.push(format!("a new device's first echo after {:.2} s", took.as_secs_f64()));
        Ok(())
    })
}

fn flood(control: &Control, at: SocketAddr, is_silent: bool) {
    let name = wire::name_of(&wire::fresh());
    let mut kept = std::collections::VecDeque::new();
    control.every(PER_SECOND / THREADS, || {
        let Ok(mut stream) = connect(at, STRANGER) else {
            control.sleep(Duration::from_millis(5));
            return true;
        };
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        control.sent(3 * 60);
        if !is_silent {
            let head = [wire::LINK_VERSION, wire::NEIGHBOUR];
            let hello = [&head[..], &name, &wire::random::<32>()].concat();
            let hello = wire::frame(kind::HELLO, &hello);
            let proof = wire::frame(kind::PROOF, &[wire::random::<32>(), [0; 32]].concat());
            control.sent(hello.len() + proof.len());
            let _ = stream.write_all(&[hello, proof].concat());
        }
        kept.push_back(stream);
        if kept.len() > 100 {
            kept.pop_front();
        }
        true
    });
}
