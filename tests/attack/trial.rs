//! One attack on one world: before, during, after.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::control::Control;
use super::daemon::Daemon;
use super::figures::{Figures, KEPT, SETUP_MAX};
use super::honest::Honest;
use super::world::{World, ping};

/// An attack gets into its stride in this time.
const STRIDE: Duration = Duration::from_millis(500);
/// What must be there first is awaited so long.
const PLACE_MAX: Duration = Duration::from_secs(40);
/// Recovery is awaited so long.
const PATIENCE: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_millis(200);
/// Memory is looked at again after this long.
const MEMORY_AFTER: Duration = Duration::from_secs(60);

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// Whether figures are wanted, and not only what must not happen.
    pub(crate) is_measured: bool,
}

/// A world after its attack, kept until its memory can be looked at again.
pub(crate) struct Aftermath {
    pub(crate) figures: Figures,
    world: Option<(World, Instant)>,
}

impl Aftermath {
    /// Nothing could be measured.
    pub(crate) fn failed(why: String) -> Self {
        Self { figures: Figures { faults: vec![why], ..Figures::default() }, world: None }
    }

    /// Waits until the minute is over and looks at the victim again.
    pub(crate) fn settle(mut self) -> Figures {
        let Some((mut world, since)) = self.world.take() else { return self.figures };
        thread::sleep(MEMORY_AFTER.saturating_sub(since.elapsed()));
        match world.fault() {
            Some(fault) => self.figures.faults.push(fault),
            None => self.figures.memory.2 = Some(victim(&world).process.memory().0),
        }
        self.figures
    }
}

fn victim(world: &World) -> &Daemon {
    &world.relays[0]
}

impl Trial {
    fn long(self) -> Duration {
        if self.is_measured { Duration::from_secs(8) } else { Duration::from_secs(2) }
    }

    /// Plays an attack against the honest pair. `during` says what else must hold meanwhile, and
    /// is given the figures for what it sees.
    pub(crate) fn play(
        self,
        mut world: World,
        attack: impl FnOnce(&Arc<Control>) + Send + 'static,
        during: impl FnOnce(&mut World, &mut Figures) -> Result<(), String>,
    ) -> Aftermath {
        let honest = Honest::start(&world, self.is_measured);
        let mut figures = Figures::default();
        thread::sleep(Duration::from_millis(if self.is_measured { 1500 } else { 300 }));
        let spent = spent(&world);
        figures.before = honest.rate(self.long() / 2);
        figures.spent.0 = (self::spent(&world) - spent) / (self.long() / 2).as_secs_f64();
        figures.memory.0 = victim(&world).process.memory().0;
        let lines = log_lines(&mut world);

        let control = Arc::new(Control::default());
        let attacker = {
            let control = Arc::clone(&control);
            thread::spawn(move || control.charged(|| attack(&control)))
        };
        let begun = Instant::now();
        control.await_place(PLACE_MAX);
        thread::sleep(STRIDE);
        let (since, received, spent) = (Instant::now(), honest.received(), self::spent(&world));
        if let Err(fault) = during(&mut world, &mut figures) {
            figures.faults.push(fault);
        }
        thread::sleep(self.long().saturating_sub(since.elapsed()));
        figures.more.extend(tunnel(&world.alice));
        figures.during = (honest.received() - received) as f64 / since.elapsed().as_secs_f64();
        figures.spent.1 = (self::spent(&world) - spent) / since.elapsed().as_secs_f64();
        let (measured, lasted) = (since.elapsed(), begun.elapsed());
        control.stop();
        if attacker.join().is_err() {
            figures.faults.push("the attacker panicked".into());
        }
        let (bytes, cpu) = control.cost();
        figures.cost = (bytes as f64 / lasted.as_secs_f64(), cpu / lasted.as_secs_f64());
        figures.log_lines = (log_lines(&mut world) - lines) as f64 / lasted.as_secs_f64();
        figures.faults.extend(world.fault());
        if figures.faults.is_empty() {
            figures.memory.1 = victim(&world).process.memory().0;
        }
        self.recover(&world, &honest, &mut figures);
        for setup in honest.setups(since, since + measured) {
            match setup {
                Ok(time) => figures.setups.push(time.as_secs_f64()),
                Err(why) => figures.failed.push(why),
            }
        }
        self.judge(&honest, &mut figures);
        figures.faults.extend(world.fault().filter(|_| figures.faults.is_empty()));
        honest.stop();
        keep(&mut world);
        Aftermath { figures, world: self.is_measured.then(|| (world, Instant::now())) }
    }

    /// What is promised on any machine: the transfer goes on, sessions open.
    fn judge(self, honest: &Honest, figures: &mut Figures) {
        if let Some(why) = honest.reset() {
            figures.faults.push(format!("the transfer was reset: {why}"));
        }
        if !self.is_measured && figures.during == 0.0 {
            figures.faults.push("the transfer stood still".into());
        }
        if let Some(why) = figures.failed.first().filter(|_| !self.is_measured) {
            figures.faults.push(format!("a new session failed: {why}"));
        }
    }

    fn recover(self, world: &World, honest: &Honest, figures: &mut Figures) {
        let since = Instant::now();
        let at = world.to_echo();
        while since.elapsed() < PATIENCE {
            let rate = honest.rate(WINDOW);
            let is_fast = rate >= KEPT * figures.before || !self.is_measured && rate > 0.0;
            let elapsed = since.elapsed().as_secs_f64();
            let bound = if self.is_measured { SETUP_MAX } else { PATIENCE };
            if is_fast && ping(at, bound).is_ok() {
                figures.recovery = Some(elapsed);
                break;
            }
        }
        if self.is_measured {
            figures.after = honest.rate(self.long() / 2);
        }
    }
}

/// Seconds of CPU that the victim has spent.
fn spent(world: &World) -> f64 {
    let victim = &world.relays[0].process;
    if world.relays[0].status().is_some() { victim.spent().as_secs_f64() } else { 0.0 }
}

/// How a device's tunnel stands.
fn tunnel(device: &Daemon) -> Option<String> {
    let status = device.status()?;
    let tunnel = status.tunnels.iter().find(|tunnel| tunnel.alias == "bob")?;
    let (wait, window) = (&tunnel.wait.state, tunnel.window);
    let (in_flight, again, trip) = (tunnel.in_flight, tunnel.sent_again, tunnel.rtt_us / 1000);
    Some(format!(
        "Alice's tunnel {wait}, window {window}, {in_flight} in flight, {trip} ms, \
         resumed {}, sent again {again}",
        tunnel.resumed
    ))
}

fn log_lines(world: &mut World) -> usize {
    let count = |daemon: &mut Daemon| daemon.process.said().lines().count();
    world.everybody().into_iter().map(count).sum()
}

/// Keeps the logs where they were asked for.
fn keep(world: &mut World) {
    let Some(dir) = std::env::var_os("MUSES_ATTACK_KEEP").map(std::path::PathBuf::from) else {
        return;
    };
    let into = dir.join(world.dir.path().file_name().expect("a word"));
    let _ = std::fs::create_dir_all(&into);
    for log in world.logs() {
        let _ = std::fs::copy(&log, into.join(log.file_name().expect("a word")));
    }
}
