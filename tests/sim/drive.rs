//! Drives the processes as the reactor does: a turn tells what is due and the news, then serves
//! the links that may have something to do.

use std::time::Duration;

use muses::base::ids::Endpoint;
use muses::base::links::LinkId;
use muses::base::machine::{Action, Cause, Input, Machine, Slices};

use crate::net::{Dialling, Owner};
use crate::process::{Core, Socket, State, Task};
use crate::world::{Event, World, trace};

/// Calls of one link in one direction and turn.
const CALLS_MAX: usize = 16;
/// A kernel gives a connection attempt up after so long.
const DIAL_PATIENCE: Duration = Duration::from_secs(8);
/// Timeouts told at one instant before the machine must look ahead.
const TIMEOUTS_MAX: usize = 8;

impl World {
    /// The first input of a new run.
    pub(crate) fn first_turn(&mut self, id: usize) {
        let Some(mut core) = self.processes[id].core.take() else { return };
        self.tell(core.machine(), id, Input::Start);
        self.put_back(id, core);
    }

    pub(crate) fn turn(&mut self, id: usize) {
        if !self.processes[id].is_awake() {
            return;
        }
        self.count_turn();
        self.processes[id].turn_due = false;
        let Some(mut core) = self.processes[id].core.take() else { return };
        let machine = core.machine();
        self.ring(machine, id);
        for _ in 0..self.processes[id].tasks.len() {
            if self.processes[id].is_over {
                break;
            }
            if let Some(task) = self.processes[id].tasks.pop_front() {
                self.perform(machine, id, task);
            }
        }
        self.put_back(id, core);
    }

    fn put_back(&mut self, id: usize, mut core: Core) {
        let deadline = core.machine().next_timeout();
        for (used, budget) in core.memory() {
            let peak = self.memory_peak.entry(id).or_default();
            *peak = used.max(*peak);
            if used > budget {
                self.fail(format!("{} uses {used} of {budget} bytes", self.processes[id].name));
            }
        }
        let process = &mut self.processes[id];
        process.core = Some(core);
        if process.is_over {
            self.kill(id);
            if self.calm {
                // It was asked to stop before, and heard of it only now.
                self.start(id);
            }
            return;
        }
        if !process.tasks.is_empty() {
            self.schedule(id);
        }
        let process = &mut self.processes[id];
        let (run, wake) = (process.run, process.wake);
        if let Some(at) = deadline.map(|deadline| deadline.at)
            && wake.is_none_or(|wake| at < wake)
        {
            process.wake = Some(at.max(self.now));
            self.at(at, Event::Wake(id, run));
        }
    }

    fn ring(&mut self, machine: &mut dyn Machine, id: usize) {
        for _ in 0..TIMEOUTS_MAX {
            let due = machine.next_timeout().filter(|deadline| deadline.at <= self.now);
            let Some(_) = due else { return };
            self.tell(machine, id, Input::Timeout);
        }
        if let Some(due) = machine.next_timeout().filter(|deadline| deadline.at <= self.now) {
            let name = &self.processes[id].name;
            self.fail(format!("{name} wants '{}' of {} for ever", due.why, due.at));
        }
    }

    fn tell(&mut self, machine: &mut dyn Machine, id: usize, input: Input<'_>) {
        if !matches!(input, Input::Timeout) {
            trace!(self, "{} hears {input:?}", self.processes[id].name);
        }
        machine.handle(input, self.now);
        self.drain(machine, id);
    }

    fn drain(&mut self, machine: &mut dyn Machine, id: usize) {
        while let Some(action) = machine.poll() {
            self.act(id, action);
        }
    }

    fn perform(&mut self, machine: &mut dyn Machine, id: usize, task: Task) {
        match &task {
            Task::Serve(link) => {
                if let Some(socket) = self.processes[id].links.get_mut(link) {
                    socket.queued = false;
                }
                self.write(machine, id, *link);
                return self.read(machine, id, *link);
            }
            Task::Accept(conn, port, from) => {
                let run = self.processes[id].run;
                let link = machine.accept(*port, from.clone(), self.now);
                trace!(self, "{} accepts {from} on {port:?}: {link:?}", self.processes[id].name);
                match link {
                    Some(link) => {
                        if let Some(conn) = self.net.get_mut(*conn) {
                            conn.owners[1] = Owner::Process(id, run, link);
                        }
                        let socket = Socket::new(State::Open(*conn, 1));
                        self.processes[id].links.insert(link, socket);
                        self.queue_link(id, link);
                    }
                    None => self.net.leave(*conn, 1, true, self.now),
                }
                return self.drain(machine, id);
            }
            Task::Connected(link) | Task::Eof(link) => {
                let socket = self.processes[id].links.get(link);
                if socket.is_none_or(|s| s.closing || !matches!(s.state, State::Open(..))) {
                    return;
                }
            }
            Task::Closed(link, _) => {
                let socket = self.processes[id].links.get(link);
                if socket.is_none_or(|socket| socket.state != State::Failed) {
                    return;
                }
                self.processes[id].links.remove(link);
            }
            Task::Listening(..) | Task::PathChanged | Task::Stop => {}
        }
        if let Some(input) = task.input() {
            self.tell(machine, id, input);
        }
    }

    fn act(&mut self, id: usize, action: Action) {
        trace!(self, "{} wants {action:?}", self.processes[id].name);
        match action {
            Action::Listen(port, at) => {
                self.listeners.insert(at.clone(), (id, port));
                // The core is out for its turn: the news is for the next one.
                self.processes[id].tasks.push_back(Task::Listening(port, at));
            }
            Action::Unlisten(port) => self.listeners.retain(|_, of| *of != (id, port)),
            Action::Connect(link, to) => self.connect(id, link, to),
            Action::Resume(link) | Action::Flush(link) => self.queue_link(id, link),
            Action::Shutdown(link) => {
                if let Some(socket) = self.processes[id].links.get_mut(&link) {
                    socket.ending = true;
                }
                self.queue_link(id, link);
            }
            Action::Close(link) => {
                if let Some(socket) = self.processes[id].links.get_mut(&link) {
                    match socket.state {
                        State::Open(..) => socket.closing = true,
                        _ => socket.state = State::Void,
                    }
                }
                self.queue_link(id, link);
            }
            Action::Abort(link) => {
                let socket = self.processes[id].links.remove(&link);
                if let Some(State::Open(conn, end)) = socket.map(|socket| socket.state) {
                    self.net.leave(conn, end, true, self.now);
                }
            }
            // Who comes back here comes back as after a lost disk.
            Action::Keep(..) => {}
            Action::Exit(why) => {
                self.processes[id].is_over = true;
                if let Some(why) = why {
                    self.fail(format!("{} exits: {why}", self.processes[id].name));
                }
            }
        }
    }

    /// As `enqueue`, while the core is out for its turn.
    fn queue_link(&mut self, id: usize, link: LinkId) {
        let Some(socket) = self.processes[id].links.get_mut(&link) else { return };
        if !std::mem::replace(&mut socket.queued, true) {
            self.processes[id].tasks.push_back(Task::Serve(link));
        }
    }

    // ---- One link ---------------------------------------------------------------------------

    fn write(&mut self, machine: &mut dyn Machine, id: usize, link: LinkId) {
        for _ in 0..CALLS_MAX {
            let Some(socket) = self.processes[id].links.get(&link) else { return };
            let (state, closing) = (socket.state, socket.closing);
            let mut slices = Slices::default();
            let count = match state {
                State::Dialling | State::Failed => return,
                State::Void => {
                    machine.send_slices(link, &mut slices);
                    let count = slices.iter().map(|slice| slice.len()).sum();
                    if count == 0 {
                        self.processes[id].links.remove(&link);
                        return;
                    }
                    count
                }
                State::Open(conn, end) => {
                    machine.send_slices(link, &mut slices);
                    if slices.is_empty() {
                        return self.flushed(id, link);
                    }
                    if self.net.is_reset(conn, end) {
                        if !closing {
                            return self.failed(id, link, Cause::Reset);
                        }
                        self.set_state(id, link, State::Void);
                        continue;
                    }
                    match self.net.write(conn, end, &slices, self.now) {
                        0 => return,
                        count => count,
                    }
                }
            };
            machine.send_commit(link, count, self.now);
            self.drain(machine, id);
        }
        self.queue_link(id, link);
    }

    fn read(&mut self, machine: &mut dyn Machine, id: usize, link: LinkId) {
        for _ in 0..CALLS_MAX {
            let Some(socket) = self.processes[id].links.get_mut(&link) else { return };
            let State::Open(conn, end) = socket.state else { return };
            if socket.eof {
                return;
            }
            let (waiting, ended) = (self.net.readable(conn, end), self.net.is_ended(conn, end));
            let is_reset = self.net.is_reset(conn, end);
            if waiting == 0 && !ended && !is_reset {
                return;
            }
            if socket.closing {
                // Nobody wants it, and unread it would turn the close into a reset.
                let mut void = vec![0; waiting];
                self.net.read(conn, end, &mut void, self.now);
                if is_reset {
                    self.set_state(id, link, State::Void);
                    self.queue_link(id, link);
                }
                return;
            }
            let space = machine.recv_space(link);
            if space.is_empty() {
                return;
            }
            let count = self.net.read(conn, end, space, self.now);
            if count == 0 && is_reset {
                return self.failed(id, link, Cause::Reset);
            }
            if count == 0 {
                socket.eof = true;
                return self.processes[id].tasks.push_back(Task::Eof(link));
            }
            machine.recv_commit(link, count, self.now);
            self.fold(count as u64);
            self.drain(machine, id);
        }
        self.queue_link(id, link);
    }

    fn set_state(&mut self, id: usize, link: LinkId, state: State) {
        if let Some(socket) = self.processes[id].links.get_mut(&link) {
            socket.state = state;
        }
    }

    fn failed(&mut self, id: usize, link: LinkId, cause: Cause) {
        let Some(socket) = self.processes[id].links.get_mut(&link) else { return };
        if let State::Open(conn, end) = socket.state {
            self.net.leave(conn, end, false, self.now);
        }
        let socket = self.processes[id].links.get_mut(&link).expect("seen above");
        socket.state = State::Failed;
        self.processes[id].tasks.push_back(Task::Closed(link, cause));
    }

    /// Nothing is left to send: time for the end that was asked for.
    fn flushed(&mut self, id: usize, link: LinkId) {
        let Some(socket) = self.processes[id].links.get_mut(&link) else { return };
        let State::Open(conn, end) = socket.state else { return };
        if socket.closing {
            self.processes[id].links.remove(&link);
            self.net.leave(conn, end, false, self.now);
        } else if std::mem::take(&mut socket.ending) {
            self.net.end(conn, end, self.now);
        }
    }

    // ---- Dialling ---------------------------------------------------------------------------

    fn connect(&mut self, id: usize, link: LinkId, to: Endpoint) {
        self.processes[id].links.insert(link, Socket::new(State::Dialling));
        let latency = match self.process_at(&to) {
            Some(other) => self.net.wire(id, other).latency,
            None => Duration::from_micros(50),
        };
        let run = self.processes[id].run;
        self.after(latency, Event::Syn(id, run, link, to));
    }

    /// The process whose host an endpoint names, running or not.
    pub(crate) fn process_at(&self, to: &Endpoint) -> Option<usize> {
        let Endpoint::Host(host, _) = to else { return None };
        self.processes.iter().position(|process| process.name == *host)
    }

    fn is_dialling(&self, id: usize, link: LinkId) -> bool {
        let socket = self.processes[id].links.get(&link);
        socket.is_some_and(|socket| socket.state == State::Dialling)
    }

    pub(crate) fn no_dial(&mut self, id: usize, link: LinkId, cause: Cause) {
        if self.is_dialling(id, link) {
            self.set_state(id, link, State::Failed);
            self.task(id, Task::Closed(link, cause));
        }
    }

    pub(crate) fn syn(&mut self, id: usize, link: LinkId, to: &Endpoint) {
        if !self.is_dialling(id, link) {
            return;
        }
        let Some(other) = self.process_at(to) else { return self.dial_service(id, link, to) };
        let wire = *self.net.wire(id, other);
        let run = self.processes[id].run;
        let fails = |cause| Event::NoDial(id, run, link, cause);
        if wire.is_down {
            match wire.dialling {
                Dialling::Refused => self.after(wire.latency, fails(0)),
                Dialling::Unreachable => self.after(wire.latency, fails(1)),
                Dialling::Silent | Dialling::Works => self.after(DIAL_PATIENCE, fails(2)),
            }
            return;
        }
        let Some((_, port)) = self.listeners.get(to).copied() else {
            return self.after(wire.latency, fails(0));
        };
        let owners = [Owner::Process(id, run, link), Owner::Backlog(other, port)];
        let conn = self.net.open(owners, Some((id, other)));
        let from = Endpoint::Host(self.processes[id].name.clone(), 40_000);
        self.task(other, Task::Accept(conn, port, from));
        self.after(wire.latency, Event::SynAck(id, run, link, conn));
    }

    pub(crate) fn syn_ack(&mut self, id: usize, run: u32, link: LinkId, conn: usize) {
        if !self.is_run(id, run) || !self.is_dialling(id, link) {
            return self.net.leave(conn, 0, true, self.now);
        }
        self.set_state(id, link, State::Open(conn, 0));
        self.task(id, Task::Connected(link));
        self.enqueue(id, link);
    }
}
