//! The MUSeS core: local applications on one side, tunnels in the middle, the overlay on the other.
//!
//! [`Node`] composes LCM (`local`, `offers`, `intake`), the tunnels (`session::peers`) and the
//! `uplink`, none of which knows the others. It only passes things between them: what the network
//! brings is in `happenings`, what applications ask for in `requests`, the aliases among it in
//! `seek`, their bytes in `streams`, the beginnings and ends of links in `ends`, and what people
//! are told in `report`. `machine` is its face to the driver, `life` its start, its time and its
//! end.

pub mod config;
mod ends;
mod happenings;
mod intake;
mod life;
mod local;
mod machine;
mod offers;
mod report;
mod requests;
mod seek;
mod streams;
mod uplink;
pub(crate) mod whereabouts;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use log::Level;

use crate::base::buffer::Pool;
use crate::base::clock::Time;
use crate::base::counters::Counters;
use crate::base::ids::{Endpoint, Name};
use crate::base::links::LinkId;
use crate::base::log_limiter::{LogLimiter, LogSource};
use crate::base::machine::{Action, Port};
use crate::crypto::identity::Identity;
use crate::crypto::rng::Rng;
use crate::session::peers::Peers;
use crate::wire::frame::Kind;

use config::NodeConfig;
use intake::Intake;
use local::Locals;
use offers::{Offers, Target};
pub use requests::Question;
use seek::Seeks;
use uplink::{News, Uplink};
use whereabouts::Whereabouts;

/// The control socket's port; others follow.
const CONTROL: Port = Port(0);
const SOCKS: Port = Port(1);
/// The first forward's port; forwards are numbered from here.
const FORWARDS: u32 = 0x1000;

/// A MUSeS node.
pub struct Node {
    name: Name,
    config: NodeConfig,
    pool: Pool,
    rng: Rng,
    peers: Peers,
    uplink: Uplink,
    whereabouts: Whereabouts,
    seeks: Seeks,
    locals: Locals,
    offers: Offers,
    /// Sockets that listen, as the driver opened them.
    listening: BTreeMap<Port, Endpoint>,
    /// Sessions announced to a serving application and not yet taken, by number.
    announced: BTreeMap<u64, (LinkId, Name, u64)>,
    numbers: u64,
    /// Links that wait for room, in turn, and why.
    paused: VecDeque<LinkId>,
    /// Requests that are due, oldest first.
    requests: VecDeque<(Time, LinkId)>,
    intake: Intake,
    questions: VecDeque<(LinkId, Question)>,
    reconnect: bool,
    stopping: Option<Time>,
    is_over: bool,
    started: Time,
    /// The last instant heard of: lending memory needs none of its own.
    latest: Time,
    /// Applications were held back by memory or by the uplink's queue.
    is_held: bool,
    actions: VecDeque<Action>,
    counters: Counters,
    logged: LogLimiter,
}

impl Node {
    /// A node; every random byte comes from `seed`.
    #[must_use]
    pub fn new(config: NodeConfig, seed: [u8; 32], now: Time) -> Self {
        let identity = Rc::new(Identity::from_seed(config.identity));
        let (name, pool, mut rng) = (identity.name(), Pool::new(config.memory), Rng::new(seed));
        let mut offers = Offers::new(config.allow.iter().copied());
        for offer in &config.offers {
            let target = Target::Dial(offer.target.clone());
            offers.add(offer.port, target, offer.allow.iter().copied());
        }
        let policy = config.policy(Rc::clone(&identity), rng.array());
        Self {
            name,
            peers: Peers::new(policy, pool.clone(), rng.child()),
            whereabouts: Whereabouts::new(
                Rc::clone(&identity),
                config.register.as_deref().and_then(|word| word.parse().ok()),
                config.born,
                now,
            ),
            seeks: Seeks::new(&config),
            uplink: Uplink::new(identity, config.cloak.clone(), pool.clone()),
            config,
            intake: Intake::new(pool.clone()),
            pool,
            rng,
            locals: Locals::default(),
            offers,
            listening: BTreeMap::new(),
            announced: BTreeMap::new(),
            numbers: 0,
            paused: VecDeque::new(),
            requests: VecDeque::new(),
            questions: VecDeque::new(),
            reconnect: false,
            stopping: None,
            is_over: false,
            started: now,
            latest: now,
            is_held: false,
            actions: VecDeque::new(),
            counters: Counters::default(),
            logged: LogLimiter::default(),
        }
    }

    /// The device's Name.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// Packet memory: bytes in use, and allowed.
    #[must_use]
    pub fn memory(&self) -> (usize, usize) {
        (self.pool.used(), self.pool.budget())
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Logs a line that an outsider can cause, unless too many were.
    fn note(
        &mut self,
        level: Level,
        kind: &'static str,
        source: LogSource,
        now: Time,
        text: impl FnOnce(&Self) -> String,
    ) {
        let mut logged = std::mem::take(&mut self.logged);
        logged.log(level, kind, source, now, || text(self));
        self.logged = logged;
    }

    // ---- The uplink ---------------------------------------------------------------------------

    /// The pipe to an embedded CLOAK node is open; its end on this side.
    pub fn attach_pipe(&mut self, now: Time) -> LinkId {
        let link = self.uplink.attach(&mut self.rng, now);
        self.actions.push_back(Action::Flush(link));
        self.settle(now);
        link
    }

    /// The CLOAK node said where it is: the device says so in its own hand. Who comes back into
    /// the overlay speaks first, because nobody else can know that it is back.
    fn moved(&mut self, home: Name, area: &[u8], now: Time) {
        if let Some(record) = self.whereabouts.record(home, area, now) {
            self.uplink.say(Kind::Record, record.bytes());
        }
        if self.whereabouts.has_returned() {
            self.peers.path_changed(now);
        }
    }

    fn dial_uplink(&mut self, now: Time) {
        if self.uplink.is_overdue(now) {
            self.drop_uplink("no answer", now);
        }
        if let Some((link, endpoint)) = self.uplink.dial(now) {
            self.actions.push_back(Action::Connect(link, endpoint));
        }
    }

    fn drop_uplink(&mut self, why: &str, now: Time) {
        if let Some(link) = self.uplink.let_go() {
            self.actions.push_back(Action::Abort(link));
        }
        self.lose_uplink(why, now);
    }

    fn lose_uplink(&mut self, why: &str, now: Time) {
        let is_wanted = self.peers.iter().next().is_some();
        if self.uplink.lost(why.to_owned(), is_wanted, now) {
            self.note(Level::Warn, "uplink-lost", LogSource::Local, now, |_| {
                format!("the way into the overlay is lost: {why}")
            });
            self.peers.set_uplink(false, now);
        }
    }

    /// Passes on what the parts have for each other until none has anything.
    fn settle(&mut self, now: Time) {
        loop {
            while let Some(news) = self.uplink.poll(now) {
                match news {
                    News::Up => {
                        self.note(Level::Info, "uplink-open", LogSource::Local, now, |_| {
                            "the way into the overlay is open".to_owned()
                        });
                        self.peers.set_uplink(true, now);
                        self.ask_all_aliases();
                    }
                    News::Down => {
                        let why = self.uplink.why();
                        self.drop_uplink(&why, now);
                    }
                    News::Packet(frame) => self.peers.receive(frame, now),
                    News::Places(home, area) => self.moved(home, &area, now),
                    News::Sought(body) => self.on_sought(&body, now),
                }
            }
            if let Some(home) = self.uplink.due_attachment(now) {
                let attachment = self.whereabouts.attachment(home, now);
                self.uplink.say_attached(&attachment);
            }
            while let Some(packet) = self.peers.poll_packet() {
                self.uplink.send(packet, now);
            }
            let Some((peer, happening)) = self.peers.poll_happening() else { break };
            self.on_happening(peer, happening, now);
        }
        self.release(now);
        if let Some(link) = self.uplink.flush() {
            self.actions.push_back(Action::Flush(link));
        }
    }
}
