//! Drives any [`Machine`] with mio: the only code that sees sockets and the clock.
//!
//! One turn: poll, read the clock once, merge the events into readiness bits, tell the machine
//! what is due, give each source of the run queue its budget, bury the dead. After each mutation
//! of the machine its actions are drained and acted on.
//!
//! ```no_run
//! use muses::base::machine::Machine;
//! use muses::reactor::Reactor;
//!
//! fn drive(core: impl Machine) -> std::io::Result<()> {
//!     let (_core, why) = Reactor::new(core)?.with_signals()?.run()?;
//!     why.map_or(Ok(()), |why| Err(std::io::Error::other(why)))
//! }
//! ```
//!
//! Not done here: naming of threads and users, privileges, anything that knows a protocol.

mod accept;
mod alternate_interfaces;
mod clock;
mod descriptors;
mod dial;
mod failure;
mod keeper;
mod listener;
mod news;
mod outside;
mod paths;
mod resolve;
mod signals;
mod sleep;
mod socket;
mod socketfile;
mod source;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::clock::Clock;
pub use self::descriptors::raise_descriptors;
use self::keeper::Keeper;
use self::outside::Outside;
use self::paths::Paths;
use self::resolve::Resolver;
use self::signals::Signals;
use self::sleep::SleepAlarm;
use self::source::Body;
use self::table::Table;
use crate::base::clock::earliest;
use crate::base::machine::{Input, Machine, Memory};

/// Events taken from one poll; more wait in the kernel, in fair order.
const EVENTS_MAX: usize = 1024;

/// A machine with its sockets.
#[derive(Debug)]
pub struct Reactor<M> {
    machine: M,
    outside: Outside,
    poll: Poll,
    clock: Clock,
}

/// Acts on all that the machine wants done: belongs after each of its mutations.
fn drain<M: Machine>(machine: &mut M, outside: &mut Outside) {
    while let Some(action) = machine.poll() {
        outside.act(action);
    }
}

impl<M: Machine> Reactor<M> {
    /// Makes ready to drive `machine`, which hears nothing before [`Reactor::run`].
    pub fn new(machine: M) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut table = Table::default();
        let waker = Waker::new(poll.registry(), table.insert(Body::Waker))?;
        let registry = poll.registry().try_clone()?;
        let outside = Outside::new(table, registry, Resolver::new(waker));
        let mut this = Self { machine, outside, poll, clock: Clock::start() };
        this.watch_sleep();
        this.watch_paths();
        Ok(this)
    }

    /// Heeds SIGTERM and SIGINT ([`Input::Stop`]; a second one ends the process at once) and
    /// SIGHUP ([`Input::PathChanged`]). A program that embeds the reactor keeps its own signals
    /// by not calling this.
    pub fn with_signals(mut self) -> io::Result<Self> {
        let mut signals = Signals::new()?;
        let token = self.outside.table.insert(Body::Waker);
        signals.register(self.poll.registry(), token)?;
        self.outside.table.replace(token, Body::Signals(signals));
        Ok(self)
    }

    /// Gives what the machine wants to find again to a function that keeps it; without this it is
    /// lost. What the function refuses, with the reason in words, it is given again later.
    #[must_use]
    pub fn with_keeper(
        mut self,
        keep: impl FnMut(Memory, &[u8]) -> Result<(), String> + 'static,
    ) -> Self {
        self.outside.keeper = Keeper::new(keep);
        self
    }

    /// Without it waking up is noticed at the next event: a loss of comfort, not an error.
    fn watch_sleep(&mut self) {
        let token = self.outside.table.insert(Body::Waker);
        let registry = self.poll.registry();
        let alarm = SleepAlarm::new()
            .and_then(|alarm| alarm.register(registry, token).map(|()| Body::Sleep(alarm)));
        self.watch(token, alarm);
    }

    /// Without it a change of place is noticed by its consequences, as above.
    fn watch_paths(&mut self) {
        let token = self.outside.table.insert(Body::Waker);
        let registry = self.poll.registry();
        let paths = Paths::new()
            .and_then(|paths| paths.register(registry, token).map(|()| Body::Paths(paths)));
        self.watch(token, paths);
    }

    fn watch(&mut self, token: Token, watched: io::Result<Body>) {
        match watched {
            Ok(body) => {
                self.outside.table.replace(token, body);
            }
            Err(error) => {
                log::debug!("cannot watch the system: {error}");
                self.outside.table.kill(token);
            }
        }
    }

    /// Drives the machine until it exits; gives it back with its last words.
    pub fn run(mut self) -> io::Result<(M, Option<String>)> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        self.outside.now = self.clock.read().0;
        self.tell(Input::Start);
        loop {
            if let Some(why) = self.outside.exit.take() {
                self.farewell();
                return Ok((self.machine, why));
            }
            self.turn(&mut events)?;
        }
    }

    fn turn(&mut self, events: &mut Events) -> io::Result<()> {
        match self.poll.poll(events, self.patience()) {
            // A signal: what it left behind is found by the next turn.
            Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
            polled => polled?,
        }
        let (now, slept) = self.clock.read();
        self.outside.now = now;
        if slept {
            log::info!("awake again");
            self.tell(Input::PathChanged);
        }
        for event in events.iter() {
            let token = event.token();
            if let Some(source) = self.outside.table.get_mut(token) {
                source.merge(event);
                self.outside.table.enqueue(token);
            }
        }
        self.ring();
        self.tell_news();
        for token in self.outside.table.steal_queue() {
            if self.outside.exit.is_none() {
                self.serve(token);
            }
        }
        if self.outside.table.bury() {
            self.outside.wake_resting();
        }
        Ok(())
    }

    /// How long the poll may sleep; `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        if !self.outside.table.is_idle() || self.outside.has_news() {
            return Some(Duration::ZERO);
        }
        let own = self.outside.next_timeout();
        let due = earliest(own, self.machine.next_timeout().map(|deadline| deadline.at))?;
        Some(due.since(self.outside.now))
    }

    fn tell(&mut self, input: Input<'_>) {
        self.machine.handle(input, self.outside.now);
        drain(&mut self.machine, &mut self.outside);
    }

    /// Delivers the inputs that were caused before; what they cause waits for the next turn, so
    /// that a machine which answers each failure with a new attempt keeps nobody from theirs.
    fn tell_news(&mut self) {
        for _ in 0..self.outside.news_count() {
            if let Some(news) = self.outside.next_news() {
                self.tell(news.input());
            }
        }
    }

    /// Timers that are due, the machine's and our own.
    fn ring(&mut self) {
        let now = self.outside.now;
        self.outside.keeper.tick(now);
        self.outside.logged.tick(now);
        if let Some(deadline) = self.machine.next_timeout().filter(|deadline| deadline.at <= now) {
            log::trace!("{now} due: {}", deadline.why);
            self.tell(Input::Timeout);
        }
        while let Some(token) = self.outside.table.pop_timer(now) {
            let Some(source) = self.outside.table.get_mut(token) else { continue };
            match &mut source.body {
                Body::Listener(_) => {
                    self.outside.resting.retain(|resting| *resting != token);
                    source.can_read = true;
                    self.outside.table.enqueue(token);
                }
                Body::Dial(_) => self.outside.dial_next(token),
                Body::Lingering(_) => drop(self.outside.table.kill(token)),
                Body::Paths(paths) => {
                    let Some(wait) = paths.due() else { continue };
                    log::debug!("addresses or routes changed");
                    self.outside.table.set_timer(token, Some(now + wait));
                    self.tell(Input::PathChanged);
                }
                _ => {}
            }
        }
    }

    /// One source's turn.
    fn serve(&mut self, token: Token) {
        let Some(source) = self.outside.table.get_mut(token) else { return };
        match &mut source.body {
            Body::Stream(_) => stream::serve(&mut self.machine, &mut self.outside, token),
            Body::Void(_) => stream::swallow(&mut self.machine, &mut self.outside, token),
            Body::Lingering(_) => stream::linger(&mut self.outside, token),
            Body::Listener(_) => accept::serve(&mut self.machine, &mut self.outside, token),
            Body::Attempt(..) => self.outside.attempt_stirred(token),
            Body::Waker => self.outside.resolved(),
            Body::Sleep(alarm) => alarm.rearm(),
            Body::Paths(_) => self.paths_changed(token),
            Body::Signals(signals) => {
                let wishes = signals.pending();
                if wishes.path_changed {
                    self.tell(Input::PathChanged);
                }
                if wishes.stop {
                    self.tell(Input::Stop);
                }
            }
            Body::Naming(..) | Body::Dial(_) | Body::Failed(_) | Body::Dead => {}
        }
    }

    fn paths_changed(&mut self, token: Token) {
        let Some(source) = self.outside.table.get_mut(token) else { return };
        let Body::Paths(paths) = &mut source.body else { return };
        let (changed, emptied) = paths.drain();
        let wait = if changed { paths.changed() } else { None };
        if !emptied {
            self.outside.table.enqueue(token);
        }
        if let Some(wait) = wait {
            self.outside.table.set_timer(token, Some(self.outside.now + wait));
        }
    }

    /// The machine has finished: what can be written without waiting still goes.
    fn farewell(&mut self) {
        self.outside.keeper.retry(self.outside.now);
        for token in self.outside.table.tokens() {
            stream::linger(&mut self.outside, token);
            stream::farewell(&mut self.machine, &mut self.outside, token);
        }
    }
}
