//! The world: processes, their applications, one heap of events, one clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use muses::base::clock::Time;
use muses::base::fingerprint::Fingerprint;
use muses::base::ids::Endpoint;
use muses::base::links::LinkId;
use muses::base::machine::{Cause, Port};
use muses::overlay::hyperbolic::Settings;

use crate::app::App;
use crate::chance::Chance;
use crate::faults::Fault;
use crate::net::{ConnId, Net, Owner};
use crate::oracle::Session;
use crate::process::{Process, Spec, Task};

/// Turns at one instant after which the world is not going anywhere.
const TURNS_MAX: u32 = 200_000;
/// A process that became ready is scheduled within this time.
const SCHEDULED: Duration = Duration::from_micros(20);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A process does what it has to do.
    Turn(usize, u32),
    /// A machine's deadline.
    Wake(usize, u32),
    /// Something arrives on one way of a connection.
    Arrive(ConnId, usize),
    /// An end may go on.
    Stir(Owner),
    /// A dial of a process' run reaches the host it goes to.
    Syn(usize, u32, LinkId, Endpoint),
    /// … and its answer comes back.
    SynAck(usize, u32, LinkId, ConnId),
    /// It fails.
    NoDial(usize, u32, LinkId, u8),
    App(usize),
    /// A client begins its session.
    Begin(usize),
    Fault(Fault),
}

/// Causes by number: events are ordered, causes are not.
pub(crate) const CAUSES: [Cause; 3] = [Cause::Refused, Cause::Unreachable, Cause::TimedOut];

pub(crate) struct World {
    pub(crate) now: Time,
    heap: BinaryHeap<Reverse<(Time, u64, Event)>>,
    number: u64,
    pub(crate) chance: Chance,
    pub(crate) net: Net,
    pub(crate) processes: Vec<Process>,
    pub(crate) listeners: BTreeMap<Endpoint, (usize, Port)>,
    pub(crate) sessions: Vec<Session>,
    pub(crate) apps: Vec<App>,
    /// The network between processes that faults may strike.
    pub(crate) wires: Vec<(usize, usize)>,
    /// No more faults, no more rests.
    pub(crate) calm: bool,
    pub(crate) taped: bool,
    /// What all nodes are told of the hyperbolic overlay; without it they go by static routes.
    pub(crate) overlay: Option<Settings>,
    /// Connections went silent without a word: who dialled them and has nothing to say cannot
    /// know, and a peer that may not dial back waits for it.
    pub(crate) had_void: bool,
    pub(crate) traced: bool,
    pub(crate) failure: Option<String>,
    print: Fingerprint,
    turns: (Time, u32),
    pub(crate) steps: u64,
    /// Most packet memory in use at once, by process.
    pub(crate) memory_peak: BTreeMap<usize, usize>,
}

/// A line of the trace, where one is wanted.
macro_rules! trace {
    ($world:expr, $($words:tt)*) => {
        if $world.traced {
            $world.say(format!($($words)*));
        }
    };
}
pub(crate) use trace;

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mut net = Net::new(Chance::new(chance.u64()));
        let traced = std::env::var_os("MUSES_TRACE").is_some();
        net.watch.traced = traced;
        Self {
            now: Time::ZERO,
            heap: BinaryHeap::new(),
            number: 0,
            chance,
            net,
            processes: Vec::new(),
            listeners: BTreeMap::new(),
            sessions: Vec::new(),
            apps: Vec::new(),
            wires: Vec::new(),
            calm: false,
            taped: false,
            overlay: None,
            had_void: false,
            traced,
            failure: None,
            print: Fingerprint::default(),
            turns: (Time::ZERO, 0),
            steps: 0,
            memory_peak: BTreeMap::new(),
        }
    }

    #[expect(clippy::print_stderr, reason = "the trace is for the person who asked for it")]
    pub(crate) fn say(&self, words: String) {
        eprintln!("{} {words}", self.now);
    }

    pub(crate) fn fail(&mut self, why: String) {
        trace!(self, "FAILED: {why}");
        self.failure.get_or_insert(format!("at {}: {why}", self.now));
    }

    pub(crate) fn fingerprint(&mut self) -> u64 {
        for process in &mut self.processes {
            if let Some(core) = &mut process.core {
                self.print.fold(core.machine().fingerprint().value());
            }
        }
        self.print.value()
    }

    pub(crate) fn at(&mut self, at: Time, event: Event) {
        self.number += 1;
        self.heap.push(Reverse((at.max(self.now), self.number, event)));
    }

    pub(crate) fn after(&mut self, delay: Duration, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Lets time pass, unless something is wrong.
    pub(crate) fn run_until(&mut self, until: Time) {
        while self.failure.is_none() {
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            if next.is_none_or(|at| at > until) {
                self.now = self.now.max(until);
                return;
            }
            let Some(Reverse((at, number, event))) = self.heap.pop() else { return };
            self.now = at;
            self.steps += 1;
            self.print.fold(at.as_nanos() ^ number << 40);
            self.happen(event);
            self.settle();
        }
    }

    pub(crate) fn run(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Turn(id, run) if self.is_run(id, run) => self.turn(id),
            Event::Wake(id, run) if self.is_run(id, run) => {
                if self.processes[id].wake.is_some_and(|at| at <= self.now) {
                    self.processes[id].wake = None;
                    self.schedule(id);
                }
            }
            Event::Arrive(conn, end) => self.net.arrive(conn, end, self.now),
            Event::Stir(owner) => self.stir(owner),
            Event::Syn(id, run, link, to) if self.is_run(id, run) => self.syn(id, link, &to),
            Event::SynAck(id, run, link, conn) => self.syn_ack(id, run, link, conn),
            Event::NoDial(id, run, link, cause) if self.is_run(id, run) => {
                self.no_dial(id, link, CAUSES[usize::from(cause)]);
            }
            Event::App(app) => self.app_step(app),
            Event::Begin(session) => self.begin(session),
            Event::Fault(fault) => self.strike(fault),
            // Of a run that is over.
            Event::Turn(..) | Event::Wake(..) | Event::Syn(..) | Event::NoDial(..) => {}
        }
    }

    pub(crate) fn is_run(&self, id: usize, run: u32) -> bool {
        self.processes[id].run == run && self.processes[id].core.is_some()
    }

    /// Schedules what the network and the watch have to say.
    fn settle(&mut self) {
        for (at, conn, end) in std::mem::take(&mut self.net.arrivals) {
            self.at(at, Event::Arrive(conn, end));
        }
        for (at, owner) in std::mem::take(&mut self.net.stirred) {
            if at > self.now {
                self.at(at, Event::Stir(owner));
            } else {
                self.stir(owner);
            }
        }
        for words in std::mem::take(&mut self.net.watch.words) {
            trace!(self, "{words}");
        }
        if let Some(why) = self.net.watch.failure.take() {
            self.fail(why);
        }
    }

    fn stir(&mut self, owner: Owner) {
        match owner {
            Owner::Process(id, run, link) if self.is_run(id, run) => self.enqueue(id, link),
            Owner::App(app) => self.after(Duration::from_micros(1), Event::App(app)),
            _ => {}
        }
    }

    // ---- Processes --------------------------------------------------------------------------

    pub(crate) fn add(&mut self, name: &str, spec: Spec) -> usize {
        self.processes.push(Process::new(name, spec));
        self.processes.len() - 1
    }

    pub(crate) fn start(&mut self, id: usize) {
        if self.processes[id].core.is_some() {
            return;
        }
        let seed = self.chance.seed();
        trace!(self, "{} starts", self.processes[id].name);
        self.processes[id].start((seed, self.overlay.as_ref()), self.taped, self.now);
        self.first_turn(id);
    }

    /// The process is gone at once, with all that it knew.
    pub(crate) fn kill(&mut self, id: usize) {
        if self.processes[id].core.is_none() {
            return;
        }
        trace!(self, "{} is dead", self.processes[id].name);
        if let Err(why) = self.processes[id].end() {
            self.fail(why);
        }
        self.listeners.retain(|_, (owner, _)| *owner != id);
        self.net.orphan(id, self.now);
        self.excuse(id);
    }

    pub(crate) fn task(&mut self, id: usize, task: Task) {
        if self.processes[id].core.is_some() {
            self.processes[id].tasks.push_back(task);
            self.schedule(id);
        }
    }

    pub(crate) fn enqueue(&mut self, id: usize, link: LinkId) {
        let Some(socket) = self.processes[id].links.get_mut(&link) else { return };
        if !std::mem::replace(&mut socket.queued, true) {
            self.task(id, Task::Serve(link));
        }
    }

    pub(crate) fn schedule(&mut self, id: usize) {
        let process = &mut self.processes[id];
        if process.is_awake() && !std::mem::replace(&mut process.turn_due, true) {
            let run = process.run;
            let delay = self.chance.within(SCHEDULED);
            self.after(delay, Event::Turn(id, run));
        }
    }

    /// A turn is taken; time must go on.
    pub(crate) fn count_turn(&mut self) {
        let (at, count) = self.turns;
        self.turns = if at == self.now { (at, count + 1) } else { (self.now, 0) };
        if count > TURNS_MAX {
            self.fail("no end of doing at one instant".to_owned());
        }
    }

    pub(crate) fn fold(&mut self, value: u64) {
        self.print.fold(value);
    }
}
