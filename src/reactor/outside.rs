//! The outside world of a machine: what its actions act on.
//!
//! It knows no machine. What its actions cause is not told from within (the machine is being
//! drained) but kept as news, which the turn delivers one by one.

use std::collections::VecDeque;
use std::time::Duration;

use mio::{Registry, Token};

use super::descriptors::Descriptors;
use super::dial::{self, Dial, Progress};
use super::failure::{cause_of, words};
use super::keeper::Keeper;
use super::listener::Listener;
use super::news::News;
use super::resolve::Resolver;
use super::socket::{Socket, Target};
use super::source::{Body, Source, Stream};
use super::table::Table;
use crate::base::clock::{Time, earliest};
use crate::base::ids::Endpoint;
use crate::base::links::LinkId;
use crate::base::log_limiter::LogLimiter;
use crate::base::machine::{Action, Cause, Port};

/// A closed link whose far end says nothing is let go after this long.
const LINGER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Outside {
    pub(super) table: Table,
    pub(super) registry: Registry,
    pub(super) resolver: Resolver,
    /// The reading of the clock that holds for the whole turn.
    pub(super) now: Time,
    /// The machine has finished, with its last words.
    pub(super) exit: Option<Option<String>>,
    pub(super) keeper: Keeper,
    pub(super) descriptors: Descriptors,
    pub(super) logged: LogLimiter,
    /// Listeners that rest because there was no descriptor.
    pub(super) resting: Vec<Token>,
    news: VecDeque<(Token, News)>,
}

impl Outside {
    pub(super) fn new(table: Table, registry: Registry, resolver: Resolver) -> Self {
        let news = VecDeque::new();
        Self {
            table,
            registry,
            resolver,
            now: Time::ZERO,
            exit: None,
            keeper: Keeper::default(),
            descriptors: Descriptors::new(),
            logged: LogLimiter::default(),
            resting: Vec::new(),
            news,
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        log::trace!("{} {action:?}", self.now);
        match action {
            Action::Listen(port, endpoint) => self.listen(port, endpoint),
            Action::Unlisten(port) => {
                if let Some(token) = self.table.of_port(port) {
                    self.table.kill(token);
                }
            }
            Action::Connect(link, endpoint) => self.connect(link, endpoint),
            Action::Resume(link) => self.stir(link, |source| source.can_read),
            Action::Flush(link) => self.stir(link, |source| source.can_write),
            Action::Shutdown(link) => self.shutdown(link),
            Action::Close(link) => self.close(link),
            Action::Abort(link) => self.abort(link),
            Action::Keep(memory, bytes) => self.keeper.keep(memory, bytes, self.now),
            Action::Exit(why) => self.exit = Some(why),
        }
    }

    /// Gives a link its turn if the kernel may let it do something.
    fn stir(&mut self, link: LinkId, ready: impl Fn(&Source) -> bool) {
        let Some(token) = self.table.of_link(link) else { return };
        if self.table.get(token).is_some_and(ready) {
            self.table.enqueue(token);
        }
    }

    fn shutdown(&mut self, link: LinkId) {
        let Some(token) = self.table.of_link(link) else { return };
        match self.table.get_mut(token).map(|source| &mut source.body) {
            Some(Body::Stream(stream)) => stream.ending = true,
            Some(Body::Dial(dial)) => dial.ending = true,
            _ => return,
        }
        // Also where nothing can be written now: nothing may be left to write.
        self.table.enqueue(token);
    }

    fn close(&mut self, link: LinkId) {
        let Some(token) = self.table.of_link(link) else { return };
        let Some(source) = self.table.get_mut(token) else { return };
        match &mut source.body {
            Body::Stream(stream) => stream.closing = true,
            Body::Dial(_) | Body::Failed(_) => {
                if let Some(Body::Dial(dial)) = self.table.replace(token, Body::Void(link)) {
                    dial::call_off(&mut self.table, &dial);
                    self.table.set_timer(token, None);
                }
            }
            _ => return,
        }
        self.table.enqueue(token);
    }

    fn abort(&mut self, link: LinkId) {
        let Some(token) = self.table.of_link(link) else { return };
        match self.table.kill(token) {
            Some(Body::Stream(stream)) => stream.socket.reset(),
            Some(Body::Dial(dial)) => dial::call_off(&mut self.table, &dial),
            _ => {}
        }
    }

    // ---- Listening --------------------------------------------------------------------------

    fn listen(&mut self, port: Port, endpoint: Endpoint) {
        debug_assert!(self.table.of_port(port).is_none(), "{port:?} listens already");
        let token = self.table.insert(Body::Waker);
        self.table.name_port(port, token);
        match endpoint {
            Endpoint::Tcp(address) => self.opened(token, port, Listener::tcp(port, address)),
            Endpoint::Unix(path) => self.opened(token, port, Listener::unix(port, &path)),
            Endpoint::Host(host, number) => {
                self.table.replace(token, Body::Naming(port));
                self.resolver.ask(token, host, number);
            }
        }
    }

    /// A listening socket was opened, or could not be.
    fn opened(&mut self, token: Token, port: Port, opened: Result<(Listener, Endpoint), String>) {
        let registered = opened.and_then(|(mut listener, endpoint)| {
            let done = listener.register(&self.registry, token);
            done.map(|()| (listener, endpoint)).map_err(|error| words(&error))
        });
        let news = match registered {
            Ok((listener, endpoint)) => {
                self.table.replace(token, Body::Listener(listener));
                News::Listening(port, endpoint)
            }
            Err(why) => {
                self.table.replace(token, Body::Naming(port));
                News::ListenFailed(port, why)
            }
        };
        self.news.push_back((token, news));
    }

    /// A descriptor may be free: the listeners that rest try again at once.
    pub(super) fn wake_resting(&mut self) {
        for token in std::mem::take(&mut self.resting) {
            let Some(source) = self.table.get_mut(token) else { continue };
            source.can_read = true;
            self.table.set_timer(token, None);
            self.table.enqueue(token);
        }
    }

    // ---- Dialling ---------------------------------------------------------------------------

    fn connect(&mut self, link: LinkId, endpoint: Endpoint) {
        debug_assert!(self.table.of_link(link).is_none(), "{link:?} is in use");
        let token = self.table.insert(Body::Dial(Dial::new(link)));
        self.table.name_link(link, token);
        match endpoint {
            Endpoint::Tcp(address) => self.dial(token, [Target::Tcp(address)]),
            Endpoint::Unix(path) => self.dial(token, [Target::Unix(path)]),
            Endpoint::Host(host, number) => self.resolver.ask(token, host, number),
        }
    }

    fn dial(&mut self, token: Token, targets: impl IntoIterator<Item = Target>) {
        let progress = dial::add(&mut self.table, &self.registry, token, targets, self.now);
        self.progressed(token, progress);
    }

    /// The time has come to try a dial's next address.
    pub(super) fn dial_next(&mut self, token: Token) {
        let progress = dial::next(&mut self.table, &self.registry, token, self.now);
        self.progressed(token, progress);
    }

    /// An attempt at dialling had an event.
    pub(super) fn attempt_stirred(&mut self, child: Token) {
        let (token, progress) = dial::stirred(&mut self.table, &self.registry, child, self.now);
        self.progressed(token, progress);
    }

    fn progressed(&mut self, token: Token, progress: Progress) {
        match progress {
            Progress::Waiting => {}
            Progress::Connected(token, link) => {
                self.news.push_back((token, News::Connected(link)));
                self.table.enqueue(token);
            }
            Progress::Failed(cause) => self.failed(token, cause),
        }
    }

    /// Passes the resolver's answers on to the sources that asked.
    pub(super) fn resolved(&mut self) {
        while let Some(answer) = self.resolver.answer() {
            let token = answer.token;
            let asked = self.table.get(token).map(|source| &source.body);
            match (asked, answer.addresses) {
                (Some(Body::Dial(_)), Ok(found)) => {
                    self.dial(token, found.into_iter().map(Target::Tcp));
                }
                (Some(Body::Dial(_)), Err(cause)) => self.failed(token, cause),
                (Some(Body::Naming(port)), Ok(found)) => {
                    let port = *port;
                    self.opened(token, port, Listener::tcp(port, found[0]));
                }
                (Some(Body::Naming(port)), Err(_)) => {
                    let why = "the host name has no address".to_owned();
                    let port = *port;
                    self.news.push_back((token, News::ListenFailed(port, why)));
                }
                // The asker is gone.
                _ => {}
            }
        }
    }

    /// When something of the driver's own is due.
    pub(super) fn next_timeout(&self) -> Option<Time> {
        let said = self.logged.next_timeout().map(|due| due.at);
        earliest(self.table.next_timer(), earliest(self.keeper.next_timeout(), said))
    }

    // ---- What happens to links --------------------------------------------------------------

    /// A connection was accepted by the machine under this name.
    pub(super) fn adopt(&mut self, link: LinkId, mut socket: Socket) {
        debug_assert!(self.table.of_link(link).is_none(), "{link:?} is in use");
        let token = self.table.insert(Body::Failed(link));
        self.table.name_link(link, token);
        if let Err(error) = socket.register(&self.registry, token) {
            self.news.push_back((token, News::Closed(link, cause_of(&error))));
            return;
        }
        self.table.replace(token, Body::Stream(Stream::new(link, socket)));
        // A new socket takes bytes without an event that says so.
        if let Some(source) = self.table.get_mut(token) {
            source.can_write = true;
        }
        self.table.enqueue(token);
    }

    /// The far end of a stream will send no more.
    pub(super) fn ended(&mut self, token: Token, link: LinkId) {
        self.news.push_back((token, News::Eof(link)));
    }

    /// A stream or a dial has failed. Closed ones fail in silence.
    pub(super) fn failed(&mut self, token: Token, cause: Cause) {
        let Some(source) = self.table.get(token) else { return };
        let Some(link) = source.body.link() else { return };
        let closing = matches!(&source.body, Body::Stream(stream) if stream.closing);
        self.table.set_timer(token, None);
        if closing {
            self.table.replace(token, Body::Void(link));
            self.table.enqueue(token);
        } else {
            self.table.replace(token, Body::Failed(link));
            self.news.push_back((token, News::Closed(link, cause)));
        }
    }

    /// A stream has nothing left to send: time for the end that was asked for.
    pub(super) fn flushed(&mut self, token: Token) {
        let Some(source) = self.table.get_mut(token) else { return };
        let Body::Stream(stream) = &mut source.body else { return };
        if stream.closing {
            self.let_go(token);
        } else if std::mem::take(&mut stream.ending) {
            // Where it fails the link is broken, which the next read tells.
            let _ = stream.socket.end();
        }
    }

    /// Ends a closed stream so that its last bytes arrive (see [`Body::Lingering`]).
    fn let_go(&mut self, token: Token) {
        let Some(Body::Stream(stream)) = self.table.replace(token, Body::Dead) else { return };
        self.table.forget_link(stream.link, token);
        let over = stream.socket.end().is_err() || stream.eof;
        self.table.replace(token, Body::Lingering(stream.socket));
        if over {
            self.table.kill(token);
        } else {
            self.table.set_timer(token, Some(self.now + LINGER));
            self.table.enqueue(token);
        }
    }

    // ---- News -------------------------------------------------------------------------------

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// How many news there are now; what comes while they are told waits for the next turn.
    pub(super) fn news_count(&self) -> usize {
        self.news.len()
    }

    /// The next input, unless its link or port has died since: those are passed over.
    pub(super) fn next_news(&mut self) -> Option<News> {
        let (token, news) = self.news.pop_front()?;
        let alive = news.is_true_of(&self.table.get(token)?.body);
        if alive && news.is_last() {
            self.table.kill(token);
        }
        alive.then_some(news)
    }
}
