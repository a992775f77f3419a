//! What goes wrong, when the seed says so.

use std::time::Duration;

use crate::net::Dialling;
use crate::process::Task;
use crate::world::{Event, World, trace};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing passes between two processes; dialling ends in the way named.
    Cut(usize, usize, Dialling),
    /// It passes again; what was held back comes within this time.
    Heal(usize, usize, Duration),
    /// What is open between them stays open and carries nothing for ever.
    Void(usize, usize),
    /// What is open between them is reset, or ended, by something in the middle.
    Break(usize, usize, bool),
    /// What is under way comes so much later.
    Stall(usize, usize, Duration),
    /// SIGKILL.
    Kill(usize),
    /// SIGTERM.
    Stop(usize),
    Start(usize),
    /// SIGSTOP, or a closed lid.
    Pause(usize),
    /// SIGCONT, or an opened one, of which the process is told.
    Wake(usize, bool),
    /// The host of a process has another address; it may hear of it.
    Move(usize, bool),
    /// Something changed, or not: the process is told so.
    PathChanged(usize),
    /// The last of the faults is over.
    Calm,
}

impl World {
    pub(crate) fn fault(&mut self, after: Duration, fault: Fault) {
        self.after(after, Event::Fault(fault));
    }

    pub(crate) fn strike(&mut self, fault: Fault) {
        trace!(self, "FAULT {fault:?}");
        self.had_void |= matches!(fault, Fault::Void(..) | Fault::Move(..));
        match fault {
            Fault::Cut(a, b, dialling) => {
                let wire = self.net.wire(a, b);
                (wire.is_down, wire.dialling) = (true, dialling);
            }
            Fault::Heal(a, b, patience) => self.net.heal(a, b, patience, self.now),
            Fault::Void(a, b) => self.net.void(a, b),
            Fault::Break(a, b, reset) => self.net.break_off(a, b, reset, self.now),
            Fault::Stall(a, b, time) => self.net.stall(a, b, self.now + time),
            Fault::Kill(id) => self.kill(id),
            Fault::Stop(id) => {
                self.excuse_later(id);
                self.task(id, Task::Stop);
            }
            Fault::Start(id) => self.start(id),
            Fault::Pause(id) => self.processes[id].is_paused = true,
            Fault::Wake(id, told) => {
                self.processes[id].is_paused = false;
                self.processes[id].turn_due = false;
                if told && self.processes[id].core.is_some() {
                    self.processes[id].tasks.push_front(Task::PathChanged);
                }
                self.schedule(id);
            }
            Fault::Move(id, told) => {
                for other in 0..self.processes.len() {
                    self.net.void(id, other);
                }
                if told {
                    self.task(id, Task::PathChanged);
                }
            }
            Fault::PathChanged(id) => self.task(id, Task::PathChanged),
            Fault::Calm => self.grow_calm(),
        }
    }

    /// A node that is asked to stop says goodbye: its sessions end from now on.
    fn excuse_later(&mut self, id: usize) {
        for session in &mut self.sessions {
            session.is_excused |= session.client == id || session.server == id;
        }
    }

    /// All is well from now on: every process runs, every path is there, nobody rests.
    fn grow_calm(&mut self) {
        self.calm = true;
        self.net.short = 0;
        for (a, b) in self.wires.clone() {
            if self.net.wire(a, b).is_down {
                self.net.heal(a, b, Duration::from_secs(1), self.now);
            }
        }
        for wire in self.net.wires_mut() {
            wire.bandwidth = wire.bandwidth.max(16 << 20);
        }
        for id in 0..self.processes.len() {
            self.start(id);
            if self.processes[id].is_paused {
                self.strike(Fault::Wake(id, true));
            }
        }
        for app in 0..self.apps.len() {
            self.after(Duration::ZERO, Event::App(app));
        }
    }
}
